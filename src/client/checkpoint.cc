// SPDX-License-Identifier: Apache-2.0
#include "containerd/checkpoint.h"

#include <utility>

#include <absl/cleanup/cleanup.h>
#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"
#include "containerd/ocispec/annotations.h"
#include "containerd/option/option.h"

#include "checkpoint_index.h"
#include "checkpoint_runc.h"
#include "container_state.h"
#include "process_state.h"
#include "src/base/cleanup.h"
#include "src/base/options.h"
#include "src/errdefs/internal/guard.h"
#include "src/rpc/internal/outcome.h"

namespace containerd {

absl::StatusOr<Image> Container::Checkpoint(const Context& ctx, std::string_view ref,
                                            const std::vector<CheckpointOpt>& opts) {
  auto record = Info(ctx);
  if (!record.ok()) return record.status();
  auto image = Image(ctx);
  if (!image.ok()) return image.status();
  auto lease = state_->client.WithLease(ctx);
  if (!lease.ok()) return lease.status();

  ocispec::Index index = internal::NewIndex();
  index.annotations = {{ocispec::kAnnotationRefName, image->Name()},
                       {kCheckpointRuntimeNameLabel, record->runtime.name},
                       {kCheckpointSnapshotterNameLabel, record->snapshotter}};
  CheckpointOptions options{.file_locks = true};
  if (absl::Status s = base::Apply(opts, lease->context(), state_->client, *record, index, options);
      !s.ok()) {
    return errdefs::Annotate(s, fmt::format("checkpoint of container \"{}\"", state_->id));
  }
  return internal::CreateImage(lease->context(), state_->client, index, state_->id,
                               std::string(ref), {});
}

absl::StatusOr<Image> Task::Checkpoint(const Context& ctx,
                                       const std::vector<CheckpointTaskOpt>& opts) {
  Client& client = state_->client;
  const std::string& id = state_->container_id;
  auto lease = client.WithLease(ctx);
  if (!lease.ok()) return lease.status();
  auto record = client.ContainerService()->Get(ctx, id);
  if (!record.ok()) return record.status();

  CheckpointTaskInfo info;
  info.runtime = record->runtime.name;
  if (absl::Status s = base::Apply(opts, info); !s.ok()) {
    return errdefs::Annotate(s, fmt::format("checkpoint of {}", state_->Describe()));
  }
  if (info.name.empty()) {
    info.name = fmt::format(
        "containerd.io/checkpoint/{}:{}", id,
        std::string(absl::FormatTime("%m-%d-%Y-%H:%M:%S", absl::Now(), absl::LocalTimeZone())));
  }
  const internal::CheckpointOutcome outcome = internal::ReadCheckpointOutcome(info.options);

  auto status = Status(ctx);
  if (!status.ok()) return status.status();
  const bool pause = status->status != ProcessStatus::kPaused;
  const absl::Status paused = pause ? Pause(ctx) : absl::OkStatus();
  if (!paused.ok() && !rpc::OutcomeOpen(paused)) return paused;
  // The diff below belongs to the moment of the checkpoint, so the task goes on only afterwards;
  // and in any case, whatever becomes of `ctx` and of the answer to Pause.
  const absl::Cleanup resume = [&] {
    if (!pause) return;
    absl::Status resumed =
        errdefs::Guard("a task service", [&] { return Resume(base::CleanUpContext(ctx)); });
    if (!resumed.ok() && paused.ok() && !outcome.exit) {
      log::Warn(fmt::format("resuming {} after its checkpoint: {}", state_->Describe(),
                            errdefs::Message(resumed)));
    }
  };

  if (!paused.ok()) return paused;
  ocispec::Index index = internal::NewIndex();
  auto stored =
      internal::AddTask(lease->context(), client, id, info.parent_checkpoint, info.options, &index);
  if (!stored.ok()) return stored.status();
  if (!*stored && outcome.to_folder) return Image(client, images::Image{});

  if (!record->image.empty()) {
    absl::Status added = internal::AddImage(lease->context(), client, record->image, &index);
    if (!added.ok()) return added;
    index.annotations[internal::kImageNameAnnotation] = record->image;
  }
  if (!record->snapshot_key.empty()) {
    absl::Status added = internal::AddDiff(lease->context(), client, record->snapshotter,
                                           record->snapshot_key, &index);
    if (!added.ok()) return added;
  }
  return internal::CreateImage(lease->context(), client, index, id, std::move(info.name),
                               {{"containerd.io/checkpoint", "true"}});
}

}  // namespace containerd
