// SPDX-License-Identifier: Apache-2.0
//
// What an entry of an archive says of a file besides its name and its content: owner, extended
// attributes, mode and times. Only what differs is set.
#ifndef CONTAINERD_SRC_ARCHIVE_ENTRY_ATTRIBUTES_H_
#define CONTAINERD_SRC_ARCHIVE_ENTRY_ATTRIBUTES_H_

#include <array>
#include <ctime>
#include <string>

#include <absl/status/status.h>

#include "containerd/tar/tar.h"

namespace containerd::archive {

// When the file was accessed and modified, within what every file system can keep.
std::array<timespec, 2> TimesOf(const tar::Header& header);

// Of a regular file that has been written.
absl::Status SetFileAttributes(int file, const tar::Header& header, bool no_same_owner);

// Of all other kinds: `base` in the directory `parent`, whose whole path is `path`. A directory's
// times are left to be set when all is in it.
absl::Status SetNodeAttributes(int parent, const std::string& base, const std::string& path,
                               const tar::Header& header, bool no_same_owner);

}  // namespace containerd::archive

#endif  // CONTAINERD_SRC_ARCHIVE_ENTRY_ATTRIBUTES_H_
