// SPDX-License-Identifier: Apache-2.0
#include "containerd/content/helpers.h"

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/content/adaptor.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/filters/filters.h"

namespace containerd::content {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Cannot seek.
class StreamReader final : public io::Reader {
 public:
  explicit StreamReader(std::string data) : inner_(std::move(data)) {}
  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    return inner_.Read(ctx, buf);
  }

 private:
  io::StringReader inner_;
};

// Collects what is written; commits as it is told.
class FakeWriter final : public Writer {
 public:
  std::string data;
  content::Status status{.ref = "fake"};
  std::function<absl::Status(FakeWriter&)> on_commit;
  std::function<absl::Status(FakeWriter&)> on_write;
  digest::Digest committed;
  int commits = 0;

  absl::Status Write(const Context& /*ctx*/, std::string_view bytes) override {
    if (on_write) {
      if (absl::Status s = on_write(*this); !s.ok()) return s;
    }
    data += bytes;
    return absl::OkStatus();
  }
  absl::Status Commit(const Context& /*ctx*/, std::int64_t /*size*/, const digest::Digest& expected,
                      const std::vector<Opt>& /*opts*/) override {
    committed = expected;
    ++commits;
    return on_commit ? on_commit(*this) : absl::OkStatus();
  }
  digest::Digest Digest() const override { return committed; }
  absl::StatusOr<content::Status> Status(const Context& /*ctx*/) override { return status; }
  absl::Status Truncate(const Context& /*ctx*/, std::int64_t size) override {
    data.resize(static_cast<std::size_t>(size));
    return absl::OkStatus();
  }
  absl::Status Close(const Context& /*ctx*/) override { return absl::OkStatus(); }
};

std::function<absl::Status(FakeWriter&)> ResetTimes(int times, const absl::Status& then) {
  return [times, then](FakeWriter& w) mutable {
    if (times-- <= 0) return then;
    w.data.clear();
    w.status.offset = 0;
    return ErrReset();
  };
}

TEST(Copy, Table) {
  const std::string text = "this is the source to copy";
  struct Case {
    const char* name;
    std::string source;
    bool seekable;
    std::int64_t offset;
    std::function<absl::Status(FakeWriter&)> on_commit;
    std::string want;
    absl::StatusCode code;
  };
  const std::vector<Case> cases = {
      {"no offset", text, true, 0, nullptr, text, absl::StatusCode::kOk},
      {"offset, seekable", text, true, 8, nullptr, "the source to copy", absl::StatusCode::kOk},
      {"offset, not seekable", "foobar", false, 3, nullptr, "bar", absl::StatusCode::kOk},
      {"offset at the end", "foobar", false, 6, nullptr, "", absl::StatusCode::kOk},
      {"already exists", "this already exists", true, 0,
       [](FakeWriter&) { return errdefs::AlreadyExists(""); }, "this already exists",
       absl::StatusCode::kOk},
      {"reset once", "content to copy", true, 0, ResetTimes(1, absl::OkStatus()), "content to copy",
       absl::StatusCode::kOk},
      {"reset often, then an error", "content to copy", true, 0,
       ResetTimes(10, errdefs::Internal("commit failed")), "content to copy",
       absl::StatusCode::kInternal},
      {"reset often, then well", "content to copy", true, 0, ResetTimes(10, absl::OkStatus()),
       "content to copy", absl::StatusCode::kOk},
      {"reset for ever", "content to copy", true, 0, ResetTimes(1 << 20, absl::OkStatus()), "",
       absl::StatusCode::kAborted},
      {"reset of a stream", "content to copy", false, 0, ResetTimes(1, absl::OkStatus()), "",
       absl::StatusCode::kFailedPrecondition},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    FakeWriter writer;
    writer.status.offset = c.offset;
    writer.on_commit = c.on_commit;
    std::unique_ptr<io::Reader> source;
    if (c.seekable) {
      source = std::make_unique<io::StringReader>(c.source);
    } else {
      source = std::make_unique<StreamReader>(c.source);
    }
    const auto size = static_cast<std::int64_t>(c.source.size());
    const absl::Status s = Copy(Context(), writer, *source, size, digest::FromString(c.source));
    EXPECT_EQ(s.code(), c.code) << s;
    EXPECT_EQ(writer.data, c.want);
    EXPECT_EQ(writer.committed, digest::FromString(c.source));
  }
}

