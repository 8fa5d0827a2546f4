// SPDX-License-Identifier: Apache-2.0
//
// What is particular to Windows (runtime-spec config-windows.md): for clients that drive such a
// daemon from elsewhere. Fields are those of the Go struct of the same name.
#ifndef CONTAINERD_SPECS_WINDOWS_H_
#define CONTAINERD_SPECS_WINDOWS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "containerd/export/export.h"
#include "containerd/gojson/value.h"

namespace containerd::specs {

// A device, by an id of a kind such as "class".
struct WindowsDevice {
  std::string id{};
  std::string id_type{};
  gojson::Extra extra{};

  friend bool operator==(const WindowsDevice&, const WindowsDevice&) = default;
};

// Memory limits, in bytes.
struct WindowsMemoryResources {
  std::optional<std::uint64_t> limit{};
  gojson::Extra extra{};

  friend bool operator==(const WindowsMemoryResources&, const WindowsMemoryResources&) = default;
};

// The CPUs to use of one processor group.
struct WindowsCPUGroupAffinity {
  std::uint64_t mask = 0;
  std::uint32_t group = 0;
  gojson::Extra extra{};

  friend bool operator==(const WindowsCPUGroupAffinity&, const WindowsCPUGroupAffinity&) = default;
};

// CPU limits.
struct WindowsCPUResources {
  std::optional<std::uint64_t> count{};
  std::optional<std::uint16_t> shares{};
  std::optional<std::uint16_t> maximum{};  // Ten-thousandths of all processor cycles.
  std::vector<WindowsCPUGroupAffinity> affinity{};
  gojson::Extra extra{};

  friend bool operator==(const WindowsCPUResources&, const WindowsCPUResources&) = default;
};

// Storage limits.
struct WindowsStorageResources {
  std::optional<std::uint64_t> iops{};          // Operations a second.
  std::optional<std::uint64_t> bps{};           // Bytes a second.
  std::optional<std::uint64_t> sandbox_size{};  // Bytes.
  gojson::Extra extra{};

  friend bool operator==(const WindowsStorageResources&, const WindowsStorageResources&) = default;
};

// The container's limits; also what Task::Update takes.
struct CONTAINERD_EXPORT WindowsResources {
  std::optional<WindowsMemoryResources> memory{};
  std::optional<WindowsCPUResources> cpu{};
  std::optional<WindowsStorageResources> storage{};
  gojson::Extra extra{};

  friend bool operator==(const WindowsResources&, const WindowsResources&) = default;
};

// The container's network.
struct WindowsNetwork {
  std::vector<std::string> endpoint_list{};
  bool allow_unqualified_dns_query = false;
  std::vector<std::string> dns_search_list{};
  std::string network_shared_container_name{};
  std::string network_namespace{};
  gojson::Extra extra{};

  friend bool operator==(const WindowsNetwork&, const WindowsNetwork&) = default;
};

// The utility VM of a container that is isolated by Hyper-V.
struct WindowsHyperV {
  std::string utility_vm_path{};
  gojson::Extra extra{};

  friend bool operator==(const WindowsHyperV&, const WindowsHyperV&) = default;
};

// The Windows part of a Spec.
struct CONTAINERD_EXPORT Windows {
  gojson::Slice<std::string>
      layer_folders{};  // From the top layer to the base, then the scratch layer.
  std::vector<WindowsDevice> devices{};
  std::optional<WindowsResources> resources{};
  gojson::RawMessage credential_spec{};  // JSON that nobody here looks into.
  bool servicing = false;
  bool ignore_flushes_during_boot = false;
  std::optional<WindowsHyperV> hyper_v{};
  std::optional<WindowsNetwork> network{};
  gojson::Extra extra{};

  friend bool operator==(const Windows&, const Windows&) = default;
};

}  // namespace containerd::specs

#endif  // CONTAINERD_SPECS_WINDOWS_H_
