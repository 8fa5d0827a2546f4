// SPDX-License-Identifier: Apache-2.0
//
// Applying a call's options.
#ifndef CONTAINERD_SRC_BASE_OPTIONS_H_
#define CONTAINERD_SRC_BASE_OPTIONS_H_

#include <vector>

#include <absl/status/status.h>

#include "src/errdefs/internal/guard.h"

namespace containerd::base {

// Calls the options in order, and returns the first error, or exception.
template <typename Opt, typename... Args>
absl::Status Apply(const std::vector<Opt>& opts, Args&&... args) {
  for (const Opt& opt : opts) {
    if (absl::Status s = errdefs::Guard("an option", opt, args...); !s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace containerd::base

#endif  // CONTAINERD_SRC_BASE_OPTIONS_H_
