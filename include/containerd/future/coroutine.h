// SPDX-License-Identifier: Apache-2.0
//
// Package future: coroutines that return a Future.
//
//   auto run = [](Context ctx, Task task) -> Future<ExitStatus> {
//     Future<ExitStatus> exit = task.Wait(ctx);
//     absl::Status started = task.Start(ctx);
//     if (!started.ok()) co_return started;
//     co_return co_await exit;
//   };
//   Future<ExitStatus> status = run(ctx, task);
//
// Such a coroutine begins on the thread that calls it, and runs there up to its first co_await;
// what that says of where it goes on, future.h tells. An absl::StatusOr<T>, T or absl::Status that
// it returns becomes the Future's result when all that the coroutine held is gone; an exception
// that leaves it becomes ErrInternal. Nothing stops it from outside: it ends when what it waits for
// does, so end its context. It keeps copies of its parameters, but what they refer to, and what a
// lambda captures, has to outlive it: take parameters by value, and capture nothing.
#ifndef CONTAINERD_FUTURE_COROUTINE_H_
#define CONTAINERD_FUTURE_COROUTINE_H_

#include <coroutine>
#include <optional>
#include <utility>

#include <absl/status/statusor.h>

#include "containerd/future/future.h"

template <typename T, typename... Args>
struct std::coroutine_traits<containerd::Future<T>, Args...> {
  class promise_type {
   public:
    containerd::Future<T> get_return_object() { return promise_.GetFuture(); }
    std::suspend_never initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept {
      struct AfterTheFrame {
        bool await_ready() noexcept { return false; }
        void await_suspend(std::coroutine_handle<promise_type> frame) noexcept {
          // Where the frame is, this is too: nothing of either is used once it is destroyed.
          const containerd::Promise<T> promise = frame.promise().promise_;
          absl::StatusOr<T> result = *std::move(frame.promise().result_);
          frame.destroy();
          promise.Set(std::move(result));
        }
        void await_resume() noexcept {}
      };
      return AfterTheFrame{};
    }
    void return_value(absl::StatusOr<T> result) { result_.emplace(std::move(result)); }
    void unhandled_exception() {
      result_.emplace(containerd::internal::CallContinuation([] { throw; }));
    }

   private:
    const containerd::Promise<T> promise_;
    std::optional<absl::StatusOr<T>> result_;
  };
};

#endif  // CONTAINERD_FUTURE_COROUTINE_H_
