// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"

#include "src/threads/internal/callback.h"
#include "src/threads/internal/forked.h"
#include "src/threads/internal/start.h"

namespace containerd::threads {
namespace {

TEST(CallbackScope, WhatMustNotBlockIsRefusedInItAndNowhereElse) {
  EXPECT_TRUE(CheckMayBlock("reading").ok());
  {
    const CallbackScope slow(Callback::kMayBlock);
    EXPECT_TRUE(CallbackScope::Active());
    EXPECT_TRUE(CheckMayBlock("reading").ok());
    const CallbackScope quick;
    const absl::Status s = CheckMayBlock("reading");
    EXPECT_TRUE(errdefs::IsFailedPrecondition(s)) << s;
    EXPECT_THAT(std::string(errdefs::Message(s)), ::testing::HasSubstr("reading would block"));
    std::thread([] { EXPECT_TRUE(CheckMayBlock("reading").ok()); }).join();
  }
  EXPECT_FALSE(CallbackScope::Active());
  EXPECT_TRUE(CheckMayBlock("reading").ok());
}

TEST(Notify, LogsAnExceptionThatNobodyElseLearnsOf) {
  std::string logged;
  log::SetSink([&](log::Level level, std::string_view text) {
    EXPECT_EQ(level, log::Level::kError);
    logged = text;
  });
  Notify(
      "a callback", [](int) -> int { throw std::runtime_error("lost"); }, 1);
  log::SetSink(nullptr);
  EXPECT_THAT(logged, ::testing::HasSubstr("lost"));
}

TEST(Start, TheThreadTakesNoSignalsButFaults) {
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, nullptr, &before);
  sigset_t inside;
  absl::StatusOr<std::thread> thread =
      Start("look", [&] { pthread_sigmask(SIG_BLOCK, nullptr, &inside); });
  ASSERT_TRUE(thread.ok()) << thread.status();
  thread->join();
  for (const int signal : {SIGTERM, SIGINT, SIGCHLD, SIGPIPE, SIGUSR1, SIGHUP}) {
    EXPECT_EQ(sigismember(&inside, signal), 1) << signal;
  }
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    EXPECT_EQ(sigismember(&inside, fault), 0) << fault;
  }
  sigset_t after;
  pthread_sigmask(SIG_BLOCK, nullptr, &after);
  for (int signal = 1; signal < SIGRTMIN; ++signal) {
    EXPECT_EQ(sigismember(&before, signal), sigismember(&after, signal)) << signal;
  }
}

TEST(Owner, KnowsAChild) {
  const Owner owner;
  EXPECT_FALSE(owner.Forked());
  EXPECT_TRUE(owner.Check("the loop").ok());
  const pid_t pid = ::fork();
  if (pid == 0) {
    const absl::Status s = owner.Check("the loop");
    ::_exit(errdefs::IsFailedPrecondition(s) && !Owner().Forked() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(owner.Forked());
}

}  // namespace
}  // namespace containerd::threads
