// SPDX-License-Identifier: Apache-2.0
#include "src/rpc/internal/outcome.h"

namespace containerd::rpc {

bool OutcomeOpen(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kUnimplemented:
      return false;
    default:
      // Also of ErrUnknown and ErrInternal, which both sides give: looking costs one call.
      return true;
  }
}

}  // namespace containerd::rpc
