// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_LIBCONTAINERD_BUNDLE_DIR_H_
#define CONTAINERD_SRC_LIBCONTAINERD_BUNDLE_DIR_H_

#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/userns/userns.h"

namespace containerd::libcontainerd {

struct Bundle {
  std::string path{};
  std::vector<std::string> made{};  // folders that were not there, outermost first
};

// As WithBundle says.
absl::StatusOr<Bundle> MakeBundle(const std::string& dir, const userns::User& owner);

// Removes the folders that MakeBundle made, as far as they are empty.
void UnmakeBundle(const Bundle& bundle);

// Whether `path` is what MakeBundle may have made of `dir`.
bool IsBundleOf(std::string_view path, std::string_view dir);

// Removes the bundle of `dir` at `path` with all that is in it, following no link.
// ErrInvalidArgument unless IsBundleOf.
absl::Status RemoveBundle(const std::string& path, const std::string& dir);

}  // namespace containerd::libcontainerd

#endif  // CONTAINERD_SRC_LIBCONTAINERD_BUNDLE_DIR_H_
