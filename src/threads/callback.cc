// SPDX-License-Identifier: Apache-2.0
#include "src/threads/internal/callback.h"

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"

namespace containerd::threads {
namespace {

thread_local int callbacks = 0;  // of either kind
thread_local int hasty_callbacks = 0;

}  // namespace

CallbackScope::CallbackScope(Callback kind) : kind_(kind) {
  ++callbacks;
  if (kind_ == Callback::kMustNotBlock) ++hasty_callbacks;
}

CallbackScope::~CallbackScope() {
  --callbacks;
  if (kind_ == Callback::kMustNotBlock) --hasty_callbacks;
}

bool CallbackScope::Active() { return callbacks > 0; }

bool MustNotBlock() { return hasty_callbacks > 0; }

absl::Status CheckMayBlock(std::string_view what) {
  if (!MustNotBlock()) return absl::OkStatus();
  return errdefs::FailedPrecondition(fmt::format(
      "{} would block a thread that the library waits for itself, as it was called in a callback "
      "that must not block: call it on another thread, such as the DefaultExecutor's",
      what));
}

void NoteException(const absl::Status& status) { log::Error(errdefs::Message(status)); }

}  // namespace containerd::threads
