// SPDX-License-Identifier: Apache-2.0
#include "containerd/libcontainerd/queue.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace containerd::libcontainerd {
namespace {

// Counts down; Wait until it is 0.
class Countdown {
 public:
  explicit Countdown(int n) : left_(n) {}
  void Down() {
    const std::lock_guard lock(mu_);
    if (--left_ == 0) zero_.notify_all();
  }
  void Wait() {
    std::unique_lock lock(mu_);
    zero_.wait(lock, [this] { return left_ <= 0; });
  }

 private:
  std::mutex mu_;
  std::condition_variable zero_;
  int left_;
};

TEST(Queue, TenThousandAtOnceEachKeyInOrder) {
  constexpr int kEvents = 10'000;
  constexpr int kKeys = 50;
  Countdown all(kEvents);
  std::mutex mu;
  std::map<std::string, std::vector<int>> seen;
  Queue queue;
  for (int i = 0; i < kEvents; ++i) {
    const std::string key = std::to_string(i % kKeys);
    queue.Append(key, [&, key, i] {
      {
        const std::lock_guard lock(mu);
        seen[key].push_back(i);
      }
      all.Down();
    });
  }
  all.Wait();
  ASSERT_EQ(seen.size(), static_cast<std::size_t>(kKeys));
  for (const auto& [key, order] : seen) {
    EXPECT_EQ(order.size(), static_cast<std::size_t>(kEvents / kKeys));
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end())) << key;
  }
}

TEST(Queue, OneThatBlocksHoldsUpItsOwnKeyOnly) {
  Countdown go(1);
  Countdown other(1);
  Countdown last(1);
  std::atomic<bool> second = false;
  Queue queue;
  queue.Append("a", [&] { go.Wait(); });
  queue.Append("a", [&] { second = true; });
  queue.Append("b", [&] { other.Down(); });
  other.Wait();
  EXPECT_FALSE(second);
  go.Down();
  queue.Append("a", [&] { last.Down(); });
  last.Wait();
  EXPECT_TRUE(second);
}

TEST(Queue, NeverOnTheCallersThreadAndAfterAnExceptionTheNext) {
  Countdown done(2);
  std::thread::id where;
  Queue queue;
  queue.Append("a", [&] {
    where = std::this_thread::get_id();
    done.Down();
    throw std::runtime_error("a handler's");
  });
  queue.Append("a", [&] { done.Down(); });
  done.Wait();
  EXPECT_NE(where, std::this_thread::get_id());
}

TEST(Queue, KeysBeyondTheLimitWaitForOneOfThem) {
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  Countdown done(20);
  Queue queue(DefaultExecutor(), 2);
  for (int i = 0; i < 20; ++i) {
    queue.Append(std::to_string(i), [&] {
      const int now = ++running;
      int before = most;
      while (before < now && !most.compare_exchange_weak(before, now)) {
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      --running;
      done.Down();
    });
  }
  done.Wait();
  EXPECT_LE(most, 2);
}

TEST(Queue, CloseWaitsForWhatRunsAndDropsTheRest) {
  std::atomic<bool> finished = false;
  std::atomic<bool> dropped_ran = false;
  Countdown began(1);
  {
    Queue queue;
    queue.Append("a", [&] {
      began.Down();
      // Until Close has begun: what waits behind this is kept, and what comes then is not.
      for (auto kept = std::make_shared<int>();; kept = std::make_shared<int>()) {
        queue.Append("a", [kept] {});
        if (kept.use_count() == 1) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      finished = true;
    });
    queue.Append("a", [&] { dropped_ran = true; });
    began.Wait();
  }
  EXPECT_TRUE(finished);
  EXPECT_FALSE(dropped_ran);
}

TEST(Queue, DestroyedFromWithinItsOwnFunction) {
  Countdown done(1);
  auto queue = std::make_unique<Queue>();
  queue->Append("a", [&] {
    queue.reset();
    done.Down();
  });
  done.Wait();
  EXPECT_EQ(queue, nullptr);
}

TEST(Queue, NothingAfterClose) {
  Queue queue;
  queue.Close();
  queue.Append("a", [] { FAIL(); });
  queue.Close();
}

}  // namespace
}  // namespace containerd::libcontainerd
