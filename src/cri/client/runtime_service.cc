// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/client/runtime_service.h"

#include <utility>

#include "call.h"
#include "runtime/v1/runtime.grpc.pb.h"

namespace containerd::cri::client {
namespace {

namespace pb = ::runtime::v1;

class RuntimeServiceRemote final : public RuntimeService {
 public:
  explicit RuntimeServiceRemote(const Client& client) : client_(client) {}

  absl::StatusOr<VersionResponse> Version(const Context& ctx,
                                          const VersionRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "Version", &pb::RuntimeService::Stub::Version,
                                    request);
  }
  absl::StatusOr<RunPodSandboxResponse> RunPodSandbox(
      const Context& ctx, const RunPodSandboxRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "RunPodSandbox",
                                    &pb::RuntimeService::Stub::RunPodSandbox, request);
  }
  absl::StatusOr<StopPodSandboxResponse> StopPodSandbox(
      const Context& ctx, const StopPodSandboxRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "StopPodSandbox",
                                    &pb::RuntimeService::Stub::StopPodSandbox, request);
  }
  absl::StatusOr<RemovePodSandboxResponse> RemovePodSandbox(
      const Context& ctx, const RemovePodSandboxRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "RemovePodSandbox",
                                    &pb::RuntimeService::Stub::RemovePodSandbox, request);
  }
  absl::StatusOr<PodSandboxStatusResponse> PodSandboxStatus(
      const Context& ctx, const PodSandboxStatusRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "PodSandboxStatus",
                                    &pb::RuntimeService::Stub::PodSandboxStatus, request);
  }
  absl::StatusOr<ListPodSandboxResponse> ListPodSandbox(
      const Context& ctx, const ListPodSandboxRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "ListPodSandbox",
                                    &pb::RuntimeService::Stub::ListPodSandbox, request);
  }
  absl::Status StreamPodSandboxes(
      const Context& ctx, const StreamPodSandboxesRequest& request,
      const std::function<absl::Status(const StreamPodSandboxesResponse&)>& on_message) override {
    return CallStream<pb::RuntimeService>(client_, ctx, "StreamPodSandboxes",
                                          &pb::RuntimeService::Stub::StreamPodSandboxes, request,
                                          on_message);
  }
  absl::StatusOr<CreateContainerResponse> CreateContainer(
      const Context& ctx, const CreateContainerRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "CreateContainer",
                                    &pb::RuntimeService::Stub::CreateContainer, request);
  }
  absl::StatusOr<StartContainerResponse> StartContainer(
      const Context& ctx, const StartContainerRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "StartContainer",
                                    &pb::RuntimeService::Stub::StartContainer, request);
  }
  absl::StatusOr<StopContainerResponse> StopContainer(
      const Context& ctx, const StopContainerRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "StopContainer",
                                    &pb::RuntimeService::Stub::StopContainer, request);
  }
  absl::StatusOr<RemoveContainerResponse> RemoveContainer(
      const Context& ctx, const RemoveContainerRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "RemoveContainer",
                                    &pb::RuntimeService::Stub::RemoveContainer, request);
  }
  absl::StatusOr<ListContainersResponse> ListContainers(
      const Context& ctx, const ListContainersRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "ListContainers",
                                    &pb::RuntimeService::Stub::ListContainers, request);
  }
  absl::Status StreamContainers(
      const Context& ctx, const StreamContainersRequest& request,
      const std::function<absl::Status(const StreamContainersResponse&)>& on_message) override {
    return CallStream<pb::RuntimeService>(client_, ctx, "StreamContainers",
                                          &pb::RuntimeService::Stub::StreamContainers, request,
                                          on_message);
  }
  absl::StatusOr<ContainerStatusResponse> ContainerStatus(
      const Context& ctx, const ContainerStatusRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "ContainerStatus",
                                    &pb::RuntimeService::Stub::ContainerStatus, request);
  }
  absl::StatusOr<UpdateContainerResourcesResponse> UpdateContainerResources(
      const Context& ctx, const UpdateContainerResourcesRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "UpdateContainerResources",
                                    &pb::RuntimeService::Stub::UpdateContainerResources, request);
  }
  absl::StatusOr<ReopenContainerLogResponse> ReopenContainerLog(
      const Context& ctx, const ReopenContainerLogRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "ReopenContainerLog",
                                    &pb::RuntimeService::Stub::ReopenContainerLog, request);
  }
  absl::StatusOr<ExecSyncResponse> ExecSync(const Context& ctx,
                                            const ExecSyncRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "ExecSync", &pb::RuntimeService::Stub::ExecSync,
                                    request);
  }
  absl::StatusOr<ExecResponse> Exec(const Context& ctx, const ExecRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "Exec", &pb::RuntimeService::Stub::Exec, request);
  }
  absl::StatusOr<AttachResponse> Attach(const Context& ctx, const AttachRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "Attach", &pb::RuntimeService::Stub::Attach,
                                    request);
  }
  absl::StatusOr<PortForwardResponse> PortForward(const Context& ctx,
                                                  const PortForwardRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "PortForward",
                                    &pb::RuntimeService::Stub::PortForward, request);
  }
  absl::StatusOr<ContainerStatsResponse> ContainerStats(
      const Context& ctx, const ContainerStatsRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "ContainerStats",
                                    &pb::RuntimeService::Stub::ContainerStats, request);
  }
  absl::StatusOr<ListContainerStatsResponse> ListContainerStats(
      const Context& ctx, const ListContainerStatsRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "ListContainerStats",
                                    &pb::RuntimeService::Stub::ListContainerStats, request);
  }
  absl::Status StreamContainerStats(
      const Context& ctx, const StreamContainerStatsRequest& request,
      const std::function<absl::Status(const StreamContainerStatsResponse&)>& on_message) override {
    return CallStream<pb::RuntimeService>(client_, ctx, "StreamContainerStats",
                                          &pb::RuntimeService::Stub::StreamContainerStats, request,
                                          on_message);
  }
  absl::StatusOr<PodSandboxStatsResponse> PodSandboxStats(
      const Context& ctx, const PodSandboxStatsRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "PodSandboxStats",
                                    &pb::RuntimeService::Stub::PodSandboxStats, request);
  }
  absl::StatusOr<ListPodSandboxStatsResponse> ListPodSandboxStats(
      const Context& ctx, const ListPodSandboxStatsRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "ListPodSandboxStats",
                                    &pb::RuntimeService::Stub::ListPodSandboxStats, request);
  }
  absl::Status StreamPodSandboxStats(
      const Context& ctx, const StreamPodSandboxStatsRequest& request,
      const std::function<absl::Status(const StreamPodSandboxStatsResponse&)>& on_message)
      override {
    return CallStream<pb::RuntimeService>(client_, ctx, "StreamPodSandboxStats",
                                          &pb::RuntimeService::Stub::StreamPodSandboxStats, request,
                                          on_message);
  }
  absl::StatusOr<UpdateRuntimeConfigResponse> UpdateRuntimeConfig(
      const Context& ctx, const UpdateRuntimeConfigRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "UpdateRuntimeConfig",
                                    &pb::RuntimeService::Stub::UpdateRuntimeConfig, request);
  }
  absl::StatusOr<StatusResponse> Status(const Context& ctx, const StatusRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "Status", &pb::RuntimeService::Stub::Status,
                                    request);
  }
  absl::StatusOr<CheckpointContainerResponse> CheckpointContainer(
      const Context& ctx, const CheckpointContainerRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "CheckpointContainer",
                                    &pb::RuntimeService::Stub::CheckpointContainer, request);
  }
  absl::Status GetContainerEvents(
      const Context& ctx, const GetEventsRequest& request,
      const std::function<absl::Status(const ContainerEventResponse&)>& on_message) override {
    return CallStream<pb::RuntimeService>(client_, ctx, "GetContainerEvents",
                                          &pb::RuntimeService::Stub::GetContainerEvents, request,
                                          on_message);
  }
  absl::StatusOr<ListMetricDescriptorsResponse> ListMetricDescriptors(
      const Context& ctx, const ListMetricDescriptorsRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "ListMetricDescriptors",
                                    &pb::RuntimeService::Stub::ListMetricDescriptors, request);
  }
  absl::StatusOr<ListPodSandboxMetricsResponse> ListPodSandboxMetrics(
      const Context& ctx, const ListPodSandboxMetricsRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "ListPodSandboxMetrics",
                                    &pb::RuntimeService::Stub::ListPodSandboxMetrics, request);
  }
  absl::Status StreamPodSandboxMetrics(
      const Context& ctx, const StreamPodSandboxMetricsRequest& request,
      const std::function<absl::Status(const StreamPodSandboxMetricsResponse&)>& on_message)
      override {
    return CallStream<pb::RuntimeService>(client_, ctx, "StreamPodSandboxMetrics",
                                          &pb::RuntimeService::Stub::StreamPodSandboxMetrics,
                                          request, on_message);
  }
  absl::StatusOr<RuntimeConfigResponse> RuntimeConfig(
      const Context& ctx, const RuntimeConfigRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "RuntimeConfig",
                                    &pb::RuntimeService::Stub::RuntimeConfig, request);
  }
  absl::StatusOr<UpdatePodSandboxResourcesResponse> UpdatePodSandboxResources(
      const Context& ctx, const UpdatePodSandboxResourcesRequest& request) override {
    return Call<pb::RuntimeService>(client_, ctx, "UpdatePodSandboxResources",
                                    &pb::RuntimeService::Stub::UpdatePodSandboxResources, request);
  }

 private:
  const Client client_;
};

}  // namespace

std::shared_ptr<RuntimeService> NewRuntimeService(const Client& client) {
  return std::make_shared<RuntimeServiceRemote>(client);
}

}  // namespace containerd::cri::client
