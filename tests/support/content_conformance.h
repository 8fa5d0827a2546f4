// SPDX-License-Identifier: Apache-2.0
//
// What every daemon's content store does, and what stands in for one has to do as well. Used as
// store_conformance.h.
#ifndef CONTAINERD_TESTS_SUPPORT_CONTENT_CONFORMANCE_H_
#define CONTAINERD_TESTS_SUPPORT_CONTENT_CONFORMANCE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/client.h"
#include "containerd/content/content.h"
#include "containerd/content/helpers.h"
#include "containerd/digest/digest.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/labels/labels.h"
#include "containerd/leases/leases.h"
#include "containerd/testing/status.h"

#include "tests/support/conformance.h"

namespace containerd::testing {

class Content : public Conformance {
 protected:
  // Content that no other test, namespace or run has.
  const std::string data_ =
      fmt::format("content of {} at {}", *ctx().Namespace(), absl::ToUnixNanos(absl::Now()));
  const digest::Digest digest_ = digest::FromString(data_);
  const std::int64_t size_ = static_cast<std::int64_t>(data_.size());
  const ocispec::Descriptor desc_{.digest = digest_.String(), .size = size_};

  // Nothing is collected while the test runs.
  void SetUp() override {
    lease_ = leases::AcquireLease(WithTimeout(ctx(), absl::Minutes(2)), client_->LeasesService());
    ASSERT_OK(lease_);
    ctx_ = lease_->context();
  }

  std::unique_ptr<content::Writer> Open(const std::string& ref,
                                        const ocispec::Descriptor& desc = {}) {
    auto writer = store_->Writer(ctx_, {content::WithRef(ref), content::WithDescriptor(desc)});
    EXPECT_OK(writer);
    return writer.ok() ? *std::move(writer) : nullptr;
  }

  // Leaves an ingestion behind.
  void Ingest(const std::string& ref, std::string_view data) {
    const auto writer = Open(ref);
    ASSERT_NE(writer, nullptr);
    ASSERT_OK(writer->Write(ctx_, data));
    ASSERT_OK(writer->Close(ctx_));
  }

  std::vector<std::string> Refs(const std::vector<std::string>& filters = {}) {
    std::vector<std::string> refs;
    const auto all = store_->ListStatuses(ctx_, filters);
    EXPECT_OK(all);
    if (all.ok()) {
      for (const content::Status& status : *all) refs.push_back(status.ref);
    }
    return refs;
  }

  absl::Status Write(const Labels& labels = {}) {
    return content::WriteBlob(ctx_, *store_, "ref", data_, desc_, {content::WithLabels(labels)});
  }

