// SPDX-License-Identifier: Apache-2.0
#include "containerd/io/io.h"

#include <cstdio>
#include <fcntl.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

#include "src/testing/internal/temp_folder.h"

namespace containerd::io {
namespace {

// Gives its bytes a few at a time and cannot seek.
class TrickleReader final : public Reader {
 public:
  TrickleReader(std::string data, std::size_t step) : inner_(std::move(data)), step_(step) {}

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    return inner_.Read(ctx, buf.first(std::min(step_, buf.size())));
  }

 private:
  StringReader inner_;
  const std::size_t step_;
};

class Pipe {
 public:
  Pipe() { EXPECT_EQ(pipe2(fds_, O_CLOEXEC), 0); }
  ~Pipe() {
    close(fds_[0]);
    CloseWriteEnd();
  }
  int read_end() const { return fds_[0]; }
  int write_end() const { return fds_[1]; }
  void CloseWriteEnd() {
    if (fds_[1] >= 0) close(fds_[1]);
    fds_[1] = -1;
  }

 private:
  int fds_[2] = {-1, -1};
};

TEST(ReadAll, IsBounded) {
  const Context ctx;
  for (const std::size_t size : {0U, 1U, 99U, 100U, 32768U, 32769U, 100000U}) {
    const std::string data(size, 'x');
    TrickleReader exact(data, 1000);
    absl::StatusOr<std::string> all = ReadAll(ctx, exact, size);
    ASSERT_TRUE(all.ok()) << all.status();
    EXPECT_EQ(*all, data);
    if (size == 0) continue;
    TrickleReader more(data, 1000);
    EXPECT_TRUE(errdefs::IsResourceExhausted(ReadAll(ctx, more, size - 1).status())) << size;
  }
  StringReader huge_limit("abc");
  EXPECT_EQ(*ReadAll(ctx, huge_limit, SIZE_MAX), "abc");
}

TEST(ReadFull, StopsAtTheEnd) {
  const Context ctx;
  TrickleReader reader("abcdefg", 2);
  std::vector<char> buf(5);
  EXPECT_EQ(*ReadFull(ctx, reader, buf), 5U);
  EXPECT_EQ(std::string(buf.data(), 5), "abcde");
  EXPECT_EQ(*ReadFull(ctx, reader, buf), 2U);
  EXPECT_EQ(std::string(buf.data(), 2), "fg");
  EXPECT_EQ(*ReadFull(ctx, reader, buf), 0U);
}

TEST(StringReader, Seeks) {
  const Context ctx;
  StringReader reader("hello");
  EXPECT_TRUE(reader.Seek(ctx, 3).ok());
  EXPECT_EQ(*ReadAll(ctx, reader, 10), "lo");
  EXPECT_TRUE(reader.Seek(ctx, 30).ok());
  EXPECT_EQ(*ReadAll(ctx, reader, 10), "");
  EXPECT_TRUE(errdefs::IsInvalidArgument(reader.Seek(ctx, -1)));
  TrickleReader trickle("x", 1);
  EXPECT_TRUE(errdefs::IsNotImplemented(trickle.Seek(ctx, 0)));
}

TEST(FileReader, ReadsAFileFromItsPositionWithoutMovingIt) {
  const Context ctx;
  FILE* file = tmpfile();
  ASSERT_NE(file, nullptr);
  const int fd = fileno(file);
  FileWriter writer(fd);
  ASSERT_TRUE(writer.Write(ctx, "0123456789").ok());
  ASSERT_EQ(lseek(fd, 4, SEEK_SET), 4);
  FileReader reader(fd);
  EXPECT_EQ(*ReadAll(ctx, reader, 100), "456789");
  ASSERT_TRUE(reader.Seek(ctx, 8).ok());
  EXPECT_EQ(*ReadAll(ctx, reader, 100), "89");
  EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 4);
  EXPECT_TRUE(errdefs::IsInvalidArgument(reader.Seek(ctx, -1)));
  static_cast<void>(fclose(file));
}

TEST(FileReader, ReadsAPipe) {
  const Context ctx;
  Pipe pipe;
  FileReader reader(pipe.read_end());
  EXPECT_TRUE(errdefs::IsNotImplemented(reader.Seek(ctx, 0)));
  std::string data(300000, 'p');
  std::jthread feeder([&] {
    FileWriter writer(pipe.write_end());
    EXPECT_TRUE(writer.Write(ctx, data).ok());
    pipe.CloseWriteEnd();
  });
  EXPECT_EQ(*ReadAll(ctx, reader, 1 << 20), data);
}

