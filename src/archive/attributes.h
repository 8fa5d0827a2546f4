// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_ARCHIVE_ATTRIBUTES_H_
#define CONTAINERD_SRC_ARCHIVE_ATTRIBUTES_H_

#include <string>
#include <sys/stat.h>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace containerd::archive {

enum class Times { kCopy, kKeep };

// Gives the directory `to` the owner, mode and times in `st` and the extended attributes of `from`,
// without those of trusted.*.
absl::Status CopyDirInfo(const struct stat& st, const std::string& from, const std::string& to,
                         Times times);

// The attribute security.capability of a file; empty if it has none. No link is followed.
absl::StatusOr<std::string> ReadCapability(const std::string& path);

// Where a symbolic link leads.
absl::StatusOr<std::string> ReadLink(const std::string& path);

}  // namespace containerd::archive

#endif  // CONTAINERD_SRC_ARCHIVE_ATTRIBUTES_H_