  const std::shared_ptr<content::Store> store_ = client_->ContentStore();
  absl::StatusOr<leases::LeaseGuard> lease_ = absl::UnknownError("no lease");
  Context ctx_ = ctx();
};

TEST_P(Content, IsWritten) {
  const absl::Time before = absl::Now() - absl::Minutes(1);
  const auto writer = Open("ref", desc_);
  ASSERT_NE(writer, nullptr);
  ASSERT_OK(writer->Write(ctx_, data_.substr(0, 5)));
  absl::StatusOr<content::Status> status = writer->Status(ctx_);
  ASSERT_OK(status);
  EXPECT_EQ(status->ref, "ref");
  EXPECT_EQ(status->offset, 5);
  EXPECT_EQ(status->total, size_);
  EXPECT_GT(status->started_at, before);
  EXPECT_GE(status->updated_at, status->started_at);
  EXPECT_EQ(writer->Digest(), digest::FromString(data_.substr(0, 5)));
  EXPECT_THAT(store_->Info(ctx_, digest_), StatusIs(errdefs::IsNotFound));
  ASSERT_OK(writer->Write(ctx_, data_.substr(5)));
  ASSERT_OK(writer->Commit(ctx_, size_, digest_, {content::WithLabels({{"a", "b"}})}));
  EXPECT_EQ(writer->Digest(), digest_);
  EXPECT_OK(writer->Close(ctx_));
  EXPECT_THAT(store_->Status(ctx_, "ref"), StatusIs(errdefs::IsNotFound));

  const absl::StatusOr<content::Info> info = store_->Info(ctx_, digest_);
  ASSERT_OK(info);
  EXPECT_EQ(info->digest, digest_.String());
  EXPECT_EQ(info->size, size_);
  EXPECT_EQ(info->labels, (Labels{{"a", "b"}}));
  EXPECT_GT(info->created_at, before);
  EXPECT_GE(info->updated_at, info->created_at);
  EXPECT_THAT(content::ReadBlob(ctx_, *store_, desc_), IsOkAndHolds(data_));

  EXPECT_THAT(store_->Writer(ctx_, {content::WithRef("again"), content::WithDescriptor(desc_)}),
              StatusIs(errdefs::IsAlreadyExists));
  Ingest("again", data_);
  EXPECT_THAT(Open("again")->Commit(ctx_, size_, digest_), StatusIs(errdefs::IsAlreadyExists));
  EXPECT_THAT(store_->Status(ctx_, "again"), StatusIs(errdefs::IsNotFound));
}

TEST_P(Content, IsResumed) {
  Ingest("ref", data_.substr(0, 7));
  const absl::StatusOr<content::Status> status = store_->Status(ctx_, "ref");
  ASSERT_OK(status);
  EXPECT_EQ(status->ref, "ref");
  EXPECT_EQ(status->offset, 7);
  auto writer = Open("ref");
  ASSERT_NE(writer, nullptr);
  EXPECT_EQ(writer->Status(ctx_)->offset, 7);
  ASSERT_OK(writer->Write(ctx_, data_.substr(7)));
  EXPECT_OK(writer->Commit(ctx_, size_, digest_));
  EXPECT_THAT(content::ReadBlob(ctx_, *store_, desc_), IsOkAndHolds(data_));

  Ingest("second", "wrong");
  writer = Open("second");
  ASSERT_NE(writer, nullptr);
  EXPECT_THAT(writer->Truncate(ctx_, 2), StatusIs(errdefs::IsInvalidArgument));
  ASSERT_OK(writer->Truncate(ctx_, 0));
  ASSERT_OK(writer->Write(ctx_, "right " + data_));
  EXPECT_EQ(writer->Status(ctx_)->offset, size_ + 6);
  EXPECT_OK(writer->Commit(ctx_, 0, digest::FromString("right " + data_)));
}

TEST_P(Content, OfAnotherDigestOrSizeIsRefused) {
  Ingest("ref", data_);
  EXPECT_THAT(Open("ref")->Commit(ctx_, size_, digest::FromString("other")),
              StatusIs(errdefs::IsFailedPrecondition));
  EXPECT_EQ(store_->Status(ctx_, "ref")->offset, size_);
  EXPECT_THAT(Open("ref")->Commit(ctx_, size_ + 1, digest_),
              StatusIs(errdefs::IsFailedPrecondition));
  EXPECT_THAT(Open("ref")->Commit(ctx_, size_ - 1, digest_),
              StatusIs(errdefs::IsFailedPrecondition));
  const Labels too_long = {{"key", std::string(labels::kMaxSize, 'v')}};
  EXPECT_THAT(Open("ref")->Commit(ctx_, size_, digest_, {content::WithLabels(too_long)}),
              StatusIs(errdefs::IsInvalidArgument));
  EXPECT_EQ(store_->Status(ctx_, "ref")->offset, size_);
  EXPECT_OK(Open("ref")->Commit(ctx_, 0, {}));
  EXPECT_OK(store_->Info(ctx_, digest_));
}

TEST_P(Content, HasOneWriterOfARef) {
  auto writer = Open("ref");
  ASSERT_NE(writer, nullptr);
  ASSERT_OK(writer->Write(ctx_, "one"));
  ASSERT_OK(writer->Status(ctx_));
  EXPECT_THAT(store_->Writer(ctx_, {content::WithRef("ref")}), StatusIs(errdefs::IsUnavailable));
  EXPECT_NE(Open("other"), nullptr);
  ASSERT_OK(writer->Close(ctx_));
  EXPECT_NE(Open("ref"), nullptr);
  EXPECT_THAT(store_->Writer(ctx_, {}), StatusIs(errdefs::IsInvalidArgument));
}

TEST_P(Content, IngestionsAreListedAndAborted) {
  EXPECT_THAT(Refs(), ::testing::IsEmpty());
  Ingest("first", "1");
  Ingest("second", "2");
  EXPECT_THAT(Refs(), ::testing::UnorderedElementsAre("first", "second"));
  EXPECT_THAT(Refs({"ref==first"}), ::testing::ElementsAre("first"));
  EXPECT_THAT(Refs({"ref~=^s", "ref==first"}), ::testing::UnorderedElementsAre("first", "second"));
  EXPECT_THAT(Refs({"ref==fir"}), ::testing::IsEmpty());
  EXPECT_THAT(store_->ListStatuses(ctx_, {"==="}), StatusIs(errdefs::IsInvalidArgument));
  EXPECT_OK(store_->Abort(ctx_, "first"));
  EXPECT_THAT(Refs(), ::testing::ElementsAre("second"));
  EXPECT_THAT(store_->Status(ctx_, "first"), StatusIs(errdefs::IsNotFound));
  EXPECT_THAT(store_->Abort(ctx_, "first"), StatusIs(errdefs::IsNotFound));
  EXPECT_EQ(Open("first")->Status(ctx_)->offset, 0);
}

TEST_P(Content, LabelsAreUpdated) {
  ASSERT_OK(Write({{"a", "1"}, {"b", "2"}}));
  absl::StatusOr<content::Info> info = store_->Update(
      ctx_, {.digest = digest_.String(), .labels = {{"a", "3"}, {"c", "4"}}}, {"labels.c"});
  ASSERT_OK(info);
  EXPECT_EQ(info->labels, (Labels{{"a", "1"}, {"b", "2"}, {"c", "4"}}));
  EXPECT_EQ(info->size, size_);
  info = store_->Update(ctx_, {.digest = digest_.String(), .labels = {{"a", ""}}}, {"labels.a"});
  ASSERT_OK(info);
  EXPECT_EQ(info->labels, (Labels{{"b", "2"}, {"c", "4"}}));
  info = store_->Update(ctx_, {.digest = digest_.String(), .labels = {{"d", "5"}}}, {"labels"});
  ASSERT_OK(info);
  EXPECT_EQ(info->labels, (Labels{{"d", "5"}}));
  info = store_->Update(ctx_, {.digest = digest_.String(), .labels = {{"e", "6"}}});
  ASSERT_OK(info);
  EXPECT_EQ(info->labels, (Labels{{"e", "6"}}));
  EXPECT_GE(info->updated_at, info->created_at);
  EXPECT_EQ(store_->Info(ctx_, digest_)->labels, info->labels);
  EXPECT_THAT(store_->Update(ctx_, {.digest = digest_.String()}, {"size"}),
              StatusIs(errdefs::IsInvalidArgument));

  const auto listed = [&](const std::string& filter) {
    std::vector<std::string> digests;
    EXPECT_OK(store_->Walk(ctx_,
                           [&](const content::Info& each) {
                             digests.push_back(each.digest);
                             return absl::OkStatus();
                           },
                           {filter}));
    return digests;
  };
  EXPECT_THAT(listed("labels.e==6"), ::testing::ElementsAre(digest_.String()));
  EXPECT_THAT(listed("labels.e==7"), ::testing::IsEmpty());
  EXPECT_THAT(listed("digest==" + digest_.String()), ::testing::ElementsAre(digest_.String()));
}

TEST_P(Content, IsReadAtAnyPlace) {
  ASSERT_OK(Write());
  const auto reader = store_->ReaderAt(ctx_, desc_);
  ASSERT_OK(reader);
  EXPECT_EQ((*reader)->Size(), size_);
  std::array<char, 10> buffer{};
  EXPECT_THAT((*reader)->ReadAt(ctx_, buffer, 3), IsOkAndHolds(10U));
  EXPECT_EQ(std::string_view(buffer.data(), 10), std::string_view(data_).substr(3, 10));
  EXPECT_THAT((*reader)->ReadAt(ctx_, buffer, size_ - 4), IsOkAndHolds(4U));
  EXPECT_EQ(std::string_view(buffer.data(), 4), std::string_view(data_).substr(data_.size() - 4));
  EXPECT_THAT((*reader)->ReadAt(ctx_, buffer, size_), IsOkAndHolds(0U));
  EXPECT_THAT((*reader)->ReadAt(ctx_, buffer, size_ + 1), IsOkAndHolds(0U));
}

TEST_P(Content, WhatDoesNotExistIsNotFound) {
  const auto not_found = StatusIs(errdefs::IsNotFound);
  EXPECT_THAT(store_->Info(ctx_, digest_), not_found);
  EXPECT_THAT(store_->ReaderAt(ctx_, desc_), not_found);
  EXPECT_THAT(store_->Update(ctx_, {.digest = digest_.String(), .labels = {{"a", "b"}}}),
              not_found);
  EXPECT_THAT(store_->Delete(ctx_, digest_), not_found);
  EXPECT_THAT(store_->Status(ctx_, "ref"), not_found);
  EXPECT_THAT(store_->Abort(ctx_, "ref"), not_found);

  ASSERT_OK(Write());
  const Context other = WithNamespace(ctx(), *ctx().Namespace() + "-other");
  EXPECT_THAT(store_->Info(other, digest_), not_found);
  EXPECT_THAT(store_->Delete(other, digest_), not_found);
  EXPECT_OK(store_->Delete(ctx_, digest_));
  EXPECT_THAT(store_->Delete(ctx_, digest_), not_found);
  EXPECT_THAT(store_->Info(ctx_, digest_), not_found);
}

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_SUPPORT_CONTENT_CONFORMANCE_H_
