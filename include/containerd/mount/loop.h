// SPDX-License-Identifier: Apache-2.0
//
// Loop devices: files as block devices.
//
// Source: core/mount/losetup_linux.go.
#ifndef CONTAINERD_MOUNT_LOOP_H_
#define CONTAINERD_MOUNT_LOOP_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/base/attributes.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/export/export.h"
#include "containerd/option/pairs.h"

namespace containerd::mount {

// How a loop device is set up.
struct LoopParams {
  bool readonly = false;   // nothing can be written through the device
  bool autoclear = false;  // the kernel detaches the device when its last user closes it
  bool direct = false;     // the file is read and written with direct I/O
};

// An open loop device; closed when destroyed. With autoclear that detaches the file, unless the
// device is mounted by then: in that case unmounting does.
class CONTAINERD_EXPORT LoopDevice {
 public:
  LoopDevice(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  LoopDevice(LoopDevice&& other) noexcept;
  LoopDevice& operator=(LoopDevice&& other) noexcept;
  ~LoopDevice();

  const std::string& path() const ABSL_ATTRIBUTE_LIFETIME_BOUND { return path_; }  // "/dev/loop7"
  int fd() const { return fd_; }

 private:
  std::string path_;
  int fd_;
};

// Attaches a file to a free loop device, and tries others while another process takes the one that
// was free. Without autoclear the caller detaches it. Source: mount.SetupLoop.
CONTAINERD_EXPORT absl::StatusOr<LoopDevice> SetupLoop(std::string_view backing_file,
                                                       const LoopParams& params);

// SetupLoop without parameters; the device's path. Source: mount.AttachLoopDevice.
CONTAINERD_EXPORT absl::StatusOr<std::string> AttachLoopDevice(std::string_view backing_file);

// Source: mount.DetachLoopDevice.
CONTAINERD_EXPORT absl::Status DetachLoopDevice(const std::vector<std::string>& devices);
template <std::size_t N, std::size_t M>
requires option::IsPair<M>
void DetachLoopDevice(option::BracedTexts<N, M>) = delete;

}  // namespace containerd::mount

#endif  // CONTAINERD_MOUNT_LOOP_H_
