// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "containerd/checkpoint.h"
#include "containerd/diff/diff.h"
#include "containerd/digest/identity.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/image.h"
#include "containerd/images/mediatypes.h"
#include "containerd/ocispec/annotations.h"
#include "containerd/option/option.h"
#include "containerd/snapshots/snapshots.h"

#include "checkpoint_index.h"
#include "draft.h"
#include "remap.h"
#include "src/base/options.h"

namespace containerd {
namespace {

absl::Status ApplyLayer(const Context& ctx, Client& client, const std::string& snapshotter_name,
                        const std::string& key, const ocispec::Descriptor& layer) {
  auto snapshotter = client.GetSnapshotter(ctx, snapshotter_name);
  if (!snapshotter.ok()) return snapshotter.status();
  auto mounts = (*snapshotter)->Mounts(ctx, key);
  if (!mounts.ok()) {
    return errdefs::Annotate(mounts.status(),
                             fmt::format("unable to get mounts for snapshot \"{}\"", key));
  }
  return errdefs::Annotate(client.DiffService()->Apply(ctx, layer, *mounts).status(),
                           fmt::format("unable to apply the checkpoint's changes to snapshot "
                                       "\"{}\"",
                                       key));
}

absl::StatusOr<std::string> ChainID(const Context& ctx, Client& client,
                                    const ocispec::Descriptor& image) {
  auto config = images::Config(ctx, *client.ContentStore(), image, client.Platform());
  if (!config.ok()) return errdefs::Annotate(config.status(), "unable to resolve image config");
  auto diff_ids = images::RootFS(ctx, *client.ContentStore(), *config);
  if (!diff_ids.ok()) return errdefs::Annotate(diff_ids.status(), "unable to get rootfs");
  return identity::ChainID(*diff_ids).String();
}

// How the media types of a checkpoint's own parts begin.
constexpr char kCheckpointParts[] = "application/vnd.containerd.container.";

// Whether an index is one that Container::Checkpoint or Task::Checkpoint made, or Go's client.
bool IsCheckpoint(const ocispec::Index& index) {
  return index.annotations.count(kCheckpointRuntimeNameLabel) > 0 ||
         std::any_of(index.manifests.begin(), index.manifests.end(), [](const auto& desc) {
           return desc.media_type.starts_with(kCheckpointParts);
         });
}

}  // namespace

absl::StatusOr<Container> Client::Restore(const Context& ctx, std::string_view id,
                                          const Image& checkpoint,
                                          const std::vector<RestoreOpt>& opts) {
  auto lease = WithLease(ctx);
  if (!lease.ok()) return lease.status();
  auto index = internal::DecodeIndex(lease->context(), *this, checkpoint);
  if (!index.ok()) return index.status();
  return NewContainer(lease->context(), id,
                      {[&](const Context& c, Client& client, containers::Container& container) {
                        return base::Apply(opts, c, client, checkpoint, *index, container);
                      }});
}

constinit const option::Plain<RestoreOpt> WithRestoreImage(
    [](const Context& ctx, Client& client, const Image& /*checkpoint*/, const ocispec::Index& index,
       containers::Container& c) -> absl::Status {
      const std::string name = internal::Annotation(index, ocispec::kAnnotationRefName);
      if (name.empty()) return ErrImageNameNotFoundInIndex();
      const std::string snapshotter_name =
          internal::Annotation(index, kCheckpointSnapshotterNameLabel);
      if (snapshotter_name.empty()) return ErrSnapshotterNameNotFoundInIndex();
      auto image = client.GetImage(ctx, name);
      if (!image.ok()) return image.status();
      auto diff_ids = image->RootFS(ctx);
      if (!diff_ids.ok()) return diff_ids.status();
      auto snapshotter = client.GetSnapshotter(ctx, snapshotter_name);
      if (!snapshotter.ok()) return snapshotter.status();
      auto mounts = (*snapshotter)->Prepare(ctx, c.id, identity::ChainID(*diff_ids).String());
      if (!mounts.ok()) {
        return errdefs::Annotate(mounts.status(),
                                 fmt::format("snapshot \"{}\" of image \"{}\" with "
                                             "{}",
                                             c.id, name, snapshotter_name));
      }
      internal::NoteSnapshot(ctx, *snapshotter, c.id);
      c.image = image->Name();
      c.snapshot_key = c.id;
      c.snapshotter = snapshotter_name;
      return absl::OkStatus();
    });

constinit const option::Plain<RestoreOpt> WithRestoreRuntime(
    [](const Context& ctx, Client& client, const Image& /*checkpoint*/, const ocispec::Index& index,
       containers::Container& c) -> absl::Status {
      const std::string name = internal::Annotation(index, kCheckpointRuntimeNameLabel);
      if (name.empty()) return ErrRuntimeNameNotFoundInIndex();
      c.runtime = {.name = name};
      auto options =
          GetIndexByMediaType(index, images::kMediaTypeContainerd1CheckpointRuntimeOptions);
      if (!options.ok()) return absl::OkStatus();
      auto any = internal::ReadMessage(ctx, client, *options);
      if (!any.ok()) return errdefs::Annotate(any.status(), "unable to read checkpoint runtime");
      c.runtime.options = *std::move(any);
      return absl::OkStatus();
    });

constinit const option::Plain<RestoreOpt> WithRestoreSpec(
    [](const Context& ctx, Client& client, const Image& /*checkpoint*/, const ocispec::Index& index,
       containers::Container& c) -> absl::Status {
      auto config = GetIndexByMediaType(index, images::kMediaTypeContainerd1CheckpointConfig);
      if (!config.ok()) return config.status();
      auto any = internal::ReadMessage(ctx, client, *config);
      if (!any.ok()) return errdefs::Annotate(any.status(), "unable to read checkpoint config");
      c.spec = *std::move(any);
      return absl::OkStatus();
    });

constinit const option::Plain<RestoreOpt> WithRestoreRW(
    [](const Context& ctx, Client& client, const Image& /*checkpoint*/, const ocispec::Index& index,
       containers::Container& c) -> absl::Status {
      auto rw = internal::FindLayer(index);
      if (!rw.ok()) return rw.status();
      return ApplyLayer(ctx, client, c.snapshotter, c.snapshot_key, *rw);
    });

NewContainerOpt WithCheckpoint(const Image& checkpoint, std::string snapshot_key) {
  return [checkpoint, snapshot_key = std::move(snapshot_key)](
             const Context& ctx, Client& client, containers::Container* c) -> absl::Status {
    auto index = internal::DecodeIndex(ctx, client, checkpoint);
    if (!index.ok()) return index.status();
    if (!IsCheckpoint(*index)) {
      return errdefs::InvalidArgument(
          fmt::format("image \"{}\" is no checkpoint", checkpoint.Name()));
    }
    auto snapshotter = internal::ResolveSnapshotter(ctx, client, c);
    if (!snapshotter.ok()) return snapshotter.status();
    // A snapshot that is there is the container's only if an option before this one said so.
    bool own_snapshot = c->snapshot_key == snapshot_key;
    // What the layer is applied to has to be there first, so the image comes first, too.
    for (const ocispec::Descriptor& desc : index->manifests) {
      if (!images::IsManifestType(desc.media_type) && !images::IsIndexType(desc.media_type)) {
        continue;
      }
      auto parent = ChainID(ctx, client, desc);
      if (!parent.ok()) return parent.status();
      absl::Status prepared = (*snapshotter)->Prepare(ctx, snapshot_key, *parent).status();
      if (prepared.ok()) {
        internal::NoteSnapshot(ctx, *snapshotter, snapshot_key);
        own_snapshot = true;
      } else if (!own_snapshot || !errdefs::IsAlreadyExists(prepared)) {
        return errdefs::Annotate(prepared, fmt::format("snapshot \"{}\" of checkpoint \"{}\"",
                                                       snapshot_key, checkpoint.Name()));
      }
      // By the names that a task's and a container's checkpoint give it.
      c->image = internal::Annotation(*index, internal::kImageNameAnnotation);
      if (c->image.empty()) c->image = internal::Annotation(*index, ocispec::kAnnotationRefName);
      break;
    }
    auto config = GetIndexByMediaType(*index, images::kMediaTypeContainerd1CheckpointConfig);
    if (config.ok()) {
      auto spec = internal::ReadMessage(ctx, client, *config);
      if (!spec.ok()) return errdefs::Annotate(spec.status(), "unable to read checkpoint config");
      c->spec = *std::move(spec);
    }
    if (auto rw = internal::FindLayer(*index); rw.ok()) {
      if (!own_snapshot) {
        return errdefs::FailedPrecondition(
            fmt::format("checkpoint \"{}\" has changes of a root file system, but no image to make "
                        "snapshot \"{}\" of, which they are for",
                        checkpoint.Name(), snapshot_key));
      }
      absl::Status applied = ApplyLayer(ctx, client, c->snapshotter, snapshot_key, *rw);
      if (!applied.ok()) return applied;
    }
    c->snapshot_key = snapshot_key;
    return absl::OkStatus();
  };
}

NewTaskOpt WithTaskCheckpoint(const Image& checkpoint) {
  return [checkpoint](const Context& ctx, Client& client, TaskInfo* info) -> absl::Status {
    auto index = internal::DecodeIndex(ctx, client, checkpoint);
    if (!index.ok()) return index.status();
    auto found = GetIndexByMediaType(*index, images::kMediaTypeContainerd1Checkpoint);
    if (!found.ok()) {
      return errdefs::NotFound(
          fmt::format("checkpoint not found in index {}", checkpoint.Target().digest));
    }
    info->checkpoint = ocispec::Descriptor{.media_type = found->media_type,
                                           .digest = found->digest,
                                           .size = found->size,
                                           .annotations = found->annotations};
    return absl::OkStatus();
  };
}

}  // namespace containerd
