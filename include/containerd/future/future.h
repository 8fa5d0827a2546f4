// SPDX-License-Identifier: Apache-2.0
//
// Package future: one value that arrives later, without a thread that waits for it.
//
//   Future<ExitStatus> exit = task.Wait(ctx);
//   exit.Then([](const absl::StatusOr<ExitStatus>& s) { ... });   // on an executor's thread
//   absl::StatusOr<ExitStatus> s = exit.Get(ctx);                 // or block here
//   absl::StatusOr<ExitStatus> t = co_await exit;                 // or in a coroutine
//
// A Future is a cheap handle; copies share the value, and all functions are safe from any thread.
// It plays the part of the channel that Go's Task.Wait returns.
//
// Continuations (of Then, Map and co_await) may block and call the library, as they run where
// nothing waits for them: on the calling thread if the result is there, else on that thread of the
// program's own which sets the Promise. But those of the library's futures, and whatever is
// continued within a callback, go to an executor: the default one (containerd/future/executor.h),
// unless another is given, which then gets every continuation.
#ifndef CONTAINERD_FUTURE_FUTURE_H_
#define CONTAINERD_FUTURE_FUTURE_H_

#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/export/export.h"
#include "containerd/future/executor.h"

namespace containerd {

namespace internal {

// What templates below have of the library.
CONTAINERD_EXPORT unsigned Forks();
CONTAINERD_EXPORT absl::Status CheckMayWait(unsigned forks);
CONTAINERD_EXPORT absl::Status CallContinuation(absl::FunctionRef<void()> fn);
CONTAINERD_EXPORT bool RunsHere(const std::shared_ptr<Executor>& executor);
CONTAINERD_EXPORT void RunContinuation(absl::FunctionRef<void()> fn);
CONTAINERD_EXPORT void PostContinuation(const std::shared_ptr<Executor>& executor,
                                        std::function<void()> fn);

template <typename T>
class FutureState {
 public:
  using Result = absl::StatusOr<T>;
  using Callback = std::function<void(const Result&)>;

  // The first result counts; a later one is dropped and false returned.
  static bool Set(const std::shared_ptr<FutureState>& self, Result result) {
    std::vector<Continuation> continuations;
    {
      std::lock_guard lock(self->mu_);
      if (self->result_.has_value()) return false;
      self->result_.emplace(std::move(result));
      continuations.swap(self->continuations_);
      self->ready_.notify_all();
    }
    for (Continuation& continuation : continuations) Run(self, std::move(continuation));
    return true;
  }

  bool ready() const {
    std::lock_guard lock(mu_);
    return result_.has_value();
  }

  // nullptr is the default executor, or this thread where it may be.
  static void Then(const std::shared_ptr<FutureState>& self, Callback callback,
                   std::shared_ptr<Executor> executor) {
    Continuation continuation{std::move(callback), std::move(executor)};
    {
      std::lock_guard lock(self->mu_);
      if (!self->result_.has_value()) {
        self->continuations_.push_back(std::move(continuation));
        return;
      }
    }
    Run(self, std::move(continuation));
  }

  Result Get(const Context& ctx) {
    {
      std::lock_guard lock(mu_);
      if (result_.has_value()) return *result_;
    }
    if (absl::Status s = CheckMayWait(forks_); !s.ok()) return s;
    // The callback takes the lock so that a cancellation between the check and the wait is seen.
    const CancelRegistration wake = ctx.OnCancel([this] {
      std::lock_guard lock(mu_);
      ready_.notify_all();
    });
    std::unique_lock lock(mu_);
    while (!result_.has_value()) {
      if (absl::Status err = ctx.Err(); !err.ok()) return err;
      if (ctx.Deadline() == absl::InfiniteFuture()) {
        ready_.wait(lock);
      } else {
        ready_.wait_until(lock, absl::ToChronoTime(ctx.Deadline()));
      }
    }
    return *result_;
  }

 private:
  struct Continuation {
    Callback callback;
    std::shared_ptr<Executor> executor;
  };

