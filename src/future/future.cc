// SPDX-License-Identifier: Apache-2.0
#include "containerd/future/future.h"

#include "src/errdefs/internal/guard.h"
#include "src/threads/internal/callback.h"
#include "src/threads/internal/forked.h"

namespace containerd::internal {

unsigned Forks() { return threads::Forks(); }

absl::Status CheckMayWait(unsigned forks) {
  if (forks != threads::Forks()) return threads::Owner::Refuse("a future that has no result yet");
  return threads::CheckMayBlock("waiting for a future");
}

absl::Status CallContinuation(absl::FunctionRef<void()> fn) {
  return errdefs::Guard("a continuation of a future", fn);
}

bool RunsHere(const std::shared_ptr<Executor>& executor) {
  return executor == nullptr ? !threads::CallbackScope::Active() : executor == InlineExecutor();
}

void RunContinuation(absl::FunctionRef<void()> fn) {
  if (absl::Status s = CallContinuation(fn); !s.ok()) threads::NoteException(s);
}

void PostContinuation(const std::shared_ptr<Executor>& executor, std::function<void()> fn) {
  if (executor != nullptr) {
    const absl::Status s = errdefs::Guard("an executor", [&] { executor->Execute(fn); });
    if (s.ok()) return;
    threads::NoteException(s);
  }
  DefaultExecutor()->Execute(std::move(fn));
}

}  // namespace containerd::internal
