// SPDX-License-Identifier: Apache-2.0
//
// Package future: where continuations run.
//
//   task.Wait(ctx).Then([ended = task](const absl::StatusOr<ExitStatus>&) mutable {
//     ended.Delete(Context::Background());   // may block: it is on the executor's thread
//   });
//
// The library completes futures and delivers events on threads that it waits for itself; the
// program's functions run on an executor's instead, so that neither can stop the other.
#ifndef CONTAINERD_FUTURE_EXECUTOR_H_
#define CONTAINERD_FUTURE_EXECUTOR_H_

#include <functional>
#include <memory>

#include "containerd/export/export.h"

namespace containerd {

// Runs functions somewhere else. Implementations are safe from any thread.
class CONTAINERD_EXPORT Executor {
 public:
  virtual ~Executor() = default;

  // Runs `fn` once, soon, and neither waits for it nor for anything else: it is called on threads
  // that must not block. What `fn` of the library throws nothing. An exception that leaves Execute
  // is logged, and `fn` run by the default executor.
  virtual void Execute(std::function<void()> fn) = 0;
};

// The process's. Functions may block and call the library: each that waits in line gets a thread
// within moments, whatever the others do (up to 1024 threads), and threads that have had nothing to
// do for a second end. They block all signals. An exception that leaves a function is logged. If no
// thread can be had at all, a function runs in Execute, as with InlineExecutor. In a forked child
// too: there are no threads in it to begin with.
CONTAINERD_EXPORT std::shared_ptr<Executor> DefaultExecutor();

// Runs functions in Execute, which costs nothing. For functions that are quick: what they run on
// may be a thread of the library's, where calls that would block fail with ErrFailedPrecondition.
CONTAINERD_EXPORT std::shared_ptr<Executor> InlineExecutor();

}  // namespace containerd

#endif  // CONTAINERD_FUTURE_EXECUTOR_H_
