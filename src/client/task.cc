// SPDX-License-Identifier: Apache-2.0
#include "containerd/task.h"

#include <utility>

#include <fmt/format.h>

#include "containerd/containers/containers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/identifiers/identifiers.h"
#include "containerd/typeurl/typeurl.h"

#include "fifos.h"
#include "process_state.h"
#include "src/base/options.h"
#include "src/errdefs/internal/guard.h"

namespace containerd {

absl::Status Task::Pause(const Context& ctx) {
  return state_->client.TaskService()->Pause(ctx, state_->container_id);
}

absl::Status Task::Resume(const Context& ctx) {
  return state_->client.TaskService()->Resume(ctx, state_->container_id);
}

absl::StatusOr<Process> Task::Exec(const Context& ctx, std::string_view id,
                                   const specs::Process& spec, const cio::Creator& creator) {
  const std::string what = fmt::format("exec \"{}\" in task \"{}\"", id, state_->container_id);
  if (absl::Status s = identifiers::Validate(id); !s.ok()) return errdefs::Annotate(s, what);
  auto any = typeurl::MarshalAny(spec);
  if (!any.ok()) return errdefs::Annotate(any.status(), what);
  auto io = errdefs::Guard("a Creator", creator, id);
  if (!io.ok()) return errdefs::Annotate(io.status(), what);

  Process process(std::make_shared<internal::ProcessState>(state_->client, state_->container_id,
                                                           std::string(id), 0, *io));
  const auto config = errdefs::Guard("the IO of a process", &cio::IO::Config, **io);
  if (!config.ok()) {
    process.state_->CloseStreams();
    return errdefs::Annotate(config.status(), what);
  }
  const tasks::ExecProcessRequest request{.container_id = state_->container_id,
                                          .exec_id = std::string(id),
                                          .stdin_path = config->stdin,
                                          .stdout_path = config->stdout,
                                          .stderr_path = config->stderr,
                                          .terminal = config->terminal,
                                          .spec = *std::move(any)};
  absl::Status added = errdefs::Guard(
      "a task service", [&] { return state_->client.TaskService()->Exec(ctx, request); });
  if (!added.ok()) {
    process.state_->CreationFailed(ctx, added);
    return added;
  }
  process.state_->Exists(ctx);
  process.state_->to_be_started.store(true);
  return process;
}

absl::StatusOr<std::vector<ProcessInfo>> Task::Pids(const Context& ctx) {
  return state_->client.TaskService()->ListPids(ctx, state_->container_id);
}

absl::Status Task::Update(const Context& ctx, const std::vector<UpdateTaskOpt>& opts) {
  UpdateTaskInfo info;
  if (absl::Status s = base::Apply(opts, ctx, state_->client, info); !s.ok()) return s;
  return state_->client.TaskService()->Update(ctx, {.container_id = state_->container_id,
                                                    .resources = std::move(info.resources),
                                                    .annotations = std::move(info.annotations)});
}

absl::StatusOr<Process> Task::LoadProcess(const Context& ctx, std::string_view id,
                                          const cio::Attach& attach) {
  const bool is_task = id == state_->container_id;
  if (is_task && attach == nullptr) return Process(*this);
  auto found = state_->client.TaskService()->Get(ctx, state_->container_id, is_task ? "" : id);
  if (!found.ok()) return errdefs::Annotate(found.status(), "no running process found");
  auto io = internal::AttachToProcess(*found, attach);
  if (!io.ok()) return io.status();
  auto process = std::make_shared<internal::ProcessState>(state_->client, state_->container_id,
                                                          is_task ? "" : std::string(id),
                                                          found->pid, *std::move(io));
  if (found->status != tasks::Status::kStopped) process->Exists(ctx);
  return Process(std::move(process));
}

absl::StatusOr<tasks::Metric> Task::Metrics(const Context& ctx) {
  auto metrics =
      state_->client.TaskService()->Metrics(ctx, {fmt::format("id==\"{}\"", state_->container_id)});
  if (!metrics.ok()) return metrics.status();
  if (metrics->empty()) {
    if (auto status = Status(ctx); !status.ok()) return status.status();
    return errdefs::NotFound(fmt::format("no metrics received for {}", state_->Describe()));
  }
  return std::move(metrics->front());
}

absl::StatusOr<specs::Spec> Task::Spec(const Context& ctx) {
  auto record = state_->client.ContainerService()->Get(ctx, state_->container_id);
  if (!record.ok()) return record.status();
  return typeurl::UnmarshalAny<specs::Spec>(record->spec);
}

}  // namespace containerd
