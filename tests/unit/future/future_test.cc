// SPDX-License-Identifier: Apache-2.0
#include "containerd/future/future.h"

#include <coroutine>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace containerd {
namespace {

TEST(Future, GivesItsValueToEveryReader) {
  Promise<std::string> promise;
  const Future<std::string> future = promise.GetFuture();
  std::vector<std::string> seen;
  future.Then([&](const absl::StatusOr<std::string>& v) { seen.push_back(*v); });
  EXPECT_FALSE(future.IsReady());
  std::thread producer([promise] { EXPECT_TRUE(promise.Set("done")); });
  EXPECT_EQ(*future.Get(Context::Background()), "done");
  producer.join();
  EXPECT_FALSE(promise.Set("again"));
  future.Then([&](const absl::StatusOr<std::string>& v) { seen.push_back(*v + " late"); });
  EXPECT_EQ(seen, (std::vector<std::string>{"done", "done late"}));
}

TEST(Future, CarriesErrors) {
  const auto future = Future<int>::Ready(errdefs::NotFound("task \"web\""));
  EXPECT_TRUE(errdefs::IsNotFound(future.Get(Context::Background()).status()));
}

TEST(Future, GetEndsWithItsContextAndTheFutureLivesOn) {
  Promise<int> promise;
  const Future<int> future = promise.GetFuture();
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(
      future.Get(WithTimeout(Context::Background(), absl::Milliseconds(5))).status()));

  const auto [ctx, cancel] = WithCancel(Context::Background());
  std::thread canceller(cancel);
  EXPECT_TRUE(errdefs::IsCanceled(future.Get(ctx).status()));
  canceller.join();

  promise.Set(7);
  EXPECT_EQ(*future.Get(ctx), 7) << "a value that is there wins over a context that has ended";
}

TEST(Future, MapsValues) {
  Promise<int> promise;
  const Future<std::string> text = promise.GetFuture().Map<std::string>(
      [](const absl::StatusOr<int>& v) -> absl::StatusOr<std::string> {
        if (!v.ok()) return v.status();
        return std::to_string(*v);
      });
  promise.Set(42);
  EXPECT_EQ(*text.Get(Context::Background()), "42");
}

// The least coroutine type that can run to its end by itself.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

Detached Collect(Future<int> a, Future<int> b, std::shared_ptr<std::vector<int>> out) {
  const absl::StatusOr<int> first = co_await a;
  const absl::StatusOr<int> second = co_await b;
  out->push_back(*first);
  out->push_back(*second);
}

TEST(Future, CanBeAwaited) {
  auto out = std::make_shared<std::vector<int>>();
  Promise<int> promise;
  Collect(Future<int>::Ready(1), promise.GetFuture(), out);
  EXPECT_TRUE(out->empty());
  promise.Set(2);
  EXPECT_EQ(*out, (std::vector<int>{1, 2}));
}

}  // namespace
}  // namespace containerd
