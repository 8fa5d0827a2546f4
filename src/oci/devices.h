// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_OCI_DEVICES_H_
#define CONTAINERD_SRC_OCI_DEVICES_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/specs/linux.h"

namespace containerd::oci {

// Finds the devices below a directory.
class DeviceTree {
 public:
  // What a directory holds.
  struct Entry {
    std::string name;
    bool directory = false;
  };
  using List = std::function<absl::StatusOr<std::vector<Entry>>(const std::string& path)>;
  using Device = std::function<absl::StatusOr<specs::LinuxDevice>(const std::string& path)>;

  DeviceTree();

  // For tests: whether this is a user namespace, and how to look at directories and devices.
  DeviceTree(bool in_userns, List list, Device device)
      : in_userns_(in_userns), list_(std::move(list)), device_(std::move(device)) {}

  // The entries of a directory, sorted by name. Symbolic links are no directories.
  static absl::StatusOr<std::vector<Entry>> ReadDirectory(const std::string& path);

  // The device at `path`, or all below it if it is a directory, as in a container at
  // `container_path` (empty: at `path`).
  absl::StatusOr<std::vector<specs::LinuxDevice>> Get(const std::string& path,
                                                      const std::string& container_path = "");

 private:
  absl::Status Collect(const std::string& path, const std::string& container_path,
                       std::vector<specs::LinuxDevice>* devices);
  absl::Status Add(const std::string& path, const std::string& container_path,
                   std::vector<specs::LinuxDevice>* devices);

  const bool in_userns_;
  const List list_;
  const Device device_;
};

}  // namespace containerd::oci

#endif  // CONTAINERD_SRC_OCI_DEVICES_H_
