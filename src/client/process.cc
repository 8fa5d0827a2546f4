// SPDX-License-Identifier: Apache-2.0
#include "containerd/process.h"

#include <csignal>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"
#include "containerd/option/option.h"

#include "process_state.h"
#include "src/base/options.h"

namespace containerd {

namespace internal {

std::string ProcessState::Describe() const {
  return IsTask() ? fmt::format("task \"{}\"", container_id)
                  : fmt::format("process \"{}\" of task \"{}\"", exec_id, container_id);
}

void ProcessState::CloseStreams() const {
  if (io == nullptr) return;
  io->Cancel();
  if (absl::Status s = io->Close(); !s.ok()) {
    log::Warn(fmt::format("closing the streams of {}: {}", Describe(), errdefs::Message(s)));
  }
}

}  // namespace internal

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
      // A process that was never started has nothing to kill.
      if (process.Pid() == 0) return absl::OkStatus();
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
      return errdefs::IsNotFound(ended) ? absl::OkStatus() : ended;
    });

constinit const option::Plain<IOCloserOpt> WithStdinCloser([](IOCloseInfo* info) {
  info->stdin = true;
});

const std::string& Process::ID() const {
  return state_->IsTask() ? state_->container_id : state_->exec_id;
}

std::uint32_t Process::Pid() const { return state_->pid.load(); }

absl::Status Process::Start(const Context& ctx) {
  auto pid = state_->client.TaskService()->Start(ctx, state_->container_id, state_->exec_id);
  if (!pid.ok()) {
    state_->CloseStreams();
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

  // The shim closes its ends of the streams when it deletes the process, but only after it has
  // copied what there is; so all output is read before the streams are closed here.
  auto& service = *state_->client.TaskService();
  auto response = state_->IsTask()
                      ? service.Delete(ctx, state_->container_id)
                      : service.DeleteProcess(ctx, state_->container_id, state_->exec_id);
  if (!response.ok()) return response.status();
  if (state_->io != nullptr) {
    if (status->status != ProcessStatus::kCreated) {
      static_cast<void>(state_->io->Drain(absl::Milliseconds(100)).Get(ctx));
    }
    state_->CloseStreams();
  }
  return ExitStatus(response->exit_status, response->exited_at);
}

}  // namespace containerd
