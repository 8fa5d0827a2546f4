// SPDX-License-Identifier: Apache-2.0
//
// The content store of a real daemon: the cases of containerd's own suite for content stores
// (core/content/testsuite), and uploads that outlive the daemon.
#include "containerd/content/content.h"

#include <array>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/client.h"
#include "containerd/content/helpers.h"
#include "containerd/context/context.h"
#include "containerd/digest/digest.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/io/io.h"
#include "containerd/labels/labels.h"
#include "containerd/leases/leases.h"

#include "harness.h"

namespace containerd {
namespace {

using content::OpenWriter;
using content::WithDescriptor;
using content::WithLabels;
using content::WithRef;
using ::testing::AllOf;
using ::testing::HasSubstr;

struct Content {
  std::string data;
  digest::Digest digest;

  ocispec::Descriptor Descriptor() const {
    return {.digest = digest.String(), .size = static_cast<std::int64_t>(data.size())};
  }
};

// Content that no other test, namespace or run has.
Content CreateContent(std::size_t size) {
  static std::mt19937_64 random(std::random_device{}());
  Content c;
  c.data.resize(size + 8);
  for (std::size_t i = 0; i < size; i += 8) {
    const std::uint64_t word = random();
    std::memcpy(c.data.data() + i, &word, 8);
  }
  c.data.resize(size);
  c.digest = digest::FromString(c.data);
  return c;
}

// Cannot seek.
class StreamSource final : public io::Reader {
 public:
  explicit StreamSource(std::string data) : inner_(std::move(data)) {}

  // Called with the bytes given out so far, before each read.
  std::function<void(std::size_t)> on_read;

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    if (on_read) on_read(given_);
    absl::StatusOr<std::size_t> n = inner_.Read(ctx, buf);
    if (n.ok()) given_ += *n;
    return n;
  }

 private:
  io::StringReader inner_;
  std::size_t given_ = 0;
};

struct TimeRange {
  absl::Time from;
  absl::Time to;

  bool Contains(absl::Time t) const { return from <= t && t <= to; }
};

class ContentClient : public ::testing::Test {
 protected:
  ContentClient() { UseLease(ns_.ctx()); }

  // Goes on under a lease in that context's namespace.
  void UseLease(const Context& ctx) {
    absl::StatusOr<leases::LeaseGuard> lease =
        leases::AcquireLease(WithTimeout(ctx, absl::Minutes(2)), client_->LeasesService());
    ASSERT_TRUE(lease.ok()) << lease.status();
    ctx_ = lease->context();
    lease_ = *std::move(lease);
  }

  std::unique_ptr<content::Writer> Open(const std::string& ref,
                                        const ocispec::Descriptor& desc = {}) {
    absl::StatusOr<std::unique_ptr<content::Writer>> writer =
        OpenWriter(ctx_, *store_, {WithRef(ref), WithDescriptor(desc)});
    EXPECT_TRUE(writer.ok()) << writer.status();
    return writer.ok() ? *std::move(writer) : nullptr;
  }

  void CheckInfo(const digest::Digest& dgst, std::int64_t size, const Labels& labels,
                 const TimeRange& created, const TimeRange& updated) {
    absl::StatusOr<content::Info> info = store_->Info(ctx_, dgst);
    ASSERT_TRUE(info.ok()) << info.status();
    EXPECT_EQ(info->digest, dgst.String());
    EXPECT_EQ(info->size, size);
    EXPECT_EQ(info->labels, labels);
    EXPECT_TRUE(created.Contains(info->created_at)) << info->created_at;
    EXPECT_TRUE(updated.Contains(info->updated_at)) << info->updated_at;
  }

  void CheckStatus(content::Writer& writer, const std::string& ref, std::int64_t offset,
                   std::int64_t total, const digest::Digest& dgst, const TimeRange& started,
                   const TimeRange& updated) {
    absl::StatusOr<content::Status> status = writer.Status(ctx_);
    ASSERT_TRUE(status.ok()) << status.status();
    EXPECT_EQ(writer.Digest(), dgst);
    EXPECT_EQ(status->ref, ref);
    EXPECT_EQ(status->offset, offset);
    EXPECT_EQ(status->total, total);
    EXPECT_TRUE(started.Contains(status->started_at)) << status->started_at;
    EXPECT_TRUE(updated.Contains(status->updated_at)) << status->updated_at;
  }

