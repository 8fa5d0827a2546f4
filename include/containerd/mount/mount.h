// SPDX-License-Identifier: Apache-2.0
//
// Package mount: file systems to mount, as snapshotters describe them, and the system calls that
// mount and unmount them.
//
//   std::vector<mount::Mount> mounts = *snapshotter->View(ctx, key, parent);
//   if (absl::Status s = mount::All(mounts, "/mnt/rootfs"); !s.ok()) return s;
//   ...
//   return mount::UnmountMounts(mounts, "/mnt/rootfs", 0);
//
// More of the package: temp.h (mounts that last as long as an object), info.h (what is mounted
// where), loop.h (loop devices), idmap.h (id-mapped mounts), manager.h (the daemon's mount
// manager), proto.h (to and from the wire).
//
// All functions are safe from any thread and never change the process's working directory. Mounting
// needs CAP_SYS_ADMIN; errors carry errno's class (errdefs::FromErrno) and name what was mounted
// where.
//
// Source: core/mount.
#ifndef CONTAINERD_MOUNT_MOUNT_H_
#define CONTAINERD_MOUNT_MOUNT_H_

#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/export/export.h"

namespace containerd::mount {

// Whether bind mounts work on this system.
inline constexpr bool kHasBindMounts = true;

// One call of mount(2), serialised.
struct Mount {
  // The file system's type: "bind", "overlay", "ext4", …; "fuse.<name>" and "fuse3.<name>" are
  // mounted by the programs mount.fuse and mount.fuse3.
  std::string type{};

  // A path or device.
  std::string source{};

  // A directory below the target that is given when mounting; mostly empty. It has to exist.
  std::string target{};

  // As in fstab(5): flags such as "ro" and "rbind", and whatever the file system takes, quoted as
  // mount(8) wants it after joining with ",". "loop" mounts `source` through a loop device, and
  // "uidmap=" with "gidmap=" (as in idmap.h) shift the owners of what is mounted.
  std::vector<std::string> options{};

  friend bool operator==(const Mount&, const Mount&) = default;
};

// Whether nothing can be written through the mount: by its options, by its type ("erofs"), or
// because an overlay has no upper directory. Source: Mount.ReadOnly.
CONTAINERD_EXPORT bool ReadOnly(const Mount& mount);

// Mounts `mount` at its own target below `target`; symbolic links on the way are resolved as if
// `target` were the root. Source: Mount.Mount.
CONTAINERD_EXPORT absl::Status MountAt(const Mount& mount, std::string_view target);

// Mounts each in turn, so parents have to come before what is mounted on them. After a failure the
// earlier ones stay mounted: UnmountMounts removes them. Source: mount.All.
CONTAINERD_EXPORT absl::Status All(const std::vector<Mount>& mounts, std::string_view target);

// Unmounts what is mounted last at `target`; a target that is no mount point is not an error.
// `flags` are those of umount2(2). A busy target is tried again for 2.5 seconds. FUSE file systems
// are unmounted by fusermount3 or fusermount where there is one. Source: mount.Unmount.
CONTAINERD_EXPORT absl::Status Unmount(std::string_view target, int flags);

// Unmounts until nothing is mounted at `target`. An empty or missing target is not an error.
// Source: mount.UnmountAll.
CONTAINERD_EXPORT absl::Status UnmountAll(std::string_view target, int flags);

// UnmountAll for `target` and all mount points below it, deepest first.
// Source: mount.UnmountRecursive.
CONTAINERD_EXPORT absl::Status UnmountRecursive(std::string_view target, int flags);

// Undoes All: UnmountAll for each mount's place below `target`, in reverse order. As in Go, only
// the failure of the last mount's unmounting is reported. Source: mount.UnmountMounts.
CONTAINERD_EXPORT absl::Status UnmountMounts(const std::vector<Mount>& mounts,
                                             std::string_view target, int flags);

// `path` made absolute, with all symbolic links resolved. ErrNotFound if it does not exist. Source:
// mount.CanonicalizePath.
CONTAINERD_EXPORT absl::StatusOr<std::string> CanonicalizePath(std::string_view path);

// `mounts` without the options of overlays that forbid mounting their upper directory again
// ("volatile"). Source: mount.RemoveVolatileOption.
CONTAINERD_EXPORT std::vector<Mount> RemoveVolatileOption(std::vector<Mount> mounts);

// `mounts` without "uidmap=" and "gidmap=". Source: mount.RemoveIDMapOption.
CONTAINERD_EXPORT std::vector<Mount> RemoveIDMapOption(std::vector<Mount> mounts);

}  // namespace containerd::mount

#endif  // CONTAINERD_MOUNT_MOUNT_H_
