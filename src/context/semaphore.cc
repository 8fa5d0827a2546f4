// SPDX-License-Identifier: Apache-2.0
#include "containerd/context/semaphore.h"

#include <absl/time/time.h>

#include "src/threads/internal/callback.h"

namespace containerd {

absl::Status Semaphore::Acquire(const Context& ctx) {
  const CancelRegistration wake = ctx.OnCancel([this] {
    std::lock_guard lock(mu_);
    freed_.notify_all();
  });
  std::unique_lock lock(mu_);
  while (free_ <= 0) {
    if (absl::Status err = ctx.Err(); !err.ok()) {
      freed_.notify_one();  // a wake-up that came here is another's
      return err;
    }
    if (absl::Status s = threads::CheckMayBlock("waiting for a semaphore"); !s.ok()) return s;
    if (ctx.Deadline() == absl::InfiniteFuture()) {
      freed_.wait(lock);
    } else {
      freed_.wait_until(lock, absl::ToChronoTime(ctx.Deadline()));
    }
  }
  --free_;
  return absl::OkStatus();
}

bool Semaphore::TryAcquire() {
  std::lock_guard lock(mu_);
  if (free_ <= 0) return false;
  --free_;
  return true;
}

void Semaphore::Release() {
  std::lock_guard lock(mu_);
  ++free_;
  freed_.notify_one();
}

}  // namespace containerd
