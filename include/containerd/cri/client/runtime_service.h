// SPDX-License-Identifier: Apache-2.0
//
// CRI's pods and their containers. See client.h.
//
// Source: k8s.io/cri-api/pkg/apis, internalapi.RuntimeService.
#ifndef CONTAINERD_CRI_CLIENT_RUNTIME_SERVICE_H_
#define CONTAINERD_CRI_CLIENT_RUNTIME_SERVICE_H_

#include <functional>
#include <memory>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/client.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"

#include "runtime/v1/container.pb.h"
#include "runtime/v1/events.pb.h"
#include "runtime/v1/metrics.pb.h"
#include "runtime/v1/podstatus.pb.h"
#include "runtime/v1/runtime.pb.h"
#include "runtime/v1/sandbox.pb.h"
#include "runtime/v1/stats.pb.h"

namespace containerd::cri::client {

using ::runtime::v1::AttachRequest;
using ::runtime::v1::AttachResponse;
using ::runtime::v1::CheckpointContainerRequest;
using ::runtime::v1::CheckpointContainerResponse;
using ::runtime::v1::ContainerEventResponse;
using ::runtime::v1::ContainerStatsRequest;
using ::runtime::v1::ContainerStatsResponse;
using ::runtime::v1::ContainerStatusRequest;
using ::runtime::v1::ContainerStatusResponse;
using ::runtime::v1::CreateContainerRequest;
using ::runtime::v1::CreateContainerResponse;
using ::runtime::v1::ExecRequest;
using ::runtime::v1::ExecResponse;
using ::runtime::v1::ExecSyncRequest;
using ::runtime::v1::ExecSyncResponse;
using ::runtime::v1::GetEventsRequest;
using ::runtime::v1::ListContainersRequest;
using ::runtime::v1::ListContainersResponse;
using ::runtime::v1::ListContainerStatsRequest;
using ::runtime::v1::ListContainerStatsResponse;
using ::runtime::v1::ListMetricDescriptorsRequest;
using ::runtime::v1::ListMetricDescriptorsResponse;
using ::runtime::v1::ListPodSandboxMetricsRequest;
using ::runtime::v1::ListPodSandboxMetricsResponse;
using ::runtime::v1::ListPodSandboxRequest;
using ::runtime::v1::ListPodSandboxResponse;
using ::runtime::v1::ListPodSandboxStatsRequest;
using ::runtime::v1::ListPodSandboxStatsResponse;
using ::runtime::v1::PodSandboxStatsRequest;
using ::runtime::v1::PodSandboxStatsResponse;
using ::runtime::v1::PodSandboxStatusRequest;
using ::runtime::v1::PodSandboxStatusResponse;
using ::runtime::v1::PortForwardRequest;
using ::runtime::v1::PortForwardResponse;
using ::runtime::v1::RemoveContainerRequest;
using ::runtime::v1::RemoveContainerResponse;
using ::runtime::v1::RemovePodSandboxRequest;
using ::runtime::v1::RemovePodSandboxResponse;
using ::runtime::v1::ReopenContainerLogRequest;
using ::runtime::v1::ReopenContainerLogResponse;
using ::runtime::v1::RunPodSandboxRequest;
using ::runtime::v1::RunPodSandboxResponse;
using ::runtime::v1::RuntimeConfigRequest;
using ::runtime::v1::RuntimeConfigResponse;
using ::runtime::v1::StartContainerRequest;
using ::runtime::v1::StartContainerResponse;
using ::runtime::v1::StatusRequest;
using ::runtime::v1::StatusResponse;
using ::runtime::v1::StopContainerRequest;
using ::runtime::v1::StopContainerResponse;
using ::runtime::v1::StopPodSandboxRequest;
using ::runtime::v1::StopPodSandboxResponse;
using ::runtime::v1::StreamContainersRequest;
using ::runtime::v1::StreamContainersResponse;
using ::runtime::v1::StreamContainerStatsRequest;
using ::runtime::v1::StreamContainerStatsResponse;
using ::runtime::v1::StreamPodSandboxesRequest;
using ::runtime::v1::StreamPodSandboxesResponse;
using ::runtime::v1::StreamPodSandboxMetricsRequest;
using ::runtime::v1::StreamPodSandboxMetricsResponse;
using ::runtime::v1::StreamPodSandboxStatsRequest;
using ::runtime::v1::StreamPodSandboxStatsResponse;
using ::runtime::v1::UpdateContainerResourcesRequest;
using ::runtime::v1::UpdateContainerResourcesResponse;
using ::runtime::v1::UpdatePodSandboxResourcesRequest;
using ::runtime::v1::UpdatePodSandboxResourcesResponse;
using ::runtime::v1::UpdateRuntimeConfigRequest;
using ::runtime::v1::UpdateRuntimeConfigResponse;
using ::runtime::v1::VersionRequest;
using ::runtime::v1::VersionResponse;

// All functions are safe from any thread, and end with their context. Errors name the call;
// ErrNotImplemented if the daemon has no CRI or not this call.
//
// A call that streams gives each message to `on_message`, on this thread, and returns when the
// service has sent the last one; an error of `on_message` ends it, and is returned.
class CONTAINERD_EXPORT RuntimeService {
 public:
  virtual ~RuntimeService() = default;

