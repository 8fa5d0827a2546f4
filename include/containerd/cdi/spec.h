// SPDX-License-Identifier: Apache-2.0
//
// A file of the Container Device Interface: what a container has to be given to use a vendor's
// devices. Files are YAML, or the JSON that is part of it.
//
//   cdiVersion: "0.6.0"
//   kind: vendor.com/gpu
//   devices:
//     - name: gpu0
//       containerEdits:
//         deviceNodes: [{path: /dev/gpu0}]
//
// Files are hostile input: their size and what their aliases expand to are bounded, and any bytes
// give a value or an error.
//
// Source: tags.cncf.io/container-device-interface (specs-go, pkg/parser, pkg/cdi), 1.1.0.
#ifndef CONTAINERD_CDI_SPEC_H_
#define CONTAINERD_CDI_SPEC_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/export/export.h"
#include "containerd/specs/spec.h"

namespace containerd::cdi {

// The newest version of the file format that is understood.
inline constexpr char kCurrentVersion[] = "1.1.0";

// Of device nodes that the container's cgroup shall not let it use.
inline constexpr char kNoPermissions[] = "none";

// A device node of the container. What is not given is taken from the host's.
struct DeviceNode {
  std::string path{};
  std::string host_path{};  // Where the host has it, if elsewhere.
  std::string type{};       // "b", "c", "u" or "p".
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::optional<std::uint32_t> file_mode{};
  std::string permissions{};  // Of the letters "rwm", all when empty; or kNoPermissions.
  std::optional<std::uint32_t> uid{};
  std::optional<std::uint32_t> gid{};
};

// A network interface that moves into the container.
struct LinuxNetDevice {
  std::string host_interface_name{};
  std::string name{};
};

// A mount of a host's path into the container.
struct Mount {
  std::string host_path{};
  std::string container_path{};
  std::vector<std::string> options{};
  std::string type{};
};

// A program that the OCI runtime runs.
struct Hook {
  std::string hook_name{};  // "prestart", "createRuntime", "createContainer", …
  std::string path{};
  std::vector<std::string> args{};
  std::vector<std::string> env{};
  std::optional<std::int64_t> timeout{};  // Seconds.
};

// A class of Intel's Resource Director Technology.
struct IntelRdt {
  std::string clos_id{};
  std::string l3_cache_schema{};
  std::string mem_bw_schema{};
  std::optional<std::vector<std::string>> schemata{};
  bool enable_monitoring = false;
};

// What changes in a container's spec.
struct ContainerEdits {
  std::vector<std::string> env{};
  std::vector<DeviceNode> device_nodes{};
  std::vector<LinuxNetDevice> net_devices{};
  std::vector<Hook> hooks{};
  std::vector<Mount> mounts{};
  std::optional<IntelRdt> intel_rdt{};
  std::vector<std::uint32_t> additional_gids{};
};

// What a container gets that asks for the device of that name.
struct Device {
  std::string name{};
  std::map<std::string, std::string> annotations{};
  ContainerEdits container_edits{};
};

// A file of CDI: the devices of one kind.
struct Spec {
  std::string version{};
  std::string kind{};  // "vendor.com/class"
  std::map<std::string, std::string> annotations{};
  std::vector<Device> devices{};
  ContainerEdits container_edits{};  // For every container that gets one of the devices.
};

// The name of a device: "vendor.com/class=name".
struct QualifiedName {
  std::string vendor{};
  std::string device_class{};
  std::string name{};

  friend bool operator==(const QualifiedName&, const QualifiedName&) = default;
};

// ErrInvalidArgument says what of the name is missing or wrong. Source: parser.ParseQualifiedName.
CONTAINERD_EXPORT absl::StatusOr<QualifiedName> ParseQualifiedName(std::string_view device);

// Source: parser.IsQualifiedName.
CONTAINERD_EXPORT bool IsQualifiedName(std::string_view device);

// Reads all of `data`. ErrInvalidArgument, with the line, for what is no YAML, is no such document,
// or has members that are unknown or there twice. Unlike Go, a number with a fraction or an
// exponent is no string, and names must match exactly.
CONTAINERD_EXPORT absl::StatusOr<Spec> ParseSpec(std::string_view data);

// Whether the document makes sense, and its version has all that it uses.
CONTAINERD_EXPORT absl::Status ValidateSpec(const Spec& spec);

// The first version of the format that has all that the document uses.
CONTAINERD_EXPORT std::string MinimumRequiredVersion(const Spec& spec);

// ParseSpec and ValidateSpec of a file; errors name it.
CONTAINERD_EXPORT absl::StatusOr<Spec> ReadSpec(const std::string& path);

// Changes `spec`, which is left as it was if that fails: ErrNotFound for a device that the host
// does not have, ErrInvalidArgument for one of another type. Source: ContainerEdits.Apply.
CONTAINERD_EXPORT absl::Status ApplyEdits(const ContainerEdits& edits, specs::Spec* spec);

}  // namespace containerd::cdi

#endif  // CONTAINERD_CDI_SPEC_H_
