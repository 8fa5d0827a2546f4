// SPDX-License-Identifier: Apache-2.0
//
// What a pod and a container are asked to be, as far as this package looks into it. These are plain
// values, not the messages of runtime.v1: a program may link stubs of its own for those, and
// protobuf aborts where a message is defined twice.
//
// They are read from the JSON in which the plugin keeps them (metadata.h). What a value has no
// field for is in its `extra`, and is written again.
//
// Source: k8s.io/cri-api/pkg/apis/runtime/v1.
#ifndef CONTAINERD_CRI_TYPES_H_
#define CONTAINERD_CRI_TYPES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "containerd/export/export.h"
#include "containerd/gojson/value.h"
#include "containerd/labels/labels.h"

namespace containerd::cri {

// Tells a pod from all others: it had that many attempts to become a sandbox.
struct PodSandboxMetadata {
  std::string name{};
  std::string uid{};
  std::string ns{};  // `namespace`, of Kubernetes
  std::uint32_t attempt = 0;
  gojson::Extra extra{};
  friend bool operator==(const PodSandboxMetadata&, const PodSandboxMetadata&) = default;
};

// Tells a container from the others of its pod.
struct ContainerMetadata {
  std::string name{};
  std::uint32_t attempt = 0;
  gojson::Extra extra{};
  friend bool operator==(const ContainerMetadata&, const ContainerMetadata&) = default;
};

// Whom a namespace is shared with. Others than these are kept as they are.
enum class NamespaceMode : std::int32_t { kPod = 0, kContainer = 1, kNode = 2, kTarget = 3 };

// "POD", "CONTAINER", "NODE", "TARGET"; empty for others. Source: runtime.NamespaceMode.String.
CONTAINERD_EXPORT std::string_view ToString(NamespaceMode mode);

// Source: runtime.v1.NamespaceOption.
struct NamespaceOption {
  NamespaceMode network = NamespaceMode::kPod;
  NamespaceMode pid = NamespaceMode::kPod;
  NamespaceMode ipc = NamespaceMode::kPod;
  std::string target_id{};  // the container of NamespaceMode::kTarget
  gojson::Extra extra{};
  friend bool operator==(const NamespaceOption&, const NamespaceOption&) = default;
};

// Source: runtime.v1.DNSConfig.
struct DNSConfig {
  std::vector<std::string> servers{};
  std::vector<std::string> searches{};
  std::vector<std::string> options{};
  gojson::Extra extra{};
  friend bool operator==(const DNSConfig&, const DNSConfig&) = default;
};

enum class Protocol : std::int32_t { kTCP = 0, kUDP = 1, kSCTP = 2 };

// "TCP", "UDP", "SCTP"; empty for others. Source: runtime.Protocol.String.
CONTAINERD_EXPORT std::string_view ToString(Protocol protocol);

// Source: runtime.v1.PortMapping.
struct PortMapping {
  cri::Protocol protocol = cri::Protocol::kTCP;
  std::int32_t container_port = 0;
  std::int32_t host_port = 0;
  std::string host_ip{};
  gojson::Extra extra{};
  friend bool operator==(const PortMapping&, const PortMapping&) = default;
};

// Source: runtime.v1.LinuxSandboxSecurityContext.
struct LinuxSandboxSecurityContext {
  std::optional<NamespaceOption> namespace_options{};
  bool readonly_rootfs = false;
  std::vector<std::int64_t> supplemental_groups{};
  bool privileged = false;
  gojson::Extra extra{};
  friend bool operator==(const LinuxSandboxSecurityContext&,
                         const LinuxSandboxSecurityContext&) = default;
};

// Source: runtime.v1.LinuxPodSandboxConfig.
struct LinuxPodSandboxConfig {
  std::string cgroup_parent{};
  std::optional<LinuxSandboxSecurityContext> security_context{};
  std::map<std::string, std::string> sysctls{};
  gojson::Extra extra{};
  friend bool operator==(const LinuxPodSandboxConfig&, const LinuxPodSandboxConfig&) = default;
};

// Source: runtime.v1.PodSandboxConfig.
struct PodSandboxConfig {
  PodSandboxMetadata metadata{};
  std::string hostname{};
  std::string log_directory{};
  std::optional<DNSConfig> dns_config{};
  std::vector<PortMapping> port_mappings{};
  Labels labels{};
  std::map<std::string, std::string> annotations{};
  std::optional<LinuxPodSandboxConfig> linux_config{};  // `linux`, a macro of some compilers
  gojson::Extra extra{};
  friend bool operator==(const PodSandboxConfig&, const PodSandboxConfig&) = default;
};

// Source: runtime.v1.ImageSpec.
struct ImageSpec {
  std::string image{};
  std::map<std::string, std::string> annotations{};
  std::string user_specified_image{};
  std::string runtime_handler{};
  gojson::Extra extra{};
  friend bool operator==(const ImageSpec&, const ImageSpec&) = default;
};

// Source: runtime.v1.KeyValue.
struct KeyValue {
  std::string key{};
  gojson::RawMessage value{};  // text, or base64 in later releases
  gojson::Extra extra{};
  friend bool operator==(const KeyValue&, const KeyValue&) = default;
};

enum class MountPropagation : std::int32_t {
  kPrivate = 0,
  kHostToContainer = 1,
  kBidirectional = 2,
};

// "PROPAGATION_PRIVATE" and its siblings; empty for others. Source:
// runtime.MountPropagation.String.
CONTAINERD_EXPORT std::string_view ToString(MountPropagation propagation);

// Source: runtime.v1.Mount.
struct Mount {
  std::string container_path{};
  std::string host_path{};
  bool readonly = false;
  bool selinux_relabel = false;
  MountPropagation propagation = MountPropagation::kPrivate;
  gojson::Extra extra{};
  friend bool operator==(const Mount&, const Mount&) = default;
};

// Source: runtime.v1.HugepageLimit.
struct HugepageLimit {
  std::string page_size{};
  std::uint64_t limit = 0;
  gojson::Extra extra{};
  friend bool operator==(const HugepageLimit&, const HugepageLimit&) = default;
};

// Memory in bytes, CPU time in microseconds.
struct LinuxContainerResources {
  std::int64_t cpu_period = 0;
  std::int64_t cpu_quota = 0;
  std::int64_t cpu_shares = 0;
  std::int64_t memory_limit_in_bytes = 0;
  std::int64_t oom_score_adj = 0;
  std::string cpuset_cpus{};
  std::string cpuset_mems{};
  std::vector<HugepageLimit> hugepage_limits{};
  std::map<std::string, std::string> unified{};
  std::int64_t memory_swap_limit_in_bytes = 0;
  gojson::Extra extra{};
  friend bool operator==(const LinuxContainerResources&, const LinuxContainerResources&) = default;
};

// Source: runtime.v1.LinuxContainerSecurityContext.
struct LinuxContainerSecurityContext {
  bool privileged = false;
  std::optional<NamespaceOption> namespace_options{};
  std::string run_as_username{};
  bool readonly_rootfs = false;
  std::vector<std::int64_t> supplemental_groups{};
  bool no_new_privs = false;
  gojson::Extra extra{};
  friend bool operator==(const LinuxContainerSecurityContext&,
                         const LinuxContainerSecurityContext&) = default;
};

// Source: runtime.v1.LinuxContainerConfig.
struct LinuxContainerConfig {
  std::optional<LinuxContainerResources> resources{};
  std::optional<LinuxContainerSecurityContext> security_context{};
  gojson::Extra extra{};
  friend bool operator==(const LinuxContainerConfig&, const LinuxContainerConfig&) = default;
};

// Source: runtime.v1.ContainerConfig.
struct ContainerConfig {
  ContainerMetadata metadata{};
  std::optional<ImageSpec> image{};
  std::vector<std::string> command{};
  std::vector<std::string> args{};
  std::string working_dir{};
  std::vector<KeyValue> envs{};
  std::vector<Mount> mounts{};
  Labels labels{};
  std::map<std::string, std::string> annotations{};
  std::string log_path{};  // below the pod's log_directory
  // `stdin`, `stdin_once` and `tty`; the first is a macro.
  bool has_stdin = false;
  bool stdin_once = false;
  bool tty = false;
  std::optional<LinuxContainerConfig> linux_config{};
  gojson::Extra extra{};
  friend bool operator==(const ContainerConfig&, const ContainerConfig&) = default;
};

}  // namespace containerd::cri

#endif  // CONTAINERD_CRI_TYPES_H_
