// SPDX-License-Identifier: Apache-2.0
#include "src/base/workers.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <functional>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::base {
namespace {

using ::testing::ElementsAre;

void Submit(Workers& workers, std::function<void()> job) {
  workers.Submit(
      [job = std::move(job)] {
        job();
        return absl::OkStatus();
      },
      [](const absl::Status& s) { EXPECT_TRUE(s.ok()) << s; });
}

TEST(WorkersTest, RunsAllJobs) {
  std::atomic<int> ran = 0;
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  {
    Workers workers(3);
    for (int i = 0; i < 100; ++i) {
      Submit(workers, [&] {
        const int now = ++running;
        for (int had = most; had < now && !most.compare_exchange_weak(had, now);) {
        }
        std::this_thread::yield();
        ++ran;
        --running;
      });
    }
    workers.Wait();
    EXPECT_EQ(ran, 100);
    Submit(workers, [&] { ++ran; });
  }
  EXPECT_EQ(ran, 101);
  EXPECT_LE(most, 3);
}

TEST(WorkersTest, AHelperAloneRunsInOrder) {
  std::vector<int> order;
  Workers workers(1, /*helpers=*/1);
  const std::thread::id self = std::this_thread::get_id();
  for (int i = 0; i < 3; ++i) {
    Submit(workers, [&, i] {
      EXPECT_EQ(std::this_thread::get_id(), self);
      order.push_back(i);
      if (i == 0) Submit(workers, [&] { order.push_back(9); });
    });
  }
  workers.Help();
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 9));
}

TEST(WorkersTest, HelpersWaitForWhatOthersRun) {
  std::atomic<int> ran = 0;
  Workers workers(4, /*helpers=*/1);
  std::function<void(int)> split = [&](int depth) {
    ++ran;
    if (depth == 0) return;
    for (int i = 0; i < 2; ++i) Submit(workers, [&split, depth] { split(depth - 1); });
  };
  Submit(workers, [&] { split(6); });
  workers.Help();
  EXPECT_EQ(ran, 127);
}

TEST(WorkersTest, ThreadsBlockSignals) {
  Workers workers(1);
  Submit(workers, [] {
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    EXPECT_EQ(sigismember(&blocked, SIGTERM), 1);
  });
  workers.Wait();
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  EXPECT_EQ(sigismember(&blocked, SIGTERM), 0);
}

// Whoever submitted it would otherwise wait for ever, or the program end.
TEST(Workers, WhatAJobThrowsIsItsResult) {
  Workers workers(2);
  std::mutex mu;
  std::vector<absl::Status> results;
  const auto note = [&](const absl::Status& s) {
    const std::lock_guard lock(mu);
    results.push_back(s);
  };
  for (int i = 0; i < 5; ++i) {
    workers.Submit([]() -> absl::Status { throw std::runtime_error("boom"); }, note);
  }
  workers.Submit([] { return errdefs::NotFound("x"); }, note);
  workers.Wait();
  ASSERT_EQ(results.size(), 6U);
  EXPECT_EQ(std::ranges::count_if(results, errdefs::IsInternal), 5);
  EXPECT_EQ(std::ranges::count_if(results, errdefs::IsNotFound), 1);
}

}  // namespace
}  // namespace containerd::base
