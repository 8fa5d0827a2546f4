// SPDX-License-Identifier: Apache-2.0
//
// What follows from a checkpoint and a task.
#include <fmt/format.h>

#include "containerd/cri/constants.h"
#include "containerd/cri/recover.h"
#include "containerd/errdefs/errdefs.h"

namespace containerd::cri {
namespace {

bool Runs(tasks::Status status) {
  return status == tasks::Status::kRunning || status == tasks::Status::kPaused ||
         status == tasks::Status::kPausing;
}

absl::Status Impossible(const containers::Container& record, std::string_view task,
                        ContainerState state) {
  return errdefs::FailedPrecondition(fmt::format("container \"{}\" has a {} task in state {}",
                                                 record.id, task,
                                                 CRIContainerStateToString(state)));
}

}  // namespace

absl::StatusOr<ContainerStatus> RecoveredStatus(const containers::Container& record,
                                                const std::optional<ContainerStatus>& checkpoint,
                                                const std::optional<tasks::Process>& task,
                                                absl::Time now) {
  if (!task) {
    if (!checkpoint) return UnknownContainerStatus();
    ContainerStatus status = *checkpoint;
    if (status.State() == ContainerState::kRunning) {
      status.finished_at = absl::ToUnixNanos(now);
      status.exit_code = kUnknownExitCode;
      status.reason = kUnknownExitReason;
    }
    return status;
  }

  const std::int64_t recorded = absl::ToUnixNanos(record.created_at);
  ContainerStatus status = checkpoint.value_or(ContainerStatus{.created_at = recorded});
  const ContainerState state = status.State();
  if (task->status == tasks::Status::kCreated) {
    if (state != ContainerState::kCreated) return Impossible(record, "created", state);
  } else if (Runs(task->status)) {
    if (state == ContainerState::kExited) return Impossible(record, "running", state);
    if (state != ContainerState::kRunning) {
      status.started_at = checkpoint ? absl::ToUnixNanos(now) : recorded;
      status.unknown = false;
    }
    status.pid = task->pid;
  } else if (task->status == tasks::Status::kStopped) {
    // The checkpoint is newer: it is written once the task has been dealt with.
    if (state == ContainerState::kExited) return status;
    if (status.started_at == 0) status.started_at = status.created_at;
    // A daemon that does not know when says 1970.
    status.finished_at =
        absl::ToUnixNanos(task->exited_at > absl::UnixEpoch() ? task->exited_at : now);
    status.exit_code = static_cast<std::int32_t>(task->exit_status);
  } else {
    return errdefs::FailedPrecondition(fmt::format("container \"{}\" has a task in state {}",
                                                   record.id, tasks::ToString(task->status)));
  }
  return status;
}

SandboxStatus RecoveredSandboxStatus(const containers::Container& record,
                                     const std::optional<tasks::Process>& task) {
  const bool ready = task && Runs(task->status);
  return {.pid = ready ? task->pid : 0,
          .created_at = record.created_at,
          .state = ready ? SandboxState::kReady : SandboxState::kNotReady};
}

}  // namespace containerd::cri
