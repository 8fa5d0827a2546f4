// SPDX-License-Identifier: Apache-2.0
//
// What the plugin writes into the records of sandboxes and containers about them: the requests that
// they come from, and what it has decided. From these it finds them again after a restart.
//
//   absl::StatusOr<cri::ContainerInfo> info = cri::ContainerInfoOf(record);
//   if (!info.ok()) return info.status();
//   info->config.metadata.name;  // "nginx"
//
// All functions are pure and safe from any thread.
//
// Source: pkg/cri/store/container/metadata.go, pkg/cri/store/sandbox/metadata.go.
#ifndef CONTAINERD_CRI_METADATA_H_
#define CONTAINERD_CRI_METADATA_H_

#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "containerd/containers/containers.h"
#include "containerd/cri/types.h"
#include "containerd/export/export.h"
#include "containerd/gojson/value.h"
#include "containerd/typeurl/any.h"

namespace containerd::cri {

// What is known of a container. Never changes. Source: containerstore.Metadata.
struct ContainerInfo {
  std::string id{};
  std::string name{};        // MakeContainerName's
  std::string sandbox_id{};  // the pod
  ContainerConfig config{};
  std::string image_ref{};      // the image's id
  std::string log_path{};       // in full
  std::string stop_signal{};    // of the image: "SIGTERM"
  std::string process_label{};  // of SELinux
  gojson::Extra extra{};
  friend bool operator==(const ContainerInfo&, const ContainerInfo&) = default;
};

// What is known of a sandbox. Source: sandboxstore.Metadata.
struct SandboxInfo {
  std::string id{};
  std::string name{};  // MakeSandboxName's
  PodSandboxConfig config{};
  std::string net_ns_path{};  // empty in the node's network
  std::string ip{};
  std::vector<std::string> additional_ips{};
  std::string runtime_handler{};
  std::string process_label{};
  gojson::Extra extra{};  // the result of CNI, among others
  friend bool operator==(const SandboxInfo&, const SandboxInfo&) = default;
};

// To and from JSON: {"Version":"v1","Metadata":{…}}. What has no field here is kept. Reading gives
// ErrInvalidArgument for what is no such JSON, and ErrNotImplemented for another version.
CONTAINERD_EXPORT std::string EncodeContainerInfo(const ContainerInfo& info);
CONTAINERD_EXPORT absl::StatusOr<ContainerInfo> DecodeContainerInfo(std::string_view json);
CONTAINERD_EXPORT std::string EncodeSandboxInfo(const SandboxInfo& info);
CONTAINERD_EXPORT absl::StatusOr<SandboxInfo> DecodeSandboxInfo(std::string_view json);

// The same as the values of the extensions kContainerMetadataExtension and
// kSandboxMetadataExtension, under the type URLs that the plugin gives them.
CONTAINERD_EXPORT typeurl::Any MarshalContainerInfo(const ContainerInfo& info);
CONTAINERD_EXPORT typeurl::Any MarshalSandboxInfo(const SandboxInfo& info);

// What the plugin wrote into a record. ErrNotFound if there is no such extension: the record is not
// CRI's; ErrInvalidArgument if it is of another type, its JSON is broken, or it is of another
// container than the record. Errors name the container.
CONTAINERD_EXPORT absl::StatusOr<ContainerInfo> ContainerInfoOf(
    const containers::Container& record);
CONTAINERD_EXPORT absl::StatusOr<SandboxInfo> SandboxInfoOf(const containers::Container& record);

}  // namespace containerd::cri

#endif  // CONTAINERD_CRI_METADATA_H_
