// SPDX-License-Identifier: Apache-2.0
#include "containerd/testing/stores.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"
#include "containerd/testing/status.h"

#include "tests/support/store_conformance.h"

namespace containerd::testing {
namespace {

using ::testing::Field;

std::shared_ptr<Client> ClientOf(const MemoryStores& stores) {
  absl::StatusOr<Client> client = Client::New("", {WithServices(stores.Services())});
  EXPECT_THAT(client, IsOk());
  return std::make_shared<Client>(*std::move(client));
}

class MemorySubject final : public Subject {
 public:
  std::shared_ptr<Client> client() override { return client_; }
  const Context& ctx() override { return ctx_; }
  std::string snapshotter() override { return "native"; }

 private:
  const MemoryStores stores_{"native"};
  const std::shared_ptr<Client> client_ = ClientOf(stores_);
  const Context ctx_ = WithNamespace(Context::Background(), "test");
};

std::unique_ptr<Subject> InMemory() { return std::make_unique<MemorySubject>(); }

}  // namespace

INSTANTIATE_TEST_SUITE_P(Memory, ContainerStore, ::testing::Values(&InMemory));
INSTANTIATE_TEST_SUITE_P(Memory, ImageStore, ::testing::Values(&InMemory));
INSTANTIATE_TEST_SUITE_P(Memory, NamespaceStore, ::testing::Values(&InMemory));
INSTANTIATE_TEST_SUITE_P(Memory, Leases, ::testing::Values(&InMemory));
INSTANTIATE_TEST_SUITE_P(Memory, SandboxStore, ::testing::Values(&InMemory));
INSTANTIATE_TEST_SUITE_P(Memory, Snapshots, ::testing::Values(&InMemory));

namespace {

class MemoryStoresTest : public ::testing::Test {
 protected:
  static ocispec::Descriptor Describe(std::string_view data) {
    return {.media_type = "t",
            .digest = digest::FromString(data).String(),
            .size = static_cast<std::int64_t>(data.size())};
  }

  absl::StatusOr<std::unique_ptr<content::Writer>> Writer(std::string ref,
                                                          ocispec::Descriptor desc = {}) {
    return stores_.content->Writer(
        ctx_, {content::WithRef(std::move(ref)), content::WithDescriptor(std::move(desc))});
  }

