// SPDX-License-Identifier: Apache-2.0
#include "containerd/console/console.h"

#include <pty.h>
#include <string>
#include <termios.h>
#include <unistd.h>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::console {
namespace {

class ConsoleTest : public ::testing::Test {
 protected:
  ConsoleTest() { EXPECT_EQ(::openpty(&master_, &terminal_, nullptr, nullptr, nullptr), 0); }
  ~ConsoleTest() override {
    ::close(master_);
    ::close(terminal_);
  }

  tcflag_t Lines() const {
    termios now{};
    EXPECT_EQ(tcgetattr(terminal_, &now), 0);
    return now.c_lflag;
  }

  int master_ = -1;
  int terminal_ = -1;
};

TEST_F(ConsoleTest, WhatWasChangedIsPutBack) {
  const tcflag_t before = Lines();
  {
    auto console = Console::FromFd(terminal_);
    ASSERT_TRUE(console.ok()) << console.status();
    EXPECT_THAT(console->Name(), ::testing::StartsWith("/dev/pts/"));
    ASSERT_TRUE(console->SetRaw().ok());
    EXPECT_EQ(Lines() & (ECHO | ICANON | ISIG), 0U);
    Console moved = *std::move(console);
    EXPECT_EQ(Lines() & ECHO, 0U) << "the new object has it";
    ASSERT_TRUE(moved.Reset().ok());
    EXPECT_EQ(Lines(), before);
    ASSERT_TRUE(moved.DisableEcho().ok());
    EXPECT_EQ(Lines() & (ECHO | ICANON), static_cast<tcflag_t>(ICANON));
  }
  EXPECT_EQ(Lines(), before);
}

TEST_F(ConsoleTest, Sizes) {
  auto console = Console::FromFd(terminal_);
  auto other = Console::FromFd(master_);
  ASSERT_TRUE(console.ok() && other.ok());
  ASSERT_TRUE(console->Resize({.height = 33, .width = 101}).ok());
  auto size = other->Size();
  ASSERT_TRUE(size.ok()) << size.status();
  EXPECT_EQ(*size, (WinSize{33, 101}));
  ASSERT_TRUE(other->Resize({.height = 5, .width = 7}).ok());
  ASSERT_TRUE(console->ResizeFrom(*other).ok());
  EXPECT_EQ(*console->Size(), (WinSize{5, 7}));
}

TEST_F(ConsoleTest, WhatIsNoTerminalIsNamed) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const absl::Status s = Console::FromFd(ends[0]).status();
  EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), ::testing::HasSubstr(std::to_string(ends[0])));
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_TRUE(errdefs::IsInvalidArgument(Console::FromFd(-1).status()));
}

}  // namespace
}  // namespace containerd::console