  // Writes, and waits until the daemon has it.
  void WriteThrough(content::Writer& writer, std::string_view data) {
    absl::Status s = writer.Write(ctx_, data);
    EXPECT_TRUE(s.ok()) << s;
    EXPECT_TRUE(writer.Status(ctx_).ok());
  }

  void CheckRefNotAvailable(const std::string& ref) {
    const absl::Status s = store_->Writer(ctx_, {WithRef(ref)}).status();
    EXPECT_TRUE(errdefs::IsUnavailable(s)) << s;
    EXPECT_THAT(errdefs::Message(s), HasSubstr(ref));
  }

  // Resumes with `finish` after different parts of contents of different sizes.
  void CheckResume(
      const std::function<absl::Status(content::Writer&, const Content&, std::size_t)>& finish) {
    for (const std::size_t size : {500U, 5000U, 50000U}) {
      for (const double part : {0.0, 0.1, 0.5, 0.9, 1.0}) {
        SCOPED_TRACE(fmt::format("{} of {} bytes", part, size));
        const Content c = CreateContent(size);
        const auto limit = static_cast<std::size_t>(static_cast<double>(size) * part);
        const std::string ref = fmt::format("ref-{}-{}", size, part);
        ASSERT_TRUE(Open(ref, c.Descriptor())->Write(ctx_, c.data.substr(0, limit)).ok());

        std::unique_ptr<content::Writer> writer = Open(ref, c.Descriptor());
        absl::StatusOr<content::Status> status = writer->Status(ctx_);
        ASSERT_TRUE(status.ok()) << status.status();
        EXPECT_EQ(status->offset, static_cast<std::int64_t>(limit));

        const absl::Time pre = absl::Now();
        const absl::Status s = finish(*writer, c, limit);
        EXPECT_TRUE(s.ok()) << s;
        EXPECT_TRUE(writer->Close(ctx_).ok());
        CheckInfo(c.digest, static_cast<std::int64_t>(size), {}, {pre, absl::Now()},
                  {pre, absl::Now()});
      }
    }
  }

  // Goes on with a daemon that may be ended, in a namespace that goes with it.
  void UsePrivateDaemon() {
    lease_.reset();
    daemon_.emplace();
    store_ = daemon_->client()->ContentStore();
    ctx_ = WithNamespace(WithTimeout(Context::Background(), absl::Minutes(2)), "uploads");
  }

  absl::Status WriteInPieces(content::Writer& writer, std::string_view data, std::size_t piece) {
    for (; !data.empty(); data.remove_prefix(std::min(piece, data.size()))) {
      if (absl::Status s = writer.Write(ctx_, data.substr(0, piece)); !s.ok()) return s;
    }
    return absl::OkStatus();
  }

