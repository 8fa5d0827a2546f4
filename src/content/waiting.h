// SPDX-License-Identifier: Apache-2.0
//
// Waiting for a locked ingestion, as helpers and proxy do it.
#ifndef CONTAINERD_SRC_CONTENT_WAITING_H_
#define CONTAINERD_SRC_CONTENT_WAITING_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"

namespace containerd::content {

// Random waits under a limit that doubles from 16 ms to 2 s.
class Backoff {
 public:
  absl::Duration Next();

 private:
  int limit_ms_ = 16;
};

// Whether the error says that another writer has the ref, rather than that nobody answers: both are
// ErrUnavailable, and the stores' words ("ref … locked for …", "push is on-going") tell them apart.
bool IsLocked(const absl::Status& status);

}  // namespace containerd::content

#endif  // CONTAINERD_SRC_CONTENT_WAITING_H_
