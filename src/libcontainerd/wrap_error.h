// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_LIBCONTAINERD_WRAP_ERROR_H_
#define CONTAINERD_SRC_LIBCONTAINERD_WRAP_ERROR_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace containerd::libcontainerd {

// ErrNotFound in place of an error without a class that says so in words. Source: wrapError.
absl::Status WrapError(const absl::Status& status);

template <typename T>
absl::StatusOr<T> WrapError(absl::StatusOr<T> result) {
  if (result.ok()) return result;
  return WrapError(result.status());
}

}  // namespace containerd::libcontainerd

#endif  // CONTAINERD_SRC_LIBCONTAINERD_WRAP_ERROR_H_
