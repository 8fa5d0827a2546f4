// SPDX-License-Identifier: Apache-2.0
#include "containerd/future/async.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <type_traits>
#include <unistd.h>
#include <variant>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/future/coroutine.h"
#include "containerd/future/executor.h"
#include "containerd/future/future.h"
#include "containerd/future/thread_pool.h"

namespace containerd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Context kCtx = Context::Background();

// An event loop: what is posted runs when somebody turns it.
class Loop final : public Executor {
 public:
  void Execute(std::function<void()> fn) override { posted.push_back(std::move(fn)); }
  void Turn() {
    auto now = std::move(posted);
    posted.clear();
    for (auto& fn : now) fn();
  }
  std::vector<std::function<void()>> posted;
};

TEST(Async, TakesFunctionsOfAllResults) {
  const auto pool = std::make_shared<ThreadPool>(2);
  const Future<int> value = Async(pool, [] { return 7; });
  const Future<std::string> status_or =
      Async(pool, []() -> absl::StatusOr<std::string> { return errdefs::NotFound("no web"); });
  const Future<std::monostate> status = Async(pool, [] { return errdefs::NotFound("no db"); });
  const Future<std::monostate> good = Async(pool, [] { return absl::OkStatus(); });
  const Future<std::monostate> nothing = Async(nullptr, [] {});
  EXPECT_EQ(*value.Get(kCtx), 7);
  EXPECT_TRUE(errdefs::IsNotFound(status_or.Get(kCtx).status()));
  EXPECT_TRUE(errdefs::IsNotFound(status.Get(kCtx).status()));
  EXPECT_TRUE(good.Get(kCtx).ok());
  EXPECT_TRUE(nothing.Get(kCtx).ok());
}

TEST(Async, AnExceptionIsTheResult) {
  const Future<int> odd = Async(InlineExecutor(), []() -> int { throw std::runtime_error("odd"); });
  ASSERT_TRUE(odd.IsReady());
  const absl::Status s = odd.Get(kCtx).status();
  EXPECT_TRUE(errdefs::IsInternal(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("odd"));
}

TEST(Async, RunsWhereAnExecutorOfTheUsersOwnSays) {
  const auto loop = std::make_shared<Loop>();
  auto held = std::make_shared<int>(3);
  const std::weak_ptr<int> holds = held;
  const Future<int> sum = Async(
      loop, [held = std::make_unique<int>(4), other = std::move(held)] { return *held + *other; });
  EXPECT_FALSE(sum.IsReady());
  bool gone = false;
  sum.Then([&](const absl::StatusOr<int>&) { gone = holds.expired(); });
  loop->Turn();
  EXPECT_EQ(*sum.Get(kCtx), 7);
  EXPECT_TRUE(gone) << "the function outlived its result";
}

TEST(Async, RunsOnceHoweverOftenItIsCalled) {
  const auto loop = std::make_shared<Loop>();
  int ran = 0;
  const Future<int> count = Async(loop, [&] { return ++ran; });
  loop->posted.push_back(loop->posted.front());
  loop->Turn();
  EXPECT_EQ(*count.Get(kCtx), 1);
  EXPECT_EQ(ran, 1);
}

TEST(Async, WhatAnExecutorDropsIsCanceled) {
  const auto loop = std::make_shared<Loop>();
  const Future<int> lost = Async(loop, [] { return 1; });
  loop->posted.clear();
  ASSERT_TRUE(lost.IsReady());
  const absl::Status s = lost.Get(kCtx).status();
  EXPECT_TRUE(errdefs::IsCanceled(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("the executor dropped the function"));
}

TEST(Async, AnExecutorThatThrowsHarmsNoFunction) {
  struct Broken final : Executor {
    void Execute(std::function<void()>) override { throw std::runtime_error("full"); }
  };
  EXPECT_EQ(*Async(std::make_shared<Broken>(), [] { return 1; }).Get(kCtx), 1);
}

TEST(ThreadPool, RunsNoMoreAtOnceThanItHasThreads) {
  constexpr int kThreads = 3;
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;
  std::vector<Future<std::monostate>> all;
  std::latch together(kThreads);  // so many do run at once
  {
    const auto pool = std::make_shared<ThreadPool>(kThreads);
    for (int i = 0; i < 30; ++i) {
      all.push_back(Async(pool, [&, i] {
        const int running = ++now;
        for (int seen = most; seen < running && !most.compare_exchange_weak(seen, running);) {
        }
        if (i < kThreads) together.arrive_and_wait();
        --now;
      }));
    }
  }  // joins
  EXPECT_EQ(most, kThreads);
  for (const auto& one : all) EXPECT_TRUE(one.IsReady());
}

TEST(ThreadPool, OneThreadKeepsTheOrder) {
  std::vector<int> order;
  {
    ThreadPool pool(0);  // is one
    for (int i = 0; i < 4; ++i) {
      pool.Execute([&, i] {
        order.push_back(i);
        if (i == 3) pool.Execute([&] { order.push_back(4); });
      });
    }
  }
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3, 4));
}