  const MemoryStores stores_;
  const Context ctx_ = WithNamespace(Context::Background(), "test");
};

TEST_F(MemoryStoresTest, NeedANamespaceAndALivingContext) {
  const Context none = Context::Background();
  EXPECT_THAT(stores_.containers->List(none), StatusIs(errdefs::IsFailedPrecondition));
  EXPECT_THAT(stores_.snapshotter->Stat(none, "a"), StatusIs(errdefs::IsFailedPrecondition));
  const auto [ctx, cancel] = WithCancel(ctx_);
  cancel();
  EXPECT_THAT(stores_.images->Get(ctx, "a"), StatusIs(errdefs::IsCanceled));
  EXPECT_THAT(stores_.content->Info(ctx, digest::FromString("a")), StatusIs(errdefs::IsCanceled));
}

TEST_F(MemoryStoresTest, ContentIsWrittenAndRead) {
  const ocispec::Descriptor desc = Describe("hello");
  EXPECT_THAT(content::WriteBlob(ctx_, *stores_.content, "ref", "hello", desc,
                                 {content::WithLabels({{"a", "1"}, {"b", "2"}})}),
              IsOk());
  EXPECT_THAT(content::ReadBlob(ctx_, *stores_.content, desc), IsOkAndHolds("hello"));
  auto info = stores_.content->Info(ctx_, digest::FromString("hello"));
  ASSERT_THAT(info, IsOk());
  EXPECT_EQ(info->size, 5);
  info->labels = {{"a", "3"}};
  EXPECT_THAT(stores_.content->Update(ctx_, *info, {"labels.a"}),
              IsOkAndHolds(Field(&content::Info::labels, (Labels{{"a", "3"}, {"b", "2"}}))));
  EXPECT_THAT(stores_.content->Update(ctx_, *info, {"size"}),
              StatusIs(errdefs::IsInvalidArgument, HasSubstr("\"size\"")));
  int walked = 0;
  EXPECT_THAT(stores_.content->Walk(
                  ctx_,
                  [&](const content::Info& each) {
                    ++walked;
                    return stores_.content->Info(ctx_, digest::Digest(each.digest)).status();
                  },
                  {"labels.b==2"}),
              IsOk());
  EXPECT_EQ(walked, 1);
  const Context other = WithNamespace(ctx_, "other");
  EXPECT_THAT(stores_.content->Info(other, digest::FromString("hello")),
              StatusIs(errdefs::IsNotFound));
  EXPECT_THAT(stores_.content->Delete(ctx_, digest::FromString("hello")), IsOk());
  EXPECT_THAT(stores_.content->Delete(ctx_, digest::FromString("hello")),
              StatusIs(errdefs::IsNotFound));
}

TEST_F(MemoryStoresTest, AnIngestionIsResumed) {
  {
    auto writer = Writer("ref", Describe("hello"));
    ASSERT_THAT(writer, IsOk());
    EXPECT_THAT((*writer)->Write(ctx_, "hel"), IsOk());
    EXPECT_THAT(Writer("ref"), StatusIs(errdefs::IsUnavailable, HasSubstr("ref")));
  }
  EXPECT_THAT(stores_.content->ListStatuses(ctx_, {"ref~=^re"}),
              IsOkAndHolds(ElementsAre(Field(&content::Status::offset, 3))));
  EXPECT_THAT(stores_.content->ListStatuses(ctx_, {"ref~=^f"}), IsOkAndHolds(IsEmpty()));
  auto writer = Writer("ref");
  ASSERT_THAT(writer, IsOk());
  EXPECT_THAT((*writer)->Truncate(ctx_, 2), StatusIs(errdefs::IsInvalidArgument));
  EXPECT_THAT((*writer)->Write(ctx_, "lo"), IsOk());
  EXPECT_THAT((*writer)->Commit(ctx_, 5, digest::FromString("hello")), IsOk());
  EXPECT_EQ((*writer)->Digest(), digest::FromString("hello"));
  EXPECT_THAT((*writer)->Write(ctx_, "!"), StatusIs(errdefs::IsFailedPrecondition));
  EXPECT_THAT(stores_.content->Status(ctx_, "ref"), StatusIs(errdefs::IsNotFound));
  EXPECT_THAT(Writer("again", Describe("hello")), StatusIs(errdefs::IsAlreadyExists));
}

TEST_F(MemoryStoresTest, AWrongCommitKeepsTheIngestion) {
  for (const auto& [size, expected] :
       {std::pair(std::int64_t{4}, digest::Digest()), {0, digest::FromString("other")}}) {
    auto writer = Writer("ref");
    ASSERT_THAT(writer, IsOk());
    EXPECT_THAT((*writer)->Truncate(ctx_, 0), IsOk());
    EXPECT_THAT((*writer)->Write(ctx_, "hello"), IsOk());
    EXPECT_THAT((*writer)->Commit(ctx_, size, expected),
                StatusIs(errdefs::IsFailedPrecondition, HasSubstr("expected")));
  }
  EXPECT_THAT(stores_.content->Status(ctx_, "ref"),
              IsOkAndHolds(Field(&content::Status::offset, 5)));
  EXPECT_THAT(stores_.content->Abort(ctx_, "ref"), IsOk());
  EXPECT_THAT(stores_.content->Abort(ctx_, "ref"), StatusIs(errdefs::IsNotFound));
}

TEST_F(MemoryStoresTest, SnapshotsStandOnEachOther) {
  snapshots::Snapshotter& s = *stores_.snapshotter;
  EXPECT_THAT(s.Prepare(ctx_, "work", "none"), StatusIs(errdefs::IsNotFound, HasSubstr("none")));
  EXPECT_THAT(s.Prepare(ctx_, "work", ""), IsOkAndHolds(SizeIs(1)));
  EXPECT_THAT(s.Prepare(ctx_, "work", ""), StatusIs(errdefs::IsAlreadyExists));
  EXPECT_THAT(s.Prepare(ctx_, "on-active", "work"), StatusIs(errdefs::IsInvalidArgument));
  EXPECT_THAT(s.Mounts(ctx_, "work"), IsOkAndHolds(SizeIs(1)));
  EXPECT_THAT(s.Commit(ctx_, "base", "work", {snapshots::WithLabels({{"a", "1"}})}), IsOk());
  EXPECT_THAT(s.Stat(ctx_, "work"), StatusIs(errdefs::IsNotFound));
  EXPECT_THAT(s.View(ctx_, "look", "base"), IsOk());
  EXPECT_THAT(s.Commit(ctx_, "more", "look"), StatusIs(errdefs::IsFailedPrecondition));
  EXPECT_THAT(s.Remove(ctx_, "base"), StatusIs(errdefs::IsFailedPrecondition));
  std::vector<std::string> names;
  const snapshots::WalkFunc note = [&](const Context&, const snapshots::Info& info) {
    names.push_back(info.name);
    return absl::OkStatus();
  };
  EXPECT_THAT(s.Walk(ctx_, note, {"kind==view", "labels.a==1"}), IsOk());
  EXPECT_THAT(names, ElementsAre("base", "look"));
  EXPECT_THAT(s.Remove(ctx_, "look"), IsOk());
  EXPECT_THAT(s.Remove(ctx_, "base"), IsOk());
}

// As snapshotters that can rebase let it be done.
TEST_F(MemoryStoresTest, ASnapshotMayGetItsParentWhenItIsCommitted) {
  snapshots::Snapshotter& s = *stores_.snapshotter;
  const auto on = [](std::string parent) {
    return snapshots::Opt([parent = std::move(parent)](snapshots::Info& info) {
      info.parent = parent;
      return absl::OkStatus();
    });
  };
  ASSERT_THAT(s.Prepare(ctx_, "work", ""), IsOk());
  EXPECT_THAT(s.Commit(ctx_, "top", "work", {on("base")}),
              StatusIs(errdefs::IsNotFound, HasSubstr("\"base\"")));
  ASSERT_THAT(s.Prepare(ctx_, "below", ""), IsOk());
  ASSERT_THAT(s.Commit(ctx_, "base", "below"), IsOk());
  EXPECT_THAT(s.Commit(ctx_, "top", "work", {on("base")}), IsOk());
  EXPECT_THAT(s.Stat(ctx_, "top"), IsOkAndHolds(Field(&snapshots::Info::parent, "base")));
  // But no other.
  ASSERT_THAT(s.Prepare(ctx_, "work", "base"), IsOk());
  EXPECT_THAT(s.Commit(ctx_, "other", "work", {on("top")}), IsOk());
  EXPECT_THAT(s.Stat(ctx_, "other"), IsOkAndHolds(Field(&snapshots::Info::parent, "base")));
}

TEST_F(MemoryStoresTest, AnAddedImageIsUnpackedAndStays) {
  const BuiltImage image = BuildImage({.layers = {TarOf({{.name = "a"}}), TarOf({{.name = "b"}})}});
  stores_.AddImage("test", "web:1", image);
  EXPECT_THAT(stores_.Collect(ctx_), IsOk());
  absl::StatusOr<Image> added = ClientOf(stores_)->GetImage(ctx_, "web:1");
  ASSERT_THAT(added, IsOk());
  EXPECT_THAT(added->IsUnpacked(ctx_, stores_.SnapshotterName()), IsOkAndHolds(true));
  EXPECT_THAT(added->Config(ctx_), IsOk());
}

TEST_F(MemoryStoresTest, WhatNothingRefersToIsCollected) {
  const ocispec::Descriptor layer = Describe("layer");
  const ocispec::Descriptor config = Describe("config");
  content::Store& content = *stores_.content;
  ASSERT_THAT(content::WriteBlob(ctx_, content, "l", "layer", layer), IsOk());
  ASSERT_THAT(content::WriteBlob(
                  ctx_, content, "c", "config", config,
                  {content::WithLabels({{"containerd.io/gc.ref.content.l.0", layer.digest},
                                        {"containerd.io/gc.ref.snapshot.overlayfs", "chain"}})}),
              IsOk());
  ASSERT_THAT(content::WriteBlob(ctx_, content, "s", "stray", Describe("stray")), IsOk());
  for (const auto& [name, parent] : {std::pair("base", ""), {"chain", "base"}, {"stray", ""}}) {
    ASSERT_THAT(stores_.snapshotter->Prepare(ctx_, "work", parent), IsOk());
    ASSERT_THAT(stores_.snapshotter->Commit(ctx_, name, "work"), IsOk());
  }
  ASSERT_THAT(stores_.images->Create(ctx_, {.name = "image", .target = config}), IsOk());
  EXPECT_THAT(stores_.Collect(ctx_), IsOk());
  EXPECT_THAT(content.Info(ctx_, digest::FromString("layer")), IsOk());
  EXPECT_THAT(content.Info(ctx_, digest::FromString("stray")), StatusIs(errdefs::IsNotFound));
  EXPECT_THAT(stores_.snapshotter->Stat(ctx_, "base"), IsOk());
  EXPECT_THAT(stores_.snapshotter->Stat(ctx_, "stray"), StatusIs(errdefs::IsNotFound));

  EXPECT_THAT(stores_.images->Delete(ctx_, "image", {images::SynchronousDelete()}), IsOk());
  EXPECT_THAT(content.Info(ctx_, digest::FromString("layer")), StatusIs(errdefs::IsNotFound));
  EXPECT_THAT(stores_.snapshotter->Stat(ctx_, "base"), StatusIs(errdefs::IsNotFound));
}

}  // namespace
}  // namespace containerd::testing
