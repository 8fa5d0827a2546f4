// SPDX-License-Identifier: Apache-2.0
//
// Options for devices: nodes to make in the container, and what its cgroup lets it do with them.
// `permissions` are of the letters "r", "w" and "m" (mknod).
//
// Source: pkg/oci/spec_opts.go, spec_opts_linux.go and utils_unix.go.
#ifndef CONTAINERD_OCI_SPEC_OPTS_DEVICES_H_
#define CONTAINERD_OCI_SPEC_OPTS_DEVICES_H_

#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/export/export.h"
#include "containerd/oci/spec.h"
#include "containerd/option/option.h"
#include "containerd/specs/linux.h"

namespace containerd::oci {

// The device node at `path`, with its real numbers, mode and owner. A symbolic link is not
// followed. ErrNotADevice, or ErrNotFound if there is nothing; errors name the path.
CONTAINERD_EXPORT absl::StatusOr<specs::LinuxDevice> DeviceFromPath(const std::string& path);

// All character and block devices below /dev, sorted by name, but for consoles and what is in
// directories that containers have of their own (pts, shm, fd, mqueue). In a user namespace what
// may not be looked at is left out.
CONTAINERD_EXPORT absl::StatusOr<std::vector<specs::LinuxDevice>> HostDevices();

// Of class ErrInvalidArgument, "not a device node". The predicate holds for annotated ones, too.
CONTAINERD_EXPORT absl::Status ErrNotADevice();
CONTAINERD_EXPORT bool IsErrNotADevice(const absl::Status& status);

// Adds the nodes of HostDevices; the cgroup's rules stay as they are.
CONTAINERD_EXPORT extern const option::Plain<SpecOpt> WithHostDevices;

// Adds the device at `device_path`, or all below it if that is a directory (as HostDevices does),
// and lets the container use them. In the container they are at, or below, `container_path`, or at
// the same path if that is empty.
CONTAINERD_EXPORT SpecOpt WithDevices(std::string device_path, std::string container_path,
                                      std::string permissions);

// Adds the device at `path` and lets the container use it. The second follows symbolic links; the
// node is then where they lead.
CONTAINERD_EXPORT SpecOpt WithLinuxDevice(std::string path, std::string permissions);
CONTAINERD_EXPORT SpecOpt WithLinuxDeviceFollowSymlinks(std::string path, std::string permissions);

// Adds nodes; the cgroup's rules stay as they are.
CONTAINERD_EXPORT SpecOpt WithLinuxDevices(std::vector<specs::LinuxDevice> devices);

// Lets the container use the devices that runtimes make in every container: null, zero, full,
// random, urandom, tty, console, ptmx and pseudo terminals.
CONTAINERD_EXPORT extern const option::Plain<SpecOpt> WithDefaultUnixDevices;

// Lets the container use any device. Nodes are not made.
CONTAINERD_EXPORT extern const option::Plain<SpecOpt> WithAllDevicesAllowed;

// Removes all rules: those of the parent cgroup hold.
CONTAINERD_EXPORT extern const option::Plain<SpecOpt> WithParentCgroupDevices;

}  // namespace containerd::oci

#endif  // CONTAINERD_OCI_SPEC_OPTS_DEVICES_H_