TEST(Copy, GoesOnFromTheOffsetAfterAResetInTheMiddle) {
  const std::string text(3 << 20, 'x');
  FakeWriter writer;
  int writes = 0;
  writer.on_write = [&](FakeWriter& w) {
    if (++writes != 3) return absl::OkStatus();
    w.data.resize(1000);
    w.status.offset = 1000;
    return ErrReset("lost some");
  };
  io::StringReader source(text);
  EXPECT_TRUE(Copy(Context(), writer, source, 0, "").ok());
  EXPECT_EQ(writer.data, text);
  EXPECT_EQ(writer.commits, 1);
}

TEST(Copy, ChecksTheLengthOfTheSource) {
  FakeWriter writer;
  io::StringReader source("12345");
  absl::Status s = Copy(Context(), writer, source, 9, "");
  EXPECT_TRUE(errdefs::IsDataLoss(s)) << s;
  EXPECT_THAT(errdefs::Message(s), HasSubstr("short read: expected 9 bytes but got 5"));
  EXPECT_EQ(writer.commits, 0);

  FakeWriter second;
  io::StringReader longer("12345");
  s = Copy(Context(), second, longer, 4, "");
  EXPECT_TRUE(errdefs::IsFailedPrecondition(s)) << s;
  EXPECT_THAT(errdefs::Message(s), HasSubstr("expected 4"));
  EXPECT_EQ(second.commits, 0);

  FakeWriter third;
  third.status.offset = 7;
  StreamReader stream("12345");
  EXPECT_TRUE(errdefs::IsDataLoss(Copy(Context(), third, stream, 0, "")));
}

TEST(CopyReader, CountsAndSkips) {
  FakeWriter writer;
  writer.status.offset = 2;
  io::StringReader source("abcdef");
  EXPECT_EQ(*CopyReader(Context(), writer, source), 4);
  EXPECT_EQ(writer.data, "cdef");
  EXPECT_EQ(writer.commits, 0);
}

class StringReaderAt final : public ReaderAt {
 public:
  explicit StringReaderAt(std::string data, std::int64_t size = -1)
      : data_(std::move(data)), size_(size < 0 ? static_cast<std::int64_t>(data_.size()) : size) {}
  absl::StatusOr<std::size_t> ReadAt(const Context& /*ctx*/, std::span<char> buf,
                                     std::int64_t offset) override {
    if (offset < 0) return errdefs::InvalidArgument("negative offset");
    const std::size_t from = std::min(data_.size(), static_cast<std::size_t>(offset));
    const std::size_t n = std::min(buf.size(), data_.size() - from);
    if (n > 0) std::memcpy(buf.data(), data_.data() + from, n);
    return n;
  }
  std::int64_t Size() const override { return size_; }

 private:
  const std::string data_;
  const std::int64_t size_;
};

TEST(CopyReaderAt, CopiesARange) {
  FakeWriter writer;
  writer.status.offset = 2;
  StringReaderAt source("abcdef");
  EXPECT_TRUE(CopyReaderAt(Context(), writer, source, 3).ok());
  EXPECT_EQ(writer.data, "cde");
  const absl::Status s = CopyReaderAt(Context(), writer, source, 30);
  EXPECT_TRUE(errdefs::IsDataLoss(s)) << s;
}

// A provider of one blob that counts how often it is asked.
class FakeProvider final : public InfoReaderProvider {
 public:
  std::string data;
  std::int64_t claimed_size = -1;
  absl::Status info_error;
  int asked = 0;

  absl::StatusOr<std::unique_ptr<content::ReaderAt>> ReaderAt(
      const Context& /*ctx*/, const ocispec::Descriptor& /*desc*/) override {
    ++asked;
    return std::make_unique<StringReaderAt>(data, claimed_size);
  }
  absl::StatusOr<content::Info> Info(const Context& /*ctx*/, const digest::Digest& dgst) override {
    if (!info_error.ok()) return info_error;
    return content::Info{.digest = dgst.String()};
  }
};

