// SPDX-License-Identifier: Apache-2.0
#include "src/base/mutex.h"

#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <gtest/gtest.h>

namespace containerd::base {
namespace {

class Counter {
 public:
  void Add() {
    MutexLock lock(mu_);
    ++value_;
    changed_.NotifyAll();
  }

  int Value() {
    MutexLock lock(mu_);
    return value_;
  }

  void Await(int value) {
    MutexLock lock(mu_);
    changed_.Wait(mu_, [this, value]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      EXPECT_TRUE(IsHeld());
      return value_ >= value;
    });
    EXPECT_TRUE(IsHeld());
  }

  bool AwaitUntil(int value, absl::Time deadline) {
    MutexLock lock(mu_);
    const bool reached = changed_.WaitUntil(
        mu_, deadline,
        [this, value]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return value_ >= value; });
    EXPECT_TRUE(IsHeld());
    return reached;
  }

  bool AwaitFor(int value, absl::Duration timeout) {
    MutexLock lock(mu_);
    const bool reached = changed_.WaitFor(
        mu_, timeout,
        [this, value]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return value_ >= value; });
    EXPECT_TRUE(IsHeld());
    return reached;
  }

  // What the value is before and after others had the mutex in between.
  std::pair<int, int> AddInBetween() {
    MutexLock lock(mu_);
    const int before = value_;
    lock.Unlock();
    std::thread([this] { Add(); }).join();
    lock.Lock();
    return {before, value_};
  }

 private:
  // Asked from another thread: one that holds a mutex must not try it.
  bool IsHeld() {
    bool held = true;
    std::thread([this, &held] {
      if (mu_.TryLock()) {
        held = false;
        mu_.Unlock();
      }
    }).join();
    return held;
  }

  Mutex mu_;
  CondVar changed_;
  int value_ ABSL_GUARDED_BY(mu_) = 0;
};

TEST(MutexTest, ExcludesOtherThreads) {
  Counter counter;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) counter.Add();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter.Value(), 4000);
}

bool IsFree(Mutex& mu) {
  if (!mu.TryLock()) return false;
  mu.Unlock();
  return true;
}

TEST(MutexTest, TryLockDoesNotWait) {
  Mutex mu;
  bool free = true;
  mu.Lock();
  std::thread([&] { free = IsFree(mu); }).join();
  EXPECT_FALSE(free);
  mu.Unlock();
  EXPECT_TRUE(IsFree(mu));
}

TEST(MutexTest, WorksWithTheStandardLocks) {
  Mutex mu;
  std::condition_variable_any changed;
  bool done = false;
  std::thread other([&] {
    const std::lock_guard<Mutex> lock(mu);
    done = true;
    changed.notify_all();
  });
  std::unique_lock<Mutex> lock(mu);
  changed.wait(lock, [&] { return done; });
  EXPECT_TRUE(lock.owns_lock());
  lock.unlock();
  other.join();
}

TEST(MutexLockTest, LetsOthersInBetweenUnlockAndLock) {
  Counter counter;
  EXPECT_EQ(counter.AddInBetween(), std::pair(0, 1));
  EXPECT_EQ(counter.Value(), 1);
}

TEST(MutexUnlockTest, HoldsTheMutexAgainAfterAnException) {
  Mutex mu;
  try {
    MutexLock lock(mu);
    const MutexUnlock unlock(mu);
    EXPECT_TRUE(IsFree(mu));
    throw std::runtime_error("");
  } catch (const std::runtime_error&) {
    EXPECT_TRUE(IsFree(mu));
  }
}

TEST(MutexLockTest, MayEndUnlocked) {
  Mutex mu;
  {
    MutexLock lock(mu);
    lock.Unlock();
  }
  EXPECT_TRUE(IsFree(mu));
}

TEST(CondVarTest, WaitsUntilTheConditionHolds) {
  Counter counter;
  std::thread other([&] {
    for (int i = 0; i < 3; ++i) counter.Add();
  });
  counter.Await(3);
  other.join();
  EXPECT_EQ(counter.Value(), 3);
}

TEST(CondVarTest, WaitsNoLongerThanAllowed) {
  Counter counter;
  EXPECT_FALSE(counter.AwaitFor(1, absl::Milliseconds(20)));
  EXPECT_FALSE(counter.AwaitFor(1, absl::ZeroDuration()));
  EXPECT_FALSE(counter.AwaitUntil(1, absl::Now() + absl::Milliseconds(20)));
  EXPECT_FALSE(counter.AwaitUntil(1, absl::InfinitePast()));
}

TEST(CondVarTest, ATimeThatHasPassedIsNoErrorOfWhatIsTrueAlready) {
  Counter counter;
  counter.Add();
  EXPECT_TRUE(counter.AwaitFor(1, absl::ZeroDuration()));
  EXPECT_TRUE(counter.AwaitUntil(1, absl::InfinitePast()));
}

TEST(CondVarTest, WaitsForeverWhenTold) {
  Counter counter;
  std::thread other([&] {
    counter.Add();
    absl::SleepFor(absl::Milliseconds(20));
    counter.Add();
  });
  EXPECT_TRUE(counter.AwaitUntil(1, absl::InfiniteFuture()));
  EXPECT_TRUE(counter.AwaitFor(2, absl::InfiniteDuration()));
  other.join();
}

}  // namespace
}  // namespace containerd::base