TEST(ThreadPool, StopDropsWhatWaitsAndWaitsForWhatRuns) {
  const auto pool = std::make_shared<ThreadPool>(1);
  std::promise<void> running;
  std::promise<void> finish;
  const Future<int> first = Async(pool, [&] {
    running.set_value();
    finish.get_future().wait();
    return 1;
  });
  running.get_future().wait();
  const Future<int> second = Async(pool, [] { return 2; });
  std::thread stop([&] { pool->Stop(); });
  EXPECT_TRUE(errdefs::IsCanceled(second.Get(kCtx).status()));
  EXPECT_FALSE(first.IsReady());
  finish.set_value();
  stop.join();
  EXPECT_EQ(*first.Get(kCtx), 1);
  EXPECT_TRUE(errdefs::IsCanceled(Async(pool, [] { return 3; }).Get(kCtx).status()));
}

TEST(ThreadPool, MayBeDestroyedByOneOfItsThreads) {
  auto pool = std::make_shared<ThreadPool>(2);
  std::promise<void> release;
  const std::weak_ptr<ThreadPool> alive = pool;
  const Future<bool> last = Async(pool, [&release, mine = pool]() mutable {
    release.get_future().wait();
    const std::weak_ptr<ThreadPool> weak = mine;
    mine = nullptr;
    return weak.expired();
  });
  pool = nullptr;
  release.set_value();
  EXPECT_TRUE(*last.Get(kCtx));
}

TEST(ThreadPool, RunsFunctionsInAForkedChild) {
  auto pool = std::make_unique<ThreadPool>(1);
  std::promise<void> ran;
  pool->Execute([&] { ran.set_value(); });
  ran.get_future().wait();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    bool here = false;
    pool->Execute([&] { here = true; });
    pool = nullptr;
    ::_exit(here ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

Future<int> Sum(std::shared_ptr<Executor> executor, int a, int b) {
  const absl::StatusOr<int> first = co_await Async(executor, [a] { return a; });
  if (!first.ok()) co_return first.status();
  const absl::StatusOr<int> second = co_await Async(executor, [b] { return b; });
  if (!second.ok()) co_return second;
  if (*second < 0) throw std::runtime_error("negative");
  co_return *first + *second;
}

TEST(Coroutine, AwaitsAsyncAndGivesAFuture) {
  const auto pool = std::make_shared<ThreadPool>(2);
  EXPECT_EQ(*Sum(pool, 1, 2).Get(kCtx), 3);
  EXPECT_TRUE(errdefs::IsInternal(Sum(pool, 1, -2).Get(kCtx).status()));
  const auto loop = std::make_shared<Loop>();
  const Future<int> sum = Sum(loop, 1, 2);
  loop->Turn();
  EXPECT_FALSE(sum.IsReady());
  loop->Turn();
  EXPECT_EQ(*sum.Get(kCtx), 3);
  const Future<int> lost = Sum(loop, 1, 2);
  loop->posted.clear();
  EXPECT_TRUE(errdefs::IsCanceled(lost.Get(kCtx).status()));
}

Future<int> Hold(std::shared_ptr<int> held, Future<int> until) {
  const auto too = std::make_shared<std::shared_ptr<int>>(held);
  static_cast<void>(co_await until);
  co_return **too;
}

TEST(Coroutine, HasLetGoOfEverythingWhenItsFutureIsThere) {
  auto held = std::make_shared<int>(5);
  const std::weak_ptr<int> holds = held;
  const Promise<int> until;
  const Future<int> done = Hold(std::move(held), until.GetFuture());
  EXPECT_FALSE(holds.expired());
  bool gone = false;
  done.Then([&](const absl::StatusOr<int>&) { gone = holds.expired(); });
  until.Set(0);
  EXPECT_EQ(*done.Get(kCtx), 5);
  EXPECT_TRUE(gone);
}

}  // namespace
}  // namespace containerd
