// SPDX-License-Identifier: Apache-2.0
//
// Package tasks: running containers as the daemon's tasks service sees them. A task is a container
// with processes: its first, which has no exec id, and those added by Exec.
//
//   std::shared_ptr<tasks::Service> service = client.TaskService();
//   absl::StatusOr<std::uint32_t> pid =
//       service->Create(ctx, {.container_id = "web", .rootfs = mounts});
//   Future<tasks::WaitResponse> exit = service->Wait(ctx, "web", "");
//   pid = service->Start(ctx, "web", "");
//
// This is the plain service; Task and Process of the client add I/O and waiting over a restart of
// the daemon.
//
// Source: api/services/tasks/v1 and its use in client/task.go, client/process.go.
#ifndef CONTAINERD_TASKS_TASKS_H_
#define CONTAINERD_TASKS_TASKS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/future/future.h"
#include "containerd/labels/labels.h"
#include "containerd/mount/mount.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/option/pairs.h"
#include "containerd/tasks/metric.h"
#include "containerd/typeurl/any.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::tasks {

// Of a process. Source: api/types/task.Status.
enum class Status {
  kUnknown = 0,
  kCreated = 1,
  kRunning = 2,
  kStopped = 3,
  kPaused = 4,
  kPausing = 5,
};

// "created", "running", …, as Go's client.ProcessStatus; "unknown" for what is none of these.
CONTAINERD_EXPORT std::string_view ToString(Status status);

// A process of a task. Source: api/types/task.Process.
struct Process {
  std::string container_id{};  // empty in what some daemons answer to List
  std::string id{};            // the exec id, or the container's id for the first process
  std::uint32_t pid = 0;
  Status status = Status::kUnknown;
  std::string stdin_path{};  // Go's Stdin: a FIFO or URI, or empty
  std::string stdout_path{};
  std::string stderr_path{};
  bool terminal = false;
  std::uint32_t exit_status = 0;  // once stopped
  absl::Time exited_at = absl::InfinitePast();

  friend bool operator==(const Process&, const Process&) = default;
};

// A pid of a container, and whatever its runtime says about it. Source: api/types/task.ProcessInfo.
struct ProcessInfo {
  std::uint32_t pid = 0;
  typeurl::Any info{};

  friend bool operator==(const ProcessInfo&, const ProcessInfo&) = default;
};

// What a new task is made from. Source: services/tasks/v1.CreateTaskRequest.
struct CreateTaskRequest {
  std::string container_id{};
  std::vector<mount::Mount> rootfs{};  // mounted by the shim
  std::string stdin_path{};            // FIFOs or, for the outputs, URIs; empty: /dev/null
  std::string stdout_path{};
  std::string stderr_path{};
  bool terminal = false;
  std::optional<ocispec::Descriptor> checkpoint{};  // to restore from
  typeurl::Any options{};                           // the runtime's, e.g. runc.v1.Options
  std::string runtime_path{};                       // of the shim binary; empty: the runtime's
  std::string task_api_address{};                   // of a running task service; since 2.3
  std::uint32_t task_api_version = 0;
};

// How a deleted process ended. Source: services/tasks/v1.DeleteResponse.
struct DeleteResponse {
  std::string id{};
  std::uint32_t pid = 0;
  std::uint32_t exit_status = 0;
  absl::Time exited_at = absl::InfinitePast();

  friend bool operator==(const DeleteResponse&, const DeleteResponse&) = default;
};

// Which processes get which signal. Source: services/tasks/v1.KillRequest.
struct KillRequest {
  std::string container_id{};
  std::string exec_id{};     // empty: the task's first process
  std::uint32_t signal = 0;  // as in kill(2)
  bool all = false;          // all processes of the task
};

// A process to add to a task. The stream paths are as in CreateTaskRequest. Source:
// services/tasks/v1.ExecProcessRequest.
struct ExecProcessRequest {
  std::string container_id{};
  std::string exec_id{};
  std::string stdin_path{};
  std::string stdout_path{};
  std::string stderr_path{};
  bool terminal = false;
  typeurl::Any spec{};  // of runtime-spec's Process
};

// What of a running task is to change. Source: services/tasks/v1.UpdateTaskRequest.
struct UpdateTaskRequest {
  std::string container_id{};
  typeurl::Any resources{};  // of runtime-spec's LinuxResources
  Labels annotations{};
};

// How a process ended. Source: services/tasks/v1.WaitResponse.
struct WaitResponse {
  std::uint32_t exit_status = 0;  // 128 + signal for a process that was killed
  absl::Time exited_at = absl::InfinitePast();