  // Who answers, and in which version of the API.
  virtual absl::StatusOr<VersionResponse> Version(const Context& ctx,
                                                  const VersionRequest& request) = 0;

  // Creates and starts a sandbox. When it returns, containers can be created in it.
  virtual absl::StatusOr<RunPodSandboxResponse> RunPodSandbox(
      const Context& ctx, const RunPodSandboxRequest& request) = 0;

  // Ends all that runs in a sandbox, and gives back its network. May be called again, also when
  // the sandbox is gone.
  virtual absl::StatusOr<StopPodSandboxResponse> StopPodSandbox(
      const Context& ctx, const StopPodSandboxRequest& request) = 0;

  // Removes a sandbox with its containers, running or not. It is no error if there is none.
  virtual absl::StatusOr<RemovePodSandboxResponse> RemovePodSandbox(
      const Context& ctx, const RemovePodSandboxRequest& request) = 0;

  // One sandbox. NOT_FOUND if there is none.
  virtual absl::StatusOr<PodSandboxStatusResponse> PodSandboxStatus(
      const Context& ctx, const PodSandboxStatusRequest& request) = 0;

  // The sandboxes that match, all without a filter.
  virtual absl::StatusOr<ListPodSandboxResponse> ListPodSandbox(
      const Context& ctx, const ListPodSandboxRequest& request) = 0;

  // The same in many messages. Since containerd 2.
  virtual absl::Status StreamPodSandboxes(
      const Context& ctx, const StreamPodSandboxesRequest& request,
      const std::function<absl::Status(const StreamPodSandboxesResponse&)>& on_message) = 0;

  // Creates a container in a sandbox, without starting it.
  virtual absl::StatusOr<CreateContainerResponse> CreateContainer(
      const Context& ctx, const CreateContainerRequest& request) = 0;

  // Starts a container that was created.
  virtual absl::StatusOr<StartContainerResponse> StartContainer(
      const Context& ctx, const StartContainerRequest& request) = 0;

  // Ends a container: by its stop signal, and after the timeout by SIGKILL. It is no error if it
  // has ended.
  virtual absl::StatusOr<StopContainerResponse> StopContainer(
      const Context& ctx, const StopContainerRequest& request) = 0;

  // Removes a container, running or not. It is no error if there is none.
  virtual absl::StatusOr<RemoveContainerResponse> RemoveContainer(
      const Context& ctx, const RemoveContainerRequest& request) = 0;

  // The containers that match, all without a filter.
  virtual absl::StatusOr<ListContainersResponse> ListContainers(
      const Context& ctx, const ListContainersRequest& request) = 0;

  // The same in many messages. Since containerd 2.
  virtual absl::Status StreamContainers(
      const Context& ctx, const StreamContainersRequest& request,
      const std::function<absl::Status(const StreamContainersResponse&)>& on_message) = 0;

  // One container. NOT_FOUND if there is none.
  virtual absl::StatusOr<ContainerStatusResponse> ContainerStatus(
      const Context& ctx, const ContainerStatusRequest& request) = 0;

  // Changes the limits of a container that was created or runs.
  virtual absl::StatusOr<UpdateContainerResourcesResponse> UpdateContainerResources(
      const Context& ctx, const UpdateContainerResourcesRequest& request) = 0;

  // Has the log of a running container go on in a new file: the old one has been moved away.
  virtual absl::StatusOr<ReopenContainerLogResponse> ReopenContainerLog(
      const Context& ctx, const ReopenContainerLogRequest& request) = 0;

  // Runs a command in a container to its end.
  virtual absl::StatusOr<ExecSyncResponse> ExecSync(const Context& ctx,
                                                    const ExecSyncRequest& request) = 0;

