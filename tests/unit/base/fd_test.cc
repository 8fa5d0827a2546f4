// SPDX-License-Identifier: Apache-2.0
#include "src/base/fd.h"

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>

namespace containerd::base {
namespace {

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

TEST(FdTest, ClosesWhatItOwns) {
  int number = -1;
  {
    const Fd fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(fd);
    number = fd.get();
    EXPECT_TRUE(IsOpen(number));
  }
  EXPECT_FALSE(IsOpen(number));
  EXPECT_FALSE(Fd());
}

TEST(FdTest, MovesAndGivesAway) {
  Fd a(open("/dev/null", O_RDONLY | O_CLOEXEC));
  Fd b(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int first = a.get();
  const int second = b.get();
  a = std::move(b);
  EXPECT_FALSE(IsOpen(first));
  EXPECT_EQ(a.get(), second);
  Fd c(std::move(a));
  EXPECT_EQ(c.Release(), second);
  EXPECT_FALSE(c);
  ASSERT_TRUE(IsOpen(second));
  c.Reset(second);
  c.Reset();
  EXPECT_FALSE(IsOpen(second));
}

TEST(FdTest, ClosingLeavesErrno) {
  Fd bad(1 << 20);  // Not open: close(2) sets EBADF.
  errno = ENOENT;
  bad.Reset();
  EXPECT_EQ(errno, ENOENT);
}

TEST(FdTest, PipesAndMemoryFilesAreNotInherited) {
  auto pipe = MakePipe();
  ASSERT_TRUE(pipe.ok());
  EXPECT_EQ(fcntl(pipe->read_end.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(fcntl(pipe->write_end.get(), F_GETFD), FD_CLOEXEC);
  auto file = MemoryFile("test", "content");
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(fcntl(file->get(), F_GETFD), FD_CLOEXEC);
  std::string text(20, '\0');
  EXPECT_EQ(read(file->get(), text.data(), text.size()), 7);
  EXPECT_EQ(text.substr(0, 7), "content");
}

TEST(FdTest, PidfdOfNobody) {
  EXPECT_TRUE(OpenPidfd(getpid()));
  EXPECT_FALSE(OpenPidfd(-1));
}

}  // namespace
}  // namespace containerd::base
