// SPDX-License-Identifier: Apache-2.0
#include "containerd/libcontainerd/task.h"

#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/identifiers/identifiers.h"
#include "containerd/log/log.h"
#include "containerd/runc/v1/options.pb.h"
#include "containerd/task_opts.h"
#include "containerd/tasks/tasks.h"
#include "containerd/typeurl/typeurl.h"

#include "abandoned.h"
#include "core.h"
#include "io/containerd/cgroups/v1/metrics.pb.h"
#include "io/containerd/cgroups/v2/metrics.pb.h"
#include "record.h"
#include "stdio.h"
#include "wrap_error.h"

namespace containerd::libcontainerd {
namespace {

// How long a shim may need to remove an exec that did not start: old ones hang on its FIFOs.
constexpr absl::Duration kRemoveExecTimeout = absl::Seconds(45);

// The figures' kind, once they can be read.
template <typename Metrics>
absl::StatusOr<Stats> StatsOf(const tasks::Metric& metric, Stats::Kind kind) {
  Metrics metrics;
  if (absl::Status s = typeurl::UnmarshalTo(metric.data, metrics); !s.ok()) return s;
  return Stats{.read = metric.timestamp, .kind = kind, .metrics = metric.data};
}

}  // namespace

Process::Process(std::shared_ptr<Core> core, containerd::Process process)
    : core_(std::move(core)), process_(std::move(process)) {}

absl::Status Process::Kill(const Context& ctx, int signal) {
  return WrapError(process_.Kill(core_->In(ctx), signal));
}

absl::Status Process::Resize(const Context& ctx, std::uint32_t width, std::uint32_t height) {
  return WrapError(process_.Resize(core_->In(ctx), width, height));
}

absl::StatusOr<ExitStatus> Process::Delete(const Context& ctx) {
  return WrapError(process_.Delete(core_->In(ctx)));
}

absl::StatusOr<containerd::Status> Process::Status(const Context& ctx) {
  return WrapError(process_.Status(core_->In(ctx)));
}

Task::Task(std::shared_ptr<Core> core, containerd::Container container, containerd::Task task)
    : Process(std::move(core), task), container_(std::move(container)), task_(std::move(task)) {}

absl::Status Task::Start(const Context& ctx) { return WrapError(task_.Start(core_->In(ctx))); }

absl::StatusOr<Process> Task::Exec(const Context& ctx, std::string_view process_id,
                                   const specs::Process& spec, bool with_stdin,
                                   const StdioCallback& attach_stdio) {
  const Context in = core_->In(ctx);
  const std::string id(process_id);
  if (absl::Status s = identifiers::Validate(id); !s.ok()) {
    return errdefs::Annotate(s, "exec's id");
  }
  auto record = RecordOf(in, container_);
  if (!record.ok()) return record.status();
  auto claim = core_->claims.Take(Core::ProcessOf(ID(), id), "id already in use");
  if (!claim.ok()) return claim.status();
  // Making FIFOs where those of a running process are would take them from it.
  const auto found = core_->client.TaskService()->Get(in, ID(), id == ID() ? "" : id);
  if (found.ok()) {
    return errdefs::Conflict(
        fmt::format("id already in use: task \"{}\" has a process \"{}\"", ID(), id));
  }
  if (!errdefs::IsNotFound(found.status())) return WrapError(found.status());

  const cio::FIFOSet fifos =
      NewFIFOs(record->bundle, id, with_stdin, spec.terminal, record->host_root);
  auto process = task_.Exec(in, id, spec, CreateIO(fifos, attach_stdio));
  if (errdefs::IsAlreadyExists(process.status())) {
    return errdefs::Conflict(
        fmt::format("id already in use: {}", errdefs::Message(process.status())));
  }
  if (!process.ok()) {
    RemoveAbandoned(in, *core_, container_, id, fifos, process.status());
    return WrapError(process.status());
  }
  if (absl::Status started = process->Start(in); !started.ok()) {
    // Nobody has a handle on it, also if it runs because only the answer was lost.
    const Context last = WithTimeout(WithoutCancel(in), kRemoveExecTimeout);
    auto removed = process->Delete(last, {WithProcessKill});
    if (!removed.ok() && !errdefs::IsNotFound(removed.status())) {
      log::Warn(fmt::format("{}: removing process \"{}\", which did not start: {}",
                            core_->About(ID()), id, errdefs::Message(removed.status())));
    }
    if (process->IO() != nullptr) {
      process->IO()->Cancel();
      static_cast<void>(process->IO()->Close());
    }
    return WrapError(started);
  }
  core_->tracker.Lives({ID(), id, process->Pid()});
  return Process(core_, *std::move(process));
}

absl::Status Task::Pause(const Context& ctx) { return WrapError(task_.Pause(core_->In(ctx))); }

absl::Status Task::Resume(const Context& ctx) { return WrapError(task_.Resume(core_->In(ctx))); }

absl::StatusOr<libcontainerd::Stats> Task::Stats(const Context& ctx) {
  namespace cgroups = ::io::containerd::cgroups;
  auto metric = task_.Metrics(core_->In(ctx));
  if (!metric.ok()) return WrapError(metric.status());
  if (typeurl::Is<cgroups::v1::Metrics>(metric->data)) {
    return StatsOf<cgroups::v1::Metrics>(*metric, Stats::Kind::kCgroupV1);
  }
  if (typeurl::Is<cgroups::v2::Metrics>(metric->data)) {
    return StatsOf<cgroups::v2::Metrics>(*metric, Stats::Kind::kCgroupV2);
  }
  return libcontainerd::Stats{.read = metric->timestamp, .metrics = std::move(metric->data)};
}

absl::StatusOr<std::vector<libcontainerd::Summary>> Task::Summary(const Context& ctx) {
  auto infos = task_.Pids(core_->In(ctx));
  if (!infos.ok()) return WrapError(infos.status());
  std::vector<libcontainerd::Summary> summaries;
  for (const ProcessInfo& info : *infos) {
    libcontainerd::Summary summary{.pid = info.pid};
    if (typeurl::Is<runc::v1::ProcessDetails>(info.info)) {
      auto details = typeurl::UnmarshalAny<runc::v1::ProcessDetails>(info.info);
      if (!details.ok()) {
        return errdefs::Annotate(details.status(), "unable to decode process details");
      }
      summary.exec_id = details->exec_id();
    }
    summaries.push_back(std::move(summary));
  }
  return summaries;
}

absl::StatusOr<std::vector<std::uint32_t>> Task::Pids(const Context& ctx) {
  auto infos = task_.Pids(core_->In(ctx));
  if (!infos.ok()) return WrapError(infos.status());
  std::vector<std::uint32_t> pids;
  for (const ProcessInfo& info : *infos) pids.push_back(info.pid);
  return pids;
}

absl::Status Task::UpdateResources(const Context& ctx, const specs::LinuxResources& resources) {
  return WrapError(task_.Update(core_->In(ctx), {WithResources(resources)}));
}

absl::Status Task::ForceDelete(const Context& ctx) {
  return WrapError(task_.Delete(core_->In(ctx), {WithProcessKill}).status());
}

}  // namespace containerd::libcontainerd
