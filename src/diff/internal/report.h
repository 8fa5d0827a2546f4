// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_DIFF_INTERNAL_REPORT_H_
#define CONTAINERD_SRC_DIFF_INTERNAL_REPORT_H_

#include <cstdint>

#include <absl/status/status.h>

#include "containerd/diff/diff.h"

#include "src/errdefs/internal/guard.h"

namespace containerd::diff {

// Tells who asked for it how many bytes have been applied.
inline absl::Status Report(const ApplyConfig& config, std::int64_t bytes) {
  if (!config.progress) return absl::OkStatus();
  return errdefs::Guard("the progress callback", config.progress, bytes);
}

}  // namespace containerd::diff

#endif  // CONTAINERD_SRC_DIFF_INTERNAL_REPORT_H_
