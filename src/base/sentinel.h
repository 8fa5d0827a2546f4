// SPDX-License-Identifier: Apache-2.0
//
// Errors that callers tell from others of their class, as Go does by comparing with a variable.
// Here the variable's text tells: a payload would do as well, but whoever prints a status would see
// it.
#ifndef CONTAINERD_SRC_BASE_SENTINEL_H_
#define CONTAINERD_SRC_BASE_SENTINEL_H_

#include <string_view>

#include <absl/status/status.h>

namespace containerd::base {

// Whether an error of that class says `text`, which is not empty: at the beginning of its message
// or of what Annotate has put something before, and in whole words.
bool Says(const absl::Status& status, absl::StatusCode code, std::string_view text);

}  // namespace containerd::base

#endif  // CONTAINERD_SRC_BASE_SENTINEL_H_
