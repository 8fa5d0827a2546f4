// SPDX-License-Identifier: Apache-2.0
//
// A container's root file system, to read files in without mounting it: one directory, or the
// layers of an overlay put over each other as the kernel does. Symbolic links are followed with the
// root of the view as "/", so that nothing outside can be reached.
//
// Source: internal/fsview.
#ifndef CONTAINERD_SRC_OCI_ROOT_VIEW_H_
#define CONTAINERD_SRC_OCI_ROOT_VIEW_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/mount/mount.h"

#include "file.h"
#include "src/base/fd.h"

namespace containerd::oci {

class RootView {
 public:
  // The directory at `path`. ErrNotFound if there is none.
  static absl::StatusOr<RootView> OfDirectory(const std::string& path);

  // A directory that is open. It is duplicated.
  static absl::StatusOr<RootView> OfDescriptor(int fd);

  // What `mounts` would show: those of one bind mount or overlay. ErrNotImplemented for others.
  static absl::StatusOr<RootView> OfMounts(const std::vector<mount::Mount>& mounts);

  // The content of the regular file at `path`. ErrNotFound if there is nothing, ErrInvalidArgument
  // if it is something else, ErrResourceExhausted if it has more than `limit` bytes,
  // ErrNotImplemented for overlay features that only the kernel can resolve. Errors name the path.
  absl::StatusOr<std::string> ReadFile(std::string_view path, std::size_t limit) const;

 private:
  RootView() = default;

  absl::StatusOr<base::Fd> Open(std::string_view path) const;

  std::vector<base::Fd> layers_;  // The uppermost first.
  bool overlay_ = false;
};

}  // namespace containerd::oci

#endif  // CONTAINERD_SRC_OCI_ROOT_VIEW_H_
