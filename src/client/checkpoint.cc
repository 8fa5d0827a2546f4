// SPDX-License-Identifier: Apache-2.0
#include "containerd/checkpoint.h"

#include <algorithm>
#include <utility>

#include <absl/cleanup/cleanup.h>
#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/content/helpers.h"
#include "containerd/diff/diff.h"
#include "containerd/digest/digest.h"
#include "containerd/digest/identity.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/image.h"
#include "containerd/images/mediatypes.h"
#include "containerd/linux/runc/runc.pb.h"
#include "containerd/log/log.h"
#include "containerd/ocispec/annotations.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/option/option.h"
#include "containerd/platforms/platforms.h"
#include "containerd/rootfs/rootfs.h"
#include "containerd/runc/v1/options.pb.h"
#include "containerd/snapshots/snapshots.h"
#include "containerd/tasks/tasks.h"
#include "containerd/typeurl/proto.h"
#include "containerd/typeurl/typeurl.h"

#include "container_state.h"
#include "draft.h"
#include "process_state.h"
#include "remap.h"
#include "src/base/cleanup.h"
#include "src/base/options.h"

namespace containerd {
namespace {

using RuncOptions = ::containerd::runc::v1::CheckpointOptions;
using LinuxOptions = ::containerd::linux::runc::CheckpointOptions;  // of the runtime below

constexpr char kSentinelURL[] = "containerd.client/sentinel";
constexpr char kRuntimeLinuxV1[] = "io.containerd.runtime.v1.linux";

// Where Task::Checkpoint puts the image's name.
constexpr char kImageNameAnnotation[] = "image.name";

// Most bytes of a spec or of options in a checkpoint.
constexpr std::int64_t kMaxAnySize = std::int64_t{16} << 20;

absl::Status Sentinel(const char* name, std::string_view message) {
  absl::Status status = errdefs::NotFound(message);
  status.SetPayload(kSentinelURL, absl::Cord(name));
  return status;
}

bool IsSentinel(const absl::Status& status, const char* name) {
  const auto payload = status.GetPayload(kSentinelURL);
  return payload.has_value() && *payload == name;
}

// What Go's runtime.GOOS and GOARCH say.
ocispec::Platform HostPlatform() {
  ocispec::Platform platform = platforms::DefaultSpec();
  platform.variant.clear();
  return platform;
}

absl::StatusOr<ocispec::Descriptor> WriteContent(const Context& ctx, Client& client,
                                                 const char* media_type, std::string_view ref,
                                                 const std::string& data,
                                                 const std::vector<content::Opt>& opts = {}) {
  ocispec::Descriptor desc{.media_type = media_type,
                           .digest = digest::FromString(data).String(),
                           .size = static_cast<std::int64_t>(data.size())};
  absl::Status written =
      content::WriteBlob(ctx, *client.ContentStore(), ref, std::string_view(data), desc, opts);
  if (!written.ok()) return errdefs::Annotate(written, fmt::format("writing \"{}\"", ref));
  return desc;
}

// Adds a message to the index.
absl::Status AddMessage(const Context& ctx, Client& client, const char* media_type,
                        std::string_view ref, const typeurl::Any& any, ocispec::Index* index) {
  auto desc = WriteContent(ctx, client, media_type, ref, typeurl::ToProto(any).SerializeAsString());
  if (!desc.ok()) return desc.status();
  desc->platform = HostPlatform();
  index->manifests.push_back(*std::move(desc));
  return absl::OkStatus();
}

// Adds the changes of a snapshot to the index.
absl::Status AddDiff(const Context& ctx, Client& client, const std::string& snapshotter_name,
                     const std::string& key, ocispec::Index* index) {
  auto snapshotter = client.GetSnapshotter(ctx, snapshotter_name);
  if (!snapshotter.ok()) return snapshotter.status();
  auto rw = rootfs::CreateDiff(ctx, key, **snapshotter, *client.DiffService(),
                               {diff::WithReference("checkpoint-rw-" + key)});
  if (!rw.ok()) return errdefs::Annotate(rw.status(), fmt::format("diff of snapshot \"{}\"", key));
  rw->platform = HostPlatform();
  index->manifests.push_back(*std::move(rw));
  return absl::OkStatus();
}

absl::Status AddImage(const Context& ctx, Client& client, const std::string& name,
                      ocispec::Index* index) {
  auto image = client.ImageService()->Get(ctx, name);
  if (!image.ok()) return image.status();
  index->manifests.push_back(std::move(image->target));
  return absl::OkStatus();
}

// Adds the processes as the daemon has written them.
absl::StatusOr<bool> AddTask(const Context& ctx, Client& client, const std::string& container_id,
                             std::string_view parent, const typeurl::Any& options,
                             ocispec::Index* index) {
  auto descriptors = client.TaskService()->Checkpoint(ctx, container_id, parent, options);
  if (!descriptors.ok()) return descriptors.status();
  for (ocispec::Descriptor& desc : *descriptors) {
    desc.platform = HostPlatform();
    index->manifests.push_back(std::move(desc));
  }
  return !descriptors->empty();
}

// Writes the index, with the labels that keep what it names, and makes an image of it.
absl::StatusOr<Image> CreateImage(const Context& ctx, Client& client, const ocispec::Index& index,
                                  const std::string& container_id, std::string name,
                                  Labels image_labels) {
  Labels labels;
  for (std::size_t i = 0; i < index.manifests.size(); ++i) {
    labels[fmt::format("containerd.io/gc.ref.content.{}", i)] = index.manifests[i].digest;
  }
  auto target =
      WriteContent(ctx, client, ocispec::kMediaTypeImageIndex, container_id + "-checkpoint-index",
                   ocispec::Marshal(index), {content::WithLabels(labels)});
  if (!target.ok()) return target.status();
  auto image = client.ImageService()->Create(
      ctx,
      {.name = std::move(name), .labels = std::move(image_labels), .target = *std::move(target)});
  if (!image.ok()) return image.status();
  return NewImage(client, *std::move(image));
}

absl::StatusOr<ocispec::Index> DecodeIndex(const Context& ctx, Client& client,
                                           const Image& checkpoint) {
  const auto decode = [&]() -> absl::StatusOr<ocispec::Index> {
    const ocispec::Descriptor& target = checkpoint.Target();
    auto data = content::ReadBlob(ctx, *client.ContentStore(), target, images::kMaxManifestSize);
    if (!data.ok()) return data.status();
    absl::Status valid = images::ValidateMediaType(*data, target.media_type);
    if (!valid.ok()) return valid;
    return ocispec::Unmarshal<ocispec::Index>(*data);
  };
  auto index = decode();
  if (index.ok()) return index;
  return errdefs::Annotate(index.status(), fmt::format("checkpoint \"{}\"", checkpoint.Name()));
}

absl::StatusOr<typeurl::Any> ReadMessage(const Context& ctx, Client& client,
                                         const ocispec::Descriptor& desc) {
  auto data = content::ReadBlob(ctx, *client.ContentStore(), desc, kMaxAnySize);
  if (!data.ok()) return data.status();
  google::protobuf::Any any;
  if (!any.ParseFromString(*data)) {
    return errdefs::InvalidArgument(
        fmt::format("content {} is not a message: {} bytes", desc.digest, data->size()));
  }
  return typeurl::FromProto(std::move(any));
}

absl::StatusOr<ocispec::Descriptor> FindLayer(const ocispec::Index& index) {
  for (const ocispec::Descriptor& desc : index.manifests) {
    if (images::IsLayerType(desc.media_type)) return desc;
  }
  return ErrMediaTypeNotFound(ocispec::kMediaTypeImageLayerGzip);
}

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

std::string Annotation(const ocispec::Index& index, const char* key) {
  const auto found = index.annotations.find(key);
  return found == index.annotations.end() ? std::string() : found->second;
}

ocispec::Index NewIndex() {
  ocispec::Index index;
  index.schema_version = 2;
  return index;
}

// Both kinds of runc's options have the same fields.
template <typename Message>
absl::StatusOr<typeurl::Any> Pack(const CheckpointOptions& options) {
  Message message;
  message.set_exit(options.exit);
  message.set_open_tcp(options.open_tcp);
  message.set_external_unix_sockets(options.external_unix_sockets);
  message.set_terminal(options.terminal);
  message.set_file_locks(options.file_locks);
  for (const std::string& ns : options.empty_namespaces) message.add_empty_namespaces(ns);
  message.set_cgroups_mode(options.cgroups_mode);
  message.set_image_path(options.image_path);
  message.set_work_path(options.work_path);
  return typeurl::MarshalAny(message);
}

template <typename Message>
absl::Status SetImagePath(CheckpointTaskInfo* info, const std::string& path) {
  Message message;
  if (!info->options.empty()) {
    if (absl::Status s = typeurl::UnmarshalTo(info->options, message); !s.ok()) {
      return errdefs::InvalidArgument(
          fmt::format("runtime \"{}\": its checkpoint options are {}, "
                      "not {}",
                      info->runtime, info->options.type_url, *typeurl::TypeURL<Message>()));
    }
  }
  message.set_image_path(path);
  auto any = typeurl::MarshalAny(message);
  if (!any.ok()) return any.status();
  info->options = *std::move(any);
  return absl::OkStatus();
}

// What the options say of the two things that matter here.
struct Outcome {
  bool exit = false;
  bool to_folder = false;
};

Outcome ReadOutcome(const typeurl::Any& any) {
  if (auto options = typeurl::UnmarshalAny<RuncOptions>(any); options.ok()) {
    return {options->exit(), !options->image_path().empty()};
  }
  if (auto options = typeurl::UnmarshalAny<LinuxOptions>(any); options.ok()) {
    return {options->exit(), !options->image_path().empty()};
  }
  return {};
}

}  // namespace

absl::Status ErrMediaTypeNotFound(std::string_view media_type) {
  return Sentinel("media type", media_type.empty()
                                    ? "media type not found"
                                    : fmt::format("media type not found: {}", media_type));
}
bool IsErrMediaTypeNotFound(const absl::Status& status) { return IsSentinel(status, "media type"); }

absl::Status ErrImageNameNotFoundInIndex() {
  return Sentinel("image", "image name not found in index");
}
bool IsErrImageNameNotFoundInIndex(const absl::Status& status) {
  return IsSentinel(status, "image");
}

absl::Status ErrRuntimeNameNotFoundInIndex() {
  return Sentinel("runtime", "runtime not found in index");
}
bool IsErrRuntimeNameNotFoundInIndex(const absl::Status& status) {
  return IsSentinel(status, "runtime");
}

absl::Status ErrSnapshotterNameNotFoundInIndex() {
  return Sentinel("snapshotter", "snapshotter not found in index");
}
bool IsErrSnapshotterNameNotFoundInIndex(const absl::Status& status) {
  return IsSentinel(status, "snapshotter");
}

absl::StatusOr<ocispec::Descriptor> GetIndexByMediaType(const ocispec::Index& index,
                                                        std::string_view media_type) {
  for (const ocispec::Descriptor& desc : index.manifests) {
    if (desc.media_type == media_type) return desc;
  }
  return ErrMediaTypeNotFound(media_type);
}

constinit const option::Plain<CheckpointOpt> WithCheckpointImage(
    [](const Context& ctx, Client& client, const containers::Container& container,
       ocispec::Index* index, CheckpointOptions* /*options*/) -> absl::Status {
      return AddImage(ctx, client, container.image, index);
    });

constinit const option::Plain<CheckpointOpt> WithCheckpointTask(
    [](const Context& ctx, Client& client, const containers::Container& container,
       ocispec::Index* index, CheckpointOptions* options) -> absl::Status {
      auto any = Pack<RuncOptions>(*options);
      if (!any.ok()) return any.status();
      if (auto added = AddTask(ctx, client, container.id, {}, *any, index); !added.ok()) {
        return added.status();
      }
      return AddMessage(ctx, client, images::kMediaTypeContainerd1CheckpointOptions,
                        container.id + "-checkpoint-options", *any, index);
    });

constinit const option::Plain<CheckpointOpt> WithCheckpointRuntime(
    [](const Context& ctx, Client& client, const containers::Container& container,
       ocispec::Index* index, CheckpointOptions* /*options*/) -> absl::Status {
      if (container.runtime.options.value.empty()) return absl::OkStatus();
      return AddMessage(ctx, client, images::kMediaTypeContainerd1CheckpointRuntimeOptions,
                        container.id + "-runtime-options", container.runtime.options, index);
    });

constinit const option::Plain<CheckpointOpt> WithCheckpointRW(
    [](const Context& ctx, Client& client, const containers::Container& container,
       ocispec::Index* index, CheckpointOptions* /*options*/) -> absl::Status {
      return AddDiff(ctx, client, container.snapshotter, container.snapshot_key, index);
    });

constinit const option::Plain<CheckpointOpt> WithCheckpointTaskExit(
    [](const Context& /*ctx*/, Client& /*client*/, const containers::Container& /*container*/,
       ocispec::Index* /*index*/, CheckpointOptions* options) -> absl::Status {
      options->exit = true;
      return absl::OkStatus();
    });

absl::StatusOr<Image> Container::Checkpoint(const Context& ctx, std::string_view ref,
                                            const std::vector<CheckpointOpt>& opts) {
  auto record = Info(ctx);
  if (!record.ok()) return record.status();
  auto image = Image(ctx);
  if (!image.ok()) return image.status();
  auto lease = state_->client.WithLease(ctx);
  if (!lease.ok()) return lease.status();

  ocispec::Index index = NewIndex();
  index.annotations = {{ocispec::kAnnotationRefName, image->Name()},
                       {kCheckpointRuntimeNameLabel, record->runtime.name},
                       {kCheckpointSnapshotterNameLabel, record->snapshotter}};
  CheckpointOptions options{.file_locks = true};
  if (absl::Status s = base::Apply(opts, lease->context(), state_->client, *record, index, options);
      !s.ok()) {
    return errdefs::Annotate(s, fmt::format("checkpoint of container \"{}\"", state_->id));
  }
  return CreateImage(lease->context(), state_->client, index, state_->id, std::string(ref), {});
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
  const Outcome outcome = ReadOutcome(info.options);

  auto status = Status(ctx);
  if (!status.ok()) return status.status();
  const bool pause = status->status != ProcessStatus::kPaused;
  if (pause) {
    if (absl::Status s = Pause(ctx); !s.ok()) return s;
  }
  // The diff below belongs to the moment of the checkpoint, so the task goes on only afterwards;
  // and in any case, whatever becomes of `ctx`.
  const absl::Cleanup resume = [&] {
    if (!pause) return;
    absl::Status resumed = Resume(base::CleanUpContext(ctx));
    if (!resumed.ok() && !outcome.exit) {
      log::Warn(fmt::format("resuming {} after its checkpoint: {}", state_->Describe(),
                            errdefs::Message(resumed)));
    }
  };

  ocispec::Index index = NewIndex();
  auto stored = AddTask(lease->context(), client, id, info.parent_checkpoint, info.options, &index);
  if (!stored.ok()) return stored.status();
  if (!*stored && outcome.to_folder) return NewImage(client, images::Image{});

  if (!record->image.empty()) {
    absl::Status added = AddImage(lease->context(), client, record->image, &index);
    if (!added.ok()) return added;
    index.annotations[kImageNameAnnotation] = record->image;
  }
  if (!record->snapshot_key.empty()) {
    absl::Status added =
        AddDiff(lease->context(), client, record->snapshotter, record->snapshot_key, &index);
    if (!added.ok()) return added;
  }
  return CreateImage(lease->context(), client, index, id, std::move(info.name),
                     {{"containerd.io/checkpoint", "true"}});
}

absl::StatusOr<Container> Client::Restore(const Context& ctx, std::string_view id,
                                          const Image& checkpoint,
                                          const std::vector<RestoreOpt>& opts) {
  auto lease = WithLease(ctx);
  if (!lease.ok()) return lease.status();
  auto index = DecodeIndex(lease->context(), *this, checkpoint);
  if (!index.ok()) return index.status();
  return NewContainer(lease->context(), id,
                      {[&](const Context& c, Client& client, containers::Container& container) {
                        return base::Apply(opts, c, client, checkpoint, *index, container);
                      }});
}

constinit const option::Plain<RestoreOpt> WithRestoreImage(
    [](const Context& ctx, Client& client, const Image& /*checkpoint*/, const ocispec::Index& index,
       containers::Container& c) -> absl::Status {
      const std::string name = Annotation(index, ocispec::kAnnotationRefName);
      if (name.empty()) return ErrImageNameNotFoundInIndex();
      const std::string snapshotter_name = Annotation(index, kCheckpointSnapshotterNameLabel);
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
      const std::string name = Annotation(index, kCheckpointRuntimeNameLabel);
      if (name.empty()) return ErrRuntimeNameNotFoundInIndex();
      c.runtime = {.name = name};
      auto options =
          GetIndexByMediaType(index, images::kMediaTypeContainerd1CheckpointRuntimeOptions);
      if (!options.ok()) return absl::OkStatus();
      auto any = ReadMessage(ctx, client, *options);
      if (!any.ok()) return errdefs::Annotate(any.status(), "unable to read checkpoint runtime");
      c.runtime.options = *std::move(any);
      return absl::OkStatus();
    });

constinit const option::Plain<RestoreOpt> WithRestoreSpec(
    [](const Context& ctx, Client& client, const Image& /*checkpoint*/, const ocispec::Index& index,
       containers::Container& c) -> absl::Status {
      auto config = GetIndexByMediaType(index, images::kMediaTypeContainerd1CheckpointConfig);
      if (!config.ok()) return config.status();
      auto any = ReadMessage(ctx, client, *config);
      if (!any.ok()) return errdefs::Annotate(any.status(), "unable to read checkpoint config");
      c.spec = *std::move(any);
      return absl::OkStatus();
    });

constinit const option::Plain<RestoreOpt> WithRestoreRW(
    [](const Context& ctx, Client& client, const Image& /*checkpoint*/, const ocispec::Index& index,
       containers::Container& c) -> absl::Status {
      auto rw = FindLayer(index);
      if (!rw.ok()) return rw.status();
      return ApplyLayer(ctx, client, c.snapshotter, c.snapshot_key, *rw);
    });

NewContainerOpt WithCheckpoint(const Image& checkpoint, std::string snapshot_key) {
  return [checkpoint, snapshot_key = std::move(snapshot_key)](
             const Context& ctx, Client& client, containers::Container* c) -> absl::Status {
    auto index = DecodeIndex(ctx, client, checkpoint);
    if (!index.ok()) return index.status();
    auto snapshotter = internal::ResolveSnapshotter(ctx, client, c);
    if (!snapshotter.ok()) return snapshotter.status();
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
      } else if (!errdefs::IsAlreadyExists(prepared)) {
        return prepared;
      }
      // By the names that a task's and a container's checkpoint give it.
      c->image = Annotation(*index, kImageNameAnnotation);
      if (c->image.empty()) c->image = Annotation(*index, ocispec::kAnnotationRefName);
      break;
    }
    auto config = GetIndexByMediaType(*index, images::kMediaTypeContainerd1CheckpointConfig);
    if (config.ok()) {
      auto spec = ReadMessage(ctx, client, *config);
      if (!spec.ok()) return errdefs::Annotate(spec.status(), "unable to read checkpoint config");
      c->spec = *std::move(spec);
    }
    if (auto rw = FindLayer(*index); rw.ok()) {
      absl::Status applied = ApplyLayer(ctx, client, c->snapshotter, snapshot_key, *rw);
      if (!applied.ok()) return applied;
    }
    c->snapshot_key = snapshot_key;
    return absl::OkStatus();
  };
}

NewTaskOpt WithTaskCheckpoint(const Image& checkpoint) {
  return [checkpoint](const Context& ctx, Client& client, TaskInfo* info) -> absl::Status {
    auto index = DecodeIndex(ctx, client, checkpoint);
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

CheckpointTaskOpt WithCheckpointName(std::string name) {
  return [name = std::move(name)](CheckpointTaskInfo* info) {
    info->name = name;
    return absl::OkStatus();
  };
}

CheckpointTaskOpt WithCheckpointImagePath(std::string path) {
  return [path = std::move(path)](CheckpointTaskInfo* info) {
    return info->runtime == kRuntimeLinuxV1 ? SetImagePath<LinuxOptions>(info, path)
                                            : SetImagePath<RuncOptions>(info, path);
  };
}

CheckpointTaskOpt WithCheckpointOptions(CheckpointOptions options) {
  return [options = std::move(options)](CheckpointTaskInfo* info) {
    auto any =
        info->runtime == kRuntimeLinuxV1 ? Pack<LinuxOptions>(options) : Pack<RuncOptions>(options);
    if (!any.ok()) return any.status();
    info->options = *std::move(any);
    return absl::OkStatus();
  };
}

}  // namespace containerd
