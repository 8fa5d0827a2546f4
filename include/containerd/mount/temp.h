// SPDX-License-Identifier: Apache-2.0
//
// Mounts in a temporary directory, for as long as a function runs or an object lives.
//
//   absl::Status s = mount::WithTempMount(ctx, mounts, [&](const std::string& root) {
//     return CopyConfig(root + "/etc");
//   });
//
// Source: core/mount/temp.go.
#ifndef CONTAINERD_MOUNT_TEMP_H_
#define CONTAINERD_MOUNT_TEMP_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/base/attributes.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/mount/mount.h"

namespace containerd::mount {

// Mounts at a new temporary directory. The directory is removed with rmdir only, so that a mount
// that could not be unmounted never loses files.
class CONTAINERD_EXPORT TempMount {
 public:
  // Overlays are mounted without "volatile" (RemoveVolatileOption), because they may be mounted
  // again later.
  static absl::StatusOr<TempMount> New(const std::vector<Mount>& mounts);

  // The same, with each mount made read-only: an overlay by taking its upper directory as the
  // topmost lower one, others by "ro".
  static absl::StatusOr<TempMount> NewReadonly(const std::vector<Mount>& mounts);

  TempMount(TempMount&& other) noexcept;
  TempMount& operator=(TempMount&& other) noexcept;

  // Unmounts and removes the directory; a failure is logged, and what is left is for
  // CleanupTempMounts.
  ~TempMount();

  // The directory; empty after Unmount.
  const std::string& root() const ABSL_ATTRIBUTE_LIFETIME_BOUND { return root_; }

  // Unmounts now, and says whether that worked. The directory is gone after success only.
  absl::Status Unmount();

 private:
  TempMount(std::vector<Mount> mounts, std::string root);

  std::vector<Mount> mounts_;
  std::string root_;
  unsigned forks_;  // a forked child leaves the mount alone
};

// Runs `f` with a TempMount's directory. Returns f's error, annotated, or that of mounting or
// unmounting. Nothing is mounted if `ctx` has ended. Source: mount.WithTempMount.
CONTAINERD_EXPORT absl::Status WithTempMount(
    const Context& ctx, const std::vector<Mount>& mounts,
    const std::function<absl::Status(const std::string& root)>& f);

// Source: mount.WithReadonlyTempMount.
CONTAINERD_EXPORT absl::Status WithReadonlyTempMount(
    const Context& ctx, const std::vector<Mount>& mounts,
    const std::function<absl::Status(const std::string& root)>& f);

// Where temporary mounts are made from now on; made with mode 0700 if missing. At first
// $XDG_RUNTIME_DIR, or else $TMPDIR or /tmp. Source: mount.SetTempMountLocation.
CONTAINERD_EXPORT absl::Status SetTempMountLocation(std::string_view root);

// Unmounts everything below the location for temporary mounts, left from an earlier process
// perhaps, and removes the mount points. The value lists what could not be removed. Source:
// mount.CleanupTempMounts.
CONTAINERD_EXPORT absl::StatusOr<std::vector<absl::Status>> CleanupTempMounts(int flags);

}  // namespace containerd::mount

#endif  // CONTAINERD_MOUNT_TEMP_H_
