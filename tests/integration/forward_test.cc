// SPDX-License-Identifier: Apache-2.0
//
// Signals and sizes of the terminal, passed on to a process of a container.
#include "containerd/forward.h"

#include <csignal>
#include <memory>
#include <pty.h>
#include <string>
#include <unistd.h>

#include <absl/cleanup/cleanup.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/console/console.h"

#include "container_fixture.h"
#include "harness.h"

namespace containerd::testing {
namespace {

using ::testing::HasSubstr;

class ForwardTest : public ContainerTest {};

TEST_F(ForwardTest, SignalsReachTheProcessAndNotThisOne) {
  auto container = Make({"sh", "-c",
                         "trap 'echo usr1' USR1; trap 'echo term; exit 7' TERM; echo ready; "
                         "while :; do sleep 0.1; done"});
  ASSERT_OK(container);
  auto out = std::make_shared<cio::Buffer>();
  auto task = container->NewTask(ctx(), cio::NewCreator({cio::WithStreams({}, out, {})}));
  ASSERT_OK(task);
  Future<ExitStatus> exit = task->Wait(ctx());
  {
    auto signals = ForwardAllSignals(ctx(), *task);
    ASSERT_OK(signals);
    ASSERT_OK(task->Start(ctx()));
    ASSERT_TRUE(Eventually([&] { return out->String() == "ready\n"; }));
    ASSERT_EQ(::kill(::getpid(), SIGUSR1), 0);
    ASSERT_TRUE(Eventually([&] { return out->String() == "ready\nusr1\n"; })) << out->String();
    ASSERT_EQ(::kill(::getpid(), SIGTERM), 0);
    auto status = exit.Get(WithTimeout(ctx(), absl::Seconds(30)));
    ASSERT_OK(status);
    EXPECT_EQ(status->ExitCode(), 7U);
    // To a process that has ended: nothing happens, and to this one neither.
    for (int i = 0; i < 2; ++i) ASSERT_EQ(::kill(::getpid(), SIGUSR1), 0);
  }
  struct sigaction now {};
  ASSERT_EQ(::sigaction(SIGTERM, nullptr, &now), 0);
  EXPECT_EQ(now.sa_handler, SIG_DFL) << "it is this program's again";
  EXPECT_OK(task->Delete(ctx()));
}

TEST_F(ForwardTest, TheSizeOfTheTerminal) {
  int here = -1;
  int there = -1;
  const winsize first{.ws_row = 21, .ws_col = 81, .ws_xpixel = 0, .ws_ypixel = 0};
  ASSERT_EQ(::openpty(&here, &there, nullptr, nullptr, &first), 0);
  const absl::Cleanup close = [&] {
    ::close(here);
    ::close(there);
  };
  auto terminal = console::Console::FromFd(there);
  ASSERT_OK(terminal);
  auto container = Make({"sh", "-c", "while sleep 0.1; do stty size; done"}, {oci::WithTTY});
  ASSERT_OK(container);
  auto out = std::make_shared<cio::Buffer>();
  auto task = container->NewTask(
      ctx(), cio::NewCreator({cio::WithStreams({}, out, {}), cio::WithTerminal}));
  ASSERT_OK(task);
  ASSERT_OK(task->Start(ctx()));
  auto sizes = HandleConsoleResize(ctx(), *task, *terminal);
  ASSERT_OK(sizes);
  EXPECT_TRUE(Eventually([&] { return out->String().ends_with("21 81\r\n"); })) << out->String();
  ASSERT_OK(terminal->Resize({.height = 33, .width = 101}));
  ASSERT_EQ(::kill(::getpid(), SIGWINCH), 0);  // it is not this process's terminal
  EXPECT_TRUE(Eventually([&] { return out->String().ends_with("33 101\r\n"); })) << out->String();
  sizes->reset();
  EXPECT_OK(task->Delete(ctx(), {WithProcessKill}));
  EXPECT_TRUE(errdefs::IsNotFound(HandleConsoleResize(ctx(), *task, *terminal).status()));
}

}  // namespace
}  // namespace containerd::testing
