// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "containerd/services/tasks/v1/tasks.grpc.pb.h"
#include "containerd/tasks/tasks.h"
#include "containerd/typeurl/proto.h"

#include "src/mount/internal/proto.h"
#include "src/rpc/internal/call.h"
#include "src/rpc/internal/describe.h"
#include "src/rpc/internal/proto_descriptor.h"
#include "src/rpc/internal/proto_time.h"
#include "src/tasks/internal/proto.h"

namespace containerd::tasks {
namespace {

namespace pb = ::containerd::services::tasks::v1;
using google::protobuf::Empty;

// For a call about a process: the daemon's answer mostly names one of the two ids only.
absl::Status DescribeProcess(const absl::Status& status, std::string_view what,
                             std::string_view container_id, std::string_view exec_id) {
  if (exec_id.empty()) return rpc::Describe(status, what, container_id);
  return rpc::Describe(rpc::Describe(status, what, exec_id), "container", container_id);
}

template <typename Request>
Request ForProcess(std::string_view container_id, std::string_view exec_id) {
  Request request;
  request.set_container_id(std::string(container_id));
  request.set_exec_id(std::string(exec_id));
  return request;
}

template <typename Request>
Request ForTask(std::string_view container_id) {
  Request request;
  request.set_container_id(std::string(container_id));
  return request;
}

// An Any that is empty stays unset, as Go's nil does.
template <typename Message>
void SetAny(const typeurl::Any& any, Message* message,
            google::protobuf::Any* (Message::*mutable_field)()) {
  if (!any.empty()) *(message->*mutable_field)() = typeurl::ToProto(any);
}

Process FromProto(const v1::types::Process& proto) {
  using P = v1::types::Process;
  Process process{.container_id = proto.container_id(),
                  .id = proto.id(),
                  .pid = proto.pid(),
                  .status = Status::kUnknown,
                  .stdin_path = proto.stdin(),
                  .stdout_path = proto.stdout(),
                  .stderr_path = proto.stderr(),
                  .terminal = proto.terminal(),
                  .exit_status = proto.exit_status(),
                  .exited_at = rpc::TimeOf(proto, &P::has_exited_at, &P::exited_at)};
  if (v1::types::Status_IsValid(proto.status())) process.status = Status{proto.status()};
  return process;
}

DeleteResponse FromProto(const pb::DeleteResponse& proto) {
  using P = pb::DeleteResponse;
  return {.id = proto.id(),
          .pid = proto.pid(),
          .exit_status = proto.exit_status(),
          .exited_at = rpc::TimeOf(proto, &P::has_exited_at, &P::exited_at)};
}

class ProxyService final : public Service {
 public:
  template <typename ConnectionOrStub>
  explicit ProxyService(std::shared_ptr<ConnectionOrStub> to) : stubs_(std::move(to)) {}

  absl::StatusOr<std::uint32_t> Create(const Context& ctx,
                                       const CreateTaskRequest& create) override {
    auto request = ForTask<pb::CreateTaskRequest>(create.container_id);
    mount::ToProto(create.rootfs, request.mutable_rootfs());
    request.set_stdin(create.stdin_path);
    request.set_stdout(create.stdout_path);
    request.set_stderr(create.stderr_path);
    request.set_terminal(create.terminal);
    if (create.checkpoint.has_value()) {
      *request.mutable_checkpoint() = rpc::ToProto(*create.checkpoint);
    }
    SetAny(create.options, &request, &pb::CreateTaskRequest::mutable_options);
    request.set_runtime_path(create.runtime_path);
    request.set_task_api_address(create.task_api_address);
    request.set_task_api_version(create.task_api_version);
    pb::CreateTaskResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Create, request, &response); !s.ok()) {
      return rpc::Describe(s, "create task", create.container_id);
    }
    return response.pid();
  }