TEST(FileReader, ABlockedCallEndsWithItsContext) {
  Pipe pipe;
  FileReader reader(pipe.read_end());
  char buf[8];
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(
      reader.Read(WithTimeout(Context::Background(), absl::Milliseconds(5)), buf).status()));

  auto [ctx, cancel] = WithCancel(Context::Background());
  std::jthread canceller(cancel);
  EXPECT_TRUE(errdefs::IsCanceled(reader.Read(ctx, buf).status()));

  // The pipe is full: a writer blocks, too.
  auto [write_ctx, write_cancel] = WithCancel(Context::Background());
  std::jthread write_canceller(write_cancel);
  FileWriter writer(pipe.write_end());
  EXPECT_TRUE(errdefs::IsCanceled(writer.Write(write_ctx, std::string(1 << 20, 'x'))));

  // The reader is not spoilt by that.
  pipe.CloseWriteEnd();
  EXPECT_TRUE(ReadAll(Context::Background(), reader, 1 << 20).ok());
}

TEST(FileReader, SaysWhatIsWrong) {
  FileReader reader(-1);
  char buf[8];
  EXPECT_FALSE(reader.Read(Context::Background(), buf).ok());
  FileWriter writer(-1);
  EXPECT_FALSE(writer.Write(Context::Background(), "x").ok());
}

TEST(Copy, FromFileToFile) {
  const testing::internal::TempFolder dir;
  const auto open = [&](const char* name, int flags) {
    return ::open((dir.path() + "/" + name).c_str(), flags | O_CREAT | O_CLOEXEC, 0600);
  };
  const int from = open("from", O_RDWR);
  const std::string content(3 << 20, 'c');
  ASSERT_EQ(::write(from, content.data(), content.size()), static_cast<ssize_t>(content.size()));
  ASSERT_EQ(::lseek(from, 1000, SEEK_SET), 1000);
  // Files that are only appended to are those that the kernel does not copy to by itself.
  for (const auto& [name, flags] :
       {std::pair("to", O_RDWR), std::pair("more", O_RDWR | O_APPEND)}) {
    const int to = open(name, flags);
    ASSERT_EQ(::write(to, "before", 6), 6);
    FileReader reader(from);
    FileWriter writer(to);
    auto copied = Copy(Context::Background(), writer, reader);
    ASSERT_TRUE(copied.ok()) << copied.status();
    EXPECT_EQ(*copied, static_cast<std::int64_t>(content.size() - 1000));
    ASSERT_TRUE(writer.Write(Context::Background(), "after").ok());
    std::string read(content.size(), '\0');
    const ssize_t n = ::pread(to, read.data(), read.size(), 0);
    ASSERT_GE(n, 0);
    read.resize(static_cast<std::size_t>(n));
    EXPECT_EQ(read, "before" + content.substr(1000) + "after") << name;
    ::close(to);
  }
  EXPECT_EQ(::lseek(from, 0, SEEK_CUR), 1000) << "the reader leaves the position alone";
  ::close(from);
}

TEST(Copy, CopiesEverything) {
  const Context ctx;
  TrickleReader reader(std::string(100000, 'c'), 777);
  std::string out;
  StringWriter writer(&out);
  EXPECT_EQ(*Copy(ctx, writer, reader), 100000);
  EXPECT_EQ(out, std::string(100000, 'c'));
}

TEST(Copy, LeavesItToAReaderThatHasAWay) {
  class OneWay final : public Reader {
   public:
    absl::StatusOr<std::size_t> Read(const Context&, std::span<char>) override {
      return errdefs::Internal("not this way");
    }
    absl::StatusOr<std::optional<std::int64_t>> WriteTo(const Context& ctx,
                                                        Writer& writer) override {
      if (absl::Status s = writer.Write(ctx, "all"); !s.ok()) return s;
      return 3;
    }
  } reader;
  std::string out;
  StringWriter writer(&out);
  const Context ctx;
  EXPECT_EQ(*Copy(ctx, writer, reader), 3);
  EXPECT_EQ(out, "all");
}

}  // namespace
}  // namespace containerd::io