TEST(ReadBlob, EmbeddedData) {
  const std::string hello = "hello";
  const std::string sha256 = digest::FromString(hello).String();
  const std::string sha512 = digest::kSHA512.FromString(hello)->String();
  struct Case {
    const char* name;
    std::string data;
    std::int64_t size;
    std::string digest;
    bool embedded;
    bool error;
  };
  const std::vector<Case> cases = {
      {"sha256", hello, 5, sha256, true, false},
      {"sha512", hello, 5, sha512, true, false},
      {"empty", "", 0, digest::FromString("").String(), true, false},
      {"longer than its size", hello, 3, sha256, false, false},
      {"shorter than its size", "hi", 10, sha256, false, false},
      {"none", "", 5, sha256, false, false},
      {"malformed digest", hello, 5, "not-a-valid-digest", false, true},
      {"another's digest", hello, 5, digest::FromString("world").String(), false, false},
      {"no digest", "", 0, "", false, true},
      {"unknown algorithm", hello, 5, "fakealg:" + std::string(64, '0'), false, true},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    FakeProvider provider;
    provider.data = std::string(static_cast<std::size_t>(c.size), 'p');
    const ocispec::Descriptor desc{.digest = c.digest, .size = c.size, .data = c.data};
    absl::StatusOr<std::string> blob = ReadBlob(Context(), provider, desc);
    absl::StatusOr<std::unique_ptr<io::Reader>> reader = BlobReadSeeker(Context(), provider, desc);
    ASSERT_EQ(blob.ok(), !c.error) << blob.status();
    ASSERT_EQ(reader.ok(), !c.error) << reader.status();
    if (c.error) {
      EXPECT_TRUE(errdefs::IsInvalidArgument(blob.status()));
      continue;
    }
    EXPECT_EQ(*blob, c.embedded ? c.data : provider.data);
    EXPECT_EQ(*io::ReadAll(Context(), **reader, 100), *blob);
    EXPECT_EQ(provider.asked, c.embedded ? 0 : 2);
  }
}

TEST(ReadBlob, BoundsAndLengths) {
  const std::string digest = digest::FromString("x").String();
  FakeProvider provider;
  provider.data = "0123456789";
  EXPECT_EQ(*ReadBlob(Context(), provider, {.digest = digest}), provider.data);
  EXPECT_EQ(*ReadBlob(Context(), provider, {.digest = digest, .size = 10}, 10), provider.data);

  absl::Status s = ReadBlob(Context(), provider, {.digest = digest, .size = 11}).status();
  EXPECT_TRUE(errdefs::IsFailedPrecondition(s)) << s;
  EXPECT_THAT(errdefs::Message(s), AllOf(HasSubstr(digest), HasSubstr("10"), HasSubstr("11")));

  s = ReadBlob(Context(), provider, {.digest = digest}, 9).status();
  EXPECT_TRUE(errdefs::IsResourceExhausted(s)) << s;

  provider.claimed_size = std::int64_t{1} << 60;  // must not be believed
  s = ReadBlob(Context(), provider, {.digest = digest}).status();
  EXPECT_TRUE(errdefs::IsResourceExhausted(s)) << s;

  provider.claimed_size = 12;
  s = ReadBlob(Context(), provider, {.digest = digest}).status();
  EXPECT_TRUE(errdefs::IsDataLoss(s)) << s;
  EXPECT_THAT(errdefs::Message(s), HasSubstr("after 10 of 12 bytes"));
}

TEST(NewReader, ReadsAndSeeks) {
  const Context ctx;
  StringReaderAt blob("abcdef");
  std::unique_ptr<io::Reader> borrowed = NewReader(blob);
  EXPECT_EQ(*io::ReadAll(ctx, *borrowed, 10), "abcdef");
  EXPECT_TRUE(borrowed->Seek(ctx, 4).ok());
  EXPECT_EQ(*io::ReadAll(ctx, *borrowed, 10), "ef");
  EXPECT_TRUE(errdefs::IsInvalidArgument(borrowed->Seek(ctx, -4)));
  std::unique_ptr<io::Reader> owned = NewReader(std::make_unique<StringReaderAt>("xyz"));
  EXPECT_EQ(*io::ReadAll(ctx, *owned, 10), "xyz");
}

TEST(Exists, TellsNotFoundFromErrors) {
  FakeProvider provider;
  EXPECT_TRUE(*Exists(Context(), provider, {}));
  provider.info_error = errdefs::NotFound("no");
  EXPECT_FALSE(*Exists(Context(), provider, {}));
  provider.info_error = errdefs::Internal("broken");
  EXPECT_TRUE(errdefs::IsInternal(Exists(Context(), provider, {}).status()));
}

