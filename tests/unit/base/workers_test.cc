// SPDX-License-Identifier: Apache-2.0
#include "src/base/workers.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <set>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace containerd::base {
namespace {

using ::testing::ElementsAre;

TEST(WorkersTest, RunsAllJobs) {
  std::atomic<int> ran = 0;
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  {
    Workers workers(3);
    for (int i = 0; i < 100; ++i) {
      workers.Submit([&] {
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
    workers.Submit([&] { ++ran; });
  }
  EXPECT_EQ(ran, 101);
  EXPECT_LE(most, 3);
}

TEST(WorkersTest, AHelperAloneRunsInOrder) {
  std::vector<int> order;
  Workers workers(1, /*helpers=*/1);
  const std::thread::id self = std::this_thread::get_id();
  for (int i = 0; i < 3; ++i) {
    workers.Submit([&, i] {
      EXPECT_EQ(std::this_thread::get_id(), self);
      order.push_back(i);
      if (i == 0) workers.Submit([&] { order.push_back(9); });
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
    for (int i = 0; i < 2; ++i) workers.Submit([&split, depth] { split(depth - 1); });
  };
  workers.Submit([&] { split(6); });
  workers.Help();
  EXPECT_EQ(ran, 127);
}

TEST(WorkersTest, ThreadsBlockSignals) {
  Workers workers(1);
  workers.Submit([] {
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    EXPECT_EQ(sigismember(&blocked, SIGTERM), 1);
  });
  workers.Wait();
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  EXPECT_EQ(sigismember(&blocked, SIGTERM), 0);
}

}  // namespace
}  // namespace containerd::base
