// SPDX-License-Identifier: Apache-2.0
//
// Package userns: the ids of user namespaces, and file trees that are moved from one range of ids
// to another.
//
//   userns::IDMap map{.uid_map = {{.container_id = 0, .host_id = 100000, .size = 65536}},
//                     .gid_map = {{.container_id = 0, .host_id = 100000, .size = 65536}}};
//   absl::StatusOr<userns::User> root = map.RootPair();        // 100000:100000
//   absl::Status s = userns::Remap(ctx, "/mnt/rootfs", map);
//
// All functions are safe from any thread.
//
// Source: internal/userns, and remapRootFS of client/container_opts_unix.go.
#ifndef CONTAINERD_USERNS_USERNS_H_
#define CONTAINERD_USERNS_USERNS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/specs/linux.h"

namespace containerd::userns {

// Stands for no user or group; the kernel's (uid_t)-1.
inline constexpr std::uint32_t kInvalidID = 0xffffffff;

// A user and group id.
struct User {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;

  friend bool operator==(const User&, const User&) = default;
};

// Which ids of the host those of a container are. A list that is empty maps each id to itself, as
// a nil list does in Go.
struct CONTAINERD_EXPORT IDMap {
  std::vector<specs::LinuxIDMapping> uid_map{};
  std::vector<specs::LinuxIDMapping> gid_map{};

  // The host's ids for the container's root. Source: IDMap.RootPair.
  absl::StatusOr<User> RootPair() const { return ToHost({}); }

  // The host's ids for the container's. ErrInvalidArgument names an id that is not in the map, or
  // whose range goes past the last id. Source: IDMap.ToHost.
  absl::StatusOr<User> ToHost(const User& user) const;

  // Each list as snapshotters' labels and mount options write it:
  // "container-id:host-id:size[,container-id:host-id:size…]". Source: IDMap.Marshal.
  std::pair<std::string, std::string> Marshal() const;

  // Reads what Marshal writes. ErrInvalidArgument names a mapping that is none.
  // Source: IDMap.Unmarshal.
  static absl::StatusOr<IDMap> Unmarshal(std::string_view uid_map, std::string_view gid_map);

  friend bool operator==(const IDMap&, const IDMap&) = default;
};

// Changes the owners of `root` and everything below it: the present ones are taken for ids of the
// container and replaced by the host's. Set-id and sticky bits and file capabilities are kept,
// which chown(2) alone would remove. A file with several names is changed once. Symbolic links are
// changed, never followed, and nothing outside `root` is touched even if the tree changes
// meanwhile. Stops at the first error, which names the path; what has been done stays done. Needs
// CAP_CHOWN.
CONTAINERD_EXPORT absl::Status Remap(const Context& ctx, const std::string& root, const IDMap& map);

// Makes a directory, and those above it that are missing, for `owner` with `mode`, whatever the
// umask; what is there already stays as it is. Returns those that it made, outermost first. A
// failed call leaves none. Errors name the path: ErrFailedPrecondition if something else than a
// directory is in the way, also a link in place of `path` itself; ErrInvalidArgument unless it is
// absolute; those of mkdir(2) and chown(2). Source: user.MkdirAllAndChown of moby/sys/user, with
// WithOnlyNew.
CONTAINERD_EXPORT absl::StatusOr<std::vector<std::string>> MkdirAllAndChown(const std::string& path,
                                                                            std::uint32_t mode,
                                                                            const User& owner);

}  // namespace containerd::userns

#endif  // CONTAINERD_USERNS_USERNS_H_
