// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/annotations.h"
#include "containerd/platforms/platforms.h"
#include "containerd/unpack/unpacker.h"

#include "remote.h"
#include "src/base/options.h"
#include "src/client/internal/applier.h"
#include "src/client/internal/state.h"
#include "src/errdefs/internal/guard.h"
#include "src/images/internal/put.h"
#include "src/tracing/internal/observation.h"

namespace containerd {
namespace {

struct Unpacking {
  // Of an unpack in this process; outlives the unpacker and its fetches.
  std::shared_ptr<apply::StreamApplier> stream{};
  std::unique_ptr<unpack::Unpacker> unpacker{};
};

absl::StatusOr<Unpacking> MakeUnpacker(const Context& ctx, Client& client,
                                       const RemoteContext& remote,
                                       const std::shared_ptr<internal::Progress>& progress,
                                       const std::shared_ptr<unpack::KeyedLocker>& locker) {
  auto name = client.ResolveSnapshotterName(ctx, remote.snapshotter);
  if (!name.ok()) return errdefs::Annotate(name.status(), "unable to resolve snapshotter");
  auto snapshotter = client.GetSnapshotter(ctx, *name);
  if (!snapshotter.ok()) return snapshotter.status();
  auto capabilities = client.GetSnapshotterCapabilities(ctx, *name);
  if (!capabilities.ok()) {
    return errdefs::Annotate(capabilities.status(), "unable to get snapshotter capabilities");
  }
  UnpackConfig config;
  if (absl::Status s = base::Apply(remote.unpack_opts, ctx, config); !s.ok()) return s;
  platforms::MatcherPtr platform = platforms::All();
  if (config.check_platform_supported) {
    // A platform that the snapshotter does not support is fetched but not unpacked, and then
    // refused.
    auto supported = client.GetSnapshotterSupportedPlatforms(ctx, *name);
    if (!supported.ok()) return supported.status();
    platform = *std::move(supported);
  }
  std::vector<snapshots::Opt> snapshot_opts = remote.snapshotter_opts;
  snapshot_opts.insert(snapshot_opts.end(), config.snapshot_opts.begin(),
                       config.snapshot_opts.end());
  Unpacking unpacking;
  std::shared_ptr<diff::Applier> applier;
  if (config.local && config.applier == nullptr) {
    unpacking.stream =
        apply::NewStreamApplier(ctx, client.ContentStore(), *snapshotter,
                                {.layer = {.max_layer_size = config.max_layer_size}});
    applier = unpacking.stream;
  } else {
    applier = internal::ApplierOf(client, config);
  }
  auto unpacker = unpack::NewUnpacker(
      ctx, client.ContentStore(),
      {unpack::WithUnpackPlatform({.platform = std::move(platform),
                                   .snapshotter_key = *name,
                                   .snapshotter = *std::move(snapshotter),
                                   .snapshot_opts = std::move(snapshot_opts),
                                   .snapshotter_capabilities = *std::move(capabilities),
                                   .applier = internal::WithProgress(std::move(applier), progress),
                                   .apply_opts = config.apply_opts}),
       unpack::WithDuplicationSuppressor(
           config.duplication_suppressor != nullptr ? config.duplication_suppressor : locker),
       unpack::WithUnpackLimiter(config.limiter)});
  if (!unpacker.ok()) return unpacker.status();
  unpacking.unpacker = *std::move(unpacker);
  return unpacking;
}

// Fetches, unpacks if that is wanted, and makes the image.
absl::StatusOr<Image> PullUnderLease(const Context& ctx, Client& client,
                                     internal::Fetching& fetching, std::string_view ref,
                                     const RemoteContext& remote,
                                     const std::shared_ptr<unpack::KeyedLocker>& locker) {
  auto [work, cancel] = WithCancel(ctx);
  Unpacking unpacking;
  const std::unique_ptr<unpack::Unpacker>& unpacker = unpacking.unpacker;
  std::function<images::Handler(images::Handler)> wrapper;
  if (remote.unpack) {
    auto made = MakeUnpacker(work, client, remote, fetching.progress(), locker);
    if (!made.ok()) return errdefs::Annotate(made.status(), "unable to initialize unpacker");
    unpacking = *std::move(made);
    fetching.StreamTo(unpacking.stream.get());
    wrapper = [&unpacker](images::Handler h) -> images::Handler {
      // What refers to the image is fetched whole, and is nothing to unpack.
      return [unpacking = unpacker->Unpack(h), h](const Context& c, const ocispec::Descriptor& d) {
        const bool refers = d.annotations.contains(images::kAnnotationManifestSubject);
        return refers ? h(c, d) : unpacking(c, d);
      };
    };
  }
  auto record = fetching.Run(work, ref, 1, wrapper);
  unpack::Result unpacked;
  if (unpacker != nullptr) {
    if (!record.ok()) cancel();
    // The unpacker fetches layers, too, so its end is awaited even if the fetch failed.
    auto result = unpacker->Wait();
    if (record.ok() && !result.ok()) {
      return errdefs::Annotate(result.status(), fmt::format("image \"{}\": unpack", record->name));
    }
    if (result.ok()) unpacked = *result;
  }
  if (!record.ok()) return record.status();

  const bool unpack_now = unpacker != nullptr && unpacked.unpacks == 0;
  if (unpack_now) {
    // The unpacker saw no image: there are no layers, or no config came by its handler, as when the
    // image was converted from schema 1.
    const Image image(client, *record, remote.platform_matcher);
    absl::Status s = image.Unpack(work, remote.snapshotter, remote.unpack_opts);
    if (!s.ok()) return errdefs::Annotate(s, "failed to unpack");
  }
  record = images::PutImage(work, *client.ImageService(), *record);
  if (!record.ok()) return record.status();
  return Image(client, *std::move(record), remote.platform_matcher);
}

}  // namespace

absl::StatusOr<Image> Client::Pull(const Context& ctx, std::string_view ref,
                                   const std::vector<RemoteOpt>& opts) {
  if (absl::Status s = internal::CheckOpen(*Connection()); !s.ok()) return s;
  auto remote = internal::MakeRemoteContext(*this, opts);
  if (!remote.ok()) return remote.status();
  if (remote->platform_matcher == nullptr) {
    if (remote->platforms.size() > 1) {
      return errdefs::InvalidArgument("cannot pull multiplatform image locally, try Fetch");
    }
    if (remote->platforms.empty()) {
      remote->platform_matcher = Platform();
    } else {
      auto platform = platforms::Parse(remote->platforms.front());
      if (!platform.ok()) {
        return errdefs::Annotate(platform.status(),
                                 fmt::format("invalid platform {}", remote->platforms.front()));
      }
      remote->platform_matcher = platforms::Only(*platform);
    }
  }

  auto lease = WithLease(tracing::WithDefaultObserver(ctx, Connection()->observer()));
  if (!lease.ok()) return lease.status();
  internal::Fetching fetching(*this, *remote);
  auto image = errdefs::Guard("what Pull calls", [&] {
    return PullUnderLease(lease->context(), *this, fetching, ref, *remote, state_->pulls);
  });
  if (!image.ok()) fetching.CleanUp(*std::move(lease), image.status());
  return image;
}

}  // namespace containerd