  const std::shared_ptr<Client> client_ = testing::SharedClient();
  const testing::TestNamespace ns_{*client_};
  std::shared_ptr<content::Store> store_ = client_->ContentStore();
  std::optional<leases::LeaseGuard> lease_;
  std::optional<testing::PrivateDaemon> daemon_;
  Context ctx_;
  const Labels labels_ = {{"containerd.io/gc.root",
                           absl::FormatTime(absl::RFC3339_sec, absl::Now(), absl::UTCTimeZone())}};
};

TEST_F(ContentClient, Writer) {
  std::array<Content, 5> contents = {CreateContent(256), CreateContent(256), CreateContent(256),
                                     CreateContent(256), CreateContent(std::size_t{32} << 20)};
  std::array<std::unique_ptr<content::Writer>, 5> writers = {
      Open("c1"),
      Open("c2", {.size = 256}),
      Open("c3", {.digest = contents[2].digest.String()}),
      Open("c4", contents[3].Descriptor()),
      Open("c5", contents[4].Descriptor()),
  };
  for (std::size_t i = 0; i < writers.size(); ++i) {
    SCOPED_TRACE(i);
    const Content& c = contents[i];
    absl::Status s = WriteInPieces(*writers[i], c.data, i == 4 ? 4096 : 32);
    ASSERT_TRUE(s.ok()) << s;
    const absl::Time pre = absl::Now();
    s = writers[i]->Commit(ctx_, 0, "", {WithLabels(labels_)});
    ASSERT_TRUE(s.ok()) << s;
    const absl::Time post = absl::Now();
    EXPECT_EQ(writers[i]->Digest(), c.digest);
    CheckInfo(c.digest, static_cast<std::int64_t>(c.data.size()), labels_, {pre, post},
              {pre, post});
  }
}

TEST_F(ContentClient, UpdateStatus) {
  const Content c = CreateContent(256);
  const std::string_view data = c.data;
  const absl::Time pre_start = absl::Now();
  std::unique_ptr<content::Writer> writer = Open("c1", c.Descriptor());
  const TimeRange started = {pre_start, absl::Now()};
  CheckStatus(*writer, "c1", 0, 256, digest::FromString(""), started, started);

  std::size_t offset = 0;
  for (const std::size_t n : {64U, 128U, 64U}) {
    const absl::Time pre = absl::Now();
    WriteThrough(*writer, data.substr(offset, n));
    offset += n;
    CheckStatus(*writer, "c1", static_cast<std::int64_t>(offset), 256,
                digest::FromBytes(data.substr(0, offset)), started, {pre, absl::Now()});
  }
  const absl::Time pre = absl::Now();
  absl::Status s = writer->Commit(ctx_, 0, "", {WithLabels(labels_)});
  ASSERT_TRUE(s.ok()) << s;
  CheckInfo(c.digest, 256, labels_, {pre, absl::Now()}, {pre, absl::Now()});
}

TEST_F(ContentClient, CommitExists) {
  const Content c = CreateContent(256);
  ASSERT_TRUE(content::WriteBlob(ctx_, *store_, "c1", c.data, {.digest = c.digest.String()}).ok());
  int i = 0;
  for (const digest::Digest& expected : {c.digest, digest::Digest()}) {
    std::unique_ptr<content::Writer> writer = Open(fmt::format("c1-commitexists-{}", i++));
    ASSERT_TRUE(writer->Write(ctx_, c.data).ok());
    const absl::Status s = writer->Commit(ctx_, 256, expected);
    EXPECT_TRUE(errdefs::IsAlreadyExists(s)) << s;
  }
}

TEST_F(ContentClient, Resume) {
  const Content c = CreateContent(256);
  const std::string_view data = c.data;
  const digest::Digest first = digest::FromBytes(data.substr(0, 128));
  const absl::Time pre_start = absl::Now();
  std::unique_ptr<content::Writer> writer = Open("cb", c.Descriptor());
  const TimeRange started = {pre_start, absl::Now()};
  const absl::Time pre_update = absl::Now();
  WriteThrough(*writer, data.substr(0, 128));
  const TimeRange updated = {pre_update, absl::Now()};
  CheckStatus(*writer, "cb", 128, 256, first, started, updated);
  EXPECT_TRUE(writer->Close(ctx_).ok());

  writer = Open("cb", c.Descriptor());
  CheckStatus(*writer, "cb", 128, 256, first, started, updated);
  const absl::Time pre_second = absl::Now();
  WriteThrough(*writer, data.substr(128));
  CheckStatus(*writer, "cb", 256, 256, c.digest, started, {pre_second, absl::Now()});
  const absl::Time pre_commit = absl::Now();
  absl::Status s = writer->Commit(ctx_, 0, "");
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_TRUE(writer->Close(ctx_).ok());
  CheckInfo(c.digest, 256, {}, {pre_commit, absl::Now()}, {pre_commit, absl::Now()});
}

TEST_F(ContentClient, ResumeTruncate) {
  CheckResume([this](content::Writer& writer, const Content& c, std::size_t) {
    if (absl::Status s = writer.Truncate(ctx_, 0); !s.ok()) return s;
    if (absl::Status s = WriteInPieces(writer, c.data, 1024); !s.ok()) return s;
    return writer.Commit(ctx_, static_cast<std::int64_t>(c.data.size()), c.digest);
  });
}

TEST_F(ContentClient, ResumeDiscard) {
  CheckResume([this](content::Writer& writer, const Content& c, std::size_t written) {
    const std::string_view rest = std::string_view(c.data).substr(written);
    if (absl::Status s = WriteInPieces(writer, rest, 1024); !s.ok()) return s;
    return writer.Commit(ctx_, static_cast<std::int64_t>(c.data.size()), c.digest);
  });
}

TEST_F(ContentClient, ResumeCopy) {
  CheckResume([this](content::Writer& writer, const Content& c, std::size_t) {
    StreamSource source(c.data);
    return content::Copy(ctx_, writer, source, static_cast<std::int64_t>(c.data.size()), c.digest);
  });
}

TEST_F(ContentClient, ResumeCopySeeker) {
  CheckResume([this](content::Writer& writer, const Content& c, std::size_t) {
    io::StringReader source(c.data);
    return content::Copy(ctx_, writer, source, static_cast<std::int64_t>(c.data.size()), c.digest);
  });
}

TEST_F(ContentClient, ResumeCopyReaderAt) {
  const Content source = CreateContent(50000);
  ASSERT_TRUE(content::WriteBlob(ctx_, *store_, "source", source.data, source.Descriptor()).ok());
  absl::StatusOr<std::unique_ptr<content::ReaderAt>> reader =
      store_->ReaderAt(ctx_, source.Descriptor());
  ASSERT_TRUE(reader.ok()) << reader.status();
  const std::string part = source.data.substr(0, 40000);
  std::unique_ptr<content::Writer> writer = Open("target");
  ASSERT_TRUE(writer->Write(ctx_, part.substr(0, 10000)).ok());
  absl::Status s = content::CopyReaderAt(ctx_, *writer, **reader, 30000);
  ASSERT_TRUE(s.ok()) << s;
  s = writer->Commit(ctx_, 40000, digest::FromString(part));
  EXPECT_TRUE(s.ok()) << s;
}

TEST_F(ContentClient, SmallBlob) {
  const Content c = CreateContent(6);
  absl::StatusOr<std::unique_ptr<content::Writer>> writer =
      store_->Writer(ctx_, {WithRef("small"), WithDescriptor(c.Descriptor())});
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE((*writer)->Write(ctx_, c.data).ok());
  ASSERT_TRUE((*writer)->Commit(ctx_, 6, c.digest).ok());
  absl::StatusOr<std::unique_ptr<content::ReaderAt>> reader =
      store_->ReaderAt(ctx_, {.digest = c.digest.String()});
  ASSERT_TRUE(reader.ok()) << reader.status();
  std::array<char, 7> buf = {};
  EXPECT_EQ(*(*reader)->ReadAt(ctx_, buf, 0), 6U);
  EXPECT_EQ(std::string_view(buf.data(), 6), c.data);
}

TEST_F(ContentClient, Labels) {
  const Content c = CreateContent(256);
  std::unique_ptr<content::Writer> writer = Open("c1-checklabels", c.Descriptor());
  ASSERT_TRUE(writer->Write(ctx_, c.data).ok());
  Labels labels = labels_;
  labels["k1"] = "v1";
  labels["k2"] = "v2";
  const absl::Time pre_commit = absl::Now();
  absl::Status s = writer->Commit(ctx_, 0, "", {WithLabels(labels)});
  ASSERT_TRUE(s.ok()) << s;
  const TimeRange created = {pre_commit, absl::Now()};
  CheckInfo(c.digest, 256, labels, created, created);

  content::Info info{.digest = c.digest.String(), .size = 256, .labels = labels};
  info.labels["k1"] = "newvalue";
  info.labels.erase("k2");
  info.labels["k3"] = "v3";
  absl::Time pre_update = absl::Now();
  absl::StatusOr<content::Info> updated = store_->Update(ctx_, info);
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(updated->labels, info.labels);
  CheckInfo(c.digest, 256, info.labels, created, {pre_update, absl::Now()});

  info.labels = labels_;
  info.labels["k1"] = "v1";
  pre_update = absl::Now();
  updated = store_->Update(ctx_, info, {"labels.k3", "labels.k1"});
  ASSERT_TRUE(updated.ok()) << updated.status();
  CheckInfo(c.digest, 256, info.labels, created, {pre_update, absl::Now()});

  info.labels["long"] = std::string(5000, 'x');
  s = store_->Update(ctx_, info).status();
  EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
  EXPECT_TRUE(errdefs::IsNotFound(
      store_->Update(ctx_, {.digest = CreateContent(8).digest.String()}).status()));
}

TEST_F(ContentClient, CommitErrorState) {
  const Content c = CreateContent(256);
  const digest::Digest other = CreateContent(256).digest;
  const std::string ref = "c1-commiterror-state";
  ASSERT_TRUE(content::WriteBlob(ctx_, *store_, "c1", c.data, {.digest = c.digest.String()}).ok());

  // The content exists, with its digest given and without.
  for (const digest::Digest& expected : {c.digest, digest::Digest()}) {
    std::unique_ptr<content::Writer> writer = Open(ref);
    CheckRefNotAvailable(ref);
    ASSERT_TRUE(writer->Write(ctx_, c.data).ok());
    const absl::Status s = writer->Commit(ctx_, 256, expected);
    EXPECT_TRUE(errdefs::IsAlreadyExists(s)) << s;
  }

  // The digest is wrong.
  std::unique_ptr<content::Writer> writer = Open(ref);
  CheckRefNotAvailable(ref);
  const std::string more = c.data + "more";
  ASSERT_TRUE(writer->Write(ctx_, more).ok());
  absl::Status s = writer->Commit(ctx_, 260, other);
  EXPECT_TRUE(errdefs::IsFailedPrecondition(s)) << s;
  EXPECT_THAT(errdefs::Message(s),
              AllOf(HasSubstr(other.String()), HasSubstr(digest::FromString(more).String())));

  // The size is wrong.
  writer = Open(ref);
  CheckRefNotAvailable(ref);
  s = writer->Commit(ctx_, 256, "");
  EXPECT_TRUE(errdefs::IsFailedPrecondition(s)) << s;
  EXPECT_THAT(errdefs::Message(s), AllOf(HasSubstr("256"), HasSubstr("260")));

  // What was written is still there.
  writer = Open(ref);
  CheckRefNotAvailable(ref);
  s = writer->Commit(ctx_, 260, "");
  EXPECT_TRUE(s.ok()) << s;

  // Once more with the same ref.
  writer = Open(ref);
  ASSERT_TRUE(writer->Write(ctx_, c.data).ok());
  CheckRefNotAvailable(ref);
  s = writer->Commit(ctx_, 256, c.digest);
  EXPECT_TRUE(errdefs::IsAlreadyExists(s)) << s;

  for (int i = 0; i < 2; ++i) {
    writer = Open(ref);
    CheckRefNotAvailable(ref);
    EXPECT_TRUE(writer->Truncate(ctx_, 0).ok());
    EXPECT_TRUE(writer->Close(ctx_).ok());
  }
}

TEST_F(ContentClient, CrossNamespaceShareAndAppend) {
  const Content c = CreateContent(1000);
  ASSERT_TRUE(content::WriteBlob(ctx_, *store_, "ref", c.data, c.Descriptor()).ok());
  const leases::LeaseGuard first = *std::move(lease_);
  const testing::TestNamespace other(*client_);
  ASSERT_NO_FATAL_FAILURE(UseLease(other.ctx()));

  // The other namespace does not see it, but need not send it either.
  EXPECT_TRUE(errdefs::IsNotFound(store_->Info(ctx_, c.digest).status()));
  std::unique_ptr<content::Writer> append = Open("append", c.Descriptor());
  const auto appended = append->Status(ctx_);
  ASSERT_TRUE(appended.ok()) << appended.status();
  EXPECT_EQ(appended->offset, 1000);
  std::unique_ptr<content::Writer> share = Open("share", c.Descriptor());
  absl::Status s = share->Commit(ctx_, 1000, c.digest);
  EXPECT_TRUE(s.ok()) << s;
  const auto data = content::ReadBlob(ctx_, *store_, c.Descriptor());
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(*data, c.data);

  const std::string extra = "appended bytes";
  ASSERT_TRUE(append->Write(ctx_, extra).ok());
  s = append->Commit(ctx_, 1014, digest::FromString(c.data + extra));
  EXPECT_TRUE(s.ok()) << s;
  lease_.reset();
}

TEST_F(ContentClient, Walk) {
  std::vector<std::string> digests;
  for (int i = 0; i < 110; ++i) {  // more than the daemon sends at once
    const Content c = CreateContent(16);
    digests.push_back(c.digest.String());
    ASSERT_TRUE(content::WriteBlob(ctx_, *store_, fmt::format("r{}", i), c.data, c.Descriptor(),
                                   {WithLabels({{"parity", i % 2 == 0 ? "even" : "odd"}})})
                    .ok());
  }
  const auto walk = [&](const std::vector<std::string>& filters) {
    std::vector<std::string> seen;
    const absl::Status s = store_->Walk(
        ctx_,
        [&](const content::Info& info) {
          seen.push_back(info.digest);
          return absl::OkStatus();
        },
        filters);
    EXPECT_TRUE(s.ok()) << s;
    return seen;
  };
  EXPECT_THAT(walk({}), ::testing::UnorderedElementsAreArray(digests));
  EXPECT_EQ(walk({"labels.parity==even"}).size(), 55U);
  EXPECT_EQ(walk({"labels.parity==even", "digest==" + digests[1]}).size(), 56U);
  EXPECT_TRUE(walk({"labels.parity==none"}).empty());

  // The callback may use the store, and may stop.
  int calls = 0;
  absl::Status s = store_->Walk(ctx_, [&](const content::Info& info) {
    EXPECT_TRUE(store_->Delete(ctx_, info.digest).ok());
    return ++calls == 3 ? errdefs::Aborted("enough") : absl::OkStatus();
  });
  EXPECT_TRUE(errdefs::IsAborted(s)) << s;
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(walk({}).size(), 107U);
  s = store_->Walk(ctx_, [](const content::Info&) { return absl::OkStatus(); }, {"labels=="});
  EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
}

TEST_F(ContentClient, Ingestions) {
  ASSERT_TRUE(Open("first", {.size = 100})->Write(ctx_, "12345").ok());
  std::unique_ptr<content::Writer> second = Open("second");
  WriteThrough(*second, "123");
  absl::StatusOr<content::Status> status = Open("first")->Status(ctx_);
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->offset, 5);  // the writer that is gone has written
  status = store_->Status(ctx_, "second");
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->ref, "second");
  EXPECT_EQ(status->offset, 3);
  auto listed = store_->ListStatuses(ctx_);
  ASSERT_TRUE(listed.ok()) << listed.status();
  EXPECT_EQ(listed->size(), 2U);
  listed = store_->ListStatuses(ctx_, {"ref==first"});
  ASSERT_TRUE(listed.ok()) << listed.status();
  EXPECT_EQ(listed->size(), 1U);
  ASSERT_TRUE(second->Close(ctx_).ok());
  EXPECT_TRUE(store_->Abort(ctx_, "second").ok());
  for (const absl::Status& s :
       {store_->Status(ctx_, "second").status(), store_->Abort(ctx_, "second")}) {
    EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
    EXPECT_THAT(errdefs::Message(s), HasSubstr("second"));
  }
}

