// SPDX-License-Identifier: Apache-2.0
//
// Makes an image of what a container has changed, and pushes it.
#include <iostream>

#include <absl/strings/str_join.h>
#include <fmt/format.h>

#include "containerd/images/image.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/rootfs/rootfs.h"

#include "example.h"
#include "put.h"

namespace {

using namespace containerd;  // NOLINT: as in the guide

// The base image's manifest with the container's changes as one more layer.
absl::StatusOr<ocispec::Descriptor> Commit(const Context& ctx, Client& client,
                                           Container& container) {
  absl::StatusOr<containers::Container> info = container.Info(ctx);
  if (!info.ok()) return info.status();
  absl::StatusOr<Image> base = container.Image(ctx);
  if (!base.ok()) return base.status();
  absl::StatusOr<std::shared_ptr<snapshots::Snapshotter>> snapshotter =
      client.GetSnapshotter(ctx, info->snapshotter);
  if (!snapshotter.ok()) return snapshotter.status();
  const std::shared_ptr<content::Store> store = client.ContentStore();

  absl::StatusOr<ocispec::Descriptor> layer =
      rootfs::CreateDiff(ctx, info->snapshot_key, **snapshotter, *client.DiffService());
  if (!layer.ok()) return layer.status();
  absl::StatusOr<digest::Digest> diff_id = images::GetDiffID(ctx, *store, *layer);
  if (!diff_id.ok()) return diff_id.status();

  absl::StatusOr<ocispec::Image> config = base->Spec(ctx);
  if (!config.ok()) return config.status();
  absl::StatusOr<specs::Spec> spec = container.Spec(ctx);
  if (!spec.ok()) return spec.status();
  ocispec::History step{.created = absl::Now(), .comment = "container " + container.ID()};
  if (spec->process) step.created_by = absl::StrJoin(spec->process->args, " ");
  config->created = step.created;
  config->history.push_back(step);  // one for each layer
  config->rootfs.diff_ids.push_back(diff_id->String());
  absl::StatusOr<ocispec::Manifest> manifest =
      images::Manifest(ctx, *store, base->Target(), client.Platform());
  if (!manifest.ok()) return manifest.status();
  manifest->layers.push_back(*layer);
  absl::StatusOr<ocispec::Descriptor> config_desc =
      example::Put(ctx, *store, ocispec::kMediaTypeImageConfig, ocispec::Marshal(*config), {});
  if (!config_desc.ok()) return config_desc.status();
  manifest->config = *config_desc;
  manifest->media_type = ocispec::kMediaTypeImageManifest;
  Labels children{{"containerd.io/gc.ref.content.config", manifest->config.digest}};
  for (std::size_t i = 0; i < manifest->layers.size(); ++i) {
    children[fmt::format("containerd.io/gc.ref.content.l.{}", i)] = manifest->layers[i].digest;
  }
  return example::Put(ctx, *store, ocispec::kMediaTypeImageManifest, ocispec::Marshal(*manifest),
                      children);
}

absl::Status Run(const Context& ctx, Client client, const example::Args& args) {
  absl::StatusOr<Container> container = client.LoadContainer(ctx, args[0]);
  if (!container.ok()) return container.status();
  // Content that nothing refers to yet would be collected.
  absl::StatusOr<leases::LeaseGuard> lease = client.WithLease(ctx);
  if (!lease.ok()) return lease.status();
  absl::StatusOr<ocispec::Descriptor> target = Commit(lease->context(), client, *container);
  if (!target.ok()) return target.status();
  absl::StatusOr<images::Image> image = client.ImageService()->Create(
      lease->context(), images::Image{.name = args[1], .target = *target});
  if (!image.ok()) return image.status();
  std::cout << image->name << " " << target->digest << "\n";
  if (args.size() < 3) return absl::OkStatus();
  return client.Push(ctx, args[1], *target);
}

}  // namespace

int main(int argc, char** argv) {
  return example::Main(argc, argv, 2, "commit CONTAINER REFERENCE [push]", Run);
}
