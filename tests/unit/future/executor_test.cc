// SPDX-License-Identifier: Apache-2.0
#include "containerd/future/executor.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/future/future.h"
#include "containerd/log/log.h"

#include "src/threads/internal/callback.h"

namespace containerd {
namespace {

constexpr std::chrono::seconds kPatience{30};

// Of the executor.
int Threads() {
  int count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm") >> std::ws, name);
    if (name == "containerd-exec") ++count;
  }
  return count;
}

bool Eventually(const std::function<bool()>& done) {
  const absl::Time end = absl::Now() + absl::Seconds(30);
  while (!done()) {
    if (absl::Now() > end) return false;
    absl::SleepFor(absl::Milliseconds(10));
  }
  return true;
}

TEST(DefaultExecutor, FunctionsThatBlockDoNotStarveOthers) {
  constexpr int kBlocked = 30;
  const auto last = std::make_shared<std::latch>(kBlocked + 1);  // some wait longer than this test
  std::promise<void> ran;
  for (int i = 0; i < kBlocked; ++i) {
    DefaultExecutor()->Execute([last] { last->arrive_and_wait(); });
  }
  DefaultExecutor()->Execute([&ran, last] {
    ran.set_value();
    last->arrive_and_wait();
  });
  EXPECT_EQ(ran.get_future().wait_for(kPatience), std::future_status::ready);
  last->wait();
}

TEST(DefaultExecutor, ABurstOfShortFunctionsTakesFewThreadsAndIdleOnesEnd) {
  ASSERT_TRUE(Eventually([] { return Threads() == 0; })) << "idle threads stay";
  constexpr int kMany = 1000;
  const auto done = std::make_shared<std::latch>(kMany);
  for (int i = 0; i < kMany; ++i) DefaultExecutor()->Execute([done] { done->count_down(); });
  done->wait();
  EXPECT_LE(Threads(), 32);
  EXPECT_TRUE(Eventually([] { return Threads() == 0; })) << "idle threads stay";
}

TEST(DefaultExecutor, AnExceptionIsLoggedAndTheNextFunctionRuns) {
  std::atomic<int> logged = 0;
  log::SetSink([&](log::Level, std::string_view) { ++logged; });
  DefaultExecutor()->Execute([] { throw std::runtime_error("lost"); });
  std::promise<void> ran;
  DefaultExecutor()->Execute([&] { ran.set_value(); });
  EXPECT_EQ(ran.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_TRUE(Eventually([&] { return logged == 1; }));
  log::SetSink(nullptr);
}

// As the reactor's thread and gRPC's do it.
void SetInACallback(const Promise<int>& promise, int value) {
  std::thread([&] {
    const threads::CallbackScope scope;
    promise.Set(value);
  }).join();
}

TEST(Continuations, OfWhatTheLibraryCompletesMayBlock) {
  const Promise<int> promise;
  const Promise<int> other;
  std::promise<absl::StatusOr<int>> got;
  promise.GetFuture().Then([&](const absl::StatusOr<int>&) {
    got.set_value(other.GetFuture().Get(Context::Background()));
  });
  SetInACallback(promise, 1);
  SetInACallback(other, 2);
  std::future<absl::StatusOr<int>> result = got.get_future();
  ASSERT_EQ(result.wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(*result.get(), 2);
}

TEST(Continuations, GoToTheExecutorThatIsGiven) {
  struct Here final : Executor {
    void Execute(std::function<void()> fn) override { kept.push_back(std::move(fn)); }
    std::vector<std::function<void()>> kept;
  };
  const auto here = std::make_shared<Here>();
  const Promise<int> promise;
  int got = 0;
  promise.GetFuture().Then([&](const absl::StatusOr<int>& v) { got = *v; }, here);
  promise.Set(7);
  promise.GetFuture().Then([&](const absl::StatusOr<int>& v) { got += *v; }, here);
  EXPECT_EQ(got, 0);
  ASSERT_EQ(here->kept.size(), 2U);
  for (const auto& fn : here->kept) fn();
  EXPECT_EQ(got, 14);
}

TEST(Continuations, AnExceptionEndsInTheFutureThatMapReturns) {
  const Promise<int> promise;
  const Future<int> mapped = promise.GetFuture().Map<int>(
      [](const absl::StatusOr<int>&) -> absl::StatusOr<int> { throw std::runtime_error("odd"); });
  promise.Set(1);
  const absl::Status s = mapped.Get(Context::Background()).status();
  EXPECT_TRUE(errdefs::IsInternal(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), ::testing::HasSubstr("odd"));

  // Where there is no future it is logged, and the others run.
  std::string logged;
  log::SetSink([&](log::Level, std::string_view text) { logged = text; });
  const Promise<int> second;
  bool ran = false;
  second.GetFuture().Then([](const absl::StatusOr<int>&) { throw std::runtime_error("lost"); });
  second.GetFuture().Then([&](const absl::StatusOr<int>&) { ran = true; });
  second.Set(1);
  log::SetSink(nullptr);
  EXPECT_TRUE(ran);
  EXPECT_THAT(logged, ::testing::HasSubstr("lost"));
}

TEST(Get, FailsWhereItWouldBlockTheLibrary) {
  const Promise<int> promise;
  {
    const threads::CallbackScope scope;
    const absl::Status s = promise.GetFuture().Get(Context::Background()).status();
    EXPECT_TRUE(errdefs::IsFailedPrecondition(s)) << s;
    EXPECT_EQ(*Future<int>::Ready(3).Get(Context::Background()), 3);
  }
  const Context soon = WithTimeout(Context::Background(), absl::Milliseconds(1));
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(promise.GetFuture().Get(soon).status()));
}

}  // namespace
}  // namespace containerd
