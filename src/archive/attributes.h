// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_ARCHIVE_ATTRIBUTES_H_
#define CONTAINERD_SRC_ARCHIVE_ATTRIBUTES_H_

#include <string>
#include <sys/stat.h>

#include <absl/status/status.h>

namespace containerd::archive {

enum class Times { kCopy, kKeep };

// Gives the directory `to` the owner, mode and times in `st` and the extended attributes of `from`,
// without those of trusted.*.
absl::Status CopyDirInfo(const struct stat& st, const std::string& from, const std::string& to,
                         Times times);

}  // namespace containerd::archive

#endif  // CONTAINERD_SRC_ARCHIVE_ATTRIBUTES_H_
