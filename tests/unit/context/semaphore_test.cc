// SPDX-License-Identifier: Apache-2.0
#include "containerd/context/semaphore.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd {
namespace {

TEST(Semaphore, LetsInAsManyAsItHas) {
  Semaphore semaphore(2);
  EXPECT_TRUE(semaphore.TryAcquire());
  EXPECT_TRUE(semaphore.Acquire(Context::Background()).ok());
  EXPECT_FALSE(semaphore.TryAcquire());
  semaphore.Release();
  EXPECT_TRUE(semaphore.TryAcquire());
}

TEST(Semaphore, WaitEndsWithTheContext) {
  Semaphore semaphore(0);
  auto [ctx, cancel] = WithCancel(Context::Background());
  std::thread waiter(
      [&semaphore, ctx = ctx] { EXPECT_TRUE(errdefs::IsCanceled(semaphore.Acquire(ctx))); });
  cancel();
  waiter.join();
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(
      semaphore.Acquire(WithTimeout(Context::Background(), absl::Milliseconds(1)))));
}

TEST(Semaphore, NeverHasMoreInsideThanItHas) {
  Semaphore semaphore(3);
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 200; ++j) {
        ASSERT_TRUE(semaphore.Acquire(Context::Background()).ok());
        const int now = ++inside;
        int seen = most.load();
        while (seen < now && !most.compare_exchange_weak(seen, now)) {
        }
        --inside;
        semaphore.Release();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most.load(), 3);
}

}  // namespace
}  // namespace containerd
