// SPDX-License-Identifier: Apache-2.0
//
// ctr commit: an image of a container's files, which containerd's own ctr has not. The container's
// changes become one more layer over those of its image.
#include <iostream>
#include <memory>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/images/image.h"
#include "containerd/images/mediatypes.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/reference/distribution.h"
#include "containerd/rootfs/rootfs.h"

#include "../put.h"
#include "commands.h"
#include "session.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

// A layer of what the container has changed, with the container at rest unless a flag says
// otherwise.
absl::StatusOr<ocispec::Descriptor> MakeLayer(const Context& ctx, Client& client,
                                              Container& container, const Args& args) {
  absl::StatusOr<containers::Container> info = container.Info(ctx);
  if (!info.ok()) return info.status();
  if (info->snapshot_key.empty()) {
    return errdefs::FailedPrecondition("the container has no snapshot to make a layer of");
  }
  absl::StatusOr<std::shared_ptr<snapshots::Snapshotter>> snapshotter =
      client.GetSnapshotter(ctx, info->snapshotter);
  if (!snapshotter.ok()) return snapshotter.status();
  absl::StatusOr<ocispec::Descriptor> layer;
  const auto diff = [&] {
    layer = rootfs::CreateDiff(ctx, info->snapshot_key, **snapshotter, *client.DiffService());
    return layer.status();
  };
  absl::StatusOr<Task> task = container.Task(ctx);
  absl::Status s = task.status();
  if (args.Bool("pause") && task.ok()) {
    s = WhilePaused(ctx, *task, diff);
  } else if (task.ok() || errdefs::IsNotFound(s)) {
    s = diff();
  }
  if (!s.ok()) return s;
  return layer;
}

// What the config says of the new layer.
void Describe(const digest::Digest& diff_id, const specs::Spec& spec, const Args& args,
              ocispec::Image& config) {
  ocispec::History step;
  step.created = absl::Now();
  if (spec.process) step.created_by = absl::StrJoin(spec.process->args, " ");
  step.author = args.Text("author");
  step.comment = args.Text("message");
  config.created = step.created;
  if (!step.author.empty()) config.author = step.author;
  config.history.push_back(std::move(step));
  config.rootfs.diff_ids.push_back(diff_id.String());
}

// The manifest of the container's image with one more layer. It stays Docker's if it is.
absl::StatusOr<ocispec::Descriptor> MakeImage(const Context& ctx, Client& client,
                                              Container& container, const Args& args) {
  const std::shared_ptr<content::Store> store = client.ContentStore();
  absl::StatusOr<Image> base = container.Image(ctx);
  if (!base.ok()) return base.status();
  absl::StatusOr<specs::Spec> spec = container.Spec(ctx);
  if (!spec.ok()) return spec.status();
  absl::StatusOr<ocispec::Image> config = base->Spec(ctx);
  if (!config.ok()) return config.status();
  absl::StatusOr<ocispec::Manifest> manifest =
      images::Manifest(ctx, *store, base->Target(), base->Platform());
  if (!manifest.ok()) return manifest.status();

  absl::StatusOr<ocispec::Descriptor> layer = MakeLayer(ctx, client, container, args);
  if (!layer.ok()) return layer.status();
  absl::StatusOr<digest::Digest> diff_id = images::GetDiffID(ctx, *store, *layer);
  if (!diff_id.ok()) return diff_id.status();
  Describe(*diff_id, *spec, args, *config);

  const bool docker = images::IsDockerType(manifest->media_type);
  if (docker) layer->media_type = images::kMediaTypeDockerSchema2LayerGzip;
  manifest->layers.push_back(*layer);
  manifest->media_type =
      docker ? images::kMediaTypeDockerSchema2Manifest : ocispec::kMediaTypeImageManifest;
  absl::StatusOr<ocispec::Descriptor> config_desc = example::Put(
      ctx, *store, docker ? images::kMediaTypeDockerSchema2Config : ocispec::kMediaTypeImageConfig,
      ocispec::Marshal(*config), {});
  if (!config_desc.ok()) return config_desc.status();
  manifest->config = *config_desc;
  Labels children{{"containerd.io/gc.ref.content.config", manifest->config.digest}};
  for (std::size_t i = 0; i < manifest->layers.size(); ++i) {
    children[fmt::format("containerd.io/gc.ref.content.l.{}", i)] = manifest->layers[i].digest;
  }
  const std::string text = ocispec::Marshal(*manifest);
  return example::Put(ctx, *store, manifest->media_type.c_str(), text, children);
}

absl::Status CommitContainer(const Context& ctx, Client& client, const Args& args) {
  if (args.Get(0).empty()) return Refused("container id must be provided");
  const std::string name = args.Get(1);
  if (name.empty()) return Refused("ref must be provided");
  if (absl::Status s = distribution::reference::ParseAnyReference(name).status(); !s.ok()) {
    return Refused(absl::StrCat("\"", name, "\": ", Explain(s)));
  }
  absl::StatusOr<Container> container = client.LoadContainer(ctx, args.Get(0));
  if (!container.ok()) return container.status();
  // What nothing refers to yet would be collected.
  absl::StatusOr<leases::LeaseGuard> lease = client.WithLease(ctx);
  if (!lease.ok()) return lease.status();
  absl::StatusOr<ocispec::Descriptor> target =
      MakeImage(lease->context(), client, *container, args);
  if (!target.ok()) return target.status();
  const std::shared_ptr<images::Store> store = client.ImageService();
  const images::Image image{.name = name, .target = *target};
  absl::Status s = store->Create(lease->context(), image).status();
  if (errdefs::IsAlreadyExists(s)) s = store->Update(lease->context(), image).status();
  if (s.ok()) std::cout << target->digest << "\n";
  return s;
}

}  // namespace

Command CommitCommand() {
  return {"commit",
          "Make an image of a container's files",
          "[flags] CONTAINER REF",
          {{"message,m", "What has changed", Kind::kText},
           {"author,a", "Who has changed it", Kind::kText},
           {"pause,p", "Pause the container meanwhile", Kind::kBool, "true"}},
          CommitContainer};
}

}  // namespace ctr
