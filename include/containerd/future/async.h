// SPDX-License-Identifier: Apache-2.0
//
// Package future: calls that block, made elsewhere.
//
//   auto pool = std::make_shared<ThreadPool>(8);
//   Future<Image> image = Async(pool, [client = client, ctx = ctx]() mutable {
//     return client.Pull(ctx, "docker.io/library/busybox:latest");
//   });
//   image.Then([](const absl::StatusOr<Image>& pulled) { ... });   // on a thread of the pool
//
// So a daemon with an event loop makes containers, starts tasks and pulls images without threads of
// its own making, as many at once as the pool has threads. What does not block needs none: waits,
// events and streams (Task::Wait, Client::Subscribe, cio) give futures or call back by themselves.
// To go on in the loop, write an Executor whose Execute posts to it, and give it to Then:
//
//   class Loop final : public Executor {
//     void Execute(std::function<void()> fn) override { Post(std::move(fn)); }
//     ...
//   };
#ifndef CONTAINERD_FUTURE_ASYNC_H_
#define CONTAINERD_FUTURE_ASYNC_H_

#include <atomic>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/export/export.h"
#include "containerd/future/executor.h"
#include "containerd/future/future.h"

namespace containerd {

namespace internal {

CONTAINERD_EXPORT absl::Status CallAsync(absl::FunctionRef<void()> fn);
CONTAINERD_EXPORT absl::Status NeverRan();

// What a Future of a function's result holds.
template <typename R>
struct AsyncValue {
  using Type = R;
};
template <typename T>
struct AsyncValue<absl::StatusOr<T>> {
  using Type = T;
};
template <>
struct AsyncValue<absl::Status> {
  using Type = std::monostate;
};
template <>
struct AsyncValue<void> {
  using Type = std::monostate;
};

// A function on its way through an executor.
template <typename F>
class AsyncWork {
 public:
  using R = std::remove_cvref_t<std::invoke_result_t<F&>>;
  using T = typename AsyncValue<R>::Type;

  explicit AsyncWork(F fn) : fn_(std::move(fn)) {}
  AsyncWork(const AsyncWork&) = delete;
  AsyncWork& operator=(const AsyncWork&) = delete;
  ~AsyncWork() {
    if (!begun_.load()) promise_.Set(NeverRan());
  }

  Future<T> GetFuture() const { return promise_.GetFuture(); }

  // The first time.
  void Run() {
    if (begun_.exchange(true)) return;
    std::optional<absl::StatusOr<T>> result;
    absl::Status s = CallAsync([&] {
      if constexpr (std::is_void_v<R>) {
        (*fn_)();
        result.emplace(T());
      } else if constexpr (std::is_same_v<R, absl::Status>) {
        absl::Status status = (*fn_)();
        if (status.ok()) {
          result.emplace(T());
        } else {
          result.emplace(std::move(status));
        }
      } else {
        result.emplace((*fn_)());
      }
    });
    fn_.reset();  // with what it holds, before anybody is told
    promise_.Set(s.ok() ? *std::move(result) : absl::StatusOr<T>(std::move(s)));
  }

 private:
  std::optional<F> fn_;
  std::atomic<bool> begun_ = false;
  const Promise<T> promise_;
};

}  // namespace internal

// Runs `fn` on the executor, or on DefaultExecutor() if that is nullptr, and gives its result:
// Future<T> of a T or absl::StatusOr<T>, Future<std::monostate> of an absl::Status or of nothing.
// An exception that leaves `fn` is ErrInternal with what() in it. `fn` is destroyed before its
// result is there. It runs once, even if the executor calls it again; if it is dropped instead, as
// by an executor that shuts down, the result is Canceled: a Future of Async never stays empty.
//
// Continuations and coroutines go on where `fn` ran, unless another executor is given to them. Safe
// from any thread, and it never waits, unless the executor does: InlineExecutor() runs `fn` here.
template <typename F>
auto Async(const std::shared_ptr<Executor>& executor, F fn)
    -> Future<typename internal::AsyncWork<F>::T> {
  auto work = std::make_shared<internal::AsyncWork<F>>(std::move(fn));
  auto future = work->GetFuture();
  internal::PostContinuation(executor, [work = std::move(work)] { work->Run(); });
  return future;
}

}  // namespace containerd

#endif  // CONTAINERD_FUTURE_ASYNC_H_
