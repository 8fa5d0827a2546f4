// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/metadata.h"

#include <absl/status/status.h>
#include <absl/strings/match.h>
#include <fmt/format.h>

#include "containerd/cri/constants.h"
#include "containerd/errdefs/errdefs.h"

#include "src/base/escape.h"
#include "types_json.h"

namespace containerd::cri {

// The document around a T. Source: versionedMetadata.
template <class Info>
struct Versioned {
  std::string version{};
  Info metadata{};
  gojson::Extra extra{};
};

template <class V, class Info, gojson::Of<Versioned<Info>> T>
void BindVersioned(V& v, T& document) {
  v.Field("Version", document.version);
  v.Field("Metadata", document.metadata);
}

template <class V, gojson::Of<ContainerInfo> T>
void Bind(V& v, T& info) {
  v.Field("ID", info.id);
  v.Field("Name", info.name);
  v.Field("SandboxID", info.sandbox_id);
  v.Field("Config", info.config);
  v.Field("ImageRef", info.image_ref);
  v.Field("LogPath", info.log_path);
  v.Field("StopSignal", info.stop_signal);
  v.Field("ProcessLabel", info.process_label);
}

template <class V, gojson::Of<SandboxInfo> T>
void Bind(V& v, T& info) {
  v.Field("ID", info.id);
  v.Field("Name", info.name);
  v.Field("Config", info.config);
  v.Field("NetNSPath", info.net_ns_path);
  v.Field("IP", info.ip);
  v.Field("AdditionalIPs", info.additional_ips);
  v.Field("RuntimeHandler", info.runtime_handler);
  v.Field("ProcessLabel", info.process_label);
}

template <class V, gojson::Of<Versioned<ContainerInfo>> T>
void Bind(V& v, T& document) {
  BindVersioned<V, ContainerInfo>(v, document);
}

template <class V, gojson::Of<Versioned<SandboxInfo>> T>
void Bind(V& v, T& document) {
  BindVersioned<V, SandboxInfo>(v, document);
}

namespace {

constexpr char kMetadataVersion[] = "v1";
// Since before CRI became a part of containerd, and kept.
constexpr char kContainerURL[] = "github.com/containerd/cri/pkg/store/container/Metadata";
constexpr char kSandboxURL[] = "github.com/containerd/cri/pkg/store/sandbox/Metadata";

template <class Info>
std::string Encode(const Info& info) {
  return gojson::Marshal(Versioned<Info>{.version = kMetadataVersion, .metadata = info});
}

template <class Info>
absl::StatusOr<Info> Decode(std::string_view json) {
  absl::StatusOr<Versioned<Info>> document = gojson::Unmarshal<Versioned<Info>>(json);
  if (!document.ok()) return document.status();
  if (document->version != kMetadataVersion) {
    return errdefs::NotImplemented(fmt::format("the version {} of CRI's metadata is not supported",
                                               base::Quote(document->version, 32)));
  }
  return std::move(document->metadata);
}

// The extension of this name, and of this type, as Info.
template <class Info>
absl::StatusOr<Info> Extension(const containers::Container& record, const char* name,
                               std::string_view url) {
  const auto found = record.extensions.find(name);
  if (found == record.extensions.end()) {
    return errdefs::NotFound(
        fmt::format("container \"{}\" has no extension {}: it is not CRI's", record.id, name));
  }
  const auto about = [&] {
    return fmt::format("extension {} of container \"{}\"", name, record.id);
  };
  if (found->second.type_url != url) {
    return errdefs::InvalidArgument(
        fmt::format("{}: it is of type {}", about(), base::Quote(found->second.type_url)));
  }
  absl::StatusOr<Info> info = Decode<Info>(found->second.value);
  if (!info.ok()) return errdefs::Annotate(info.status(), about());
  if (info->id != record.id) {
    return errdefs::InvalidArgument(
        fmt::format("{}: it is of container {}", about(), base::Quote(info->id)));
  }
  return info;
}

}  // namespace

std::string EncodeContainerInfo(const ContainerInfo& info) { return Encode(info); }
std::string EncodeSandboxInfo(const SandboxInfo& info) { return Encode(info); }

absl::StatusOr<ContainerInfo> DecodeContainerInfo(std::string_view json) {
  return Decode<ContainerInfo>(json);
}

absl::StatusOr<SandboxInfo> DecodeSandboxInfo(std::string_view json) {
  return Decode<SandboxInfo>(json);
}

typeurl::Any MarshalContainerInfo(const ContainerInfo& info) {
  return {kContainerURL, EncodeContainerInfo(info)};
}

typeurl::Any MarshalSandboxInfo(const SandboxInfo& info) {
  return {kSandboxURL, EncodeSandboxInfo(info)};
}

absl::StatusOr<ContainerInfo> ContainerInfoOf(const containers::Container& record) {
  return Extension<ContainerInfo>(record, kContainerMetadataExtension, kContainerURL);
}

absl::StatusOr<SandboxInfo> SandboxInfoOf(const containers::Container& record) {
  return Extension<SandboxInfo>(record, kSandboxMetadataExtension, kSandboxURL);
}

}  // namespace containerd::cri
