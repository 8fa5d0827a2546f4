// SPDX-License-Identifier: Apache-2.0
//
// Id-mapped mounts: the same files with other owners. A mapping is
// "container-id:host-id:size[,container-id:host-id:size…]". Linux 5.12 and a file system that
// supports it are needed.
//
// Source: core/mount/mount_idmapped_linux.go.
#ifndef CONTAINERD_MOUNT_IDMAP_H_
#define CONTAINERD_MOUNT_IDMAP_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/export/export.h"

namespace containerd::mount {

// A file descriptor, closed when destroyed.
class CONTAINERD_EXPORT UsernsFD {
 public:
  explicit UsernsFD(int fd) : fd_(fd) {}
  UsernsFD(UsernsFD&& other) noexcept;
  UsernsFD& operator=(UsernsFD&& other) noexcept;
  ~UsernsFD();

  int fd() const { return fd_; }

 private:
  int fd_;
};

// One range of ids.
struct IDMapping {
  std::uint32_t container_id = 0;
  std::uint32_t host_id = 0;
  std::uint32_t size = 0;

  friend bool operator==(const IDMapping&, const IDMapping&) = default;
};

// ErrInvalidArgument, naming the mapping, if it is not of the form above.
CONTAINERD_EXPORT absl::StatusOr<std::vector<IDMapping>> ParseIDMappings(std::string_view mappings);

// A new user namespace with these mappings, held by nothing but the descriptor. A child process
// makes it and is gone when the function returns. Source: mount.GetUsernsFD.
CONTAINERD_EXPORT absl::StatusOr<UsernsFD> GetUsernsFD(std::string_view uidmap,
                                                       std::string_view gidmap);

// Mounts a clone of the mount at `source` (with those below it) at `target`, owners mapped by the
// user namespace. Source: mount.IDMapMount.
CONTAINERD_EXPORT absl::Status IDMapMount(std::string_view source, std::string_view target,
                                          int userns_fd);

// The same, with attributes to set and clear: MOUNT_ATTR_… of mount_setattr(2).
// Source: mount.IDMapMountWithAttrs.
CONTAINERD_EXPORT absl::Status IDMapMountWithAttrs(std::string_view source, std::string_view target,
                                                   int userns_fd, std::uint64_t attr_set,
                                                   std::uint64_t attr_clear);

}  // namespace containerd::mount

#endif  // CONTAINERD_MOUNT_IDMAP_H_