  friend bool operator==(const WaitResponse&, const WaitResponse&) = default;
};

// Thread safe. An empty exec id means the task's first process. ErrNotFound for a container without
// a task, or a task without such a process; errors name what they are about.
class CONTAINERD_EXPORT Service {
 public:
  virtual ~Service() = default;

  // Creates the task and its first process, which does not run before Start; returns the process's
  // pid. ErrAlreadyExists if the container has a task, ErrNotFound for a runtime or container that
  // does not exist.
  virtual absl::StatusOr<std::uint32_t> Create(const Context& ctx,
                                               const CreateTaskRequest& request) = 0;

  // Runs a created process; returns its pid.
  virtual absl::StatusOr<std::uint32_t> Start(const Context& ctx, std::string_view container_id,
                                              std::string_view exec_id) = 0;

  // Removes a stopped or created task with what the runtime keeps for it; returns how it ended. An
  // error without a class while it runs, as all of calls that do not suit the process's state.
  virtual absl::StatusOr<DeleteResponse> Delete(const Context& ctx,
                                                std::string_view container_id) = 0;

  // Removes a stopped or created process that Exec added; returns how it ended. Errors as Delete's.
  virtual absl::StatusOr<DeleteResponse> DeleteProcess(const Context& ctx,
                                                       std::string_view container_id,
                                                       std::string_view exec_id) = 0;

  // A process's state, streams and exit.
  virtual absl::StatusOr<Process> Get(const Context& ctx, std::string_view container_id,
                                      std::string_view exec_id) = 0;

  // The first process of each task in the namespace. The daemon ignores the filter today.
  virtual absl::StatusOr<std::vector<Process>> List(const Context& ctx,
                                                    std::string_view filter = {}) = 0;

  // Sends a signal. ErrNotFound if the process has ended already.
  virtual absl::Status Kill(const Context& ctx, const KillRequest& request) = 0;

  // Adds a process to a task; Start runs it.
  virtual absl::Status Exec(const Context& ctx, const ExecProcessRequest& request) = 0;

  // Sizes of a terminal are in characters.
  virtual absl::Status ResizePty(const Context& ctx, std::string_view container_id,
                                 std::string_view exec_id, std::uint32_t width,
                                 std::uint32_t height) = 0;

  // Closes the shim's end of the process's stdin, so that the process reads its end of file once
  // all writers are gone.
  virtual absl::Status CloseIO(const Context& ctx, std::string_view container_id,
                               std::string_view exec_id, bool close_stdin) = 0;

  // The same without waiting for the answer.
  virtual Future<std::monostate> CloseIOAsync(const Context& ctx, std::string_view container_id,
                                              std::string_view exec_id, bool close_stdin);

  // Freezes and thaws all processes of the task.
  virtual absl::Status Pause(const Context& ctx, std::string_view container_id) = 0;
  virtual absl::Status Resume(const Context& ctx, std::string_view container_id) = 0;

  // All processes in the container, also those that the daemon did not start.
  virtual absl::StatusOr<std::vector<ProcessInfo>> ListPids(const Context& ctx,
                                                            std::string_view container_id) = 0;

  // Writes a checkpoint to the content store; `options` are the runtime's.
  virtual absl::StatusOr<std::vector<ocispec::Descriptor>> Checkpoint(
      const Context& ctx, std::string_view container_id, std::string_view parent_checkpoint,
      const typeurl::Any& options) = 0;

  // Changes the limits of a running task.
  virtual absl::Status Update(const Context& ctx, const UpdateTaskRequest& request) = 0;

  // Of the tasks that match any filter (`id==web`); of all if there is none.
  virtual absl::StatusOr<std::vector<Metric>> Metrics(const Context& ctx,
                                                      const std::vector<std::string>& filters) = 0;
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void Metrics(const Context&, option::BracedTexts<N, M>) = delete;

  // Completes when the process exits, at once if it has. Costs no thread. Cancelling `ctx`, or its
  // deadline, ends the call and completes the future with that error; so does the end of the
  // daemon, with ErrUnavailable.
  virtual Future<WaitResponse> Wait(const Context& ctx, std::string_view container_id,
                                    std::string_view exec_id) = 0;
};

// The daemon's. Source: client.TaskService.
CONTAINERD_EXPORT std::shared_ptr<Service> NewTaskService(std::shared_ptr<rpc::Connection> conn);

}  // namespace containerd::tasks

#endif  // CONTAINERD_TASKS_TASKS_H_
