// SPDX-License-Identifier: Apache-2.0
//
// Where temporary mounts are made.
#ifndef CONTAINERD_SRC_MOUNT_TEMP_LOCATION_H_
#define CONTAINERD_SRC_MOUNT_TEMP_LOCATION_H_

#include <string>
#include <string_view>

#include <absl/status/statusor.h>

namespace containerd::mount {

std::string TempMountLocation();

// A new directory there, "<prefix>" and six random characters.
absl::StatusOr<std::string> MakeTempDir(std::string_view prefix);

}  // namespace containerd::mount

#endif  // CONTAINERD_SRC_MOUNT_TEMP_LOCATION_H_
