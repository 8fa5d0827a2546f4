// SPDX-License-Identifier: Apache-2.0
//
// What is mounted where, from /proc/self/mountinfo (proc(5)).
//
// Source: core/mount/lookup_unix.go, github.com/moby/sys/mountinfo.
#ifndef CONTAINERD_MOUNT_INFO_H_
#define CONTAINERD_MOUNT_INFO_H_

#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "containerd/export/export.h"

namespace containerd::mount {

// A line of mountinfo, with its octal escapes undone.
struct Info {
  int id = 0;
  int parent = 0;
  int major = 0;  // of the device
  int minor = 0;
  std::string root{};  // the directory of the file system that is mounted
  std::string mountpoint{};
  std::string options{};      // of this mount, joined by commas
  std::string optional{};     // propagation: "shared:1 master:2", …
  std::string fs_type{};      // "ext4", …
  std::string source{};       // of the file system, such as a device
  std::string vfs_options{};  // of the file system's super block

  friend bool operator==(const Info&, const Info&) = default;
};

// The mount that `path` is on. ErrNotFound if the path does not exist. Source: mount.Lookup.
CONTAINERD_EXPORT absl::StatusOr<Info> Lookup(std::string_view path);

// All mounts of this process's mount namespace, in the kernel's order.
// Source: mountinfo.GetMounts.
CONTAINERD_EXPORT absl::StatusOr<std::vector<Info>> GetMounts();

// The same from the text of a mountinfo file; ErrInvalidArgument with the line that is wrong.
// Source: mountinfo.GetMountsFromReader.
CONTAINERD_EXPORT absl::StatusOr<std::vector<Info>> ParseMountInfo(std::string_view text);

}  // namespace containerd::mount

#endif  // CONTAINERD_MOUNT_INFO_H_
