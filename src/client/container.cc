// SPDX-License-Identifier: Apache-2.0
#include "containerd/container.h"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/image.h"
#include "containerd/log/log.h"
#include "containerd/option/option.h"
#include "containerd/snapshots/snapshots.h"
#include "containerd/tasks/tasks.h"
#include "containerd/typeurl/typeurl.h"

#include "container_state.h"
#include "draft.h"
#include "fifos.h"
#include "process_state.h"
#include "src/base/cleanup.h"
#include "src/base/mutex.h"
#include "src/base/options.h"
#include "src/client/internal/state.h"
#include "src/errdefs/internal/guard.h"
#include "src/rpc/internal/outcome.h"

namespace containerd {
namespace {

// A task of this container on these file systems, with these streams.
tasks::CreateTaskRequest RequestOf(const std::string& id, std::vector<mount::Mount> rootfs,
                                   const cio::Config& config) {
  return {.container_id = id,
          .rootfs = std::move(rootfs),
          .stdin_path = config.stdin,
          .stdout_path = config.stdout,
          .stderr_path = config.stderr,
          .terminal = config.terminal};
}

// Whether there certainly is no such record, and none comes any more, after a Create whose answer
// was lost. Where it cannot be told, the snapshot is left to the lease: the daemon keeps it if a
// container uses it.
bool IsAbsent(const Context& ctx, Client& client, const containers::Container& record) {
  // The daemon may still be at it, or about to begin.
  const Context patience = WithTimeout(ctx, rpc::kOpenOutcome);
  do {
    absl::Status found = client.ContainerService()->Get(ctx, record.id).status();
    if (!errdefs::IsNotFound(found)) return false;
  } while (Sleep(patience, rpc::kOpenOutcome / 10).ok());
  return !ctx.Done();
}

}  // namespace

constinit const option::Plain<InfoOpt> WithoutRefreshedMetadata([](InfoConfig* config) {
  config->refresh = false;
});

constinit const option::Plain<DeleteOpt> WithSnapshotCleanup(
    [](const Context& ctx, Client& client, const containers::Container& container) -> absl::Status {
      if (container.snapshot_key.empty()) return absl::OkStatus();
      if (container.snapshotter.empty()) {
        return errdefs::InvalidArgument(fmt::format(
            "container \"{}\" names no snapshotter, so its snapshot \"{}\" can't be removed",
            container.id, container.snapshot_key));
      }
      auto snapshotter = client.GetSnapshotter(ctx, container.snapshotter);
      if (!snapshotter.ok()) return snapshotter.status();
      absl::Status removed = (*snapshotter)->Remove(ctx, container.snapshot_key);
      return errdefs::IsNotFound(removed) ? absl::OkStatus() : removed;
    });

absl::StatusOr<Container> Client::NewContainer(const Context& ctx, std::string_view id,
                                               const std::vector<NewContainerOpt>& opts) {
  auto lease = WithLease(ctx);
  if (!lease.ok()) return lease.status();
  auto runtime = DefaultRuntime(ctx);
  if (!runtime.ok()) return runtime.status();

  containers::Container record;
  record.id = std::string(id);
  record.runtime.name = *std::move(runtime);
  internal::ContainerDraft draft;
  const Context option_ctx = draft.In(lease->context());
  absl::Status applied = base::Apply(opts, option_ctx, *this, record);
  if (applied.ok()) {
    applied = base::Apply(state_->options.container_opts, option_ctx, *this, record);
  }
  if (!applied.ok()) {
    draft.RemoveSnapshots(base::CleanUpContext(ctx));
    return errdefs::Annotate(applied, fmt::format("container \"{}\"", id));
  }
  absl::StatusOr<containers::Container> created = errdefs::Guard("a store of containers", [&] {
    return ContainerService()->Create(lease->context(), record);
  });
  if (!created.ok()) {
    const Context last = base::CleanUpContext(lease->context());
    if (!rpc::OutcomeOpen(created.status()) || IsAbsent(last, *this, record)) {
      draft.RemoveSnapshots(last);
    }
    return created.status();
  }
  return Container(*this, *std::move(created));
}

absl::StatusOr<Container> Client::LoadContainer(const Context& ctx, std::string_view id) {
  auto record = ContainerService()->Get(ctx, id);
  if (!record.ok()) return record.status();
  return Container(*this, *std::move(record));
}

absl::StatusOr<std::vector<Container>> Client::Containers(const Context& ctx,
                                                          const std::vector<std::string>& filters) {
  auto records = ContainerService()->List(ctx, filters);
  if (!records.ok()) return records.status();
  std::vector<Container> result;
  result.reserve(records->size());
  for (containers::Container& record : *records) {
    result.push_back(Container(*this, std::move(record)));
  }
  return result;
}

Container::Container(const Client& client, containers::Container record)
    : state_(std::make_shared<State>(client, std::move(record))) {}

const std::string& Container::ID() const { return state_->id; }

absl::StatusOr<containers::Container> Container::Get(const Context& ctx) {
  return state_->client.ContainerService()->Get(ctx, state_->id);
}

absl::StatusOr<containers::Container> Container::Info(const Context& ctx,
                                                      const std::vector<InfoOpt>& opts) {
  InfoConfig config;
  if (absl::Status s = base::Apply(opts, config); !s.ok()) return s;
  if (!config.refresh) {
    base::MutexLock lock(state_->mu);
    return state_->record;
  }
  auto record = Get(ctx);
  if (!record.ok()) return record.status();
  base::MutexLock lock(state_->mu);
  state_->record = *std::move(record);
  return state_->record;
}

absl::StatusOr<Labels> Container::Labels(const Context& ctx) {
  auto record = Get(ctx);
  if (!record.ok()) return record.status();
  return std::move(record->labels);
}

absl::StatusOr<Labels> Container::SetLabels(const Context& ctx, const containerd::Labels& labels) {
  containers::Container change;
  change.id = state_->id;
  change.labels = labels;
  std::vector<std::string> fieldpaths;
  for (const auto& [key, value] : labels) {
    if (absl::Status s = labels::Validate(key, value); !s.ok()) {
      return errdefs::Annotate(s, fmt::format("container \"{}\"", state_->id));
    }
    fieldpaths.push_back("labels." + key);
  }
  auto updated = state_->client.ContainerService()->Update(ctx, change, fieldpaths);
  if (!updated.ok()) return updated.status();
  return std::move(updated->labels);
}

absl::StatusOr<specs::Spec> Container::Spec(const Context& ctx) {
  auto record = Get(ctx);
  if (!record.ok()) return record.status();
  auto spec = typeurl::UnmarshalAny<specs::Spec>(record->spec);
  if (!spec.ok()) {
    return errdefs::Annotate(spec.status(), fmt::format("spec of container \"{}\"", state_->id));
  }
  return spec;
}

absl::StatusOr<std::map<std::string, typeurl::Any>> Container::Extensions(const Context& ctx) {
  auto record = Get(ctx);
  if (!record.ok()) return record.status();
  return std::move(record->extensions);
}

absl::StatusOr<Image> Container::Image(const Context& ctx) {
  auto record = Get(ctx);
  if (!record.ok()) return record.status();
  if (record->image.empty()) {
    return errdefs::NotFound(
        fmt::format("container \"{}\" was not created from an image", state_->id));
  }
  auto image = state_->client.ImageService()->Get(ctx, record->image);
  if (!image.ok()) {
    return errdefs::Annotate(image.status(), fmt::format("failed to get image \"{}\" of container "
                                                         "\"{}\"",
                                                         record->image, state_->id));
  }
  return containerd::Image(state_->client, *std::move(image));
}

absl::Status Container::Update(const Context& ctx, const std::vector<UpdateContainerOpt>& opts) {
  auto record = Get(ctx);
  if (!record.ok()) return record.status();
  if (absl::Status s = base::Apply(opts, ctx, state_->client, *record); !s.ok()) {
    return errdefs::Annotate(s, fmt::format("updating container \"{}\"", state_->id));
  }
  return state_->client.ContainerService()->Update(ctx, *record).status();
}

absl::StatusOr<std::vector<mount::Mount>> Container::RootFS(const Context& ctx,
                                                            const containers::Container& record) {
  if (record.snapshot_key.empty()) return std::vector<mount::Mount>{};
  if (record.snapshotter.empty()) {
    return errdefs::InvalidArgument(
        fmt::format("container \"{}\" names no snapshotter for its snapshot \"{}\"", state_->id,
                    record.snapshot_key));
  }
  auto snapshotter = state_->client.GetSnapshotter(ctx, record.snapshotter);
  if (!snapshotter.ok()) return snapshotter.status();
  auto mounts = (*snapshotter)->Mounts(ctx, record.snapshot_key);
  if (!mounts.ok()) return mounts.status();
  auto spec = typeurl::UnmarshalAny<specs::Spec>(record.spec);
  if (!spec.ok()) {
    return errdefs::Annotate(spec.status(), fmt::format("spec of container \"{}\"", state_->id));
  }
  if (spec->linux_.has_value() && !spec->linux_->mount_label.empty()) {
    for (mount::Mount& mount : *mounts) {
      mount.options.push_back(fmt::format("context=\"{}\"", spec->linux_->mount_label));
    }
  }
  return mounts;
}

absl::StatusOr<Task> Container::NewTask(const Context& ctx, const cio::Creator& creator,
                                        const std::vector<NewTaskOpt>& opts) {
  auto io = errdefs::Guard("a Creator", creator, state_->id);
  if (!io.ok()) {
    return errdefs::Annotate(io.status(), fmt::format("streams of task \"{}\"", state_->id));
  }
  auto process = std::make_shared<internal::ProcessState>(state_->client, state_->id, "", 0, *io);

  bool asked = false;
  const auto create = [&]() -> absl::StatusOr<std::uint32_t> {
    auto record = Get(ctx);
    if (!record.ok()) return record.status();
    auto rootfs = RootFS(ctx, *record);
    if (!rootfs.ok()) return rootfs.status();
    TaskInfo info;
    info.runtime = record->runtime.name;
    info.runtime_options = record->runtime.options;
    if (absl::Status s = base::Apply(opts, ctx, state_->client, info); !s.ok()) {
      return errdefs::Annotate(s, fmt::format("task \"{}\"", state_->id));
    }
    rootfs->insert(rootfs->end(), info.rootfs.begin(), info.rootfs.end());
    tasks::CreateTaskRequest request = RequestOf(state_->id, *std::move(rootfs), (*io)->Config());
    request.checkpoint = std::move(info.checkpoint);
    request.options = std::move(info.options);
    request.runtime_path = std::move(info.runtime_path);
    request.task_api_address = std::move(info.task_api_address);
    request.task_api_version = info.task_api_version;
    asked = true;
    return state_->client.TaskService()->Create(ctx, request);
  };
  auto pid = errdefs::Guard("what the creation of a task calls", create);
  if (!pid.ok()) {
    if (asked) {
      process->CreationFailed(ctx, pid.status());
    } else {
      process->CloseStreams();
    }
    return pid.status();
  }
  process->pid.store(*pid);
  process->Exists(ctx);
  return containerd::Task(std::move(process));
}

absl::StatusOr<std::uint32_t> Container::Restore(const Context& ctx, const cio::Creator& creator,
                                                 std::string_view root_dir) {
  auto io = errdefs::Guard("a Creator", creator, state_->id);
  if (!io.ok()) {
    return errdefs::Annotate(io.status(), fmt::format("streams of task \"{}\"", state_->id));
  }
  const internal::ProcessState process(state_->client, state_->id, "", 0, *std::move(io));
  bool asked = false;
  const auto create = [&]() -> absl::StatusOr<std::uint32_t> {
    auto record = Get(ctx);
    if (!record.ok()) return record.status();
    auto rootfs = RootFS(ctx, *record);
    if (!rootfs.ok()) return rootfs.status();
    tasks::CreateTaskRequest request =
        RequestOf(state_->id, *std::move(rootfs), process.io->Config());
    // This field tells the daemon that the checkpoint is a folder, not content.
    request.checkpoint =
        ocispec::Descriptor{.annotations = {{"RestoreFromPath", std::string(root_dir)}}};
    asked = true;
    return state_->client.TaskService()->Create(ctx, request);
  };
  auto pid = errdefs::Guard("what the creation of a task calls", create);
  if (!pid.ok()) {
    if (asked) {
      process.CreationFailed(ctx, pid.status());
    } else {
      process.CloseStreams();
    }
    return errdefs::Annotate(
        pid.status(), fmt::format("restoring container \"{}\" from {}", state_->id, root_dir));
  }
  process.Exists(ctx);
  return pid;
}

absl::StatusOr<Task> Container::Task(const Context& ctx, const cio::Attach& attach) {
  auto found = state_->client.TaskService()->Get(ctx, state_->id, "");
  if (!found.ok()) {
    return errdefs::IsNotFound(found.status())
               ? errdefs::Annotate(found.status(), "no running task found")
               : found.status();
  }
  std::shared_ptr<cio::IO> io;
  if (found->status != tasks::Status::kUnknown) {
    auto attached = internal::AttachToProcess(*found, attach);
    if (!attached.ok()) return attached.status();
    io = *std::move(attached);
  }
  auto process = std::make_shared<internal::ProcessState>(state_->client, state_->id, "",
                                                          found->pid, std::move(io));
  if (found->status != tasks::Status::kStopped) process->Exists(ctx);
  return containerd::Task(std::move(process));
}

absl::Status Container::Delete(const Context& ctx, const std::vector<DeleteOpt>& opts) {
  auto task = state_->client.TaskService()->Get(ctx, state_->id, "");
  if (task.ok()) {
    return errdefs::FailedPrecondition(
        fmt::format("cannot delete container \"{}\": it has a {} task", state_->id,
                    tasks::ToString(task->status)));
  }
  if (!errdefs::IsNotFound(task.status())) return task.status();
  auto record = Get(ctx);
  if (!record.ok()) return record.status();
  if (absl::Status s = base::Apply(opts, ctx, state_->client, *record); !s.ok()) {
    return errdefs::Annotate(s, fmt::format("deleting container \"{}\"", state_->id));
  }
  return state_->client.ContainerService()->Delete(ctx, state_->id);
}

}  // namespace containerd