  static void Run(const std::shared_ptr<FutureState>& self, Continuation continuation) {
    if (RunsHere(continuation.executor)) {
      RunContinuation([&] { continuation.callback(*self->result_); });
    } else {
      PostContinuation(continuation.executor,
                       [self, callback = std::move(continuation.callback)]() mutable {
                         RunContinuation([&] { callback(*self->result_); });
                       });
    }
  }

  mutable std::mutex mu_;
  const unsigned forks_ = Forks();
  std::condition_variable ready_;
  std::optional<Result> result_;  // never changes once set
  std::vector<Continuation> continuations_;
};

}  // namespace internal

// A result that comes later: taken by Get, Then or co_await. Copies are the same one.
template <typename T>
class [[nodiscard]] Future {
 public:
  using Result = absl::StatusOr<T>;

  // A future that is already fulfilled, by a value or an error.
  static Future Ready(Result result) {
    Future future(std::make_shared<internal::FutureState<T>>());
    internal::FutureState<T>::Set(future.state_, std::move(result));
    return future;
  }

  // Blocks until the value is there or `ctx` ends: then Canceled or DeadlineExceeded, and the
  // future itself lives on. A value that is there wins over a context that has ended.
  // ErrFailedPrecondition in a callback that must not block, and in a forked child, to which the
  // value cannot come.
  Result Get(const Context& ctx) const { return state_->Get(ctx); }

  // Whether Get would return at once.
  bool IsReady() const { return state_->ready(); }

  // Runs `callback` once with the result: where, the head of this file says. An exception that
  // leaves it is logged.
  void Then(std::function<void(const Result&)> callback,
            std::shared_ptr<Executor> executor = nullptr) const {
    internal::FutureState<T>::Then(state_, std::move(callback), std::move(executor));
  }

  // A future of fn(result). `fn` takes const absl::StatusOr<T>& and returns absl::StatusOr<U>; it
  // runs as a callback of Then, and an exception that leaves it is the future's error, ErrInternal.
  template <typename U>
  Future<U> Map(std::function<absl::StatusOr<U>(const Result&)> fn,
                std::shared_ptr<Executor> executor = nullptr) const;

  // co_await gives the Result; the coroutine goes on where a Then callback would run.
  auto operator co_await() const {
    struct Awaiter {
      std::shared_ptr<internal::FutureState<T>> state;
      bool await_ready() const { return state->ready() && internal::RunsHere(nullptr); }
      void await_suspend(std::coroutine_handle<> handle) {
        // The state outlives this awaiter's frame, which the resumed coroutine may destroy.
        auto keep = state;
        internal::FutureState<T>::Then(
            keep, [handle](const Result&) { handle.resume(); }, nullptr);
      }
      Result await_resume() { return state->Get(Context::Background()); }
    };
    return Awaiter{state_};
  }

 private:
  template <typename U>
  friend class Promise;
  explicit Future(std::shared_ptr<internal::FutureState<T>> state) : state_(std::move(state)) {}

  std::shared_ptr<internal::FutureState<T>> state_;
};

// The producing end. Copies share the same future; the first Set counts.
template <typename T>
class Promise {
 public:
  Promise() : state_(std::make_shared<internal::FutureState<T>>()) {}

  // False if the future already has a result.
  bool Set(absl::StatusOr<T> result) const {
    return internal::FutureState<T>::Set(state_, std::move(result));
  }

  Future<T> GetFuture() const { return Future<T>(state_); }

 private:
  std::shared_ptr<internal::FutureState<T>> state_;
};

template <typename T>
template <typename U>
Future<U> Future<T>::Map(std::function<absl::StatusOr<U>(const Result&)> fn,
                         std::shared_ptr<Executor> executor) const {
  Promise<U> promise;
  Then(
      [promise, fn = std::move(fn)](const Result& result) {
        std::optional<absl::StatusOr<U>> value;
        absl::Status s = internal::CallContinuation([&] { value.emplace(fn(result)); });
        promise.Set(s.ok() ? *std::move(value) : absl::StatusOr<U>(std::move(s)));
      },
      std::move(executor));
  return promise.GetFuture();
}

}  // namespace containerd

#endif  // CONTAINERD_FUTURE_FUTURE_H_
