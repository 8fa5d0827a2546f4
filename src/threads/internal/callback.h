// SPDX-License-Identifier: Apache-2.0
//
// Package threads: whose code runs on which thread, and what it may do there.
//
// The library has threads that it waits for itself: the reactor's, and each connection's, on
// which its asynchronous calls come back. A call that would block one of them fails at once instead
// of hanging everything. The program's own callbacks run elsewhere wherever they may take their
// time: in the executor (containerd/future/executor.h).
#ifndef CONTAINERD_SRC_THREADS_INTERNAL_CALLBACK_H_
#define CONTAINERD_SRC_THREADS_INTERNAL_CALLBACK_H_

#include <functional>
#include <string_view>
#include <utility>

#include <absl/status/status.h>

#include "containerd/export/export.h"

#include "src/errdefs/internal/guard.h"

namespace containerd::threads {

enum class Callback {
  kMustNotBlock,  // on a thread that the whole library waits for
  kMayBlock,      // on one that somebody may wait for, so that Close must not wait there
};

// Marks the current thread, while it lives, as running a callback. Nests.
class CONTAINERD_SIBLING CallbackScope {
 public:
  explicit CallbackScope(Callback kind = Callback::kMustNotBlock);
  CallbackScope(const CallbackScope&) = delete;
  CallbackScope& operator=(const CallbackScope&) = delete;
  ~CallbackScope();

  // Whether this thread runs a callback of either kind.
  static bool Active();

 private:
  const Callback kind_;
};

// Whether this thread must not be blocked.
CONTAINERD_SIBLING bool MustNotBlock();

// To be asked before the current thread waits for others: ErrFailedPrecondition if it must not,
// which names `what` it was about to do.
CONTAINERD_SIBLING absl::Status CheckMayBlock(std::string_view what);

// Logs an error that there is nobody to return to.
CONTAINERD_SIBLING void NoteException(const absl::Status& status);

// errdefs::Guard where there is no operation that an exception could end: it is logged. Of what
// `fn` returns nothing is kept.
template <typename F, typename... Args>
void Notify(std::string_view what, F&& fn, Args&&... args) {
  absl::Status s = errdefs::Guard(what, [&] {
    static_cast<void>(std::invoke(std::forward<F>(fn), std::forward<Args>(args)...));
  });
  if (!s.ok()) NoteException(s);
}

}  // namespace containerd::threads

#endif  // CONTAINERD_SRC_THREADS_INTERNAL_CALLBACK_H_
