// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/client/runtime_service.h"

#include <utility>

#include "call.h"
#include "runtime/v1/runtime.grpc.pb.h"

namespace containerd::cri::client {
namespace {

namespace pb = ::runtime::v1;

class RuntimeServiceRemote final : public RuntimeService {
  using Stub = pb::RuntimeService::StubInterface;

 public:
  explicit RuntimeServiceRemote(const Client& client) : remote_(client) {}

  absl::StatusOr<VersionResponse> Version(const Context& ctx,
                                          const VersionRequest& request) override {
    return remote_.Call(ctx, "Version", &Stub::Version, request);
  }
  absl::StatusOr<RunPodSandboxResponse> RunPodSandbox(
      const Context& ctx, const RunPodSandboxRequest& request) override {
    return remote_.Call(ctx, "RunPodSandbox", &Stub::RunPodSandbox, request);
  }
  absl::StatusOr<StopPodSandboxResponse> StopPodSandbox(
      const Context& ctx, const StopPodSandboxRequest& request) override {
    return remote_.Call(ctx, "StopPodSandbox", &Stub::StopPodSandbox, request);
  }
  absl::StatusOr<RemovePodSandboxResponse> RemovePodSandbox(
      const Context& ctx, const RemovePodSandboxRequest& request) override {
    return remote_.Call(ctx, "RemovePodSandbox", &Stub::RemovePodSandbox, request);
  }
  absl::StatusOr<PodSandboxStatusResponse> PodSandboxStatus(
      const Context& ctx, const PodSandboxStatusRequest& request) override {
    return remote_.Call(ctx, "PodSandboxStatus", &Stub::PodSandboxStatus, request);
  }
  absl::StatusOr<ListPodSandboxResponse> ListPodSandbox(
      const Context& ctx, const ListPodSandboxRequest& request) override {
    return remote_.Call(ctx, "ListPodSandbox", &Stub::ListPodSandbox, request);
  }
  absl::Status StreamPodSandboxes(
      const Context& ctx, const StreamPodSandboxesRequest& request,
      const std::function<absl::Status(const StreamPodSandboxesResponse&)>& on_message) override {
    return remote_.Stream(ctx, "StreamPodSandboxes", &Stub::StreamPodSandboxes, request,
                          on_message);
  }
  absl::StatusOr<CreateContainerResponse> CreateContainer(
      const Context& ctx, const CreateContainerRequest& request) override {
    return remote_.Call(ctx, "CreateContainer", &Stub::CreateContainer, request);
  }
  absl::StatusOr<StartContainerResponse> StartContainer(
      const Context& ctx, const StartContainerRequest& request) override {
    return remote_.Call(ctx, "StartContainer", &Stub::StartContainer, request);
  }
  absl::StatusOr<StopContainerResponse> StopContainer(
      const Context& ctx, const StopContainerRequest& request) override {
    return remote_.Call(ctx, "StopContainer", &Stub::StopContainer, request);
  }
  absl::StatusOr<RemoveContainerResponse> RemoveContainer(
      const Context& ctx, const RemoveContainerRequest& request) override {
    return remote_.Call(ctx, "RemoveContainer", &Stub::RemoveContainer, request);
  }
  absl::StatusOr<ListContainersResponse> ListContainers(
      const Context& ctx, const ListContainersRequest& request) override {
    return remote_.Call(ctx, "ListContainers", &Stub::ListContainers, request);
  }
  absl::Status StreamContainers(
      const Context& ctx, const StreamContainersRequest& request,
      const std::function<absl::Status(const StreamContainersResponse&)>& on_message) override {
    return remote_.Stream(ctx, "StreamContainers", &Stub::StreamContainers, request, on_message);
  }
  absl::StatusOr<ContainerStatusResponse> ContainerStatus(
      const Context& ctx, const ContainerStatusRequest& request) override {
    return remote_.Call(ctx, "ContainerStatus", &Stub::ContainerStatus, request);
  }
  absl::StatusOr<UpdateContainerResourcesResponse> UpdateContainerResources(
      const Context& ctx, const UpdateContainerResourcesRequest& request) override {
    return remote_.Call(ctx, "UpdateContainerResources", &Stub::UpdateContainerResources, request);
  }
  absl::StatusOr<ReopenContainerLogResponse> ReopenContainerLog(
      const Context& ctx, const ReopenContainerLogRequest& request) override {
    return remote_.Call(ctx, "ReopenContainerLog", &Stub::ReopenContainerLog, request);
  }
  absl::StatusOr<ExecSyncResponse> ExecSync(const Context& ctx,
                                            const ExecSyncRequest& request) override {
    return remote_.Call(ctx, "ExecSync", &Stub::ExecSync, request);
  }
  absl::StatusOr<ExecResponse> Exec(const Context& ctx, const ExecRequest& request) override {
    return remote_.Call(ctx, "Exec", &Stub::Exec, request);
  }
  absl::StatusOr<AttachResponse> Attach(const Context& ctx, const AttachRequest& request) override {
    return remote_.Call(ctx, "Attach", &Stub::Attach, request);
  }
  absl::StatusOr<PortForwardResponse> PortForward(const Context& ctx,
                                                  const PortForwardRequest& request) override {
    return remote_.Call(ctx, "PortForward", &Stub::PortForward, request);
  }
  absl::StatusOr<ContainerStatsResponse> ContainerStats(
      const Context& ctx, const ContainerStatsRequest& request) override {
    return remote_.Call(ctx, "ContainerStats", &Stub::ContainerStats, request);
  }
  absl::StatusOr<ListContainerStatsResponse> ListContainerStats(
      const Context& ctx, const ListContainerStatsRequest& request) override {
    return remote_.Call(ctx, "ListContainerStats", &Stub::ListContainerStats, request);
  }
  absl::Status StreamContainerStats(
      const Context& ctx, const StreamContainerStatsRequest& request,
      const std::function<absl::Status(const StreamContainerStatsResponse&)>& on_message) override {
    return remote_.Stream(ctx, "StreamContainerStats", &Stub::StreamContainerStats, request,
                          on_message);
  }
  absl::StatusOr<PodSandboxStatsResponse> PodSandboxStats(
      const Context& ctx, const PodSandboxStatsRequest& request) override {
    return remote_.Call(ctx, "PodSandboxStats", &Stub::PodSandboxStats, request);
  }
  absl::StatusOr<ListPodSandboxStatsResponse> ListPodSandboxStats(
      const Context& ctx, const ListPodSandboxStatsRequest& request) override {
    return remote_.Call(ctx, "ListPodSandboxStats", &Stub::ListPodSandboxStats, request);
  }
  absl::Status StreamPodSandboxStats(
      const Context& ctx, const StreamPodSandboxStatsRequest& request,
      const std::function<absl::Status(const StreamPodSandboxStatsResponse&)>& on_message)
      override {
    return remote_.Stream(ctx, "StreamPodSandboxStats", &Stub::StreamPodSandboxStats, request,
                          on_message);
  }
  absl::StatusOr<UpdateRuntimeConfigResponse> UpdateRuntimeConfig(
      const Context& ctx, const UpdateRuntimeConfigRequest& request) override {
    return remote_.Call(ctx, "UpdateRuntimeConfig", &Stub::UpdateRuntimeConfig, request);
  }
  absl::StatusOr<StatusResponse> Status(const Context& ctx, const StatusRequest& request) override {
    return remote_.Call(ctx, "Status", &Stub::Status, request);
  }
  absl::StatusOr<CheckpointContainerResponse> CheckpointContainer(
      const Context& ctx, const CheckpointContainerRequest& request) override {
    return remote_.Call(ctx, "CheckpointContainer", &Stub::CheckpointContainer, request);
  }
  absl::Status GetContainerEvents(
      const Context& ctx, const GetEventsRequest& request,
      const std::function<absl::Status(const ContainerEventResponse&)>& on_message) override {
    return remote_.Stream(ctx, "GetContainerEvents", &Stub::GetContainerEvents, request,
                          on_message);
  }
  absl::StatusOr<ListMetricDescriptorsResponse> ListMetricDescriptors(
      const Context& ctx, const ListMetricDescriptorsRequest& request) override {
    return remote_.Call(ctx, "ListMetricDescriptors", &Stub::ListMetricDescriptors, request);
  }
  absl::StatusOr<ListPodSandboxMetricsResponse> ListPodSandboxMetrics(
      const Context& ctx, const ListPodSandboxMetricsRequest& request) override {
    return remote_.Call(ctx, "ListPodSandboxMetrics", &Stub::ListPodSandboxMetrics, request);
  }
  absl::Status StreamPodSandboxMetrics(
      const Context& ctx, const StreamPodSandboxMetricsRequest& request,
      const std::function<absl::Status(const StreamPodSandboxMetricsResponse&)>& on_message)
      override {
    return remote_.Stream(ctx, "StreamPodSandboxMetrics", &Stub::StreamPodSandboxMetrics, request,
                          on_message);
  }
  absl::StatusOr<RuntimeConfigResponse> RuntimeConfig(
      const Context& ctx, const RuntimeConfigRequest& request) override {
    return remote_.Call(ctx, "RuntimeConfig", &Stub::RuntimeConfig, request);
  }
  absl::StatusOr<UpdatePodSandboxResourcesResponse> UpdatePodSandboxResources(
      const Context& ctx, const UpdatePodSandboxResourcesRequest& request) override {
    return remote_.Call(ctx, "UpdatePodSandboxResources", &Stub::UpdatePodSandboxResources,
                        request);
  }

 private:
  const Remote<pb::RuntimeService> remote_;
};

}  // namespace

std::shared_ptr<RuntimeService> NewRuntimeService(const Client& client) {
  return std::make_shared<RuntimeServiceRemote>(client);
}

}  // namespace containerd::cri::client
