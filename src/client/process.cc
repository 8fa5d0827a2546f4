// SPDX-License-Identifier: Apache-2.0
#include "containerd/process.h"

#include <csignal>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/option/option.h"
#include "containerd/rpc/connection.h"

#include "process_state.h"
#include "src/base/options.h"

namespace containerd {

constinit const option::Plain<KillOpt> WithKillAll([](const Context& /*ctx*/,
                                                      KillInfo* info) -> absl::Status {
  info->all = true;
  return absl::OkStatus();
});

KillOpt WithKillExecID(std::string exec_id) {
  return [exec_id = std::move(exec_id)](const Context&, KillInfo* info) {
    info->exec_id = exec_id;
    return absl::OkStatus();
  };
}

constinit const option::Plain<ProcessDeleteOpt> WithProcessKill(
    [](const Context& ctx, Process& process) -> absl::Status {
      if (process.Pid() == 0) {
        // It was never started, so that there is nothing to kill; or the answer was lost.
        const auto status = process.Status(ctx);
        if (!status.ok() || status->status == ProcessStatus::kCreated) return absl::OkStatus();
      }
      const auto [wait_ctx, stop_waiting] = WithCancel(ctx);
      const Future<ExitStatus> exit = process.Wait(wait_ctx);
      absl::Status killed = process.Kill(ctx, SIGKILL, {WithKillAll});
      if (!killed.ok() && !errdefs::IsNotFound(killed)) {
        stop_waiting();
        // The task was not running to begin with.
        return errdefs::IsFailedPrecondition(killed) ? absl::OkStatus() : killed;
      }
      const absl::Status ended = exit.Get(ctx).status();
      // ErrNotFound means that another client has deleted the process, which had exited then.
      if (ended.ok() || errdefs::IsNotFound(ended)) return absl::OkStatus();
      return errdefs::Annotate(
          ended, fmt::format("waiting for the end and the output of \"{}\"", process.ID()));
    });

constinit const option::Plain<IOCloserOpt> WithStdinCloser([](IOCloseInfo* info) {
  info->stdin = true;
});

const std::string& Process::ID() const {
  return state_->IsTask() ? state_->container_id : state_->exec_id;
}

std::uint32_t Process::Pid() const { return state_->pid.load(); }

absl::Status Process::Start(const Context& ctx) {
  state_->to_be_started.store(false);
  auto pid = state_->client.TaskService()->Start(ctx, state_->container_id, state_->exec_id);
  if (!pid.ok()) {
    state_->StartFailed(ctx, pid.status());
    return pid.status();
  }
  state_->pid.store(*pid);
  return absl::OkStatus();
}

absl::Status Process::Kill(const Context& ctx, int signal, const std::vector<KillOpt>& opts) {
  if (signal < 0 || signal > SIGRTMAX) {
    return errdefs::InvalidArgument(
        fmt::format("killing {}: {} is not a signal", state_->Describe(), signal));
  }
  KillInfo info;
  if (absl::Status s = base::Apply(opts, ctx, info); !s.ok()) return s;
  return state_->client.TaskService()->Kill(
      ctx, {.container_id = state_->container_id,
            .exec_id = state_->IsTask() ? info.exec_id : state_->exec_id,
            .signal = static_cast<std::uint32_t>(signal),
            .all = info.all});
}

Future<ExitStatus> Process::Wait(const Context& ctx) { return internal::WaitForExit(ctx, *state_); }

absl::Status Process::CloseIO(const Context& ctx, const std::vector<IOCloserOpt>& opts) {
  IOCloseInfo info;
  if (absl::Status s = base::Apply(opts, info); !s.ok()) return s;
  return state_->client.TaskService()->CloseIO(ctx, state_->container_id, state_->exec_id,
                                               info.stdin);
}

Future<std::monostate> Process::CloseIOAsync(const Context& ctx,
                                             const std::vector<IOCloserOpt>& opts) {
  IOCloseInfo info;
  if (absl::Status s = base::Apply(opts, info); !s.ok()) {
    return Future<std::monostate>::Ready(std::move(s));
  }
  return state_->CloseIO(ctx, info.stdin);
}

absl::Status Process::Resize(const Context& ctx, std::uint32_t width, std::uint32_t height) {
  return state_->client.TaskService()->ResizePty(ctx, state_->container_id, state_->exec_id, width,
                                                 height);
}

std::shared_ptr<cio::IO> Process::IO() const { return state_->io; }

absl::StatusOr<Status> Process::Status(const Context& ctx) {
  auto process = state_->client.TaskService()->Get(ctx, state_->container_id, state_->exec_id);
  if (!process.ok()) return process.status();
  return containerd::Status{process->status, process->exit_status, process->exited_at};
}

absl::StatusOr<ExitStatus> Process::Delete(const Context& ctx,
                                           const std::vector<ProcessDeleteOpt>& opts) {
  if (absl::Status s = base::Apply(opts, ctx, *this); !s.ok()) return s;
  auto status = Status(ctx);
  if (!status.ok()) return status.status();
  switch (status->status) {
    case ProcessStatus::kStopped:
    case ProcessStatus::kUnknown:
      break;
    case ProcessStatus::kCreated:
      // A created task has a process that waits in runc, unless creating it failed.
      if (state_->IsTask() && Pid() != 0) {
        return errdefs::FailedPrecondition(
            fmt::format("{} must be stopped before deletion: it is created", state_->Describe()));
      }
      break;
    default:
      return errdefs::FailedPrecondition(fmt::format("{} must be stopped before deletion: it is {}",
                                                     state_->Describe(),
                                                     tasks::ToString(status->status)));
  }

  // The shim copies what there is before it closes its ends of the streams, but does not wait long
  // for a reader that is slow.
  const bool has_run = status->status != ProcessStatus::kCreated;
  if (has_run) {
    if (absl::Status s = state_->DrainOutput(ctx); !s.ok()) return s;
  }
  auto& service = *state_->client.TaskService();
  auto response = state_->IsTask()
                      ? service.Delete(ctx, state_->container_id)
                      : service.DeleteProcess(ctx, state_->container_id, state_->exec_id);
  if (!response.ok()) return response.status();
  if (has_run) {
    state_->Deleted(ctx);
  } else {
    state_->CloseStreams();
  }
  return ExitStatus(response->exit_status, response->exited_at);
}

}  // namespace containerd