class FakeIngester final : public Ingester {
 public:
  std::vector<absl::Status> answers;  // in turn, then writers
  WriterOpts last;
  int asked = 0;

  absl::StatusOr<std::unique_ptr<content::Writer>> Writer(
      const Context& /*ctx*/, const std::vector<WriterOpt>& opts) override {
    last = {};
    for (const WriterOpt& opt : opts) {
      if (absl::Status s = opt(last); !s.ok()) return s;
    }
    const auto i = static_cast<std::size_t>(asked++);
    if (i < answers.size()) return answers[i];
    return std::make_unique<FakeWriter>();
  }
};

TEST(OpenWriter, WaitsForALockedRef) {
  FakeIngester ingester;
  const absl::Status locked = errdefs::Unavailable("ref x locked for 1s (since 12:00)");
  ingester.answers = {locked, locked, errdefs::Unavailable("push is on-going: unavailable")};
  ASSERT_TRUE(OpenWriter(Context(), ingester, {WithRef("x"), WithDescriptor({.size = 7})}).ok());
  EXPECT_EQ(ingester.asked, 4);
  EXPECT_EQ(ingester.last.ref, "x");
  EXPECT_EQ(ingester.last.desc.size, 7);
}

TEST(OpenWriter, TellsOfTheLockWhenItsContextEnds) {
  FakeIngester ingester;
  ingester.answers.assign(1000, errdefs::Unavailable("ref x locked for 1s"));
  const absl::Status s =
      OpenWriter(WithTimeout(Context(), absl::Milliseconds(1)), ingester, {}).status();
  EXPECT_TRUE(errdefs::IsUnavailable(s)) << s;
  EXPECT_THAT(errdefs::Message(s), HasSubstr("locked"));
}

TEST(OpenWriter, DoesNotWaitForOtherErrors) {
  for (const absl::Status& error :
       {errdefs::Unavailable("connection refused"), errdefs::InvalidArgument("no ref")}) {
    FakeIngester ingester;
    ingester.answers = {error};
    EXPECT_EQ(OpenWriter(Context(), ingester, {}).status(), error);
    EXPECT_EQ(ingester.asked, 1);
  }
}

TEST(WriteBlob, ContentThatExistsIsNotRead) {
  FakeIngester ingester;
  ingester.answers = {errdefs::AlreadyExists("content sha256:…")};
  io::StringReader source("data");
  EXPECT_TRUE(WriteBlob(Context(), ingester, "r", source, {}).ok());
  EXPECT_EQ(*io::ReadAll(Context(), source, 10), "data");
  EXPECT_TRUE(WriteBlob(Context(), ingester, "r", "data", {.size = 4}).ok());
  EXPECT_FALSE(WriteBlob(Context(), ingester, "r", "data", {.size = 5}).ok());
}

TEST(ErrReset, IsToldByItsMark) {
  EXPECT_EQ(errdefs::Message(ErrReset()), "writer has been reset");
  EXPECT_TRUE(IsErrReset(errdefs::Annotate(ErrReset("why"), "writing")));
  EXPECT_TRUE(errdefs::IsAborted(ErrReset()));
  EXPECT_FALSE(IsErrReset(errdefs::Aborted("writer has been reset")));
  EXPECT_FALSE(IsErrReset(absl::OkStatus()));
}

TEST(AdaptInfo, Fields) {
  const Info info{.digest = "foo", .size = 3, .labels = {{"foo", "bar"}, {"foo.bar.qux", "quux"}}};
  struct Case {
    std::vector<std::string> path;
    std::optional<std::string> want;
  };
  for (const Case& c : std::vector<Case>{{{}, std::nullopt},
                                         {{"digest"}, "foo"},
                                         {{"size"}, std::nullopt},
                                         {{"labels", "foo"}, "bar"},
                                         {{"labels", "foo", "bar", "qux"}, "quux"},
                                         {{"labels"}, std::nullopt},
                                         {{"labels", "none"}, std::nullopt}}) {
    EXPECT_EQ(AdaptInfo(info).Field(c.path), c.want);
  }
}

}  // namespace
}  // namespace containerd::content
