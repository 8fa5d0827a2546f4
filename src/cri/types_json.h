// SPDX-License-Identifier: Apache-2.0
//
// The fields of the values of types.h, named as in the Go structs, which all leave empty fields
// out.
#ifndef CONTAINERD_SRC_CRI_TYPES_JSON_H_
#define CONTAINERD_SRC_CRI_TYPES_JSON_H_

#include <cstdint>
#include <string_view>
#include <type_traits>

#include "containerd/cri/types.h"

#include "src/gojson/internal/codec.h"

namespace containerd::cri {

// An enum as the number that it is in Go's JSON.
template <class V, class E>
void EnumField(V& v, std::string_view name, E& field) {
  auto number = static_cast<std::int32_t>(field);
  v.Field(name, number, gojson::kOmitEmpty);
  if constexpr (!std::is_const_v<E>) field = static_cast<E>(number);
}

template <class V, gojson::Of<PodSandboxMetadata> T>
void Bind(V& v, T& metadata) {
  v.Field("name", metadata.name, gojson::kOmitEmpty);
  v.Field("uid", metadata.uid, gojson::kOmitEmpty);
  v.Field("namespace", metadata.ns, gojson::kOmitEmpty);
  v.Field("attempt", metadata.attempt, gojson::kOmitEmpty);
}

template <class V, gojson::Of<ContainerMetadata> T>
void Bind(V& v, T& metadata) {
  v.Field("name", metadata.name, gojson::kOmitEmpty);
  v.Field("attempt", metadata.attempt, gojson::kOmitEmpty);
}

template <class V, gojson::Of<NamespaceOption> T>
void Bind(V& v, T& option) {
  EnumField(v, "network", option.network);
  EnumField(v, "pid", option.pid);
  EnumField(v, "ipc", option.ipc);
  v.Field("target_id", option.target_id, gojson::kOmitEmpty);
}

template <class V, gojson::Of<DNSConfig> T>
void Bind(V& v, T& dns) {
  v.Field("servers", dns.servers, gojson::kOmitEmpty);
  v.Field("searches", dns.searches, gojson::kOmitEmpty);
  v.Field("options", dns.options, gojson::kOmitEmpty);
}

template <class V, gojson::Of<PortMapping> T>
void Bind(V& v, T& mapping) {
  EnumField(v, "protocol", mapping.protocol);
  v.Field("container_port", mapping.container_port, gojson::kOmitEmpty);
  v.Field("host_port", mapping.host_port, gojson::kOmitEmpty);
  v.Field("host_ip", mapping.host_ip, gojson::kOmitEmpty);
}

template <class V, gojson::Of<LinuxSandboxSecurityContext> T>
void Bind(V& v, T& context) {
  v.Field("namespace_options", context.namespace_options, gojson::kOmitEmpty);
  v.Field("readonly_rootfs", context.readonly_rootfs, gojson::kOmitEmpty);
  v.Field("supplemental_groups", context.supplemental_groups, gojson::kOmitEmpty);
  v.Field("privileged", context.privileged, gojson::kOmitEmpty);
}

template <class V, gojson::Of<LinuxPodSandboxConfig> T>
void Bind(V& v, T& config) {
  v.Field("cgroup_parent", config.cgroup_parent, gojson::kOmitEmpty);
  v.Field("security_context", config.security_context, gojson::kOmitEmpty);
  v.Field("sysctls", config.sysctls, gojson::kOmitEmpty);
}

template <class V, gojson::Of<PodSandboxConfig> T>
void Bind(V& v, T& config) {
  v.Field("metadata", config.metadata);
  v.Field("hostname", config.hostname, gojson::kOmitEmpty);
  v.Field("log_directory", config.log_directory, gojson::kOmitEmpty);
  v.Field("dns_config", config.dns_config, gojson::kOmitEmpty);
  v.Field("port_mappings", config.port_mappings, gojson::kOmitEmpty);
  v.Field("labels", config.labels, gojson::kOmitEmpty);
  v.Field("annotations", config.annotations, gojson::kOmitEmpty);
  v.Field("linux", config.linux_config, gojson::kOmitEmpty);
}

template <class V, gojson::Of<ImageSpec> T>
void Bind(V& v, T& image) {
  v.Field("image", image.image, gojson::kOmitEmpty);
  v.Field("annotations", image.annotations, gojson::kOmitEmpty);
  v.Field("user_specified_image", image.user_specified_image, gojson::kOmitEmpty);
  v.Field("runtime_handler", image.runtime_handler, gojson::kOmitEmpty);
}

template <class V, gojson::Of<KeyValue> T>
void Bind(V& v, T& env) {
  v.Field("key", env.key, gojson::kOmitEmpty);
  v.Field("value", env.value, gojson::kOmitEmpty);
}

template <class V, gojson::Of<Mount> T>
void Bind(V& v, T& mount) {
  v.Field("container_path", mount.container_path, gojson::kOmitEmpty);
  v.Field("host_path", mount.host_path, gojson::kOmitEmpty);
  v.Field("readonly", mount.readonly, gojson::kOmitEmpty);
  v.Field("selinux_relabel", mount.selinux_relabel, gojson::kOmitEmpty);
  EnumField(v, "propagation", mount.propagation);
}

template <class V, gojson::Of<HugepageLimit> T>
void Bind(V& v, T& limit) {
  v.Field("page_size", limit.page_size, gojson::kOmitEmpty);
  v.Field("limit", limit.limit, gojson::kOmitEmpty);
}

template <class V, gojson::Of<LinuxContainerResources> T>
void Bind(V& v, T& resources) {
  v.Field("cpu_period", resources.cpu_period, gojson::kOmitEmpty);
  v.Field("cpu_quota", resources.cpu_quota, gojson::kOmitEmpty);
  v.Field("cpu_shares", resources.cpu_shares, gojson::kOmitEmpty);
  v.Field("memory_limit_in_bytes", resources.memory_limit_in_bytes, gojson::kOmitEmpty);
  v.Field("oom_score_adj", resources.oom_score_adj, gojson::kOmitEmpty);
  v.Field("cpuset_cpus", resources.cpuset_cpus, gojson::kOmitEmpty);
  v.Field("cpuset_mems", resources.cpuset_mems, gojson::kOmitEmpty);
  v.Field("hugepage_limits", resources.hugepage_limits, gojson::kOmitEmpty);
  v.Field("unified", resources.unified, gojson::kOmitEmpty);
  v.Field("memory_swap_limit_in_bytes", resources.memory_swap_limit_in_bytes, gojson::kOmitEmpty);
}

template <class V, gojson::Of<LinuxContainerSecurityContext> T>
void Bind(V& v, T& context) {
  v.Field("privileged", context.privileged, gojson::kOmitEmpty);
  v.Field("namespace_options", context.namespace_options, gojson::kOmitEmpty);
  v.Field("run_as_username", context.run_as_username, gojson::kOmitEmpty);
  v.Field("readonly_rootfs", context.readonly_rootfs, gojson::kOmitEmpty);
  v.Field("supplemental_groups", context.supplemental_groups, gojson::kOmitEmpty);
  v.Field("no_new_privs", context.no_new_privs, gojson::kOmitEmpty);
}

template <class V, gojson::Of<LinuxContainerConfig> T>
void Bind(V& v, T& config) {
  v.Field("resources", config.resources, gojson::kOmitEmpty);
  v.Field("security_context", config.security_context, gojson::kOmitEmpty);
}

template <class V, gojson::Of<ContainerConfig> T>
void Bind(V& v, T& config) {
  v.Field("metadata", config.metadata);
  v.Field("image", config.image, gojson::kOmitEmpty);
  v.Field("command", config.command, gojson::kOmitEmpty);
  v.Field("args", config.args, gojson::kOmitEmpty);
  v.Field("working_dir", config.working_dir, gojson::kOmitEmpty);
  v.Field("envs", config.envs, gojson::kOmitEmpty);
  v.Field("mounts", config.mounts, gojson::kOmitEmpty);
  v.Field("labels", config.labels, gojson::kOmitEmpty);
  v.Field("annotations", config.annotations, gojson::kOmitEmpty);
  v.Field("log_path", config.log_path, gojson::kOmitEmpty);
  v.Field("stdin", config.has_stdin, gojson::kOmitEmpty);
  v.Field("stdin_once", config.stdin_once, gojson::kOmitEmpty);
  v.Field("tty", config.tty, gojson::kOmitEmpty);
  v.Field("linux", config.linux_config, gojson::kOmitEmpty);
}

}  // namespace containerd::cri

#endif  // CONTAINERD_SRC_CRI_TYPES_JSON_H_
