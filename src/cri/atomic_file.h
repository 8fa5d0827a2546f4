// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_CRI_ATOMIC_FILE_H_
#define CONTAINERD_SRC_CRI_ATOMIC_FILE_H_

#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace containerd::cri {

// Replaces the file `name` of a folder, mode 0600, so that at any time it is either the old one or
// the new one as a whole, also after a crash of the machine. What is written first is the file
// "<name>.new"; one that was left there is overwritten. Errors name the file. Source:
// continuity.AtomicWriteFile.
absl::Status WriteFileAtomically(const std::string& folder, const std::string& name,
                                 std::string_view content);

// Removes both, if they are there.
absl::Status RemoveAtomicFile(const std::string& folder, const std::string& name);

// All of a file that has no more than a megabyte. ErrNotFound if it is not there.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path);

}  // namespace containerd::cri

#endif  // CONTAINERD_SRC_CRI_ATOMIC_FILE_H_
