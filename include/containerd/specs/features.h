// SPDX-License-Identifier: Apache-2.0
//
// What a runtime can do, as its `features` command tells (runtime-spec features.md). An absent
// boolean means that the runtime does not say.
#ifndef CONTAINERD_SPECS_FEATURES_H_
#define CONTAINERD_SPECS_FEATURES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "containerd/export/export.h"
#include "containerd/gojson/value.h"

namespace containerd::specs::features {

// Which cgroup hierarchies and managers are understood.
struct Cgroup {
  std::optional<bool> v1{};
  std::optional<bool> v2{};
  std::optional<bool> systemd{};
  std::optional<bool> systemd_user{};
  std::optional<bool> rdma{};
  gojson::Extra extra{};

  friend bool operator==(const Cgroup&, const Cgroup&) = default;
};

// Seccomp, as compiled in.
struct Seccomp {
  std::optional<bool> enabled{};
  std::vector<std::string> actions{};
  std::vector<std::string> operators{};
  std::vector<std::string> archs{};
  std::vector<std::string> known_flags{};
  std::vector<std::string> supported_flags{};
  gojson::Extra extra{};

  friend bool operator==(const Seccomp&, const Seccomp&) = default;
};

// AppArmor.
struct Apparmor {
  std::optional<bool> enabled{};
  gojson::Extra extra{};

  friend bool operator==(const Apparmor&, const Apparmor&) = default;
};

// SELinux.
struct Selinux {
  std::optional<bool> enabled{};
  gojson::Extra extra{};

  friend bool operator==(const Selinux&, const Selinux&) = default;
};

// Intel RDT.
struct IntelRdt {
  std::optional<bool> enabled{};
  std::optional<bool> schemata{};
  std::optional<bool> monitoring{};
  gojson::Extra extra{};

  friend bool operator==(const IntelRdt&, const IntelRdt&) = default;
};

// NUMA policies.
struct MemoryPolicy {
  std::vector<std::string> modes{};
  std::vector<std::string> flags{};
  gojson::Extra extra{};

  friend bool operator==(const MemoryPolicy&, const MemoryPolicy&) = default;
};

// Mounts with id mappings.
struct IDMap {
  std::optional<bool> enabled{};
  gojson::Extra extra{};

  friend bool operator==(const IDMap&, const IDMap&) = default;
};

// Mounts beyond mount(2).
struct MountExtensions {
  std::optional<IDMap> idmap{};
  gojson::Extra extra{};

  friend bool operator==(const MountExtensions&, const MountExtensions&) = default;
};

// Moving network devices.
struct NetDevices {
  std::optional<bool> enabled{};
  gojson::Extra extra{};

  friend bool operator==(const NetDevices&, const NetDevices&) = default;
};

// Features that are particular to Linux.
struct CONTAINERD_EXPORT Linux {
  std::vector<std::string> namespaces{};
  std::vector<std::string> capabilities{};
  std::optional<Cgroup> cgroup{};
  std::optional<Seccomp> seccomp{};
  std::optional<Apparmor> apparmor{};
  std::optional<Selinux> selinux{};
  std::optional<IntelRdt> intel_rdt{};
  std::optional<MemoryPolicy> memory_policy{};
  std::optional<MountExtensions> mount_extensions{};
  std::optional<NetDevices> net_devices{};
  gojson::Extra extra{};

  friend bool operator==(const Linux&, const Linux&) = default;
};

// The document. An entry of potentially_unsafe_config_annotations that ends in "." stands for all
// with that prefix.
struct CONTAINERD_EXPORT Features {
  std::string oci_version_min{};  // Of the config.json files that are accepted.
  std::string oci_version_max{};
  std::vector<std::string> hooks{};
  std::vector<std::string> mount_options{};  // Those that the runtime handles itself.
  std::optional<Linux> linux_{};  // Not `linux`, which is a macro where GNU extensions are on.
  std::map<std::string, std::string> annotations{};
  std::vector<std::string> potentially_unsafe_config_annotations{};
  gojson::Extra extra{};

  friend bool operator==(const Features&, const Features&) = default;
};

}  // namespace containerd::specs::features

#endif  // CONTAINERD_SPECS_FEATURES_H_
