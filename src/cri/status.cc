// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/status.h"

#include <utility>

#include <fmt/format.h>

#include "containerd/cri/constants.h"
#include "containerd/errdefs/errdefs.h"

#include "src/base/escape.h"
#include "types_json.h"

namespace containerd::cri {

// The document of a checkpoint: the version among the status's fields. Source: versionedStatus.
struct VersionedStatus {
  std::string version{};
  ContainerStatus status{};
  gojson::Extra extra{};
};

template <class V, gojson::Of<ContainerResources> T>
void Bind(V& v, T& resources) {
  v.Field("linux", resources.linux_resources, gojson::kOmitEmpty);
}

template <class V, gojson::Of<ContainerStatus> T>
void Bind(V& v, T& status) {
  v.Field("Pid", status.pid);
  v.Field("CreatedAt", status.created_at);
  v.Field("StartedAt", status.started_at);
  v.Field("FinishedAt", status.finished_at);
  v.Field("ExitCode", status.exit_code);
  v.Field("Reason", status.reason);
  v.Field("Message", status.message);
  v.Field("Resources", status.resources);
}

template <class V, gojson::Of<VersionedStatus> T>
void Bind(V& v, T& document) {
  v.Field("Version", document.version);
  v.Inline(document.status);
}

namespace {
constexpr char kStatusVersion[] = "v1";
}  // namespace

std::string_view ToString(ContainerState state) {
  switch (state) {
    case ContainerState::kCreated:
      return "CONTAINER_CREATED";
    case ContainerState::kRunning:
      return "CONTAINER_RUNNING";
    case ContainerState::kExited:
      return "CONTAINER_EXITED";
    case ContainerState::kUnknown:
      return "CONTAINER_UNKNOWN";
  }
  return "";
}

std::string_view CRIContainerStateToString(ContainerState state) { return ToString(state); }

ContainerState ContainerStatus::State() const {
  if (unknown) return ContainerState::kUnknown;
  if (finished_at != 0) return ContainerState::kExited;
  if (started_at != 0) return ContainerState::kRunning;
  if (created_at != 0) return ContainerState::kCreated;
  return ContainerState::kUnknown;
}

ContainerStatus UnknownContainerStatus() {
  return {.exit_code = kUnknownExitCode, .reason = kUnknownExitReason, .unknown = true};
}

std::string ExitReason(const ContainerStatus& status) {
  if (status.State() != ContainerState::kExited || !status.reason.empty()) return status.reason;
  return status.exit_code == 0 ? kCompleteExitReason : kErrorExitReason;
}

std::string_view ToString(SandboxState state) {
  switch (state) {
    case SandboxState::kReady:
      return "SANDBOX_READY";
    case SandboxState::kNotReady:
      return "SANDBOX_NOTREADY";
    case SandboxState::kUnknown:
      return "SANDBOX_UNKNOWN";
  }
  return "";
}

SandboxStatus UnknownSandboxStatus() { return {.state = SandboxState::kUnknown}; }

std::string EncodeContainerStatus(const ContainerStatus& status) {
  return gojson::Marshal(
      VersionedStatus{.version = kStatusVersion, .status = status, .extra = status.extra});
}

absl::StatusOr<ContainerStatus> DecodeContainerStatus(std::string_view json) {
  absl::StatusOr<VersionedStatus> document = gojson::Unmarshal<VersionedStatus>(json);
  if (!document.ok()) return document.status();
  if (document->version != kStatusVersion) {
    return errdefs::NotImplemented(
        fmt::format("the version {} of a container's status is not supported",
                    base::Quote(document->version, 32)));
  }
  document->status.extra = std::move(document->extra);
  return std::move(document->status);
}

}  // namespace containerd::cri
