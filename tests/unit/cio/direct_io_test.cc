// SPDX-License-Identifier: Apache-2.0
//
// DirectIO: the end of the input, EPIPE, and that Drain waits for who reads.
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include <absl/time/clock.h>
#include <gtest/gtest.h>

#include "containerd/cio/cio.h"
#include "containerd/errdefs/errdefs.h"

#include "src/base/fd.h"

namespace containerd::cio {
namespace {

class DirectIOTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);
    std::string dir = (std::filesystem::temp_directory_path() / "directXXXXXX").string();
    ASSERT_NE(::mkdtemp(dir.data()), nullptr);
    dir_ = dir;
    auto io = NewDirectIO(FIFOSet({.stdin = dir_ + "/in", .stdout = dir_ + "/out"}));
    ASSERT_TRUE(io.ok()) << io.status();
    io_ = *io;
  }
  void TearDown() override {
    io_.reset();
    std::filesystem::remove_all(dir_);
  }

  // The task's side.
  base::Fd Shim(const std::string& name, int flags) const {
    return base::Fd(::open((dir_ + "/" + name).c_str(), flags | O_NONBLOCK | O_CLOEXEC));
  }

  void Put(std::string_view text) const {
    ASSERT_EQ(::write(io_->Stdin(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  static std::string Take(int fd) {
    std::string all;
    std::array<char, 4096> buffer{};
    for (;;) {
      const ssize_t n = ::read(fd, buffer.data(), buffer.size());
      if (n > 0) all.append(buffer.data(), static_cast<std::size_t>(n));
      if (n == 0) return all;
      if (n < 0) return all + "|";  // more may come
    }
  }

  static bool Soon(const std::function<bool()>& done) {
    for (int i = 0; i < 1000 && !done(); ++i) absl::SleepFor(absl::Milliseconds(10));
    return done();
  }

  std::string dir_;
  std::shared_ptr<DirectIO> io_;
};

TEST_F(DirectIOTest, InputThatEndsBeforeTheTaskComesIsKeptForIt) {
  Put("early");
  io_->CloseStdin();
  EXPECT_EQ(io_->Stdin(), -1);
  absl::SleepFor(absl::Milliseconds(100));
  EXPECT_FALSE(io_->InputEnded().IsReady()) << "CloseIO would come too early";
  const base::Fd in = Shim("in", O_RDONLY);
  ASSERT_TRUE(in);
  EXPECT_TRUE(Soon([&] { return io_->InputEnded().IsReady(); }));
  EXPECT_EQ(Take(in.get()), "early");
  io_->CloseStdin();
}

TEST_F(DirectIOTest, InputThatEndsGoesOnAfterTheObject) {
  Put("early");
  io_->CloseStdin();
  const auto ended = io_->InputEnded();
  io_.reset();
  const base::Fd in = Shim("in", O_RDONLY);
  EXPECT_TRUE(Soon([&] { return ended.IsReady(); }));
  EXPECT_EQ(Take(in.get()), "early");
}

TEST_F(DirectIOTest, CancelEndsWhatIsOnItsWay) {
  Put("early");
  io_->CloseStdin();
  io_->Cancel();
  const base::Fd in = Shim("in", O_RDONLY);
  EXPECT_EQ(Take(in.get()), "") << "nobody has it any more";
  EXPECT_FALSE(io_->InputEnded().IsReady());
}

TEST_F(DirectIOTest, WhenTheTaskHasClosedItsStdinAWriteGivesEPIPE) {
  {
    const base::Fd in = Shim("in", O_RDONLY);
    Put("x");
    EXPECT_EQ(Take(in.get()), "x|");
  }
  EXPECT_TRUE(Soon([&] { return ::write(io_->Stdin(), "y", 1) < 0 && errno == EPIPE; }));
}

TEST_F(DirectIOTest, AReaderForAMomentIsNotTheTask) {
  { const base::Fd moment = Shim("in", O_RDONLY); }
  const base::Fd in = Shim("in", O_RDONLY);
  absl::SleepFor(absl::Milliseconds(2500));
  Put("x");
  EXPECT_EQ(Take(in.get()), "x|");
}

TEST_F(DirectIOTest, DrainWaitsForTheReader) {
  base::Fd out = Shim("out", O_WRONLY);
  ASSERT_EQ(::write(out.get(), "hello", 5), 5);
  out.Reset();
  const auto drained = io_->Drain(absl::Milliseconds(50));
  absl::SleepFor(absl::Milliseconds(300));
  EXPECT_FALSE(drained.IsReady()) << "it has not been read";
  EXPECT_EQ(Take(io_->Stdout()), "hello");
  EXPECT_EQ(*drained.Get(WithTimeout({}, absl::Seconds(10))), DrainResult::kEOF);
}

TEST_F(DirectIOTest, DrainIsQuietWhenSomebodyHoldsTheOutputOpen) {
  const base::Fd out = Shim("out", O_WRONLY);
  EXPECT_EQ(*io_->Drain(absl::Milliseconds(50)).Get(WithTimeout({}, absl::Seconds(10))),
            DrainResult::kQuiet);
}

TEST_F(DirectIOTest, CancelEndsADrain) {
  const base::Fd out = Shim("out", O_WRONLY);
  ASSERT_EQ(::write(out.get(), "hello", 5), 5);
  const auto drained = io_->Drain(absl::Seconds(100));
  io_->Cancel();
  EXPECT_EQ(*drained.Get(WithTimeout({}, absl::Seconds(10))), DrainResult::kCanceled);
}

}  // namespace
}  // namespace containerd::cio
