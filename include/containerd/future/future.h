// SPDX-License-Identifier: Apache-2.0
//
// Package future: one value that arrives later, without a thread that waits for it.
//
//   Future<ExitStatus> exit = task.Wait(ctx);
//   exit.Then([](const absl::StatusOr<ExitStatus>& s) { ... });   // on the completing thread
//   absl::StatusOr<ExitStatus> s = exit.Get(ctx);                 // or block here
//   absl::StatusOr<ExitStatus> t = co_await exit;                 // or in a coroutine
//
// A Future is a cheap handle; copies share the value, and all functions are safe from any thread.
// It plays the part of the channel that Go's Task.Wait returns.
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

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"
#include "containerd/errdefs/errdefs.h"

namespace containerd {

namespace internal {

template <typename T>
class FutureState {
 public:
  using Result = absl::StatusOr<T>;
  using Callback = std::function<void(const Result&)>;

  // The first result counts; a later one is dropped and false returned.
  bool Set(Result result) {
    std::vector<Callback> callbacks;
    {
      std::lock_guard lock(mu_);
      if (result_.has_value()) return false;
      result_.emplace(std::move(result));
      callbacks.swap(callbacks_);
      ready_.notify_all();
    }
    for (const Callback& callback : callbacks) callback(*result_);
    return true;
  }

  bool ready() const {
    std::lock_guard lock(mu_);
    return result_.has_value();
  }

  void Then(Callback callback) {
    {
      std::lock_guard lock(mu_);
      if (!result_.has_value()) {
        callbacks_.push_back(std::move(callback));
        return;
      }
    }
    callback(*result_);
  }

  Result Get(const Context& ctx) {
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
  mutable std::mutex mu_;
  std::condition_variable ready_;
  std::optional<Result> result_;  // never changes once set
  std::vector<Callback> callbacks_;
};

}  // namespace internal

template <typename T>
class [[nodiscard]] Future {
 public:
  using Result = absl::StatusOr<T>;

  // A future that is already fulfilled, by a value or an error.
  static Future Ready(Result result) {
    Future future(std::make_shared<internal::FutureState<T>>());
    future.state_->Set(std::move(result));
    return future;
  }

  // Blocks until the value is there or `ctx` ends: then Canceled or DeadlineExceeded, and the
  // future itself lives on. A value that is there wins over a context that has ended.
  Result Get(const Context& ctx) const { return state_->Get(ctx); }

  // Whether Get would return at once.
  bool IsReady() const { return state_->ready(); }

  // Runs `callback` once with the result: on the thread that completes the future, which may be
  // one of gRPC's (so don't block in it), or at once on this thread if the result is there.
  void Then(std::function<void(const Result&)> callback) const {
    state_->Then(std::move(callback));
  }

  // A future of fn(result). `fn` takes const absl::StatusOr<T>& and returns absl::StatusOr<U>.
  template <typename U>
  Future<U> Map(std::function<absl::StatusOr<U>(const Result&)> fn) const;

  // co_await gives the Result; the coroutine goes on where a Then callback would run.
  auto operator co_await() const {
    struct Awaiter {
      std::shared_ptr<internal::FutureState<T>> state;
      bool await_ready() const { return state->ready(); }
      void await_suspend(std::coroutine_handle<> handle) {
        // The state outlives this awaiter's frame, which the resumed coroutine may destroy.
        auto keep = state;
        keep->Then([handle, keep](const Result&) { handle.resume(); });
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
  bool Set(absl::StatusOr<T> result) const { return state_->Set(std::move(result)); }

  Future<T> GetFuture() const { return Future<T>(state_); }

 private:
  std::shared_ptr<internal::FutureState<T>> state_;
};

template <typename T>
template <typename U>
Future<U> Future<T>::Map(std::function<absl::StatusOr<U>(const Result&)> fn) const {
  Promise<U> promise;
  Then([promise, fn = std::move(fn)](const Result& result) { promise.Set(fn(result)); });
  return promise.GetFuture();
}

}  // namespace containerd

#endif  // CONTAINERD_FUTURE_FUTURE_H_