  absl::StatusOr<std::uint32_t> Start(const Context& ctx, std::string_view container_id,
                                      std::string_view exec_id) override {
    const auto request = ForProcess<pb::StartRequest>(container_id, exec_id);
    pb::StartResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Start, request, &response); !s.ok()) {
      return DescribeProcess(s, "start process", container_id, exec_id);
    }
    return response.pid();
  }

  absl::StatusOr<DeleteResponse> Delete(const Context& ctx,
                                        std::string_view container_id) override {
    const auto request = ForTask<pb::DeleteTaskRequest>(container_id);
    pb::DeleteResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Delete, request, &response); !s.ok()) {
      return rpc::Describe(s, "delete task", container_id);
    }
    return FromProto(response);
  }

  absl::StatusOr<DeleteResponse> DeleteProcess(const Context& ctx, std::string_view container_id,
                                               std::string_view exec_id) override {
    const auto request = ForProcess<pb::DeleteProcessRequest>(container_id, exec_id);
    pb::DeleteResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::DeleteProcess, request, &response);
        !s.ok()) {
      return DescribeProcess(s, "delete process", container_id, exec_id);
    }
    return FromProto(response);
  }

  absl::StatusOr<Process> Get(const Context& ctx, std::string_view container_id,
                              std::string_view exec_id) override {
    const auto request = ForProcess<pb::GetRequest>(container_id, exec_id);
    pb::GetResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Get, request, &response); !s.ok()) {
      return DescribeProcess(s, "get process", container_id, exec_id);
    }
    return FromProto(response.process());
  }

  absl::StatusOr<std::vector<Process>> List(const Context& ctx, std::string_view filter) override {
    pb::ListTasksRequest request;
    request.set_filter(std::string(filter));
    pb::ListTasksResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::List, request, &response); !s.ok()) {
      return errdefs::Annotate(s, "list tasks");
    }
    std::vector<Process> processes;
    for (const auto& task : response.tasks()) processes.push_back(FromProto(task));
    return processes;
  }

  absl::Status Kill(const Context& ctx, const KillRequest& kill) override {
    auto request = ForProcess<pb::KillRequest>(kill.container_id, kill.exec_id);
    request.set_signal(kill.signal);
    request.set_all(kill.all);
    return DescribeProcess(CallEmpty(ctx, &Stub::Kill, request), "kill process", kill.container_id,
                           kill.exec_id);
  }

  absl::Status Exec(const Context& ctx, const ExecProcessRequest& exec) override {
    auto request = ForProcess<pb::ExecProcessRequest>(exec.container_id, exec.exec_id);
    request.set_stdin(exec.stdin_path);
    request.set_stdout(exec.stdout_path);
    request.set_stderr(exec.stderr_path);
    request.set_terminal(exec.terminal);
    SetAny(exec.spec, &request, &pb::ExecProcessRequest::mutable_spec);
    return DescribeProcess(CallEmpty(ctx, &Stub::Exec, request), "add process", exec.container_id,
                           exec.exec_id);
  }

  absl::Status ResizePty(const Context& ctx, std::string_view container_id,
                         std::string_view exec_id, std::uint32_t width,
                         std::uint32_t height) override {
    auto request = ForProcess<pb::ResizePtyRequest>(container_id, exec_id);
    request.set_width(width);
    request.set_height(height);
    return DescribeProcess(CallEmpty(ctx, &Stub::ResizePty, request), "resize terminal of process",
                           container_id, exec_id);
  }

  absl::Status CloseIO(const Context& ctx, std::string_view container_id, std::string_view exec_id,
                       bool close_stdin) override {
    auto request = ForProcess<pb::CloseIORequest>(container_id, exec_id);
    request.set_stdin(close_stdin);
    return DescribeProcess(CallEmpty(ctx, &Stub::CloseIO, request), "close stdin of process",
                           container_id, exec_id);
  }

  Future<std::monostate> CloseIOAsync(const Context& ctx, std::string_view container_id,
                                      std::string_view exec_id, bool close_stdin) override {
    Promise<std::monostate> promise;
    auto request = ForProcess<pb::CloseIORequest>(container_id, exec_id);
    request.set_stdin(close_stdin);
    rpc::CallAsync<pb::Tasks, Empty>(
        ctx, stubs_, request,
        [promise, container = std::string(container_id),
         exec = std::string(exec_id)](const absl::StatusOr<Empty>& response) {
          if (response.ok()) {
            promise.Set(std::monostate());
          } else {
            promise.Set(
                DescribeProcess(response.status(), "close stdin of process", container, exec));
          }
        });
    return promise.GetFuture();
  }

  absl::Status Pause(const Context& ctx, std::string_view container_id) override {
    return rpc::Describe(CallEmpty(ctx, &Stub::Pause, ForTask<pb::PauseTaskRequest>(container_id)),
                         "pause task", container_id);
  }

  absl::Status Resume(const Context& ctx, std::string_view container_id) override {
    return rpc::Describe(
        CallEmpty(ctx, &Stub::Resume, ForTask<pb::ResumeTaskRequest>(container_id)), "resume task",
        container_id);
  }

  absl::StatusOr<std::vector<ProcessInfo>> ListPids(const Context& ctx,
                                                    std::string_view container_id) override {
    const auto request = ForTask<pb::ListPidsRequest>(container_id);
    pb::ListPidsResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::ListPids, request, &response); !s.ok()) {
      return rpc::Describe(s, "list pids of task", container_id);
    }
    std::vector<ProcessInfo> infos;
    for (const auto& process : response.processes()) {
      infos.push_back({.pid = process.pid(), .info = typeurl::FromProto(process.info())});
    }
    return infos;
  }

  absl::StatusOr<std::vector<ocispec::Descriptor>> Checkpoint(
      const Context& ctx, std::string_view container_id, std::string_view parent_checkpoint,
      const typeurl::Any& options) override {
    auto request = ForTask<pb::CheckpointTaskRequest>(container_id);
    request.set_parent_checkpoint(std::string(parent_checkpoint));
    SetAny(options, &request, &pb::CheckpointTaskRequest::mutable_options);
    pb::CheckpointTaskResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Checkpoint, request, &response); !s.ok()) {
      return rpc::Describe(s, "checkpoint task", container_id);
    }
    std::vector<ocispec::Descriptor> descriptors;
    for (const auto& desc : response.descriptors()) descriptors.push_back(rpc::FromProto(desc));
    return descriptors;
  }

  absl::Status Update(const Context& ctx, const UpdateTaskRequest& update) override {
    auto request = ForTask<pb::UpdateTaskRequest>(update.container_id);
    SetAny(update.resources, &request, &pb::UpdateTaskRequest::mutable_resources);
    rpc::ToProto(update.annotations, request.mutable_annotations());
    return rpc::Describe(CallEmpty(ctx, &Stub::Update, request), "update task",
                         update.container_id);
  }

  absl::StatusOr<std::vector<Metric>> Metrics(const Context& ctx,
                                              const std::vector<std::string>& filters) override {
    pb::MetricsRequest request;
    request.mutable_filters()->Assign(filters.begin(), filters.end());
    pb::MetricsResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Metrics, request, &response); !s.ok()) {
      return errdefs::Annotate(s, "metrics of tasks");
    }
    std::vector<Metric> metrics;
    for (const auto& metric : response.metrics()) metrics.push_back(tasks::FromProto(metric));
    return metrics;
  }

  Future<WaitResponse> Wait(const Context& ctx, std::string_view container_id,
                            std::string_view exec_id) override {
    Promise<WaitResponse> promise;
    rpc::CallAsync<pb::Tasks, pb::WaitResponse>(
        ctx, stubs_, ForProcess<pb::WaitRequest>(container_id, exec_id),
        [promise, container = std::string(container_id),
         exec = std::string(exec_id)](absl::StatusOr<pb::WaitResponse> response) {
          if (!response.ok()) {
            promise.Set(DescribeProcess(response.status(), "wait for process", container, exec));
            return;
          }
          using P = pb::WaitResponse;
          promise.Set(
              WaitResponse{.exit_status = response->exit_status(),
                           .exited_at = rpc::TimeOf(*response, &P::has_exited_at, &P::exited_at)});
        });
    return promise.GetFuture();
  }

 private:
  using Stub = pb::Tasks::StubInterface;

  template <typename Request>
  absl::Status CallEmpty(const Context& ctx,
                         grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Empty*),
                         const Request& request) {
    Empty response;
    return rpc::Call(ctx, stubs_, method, request, &response);
  }

  const rpc::Stubs<pb::Tasks> stubs_;
};

}  // namespace

Future<std::monostate> Service::CloseIOAsync(const Context& ctx, std::string_view container_id,
                                             std::string_view exec_id, bool close_stdin) {
  absl::Status closed = CloseIO(ctx, container_id, exec_id, close_stdin);
  if (!closed.ok()) return Future<std::monostate>::Ready(std::move(closed));
  return Future<std::monostate>::Ready(std::monostate());
}

std::string_view ToString(Status status) {
  switch (status) {
    case Status::kCreated:
      return "created";
    case Status::kRunning:
      return "running";
    case Status::kStopped:
      return "stopped";
    case Status::kPaused:
      return "paused";
    case Status::kPausing:
      return "pausing";
    case Status::kUnknown:
      break;
  }
  return "unknown";
}

std::shared_ptr<Service> NewTaskService(std::shared_ptr<rpc::Connection> conn) {
  return std::make_shared<ProxyService>(std::move(conn));
}

std::shared_ptr<Service> NewTaskService(std::shared_ptr<pb::Tasks::StubInterface> stub) {
  return std::make_shared<ProxyService>(std::move(stub));
}

}  // namespace containerd::tasks