TEST_F(ContentClient, LargeBlob) {
  const Content c = CreateContent((std::size_t{48} << 20) + 12345);
  StreamSource source(c.data);
  absl::Status s = content::WriteBlob(ctx_, *store_, "large", source, c.Descriptor());
  ASSERT_TRUE(s.ok()) << s;
  absl::StatusOr<std::unique_ptr<content::ReaderAt>> reader =
      store_->ReaderAt(ctx_, c.Descriptor());
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_TRUE(*io::ReadAll(ctx_, *content::NewReader(**reader), c.data.size()) == c.data);
  std::string all(c.data.size(), '\0');
  EXPECT_EQ(*(*reader)->ReadAt(ctx_, all, 0), c.data.size());
  EXPECT_TRUE(all == c.data);
}

TEST_F(ContentClient, BadInput) {
  const std::string none = CreateContent(8).digest.String();
  for (const absl::Status& s :
       {store_->Info(ctx_, none).status(), store_->ReaderAt(ctx_, {.digest = none}).status(),
        store_->Delete(ctx_, none),
        content::ReadBlob(ctx_, *store_, {.digest = none, .size = 8}).status()}) {
    EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
    EXPECT_THAT(errdefs::Message(s), HasSubstr(none));
  }
  for (const absl::Status& s :
       {store_->Info(ctx_, "no-digest").status(), store_->Delete(ctx_, "no-digest")}) {
    EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
    EXPECT_THAT(errdefs::Message(s), HasSubstr("no-digest"));
  }
  EXPECT_TRUE(errdefs::IsInvalidArgument(store_->Writer(ctx_, {}).status()));

  const Content c = CreateContent(64);
  const ocispec::Descriptor wrong{.digest = none, .size = 64};
  absl::Status s = content::WriteBlob(ctx_, *store_, "wrong-digest", c.data, wrong);
  EXPECT_TRUE(errdefs::IsFailedPrecondition(s)) << s;
  EXPECT_THAT(errdefs::Message(s), AllOf(HasSubstr(none), HasSubstr(c.digest.String())));
  s = content::WriteBlob(ctx_, *store_, "long-label", c.data, c.Descriptor(),
                         {WithLabels({{"k", std::string(5000, 'x')}})});
  EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;

  auto [ended, cancel] = WithCancel(ctx_);
  cancel();
  EXPECT_TRUE(errdefs::IsCanceled(store_->Writer(ended, {WithRef("x")}).status()));
  EXPECT_TRUE(errdefs::IsCanceled(store_->Info(ended, c.digest).status()));
}

