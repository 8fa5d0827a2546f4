// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "containerd/content/helpers.h"
#include "containerd/diff/diff.h"
#include "containerd/digest/digest.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/platforms/platforms.h"
#include "containerd/rootfs/rootfs.h"
#include "containerd/snapshots/snapshots.h"
#include "containerd/tasks/tasks.h"
#include "containerd/typeurl/proto.h"

#include "checkpoint_index.h"

namespace containerd::internal {
namespace {

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

}  // namespace

ocispec::Index NewIndex() {
  ocispec::Index index;
  index.schema_version = 2;
  return index;
}

absl::Status AddMessage(const Context& ctx, Client& client, const char* media_type,
                        std::string_view ref, const typeurl::Any& any, ocispec::Index* index) {
  auto desc = WriteContent(ctx, client, media_type, ref, typeurl::ToProto(any).SerializeAsString());
  if (!desc.ok()) return desc.status();
  desc->platform = HostPlatform();
  index->manifests.push_back(*std::move(desc));
  return absl::OkStatus();
}

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
  return Image(client, *std::move(image));
}

}  // namespace containerd::internal