  // Prepares a command in a container. The URL in the answer is where its streams are.
  virtual absl::StatusOr<ExecResponse> Exec(const Context& ctx, const ExecRequest& request) = 0;

  // Prepares access to the streams of a running container, at the URL in the answer.
  virtual absl::StatusOr<AttachResponse> Attach(const Context& ctx,
                                                const AttachRequest& request) = 0;

  // Prepares connections to ports of a sandbox, at the URL in the answer.
  virtual absl::StatusOr<PortForwardResponse> PortForward(const Context& ctx,
                                                          const PortForwardRequest& request) = 0;

  // What one container uses. NOT_FOUND if there is none.
  virtual absl::StatusOr<ContainerStatsResponse> ContainerStats(
      const Context& ctx, const ContainerStatsRequest& request) = 0;

  // What the containers use that match.
  virtual absl::StatusOr<ListContainerStatsResponse> ListContainerStats(
      const Context& ctx, const ListContainerStatsRequest& request) = 0;

  // The same in many messages. Since containerd 2.
  virtual absl::Status StreamContainerStats(
      const Context& ctx, const StreamContainerStatsRequest& request,
      const std::function<absl::Status(const StreamContainerStatsResponse&)>& on_message) = 0;

  // What one sandbox and its containers use. NOT_FOUND if there is none.
  virtual absl::StatusOr<PodSandboxStatsResponse> PodSandboxStats(
      const Context& ctx, const PodSandboxStatsRequest& request) = 0;

  // What the sandboxes use that match.
  virtual absl::StatusOr<ListPodSandboxStatsResponse> ListPodSandboxStats(
      const Context& ctx, const ListPodSandboxStatsRequest& request) = 0;

  // The same in many messages. Since containerd 2.
  virtual absl::Status StreamPodSandboxStats(
      const Context& ctx, const StreamPodSandboxStatsRequest& request,
      const std::function<absl::Status(const StreamPodSandboxStatsResponse&)>& on_message) = 0;

  // Tells the runtime what the kubelet has learned: the range of its pods' addresses.
  virtual absl::StatusOr<UpdateRuntimeConfigResponse> UpdateRuntimeConfig(
      const Context& ctx, const UpdateRuntimeConfigRequest& request) = 0;

  // Whether runtime and network are ready, and what the runtime can do.
  virtual absl::StatusOr<StatusResponse> Status(const Context& ctx,
                                                const StatusRequest& request) = 0;

  // Writes a checkpoint of a running container to a file.
  virtual absl::StatusOr<CheckpointContainerResponse> CheckpointContainer(
      const Context& ctx, const CheckpointContainerRequest& request) = 0;

  // What happens to containers, as long as the caller listens.
  virtual absl::Status GetContainerEvents(
      const Context& ctx, const GetEventsRequest& request,
      const std::function<absl::Status(const ContainerEventResponse&)>& on_message) = 0;

  // Which metrics ListPodSandboxMetrics gives. They do not change. Since containerd 1.7.
  virtual absl::StatusOr<ListMetricDescriptorsResponse> ListMetricDescriptors(
      const Context& ctx, const ListMetricDescriptorsRequest& request) = 0;

  // The metrics of all sandboxes. Since containerd 1.7.
  virtual absl::StatusOr<ListPodSandboxMetricsResponse> ListPodSandboxMetrics(
      const Context& ctx, const ListPodSandboxMetricsRequest& request) = 0;

  // The same in many messages. Since containerd 2.
  virtual absl::Status StreamPodSandboxMetrics(
      const Context& ctx, const StreamPodSandboxMetricsRequest& request,
      const std::function<absl::Status(const StreamPodSandboxMetricsResponse&)>& on_message) = 0;

  // How the runtime is configured, as far as a kubelet has to agree with it. Since containerd 2.
  virtual absl::StatusOr<RuntimeConfigResponse> RuntimeConfig(
      const Context& ctx, const RuntimeConfigRequest& request) = 0;

  // Tells the runtime of new limits of a pod, before or after those of its containers change.
  // Since containerd 2.
  virtual absl::StatusOr<UpdatePodSandboxResourcesResponse> UpdatePodSandboxResources(
      const Context& ctx, const UpdatePodSandboxResourcesRequest& request) = 0;
};

// The one on the client's socket.
CONTAINERD_EXPORT std::shared_ptr<RuntimeService> NewRuntimeService(const Client& client);

}  // namespace containerd::cri::client

#endif  // CONTAINERD_CRI_CLIENT_RUNTIME_SERVICE_H_
