// SPDX-License-Identifier: Apache-2.0
//
// What mount options mean, and how they change: parts of mounting that need no system call.
#ifndef CONTAINERD_SRC_MOUNT_OPTIONS_H_
#define CONTAINERD_SRC_MOUNT_OPTIONS_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "containerd/mount/mount.h"

namespace containerd::mount {

using Options = std::vector<std::string>;

// Options as mount(2) wants them.
struct ParsedOptions {
  unsigned long flags = 0;  // MS_…
  Options data{};           // for the file system
  bool loop = false;
  std::string uidmap{};
  std::string gidmap{};

  bool IDMapped() const { return !uidmap.empty() && !gidmap.empty(); }
};

// ErrInvalidArgument for options that only the mount manager understands ("X-containerd.…").
absl::StatusOr<ParsedOptions> ParseOptions(const Options& options);

// Removes "direct-io"; whether it was there.
bool TakeDirectIO(Options& data);

// Where in the options "lowerdir=" stands, and the directories that it names.
struct LowerDirs {
  std::size_t index = 0;
  std::vector<std::string> dirs{};
};
std::optional<LowerDirs> FindLowerDirs(const Options& options);

// Bytes of all options, without separators.
std::size_t Size(const Options& options);

// The longest text that each begins with.
std::string LongestCommonPrefix(const std::vector<std::string>& texts);

// Options that mean the same to a process whose working directory is `dir`. An empty `dir` means
// that nothing could be made shorter.
struct Compacted {
  std::string dir{};
  Options options{};
};
Compacted CompactLowerDirs(const Options& options);

// The directory that all of `dirs` are in. ErrInvalidArgument if that is the root, or none.
absl::StatusOr<std::string> CommonDirectory(const std::vector<std::string>& dirs);

// Each of `dirs`, all below `common`, as the same path below `mapped`.
std::vector<std::string> BuildIDMappedPaths(const std::vector<std::string>& dirs,
                                            std::string_view common, std::string_view mapped);

// The mounts, so that nothing can be written through them.
std::vector<Mount> ReadonlyMounts(std::vector<Mount> mounts);

}  // namespace containerd::mount

#endif  // CONTAINERD_SRC_MOUNT_OPTIONS_H_
