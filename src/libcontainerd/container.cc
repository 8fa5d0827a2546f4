// SPDX-License-Identifier: Apache-2.0
#include "containerd/libcontainerd/container.h"

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "containerd/containers/containers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/leases/leases.h"
#include "containerd/libcontainerd/bundle.h"
#include "containerd/log/log.h"
#include "containerd/runc/v1/options.pb.h"
#include "containerd/specs/spec.h"
#include "containerd/tasks/tasks.h"
#include "containerd/typeurl/typeurl.h"

#include "abandoned.h"
#include "bundle_dir.h"
#include "checkpoint.h"
#include "core.h"
#include "record.h"
#include "src/base/cleanup.h"
#include "stdio.h"
#include "wrap_error.h"

namespace containerd::libcontainerd {
namespace {

// runc's pipes belong to the container's root. The options that the container was made with go
// into the task's, which the daemon takes in their place.
NewTaskOpt WithPipeOwner(userns::User root) {
  return [root](const Context&, containerd::Client&, TaskInfo& info) -> absl::Status {
    runc::v1::Options options;
    if (!info.runtime_options.empty()) {
      if (!typeurl::Is<runc::v1::Options>(info.runtime_options)) return absl::OkStatus();
      if (absl::Status s = typeurl::UnmarshalTo(info.runtime_options, options); !s.ok()) return s;
    } else if (!IsRunc(info.runtime, info.runtime_options) || root == userns::User{}) {
      return absl::OkStatus();
    }
    options.set_io_uid(root.uid);
    options.set_io_gid(root.gid);
    auto any = typeurl::MarshalAny(options);
    if (!any.ok()) return any.status();
    info.options = *std::move(any);
    return absl::OkStatus();
  };
}

// Deletes the lease, and what only it held, now: the context may have ended.
void ReleaseLease(const Context& ctx, const Core& core, leases::LeaseGuard& lease,
                  std::string_view id) {
  absl::Status s = lease.Release(base::CleanUpContext(ctx), {leases::SynchronousDelete});
  if (!s.ok()) {
    log::Warn(fmt::format("{}: failed to delete temporary checkpoint: {}", core.About(id),
                          errdefs::Message(s)));
  }
}

}  // namespace

Container::Container(std::shared_ptr<Core> core, containerd::Container container)
    : core_(std::move(core)), container_(std::move(container)) {}

// A handle on a task that runs: its end will be told.
Task Container::Known(containerd::Task task) const {
  core_->tracker.Lives({task.ID(), task.ID(), task.Pid()});
  return libcontainerd::Task(core_, container_, std::move(task));
}

absl::StatusOr<Task> Container::NewTask(const Context& ctx, const std::string& checkpoint_dir,
                                        bool with_stdin, const StdioCallback& attach_stdio) {
  const Context in = core_->In(ctx);
  const auto create = [&]() -> absl::StatusOr<containerd::Task> {
    auto record = RecordOf(in, container_);
    if (!record.ok()) return record.status();
    auto claim = core_->claims.Take(Core::ProcessOf(ID(), ID()), "id already in use");
    if (!claim.ok()) return claim.status();
    // Making FIFOs where those of a running task are would take them from it.
    const auto found = core_->client.TaskService()->Get(in, ID(), "");
    if (found.ok()) {
      return errdefs::Conflict(fmt::format("id already in use: container \"{}\" has a {} task",
                                           ID(), tasks::ToString(found->status)));
    }
    if (!errdefs::IsNotFound(found.status())) return found.status();

    std::vector<NewTaskOpt> opts = {WithPipeOwner(record->host_root)};
    leases::LeaseGuard lease;
    Context task_ctx = in;
    if (!checkpoint_dir.empty()) {
      auto acquired = core_->client.WithLease(in);
      if (!acquired.ok()) return acquired.status();
      lease = *std::move(acquired);
      task_ctx = lease.context();
      auto checkpoint = UploadCheckpoint(task_ctx, core_->client, checkpoint_dir);
      if (!checkpoint.ok()) {
        ReleaseLease(in, *core_, lease, ID());
        return errdefs::Annotate(checkpoint.status(), "failed to upload checkpoint to containerd");
      }
      opts.push_back([desc = *std::move(checkpoint)](const Context&, containerd::Client&,
                                                     TaskInfo& info) { info.checkpoint = desc; });
    }
    const cio::FIFOSet fifos =
        NewFIFOs(record->bundle, ID(), with_stdin, record->terminal, record->host_root);
    auto task = container_.NewTask(task_ctx, CreateIO(fifos, attach_stdio), opts);
    if (!task.ok()) RemoveAbandoned(in, *core_, container_, "", fifos, task.status());
    if (!checkpoint_dir.empty()) ReleaseLease(in, *core_, lease, ID());
    return task;
  };
  auto task = create();
  if (!task.ok()) {
    return errdefs::Annotate(WrapError(task.status()), "failed to create task for container");
  }
  return Known(*std::move(task));
}

absl::StatusOr<Task> Container::Task(const Context& ctx) {
  auto task = container_.Task(core_->In(ctx));
  if (!task.ok()) return WrapError(task.status());
  auto status = task->Status(core_->In(ctx));
  if (!status.ok()) return WrapError(status.status());
  if (status->status != ProcessStatus::kStopped) return Known(*std::move(task));
  return libcontainerd::Task(core_, container_, *std::move(task));
}

absl::StatusOr<Task> Container::AttachTask(const Context& ctx, const StdioCallback& attach_stdio) {
  auto task = container_.Task(core_->In(ctx), AttachIO(attach_stdio));
  if (!task.ok()) {
    return errdefs::Annotate(WrapError(task.status()),
                             "error getting containerd task for container");
  }
  auto status = task->Status(core_->In(ctx));
  if (!status.ok() || status->status != ProcessStatus::kStopped) return Known(*std::move(task));
  return libcontainerd::Task(core_, container_, *std::move(task));
}

absl::Status Container::Delete(const Context& ctx) {
  const Context in = core_->In(ctx);
  auto info = container_.Info(in, {WithoutRefreshedMetadata});
  if (!info.ok()) return WrapError(info.status());
  const auto label = info->labels.find(kBundlePathLabel);
  const std::string bundle = label == info->labels.end() ? "" : label->second;
  // Who makes a container of the same id waits until the bundle is gone, too.
  auto claim = core_->claims.Await(in, core_->BundleDir(ID()));
  if (!claim.ok()) return claim.status();
  auto no_task = core_->claims.Take(Core::ProcessOf(ID(), ID()), "its task is being made");
  if (!no_task.ok()) return no_task.status();
  // A record that is gone may have left its bundle: the answer to an earlier call was lost.
  absl::Status deleted = WrapError(container_.Delete(in));
  if (!deleted.ok() && !errdefs::IsNotFound(deleted)) return deleted;

  const char* const no_clean = std::getenv("LIBCONTAINERD_NOCLEAN");
  if (bundle.empty() || (no_clean != nullptr && std::string_view(no_clean) == "1")) return deleted;
  if (absl::Status s = RemoveBundle(bundle, core_->BundleDir(ID())); !s.ok()) {
    log::Error(
        fmt::format("{}: failed to remove state dir: {}", core_->About(ID()), errdefs::Message(s)));
  }
  return deleted;
}

}  // namespace containerd::libcontainerd
