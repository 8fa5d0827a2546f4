// SPDX-License-Identifier: Apache-2.0
//
// Waits on a condition variable, but no longer than a context lives:
//
//   const CancelRegistration wake = base::WakeOnCancel(ctx, mu_, changed_);
//   base::MutexLock lock(mu_);
//   absl::Status s = base::Await(
//       ctx, mu_, changed_,
//       [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return !queue_.empty(); });
//   if (!s.ok()) return s;
#ifndef CONTAINERD_SRC_BASE_AWAIT_H_
#define CONTAINERD_SRC_BASE_AWAIT_H_

#include <condition_variable>
#include <mutex>

#include <absl/status/status.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"

#include "src/base/mutex.h"
#include "src/threads/internal/callback.h"

namespace containerd::base {

// Has the context's cancellation wake who waits for `changed`. It takes `mu`, so that it does not
// come between a waiter's check and its wait: to be called, and the result destroyed, without it.
[[nodiscard]] inline CancelRegistration WakeOnCancel(const Context& ctx, std::mutex& mu,
                                                     std::condition_variable& changed) {
  return ctx.OnCancel([&mu, &changed] {
    const std::lock_guard lock(mu);
    changed.notify_all();
  });
}

[[nodiscard]] inline CancelRegistration WakeOnCancel(const Context& ctx, Mutex& mu,
                                                     CondVar& changed) {
  return ctx.OnCancel([&mu, &changed] {
    MutexLock lock(mu);
    changed.NotifyAll();
  });
}

// Waits until `ready()`, called with the lock held, is true, or the context ends: then its error.
// A context that has ended is no error of what is ready already. ErrFailedPrecondition on a thread
// that must not block.
template <typename Ready>
absl::Status Await(const Context& ctx, std::unique_lock<std::mutex>& lock,
                   std::condition_variable& changed, Ready ready) {
  while (!ready()) {
    if (absl::Status err = ctx.Err(); !err.ok()) return err;
    if (absl::Status s = threads::CheckMayBlock("waiting"); !s.ok()) return s;
    if (ctx.Deadline() == absl::InfiniteFuture()) {
      changed.wait(lock);
    } else {
      changed.wait_until(lock, absl::ToChronoTime(ctx.Deadline()));
    }
  }
  return absl::OkStatus();
}

template <typename Ready>
absl::Status Await(const Context& ctx, Mutex& mu, CondVar& changed, Ready ready)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
  while (!CallLocked(ready)) {
    if (absl::Status err = ctx.Err(); !err.ok()) return err;
    if (absl::Status s = threads::CheckMayBlock("waiting"); !s.ok()) return s;
    changed.WaitUntil(mu, ctx.Deadline());
  }
  return absl::OkStatus();
}

}  // namespace containerd::base

#endif  // CONTAINERD_SRC_BASE_AWAIT_H_