// Of a source that cannot be read twice: the daemon is killed in the middle, and the upload goes on
// from where the new one is.
TEST_F(ContentClient, UploadOutlivesTheDaemon) {
  UsePrivateDaemon();
  const Content c = CreateContent((std::size_t{48} << 20) + 77);
  StreamSource source(c.data);
  int kills = 0;
  source.on_read = [&](std::size_t given) {
    if (given < std::size_t{16 << 20} * static_cast<std::size_t>(kills + 1) || kills == 2) return;
    ++kills;
    absl::Status s = daemon_->daemon().Kill(ctx_);
    EXPECT_TRUE(s.ok()) << s;
  };
  absl::Status s =
      content::WriteBlob(ctx_, *store_, "upload", source, c.Descriptor(), {WithLabels(labels_)});
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_EQ(kills, 2);
  const auto info = store_->Info(ctx_, c.digest);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->size, static_cast<std::int64_t>(c.data.size()));
  const auto data = content::ReadBlob(ctx_, *store_, c.Descriptor());
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_TRUE(*data == c.data);
  const auto left = store_->ListStatuses(ctx_);
  ASSERT_TRUE(left.ok()) << left.status();
  EXPECT_TRUE(left->empty());

  // A new writer finds what an old one was told that the daemon has.
  const Content d = CreateContent(std::size_t{8} << 20);
  absl::StatusOr<std::unique_ptr<content::Writer>> writer =
      OpenWriter(ctx_, *store_, {WithRef("second")});
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE((*writer)->Write(ctx_, d.data).ok());
  ASSERT_TRUE((*writer)->Status(ctx_).ok());
  s = daemon_->daemon().Kill(ctx_);
  ASSERT_TRUE(s.ok()) << s;
  *writer = nullptr;
  s = daemon_->daemon().WaitReady(ctx_);
  ASSERT_TRUE(s.ok()) << s;
  StreamSource again(d.data);
  s = content::WriteBlob(ctx_, *store_, "second", again, d.Descriptor(), {WithLabels(labels_)});
  EXPECT_TRUE(s.ok()) << s;
  EXPECT_TRUE(*content::ReadBlob(ctx_, *store_, d.Descriptor()) == d.data);
}

TEST_F(ContentClient, ADaemonThatIsDownFailsCallsWithinTheirDeadlines) {
  UsePrivateDaemon();
  absl::StatusOr<std::unique_ptr<content::Writer>> writer =
      OpenWriter(ctx_, *store_, {WithRef("r")});
  ASSERT_TRUE(writer.ok()) << writer.status();
  EXPECT_TRUE((*writer)->Write(ctx_, "abc").ok());
  absl::Status s = daemon_->daemon().Down(ctx_, SIGKILL);
  EXPECT_TRUE(s.ok()) << s;
  s = (*writer)->Commit(WithTimeout(ctx_, absl::Milliseconds(300)), 0, "");
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(s)) << s;
  s = store_->Writer(WithTimeout(ctx_, absl::Milliseconds(300)), {WithRef("x")}).status();
  EXPECT_TRUE(errdefs::IsUnavailable(s) || errdefs::IsDeadlineExceeded(s)) << s;
}

}  // namespace
}  // namespace containerd
