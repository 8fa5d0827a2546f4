// SPDX-License-Identifier: Apache-2.0
//
// Clearing up after a call, whatever has become of its context.
#ifndef CONTAINERD_SRC_BASE_CLEANUP_H_
#define CONTAINERD_SRC_BASE_CLEANUP_H_

#include <absl/time/time.h>

#include "containerd/context/context.h"

namespace containerd::base {

// How long to wait for a daemon when there is nothing left to do but to clear up.
inline constexpr absl::Duration kCleanUpTimeout = absl::Seconds(10);

// All of `ctx` but its end, for kCleanUpTimeout from now. Source: cleanup.Do in internal/cleanup.
inline Context CleanUpContext(const Context& ctx) {
  return WithTimeout(WithoutCancel(ctx), kCleanUpTimeout);
}

}  // namespace containerd::base

#endif  // CONTAINERD_SRC_BASE_CLEANUP_H_
