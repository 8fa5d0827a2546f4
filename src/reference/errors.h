// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_REFERENCE_ERRORS_H_
#define CONTAINERD_SRC_REFERENCE_ERRORS_H_

#include <string>
#include <string_view>

#include <absl/status/status.h>

namespace containerd::reference {

// `"text"` with unprintable bytes escaped and all but its beginning cut off.
std::string Quote(std::string_view text);

// ErrInvalidArgument, marked with the text of one of Go's sentinel errors.
absl::Status Error(std::string_view sentinel, std::string_view message);

// Whether Error made this status with that sentinel.
bool IsError(const absl::Status& status, std::string_view sentinel);

}  // namespace containerd::reference

#endif  // CONTAINERD_SRC_REFERENCE_ERRORS_H_
