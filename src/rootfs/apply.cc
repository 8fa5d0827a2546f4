// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>

#include <fmt/format.h>

#include "containerd/digest/identity.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"
#include "containerd/rootfs/rootfs.h"

#include "src/errdefs/internal/guard.h"
#include "src/snapshots/internal/unique.h"

namespace containerd::rootfs {
namespace {

// How often Prepare is tried again when it answers that a fresh key is taken.
constexpr int kMaxKeys = 8;

absl::StatusOr<snapshots::Info> Stat(const Context& ctx, snapshots::Snapshotter& sn,
                                     const std::string& key) {
  return errdefs::Guard("a snapshotter", &snapshots::Snapshotter::Stat, sn, ctx, key);
}

class Applying {
 public:
  Applying(snapshots::Snapshotter& sn, diff::Applier& applier,
           const std::vector<snapshots::Opt>& opts, const std::vector<diff::ApplyOpt>& apply_opts)
      : sn_(sn), applier_(applier), opts_(opts), apply_opts_(apply_opts) {}

  // Makes the snapshot of the last of `layers`, and before it, if it turns out that its parent is
  // missing, those of the others. `chain` has the diff ids up to that layer. False if there is such
  // a snapshot.
  absl::StatusOr<bool> Apply(const Context& ctx, std::span<const Layer> layers,
                             std::span<const digest::Digest> chain) {
    const Layer& layer = layers.back();
    const std::string chain_id = identity::ChainID(chain).String();
    const std::string parent = identity::ChainID(chain.first(chain.size() - 1)).String();

    std::string key;
    absl::StatusOr<std::vector<mount::Mount>> mounts = std::vector<mount::Mount>();
    bool applied_parents = false;
    for (int keys = 0;;) {
      if (absl::Status s = ctx.Err(); !s.ok()) return s;
      key = fmt::format(snapshots::kUnpackKeyFormat, snapshots::UniquePart(), chain_id);
      mounts = errdefs::Guard("a snapshotter", &snapshots::Snapshotter::Prepare, sn_, ctx, key,
                              parent, opts_);
      if (mounts.ok()) break;
      if (errdefs::IsNotFound(mounts.status()) && layers.size() > 1 && !applied_parents) {
        absl::StatusOr<bool> made =
            Apply(ctx, layers.first(layers.size() - 1), chain.first(chain.size() - 1));
        if (!made.ok()) return made;
        applied_parents = true;
        continue;
      }
      if (errdefs::IsAlreadyExists(mounts.status()) && ++keys < kMaxKeys) {
        // Either the key is taken, or a remote snapshotter has the layer already.
        if (Stat(ctx, sn_, chain_id).ok()) return false;
        continue;
      }
      return errdefs::Annotate(mounts.status(),
                               fmt::format("failed to prepare extraction snapshot \"{}\"", key));
    }

    absl::Status s = Fill(ctx, layer, *mounts);
    const bool filled = s.ok();
    if (!filled) {
      log::Info(fmt::format("unpacking into snapshot \"{}\" failed, cleaning up: {}", key,
                            errdefs::Message(s)));
    } else {
      s = errdefs::Guard("a snapshotter", &snapshots::Snapshotter::Commit, sn_, ctx, chain_id, key,
                         opts_);
      if (s.ok()) return true;
      s = errdefs::Annotate(s, fmt::format("failed to commit snapshot \"{}\"", key));
    }
    snapshots::RemoveSnapshot(ctx, sn_, key);
    // Only what the snapshotter says is about the snapshot; an applier may mean a file.
    if (filled && errdefs::IsAlreadyExists(s)) return false;
    return s;
  }

 private:
  absl::Status Fill(const Context& ctx, const Layer& layer,
                    const std::vector<mount::Mount>& mounts) {
    absl::StatusOr<ocispec::Descriptor> diff = errdefs::Guard(
        "an applier", &diff::Applier::Apply, applier_, ctx, layer.blob, mounts, apply_opts_);
    if (!diff.ok()) {
      return errdefs::Annotate(diff.status(),
                               fmt::format("failed to extract layer \"{}\"", layer.diff.digest));
    }
    if (diff->digest != layer.diff.digest) {
      return errdefs::DataLoss(fmt::format(
          "layer \"{}\" unpacks to \"{}\", and not to \"{}\" as the image's config says",
          layer.blob.digest, diff->digest, layer.diff.digest));
    }
    return absl::OkStatus();
  }

  snapshots::Snapshotter& sn_;
  diff::Applier& applier_;
  const std::vector<snapshots::Opt>& opts_;
  const std::vector<diff::ApplyOpt>& apply_opts_;
};

// False if the snapshot of the last layer exists.
absl::StatusOr<bool> ApplyMissing(const Context& ctx, std::span<const Layer> layers,
                                  std::span<const digest::Digest> chain, snapshots::Snapshotter& sn,
                                  diff::Applier& a, const std::vector<snapshots::Opt>& opts,
                                  const std::vector<diff::ApplyOpt>& apply_opts) {
  const digest::Digest chain_id = identity::ChainID(chain);
  absl::StatusOr<snapshots::Info> info = Stat(ctx, sn, chain_id.String());
  if (info.ok()) return false;
  if (!errdefs::IsNotFound(info.status())) {
    return errdefs::Annotate(info.status(),
                             fmt::format("failed to stat snapshot \"{}\"", chain_id.String()));
  }
  return Applying(sn, a, opts, apply_opts).Apply(ctx, layers, chain);
}

}  // namespace

absl::StatusOr<digest::Digest> ApplyLayers(const Context& ctx, const std::vector<Layer>& layers,
                                           snapshots::Snapshotter& sn, diff::Applier& a) {
  return ApplyLayersWithOpts(ctx, layers, sn, a, {});
}

absl::StatusOr<digest::Digest> ApplyLayersWithOpts(const Context& ctx,
                                                   const std::vector<Layer>& layers,
                                                   snapshots::Snapshotter& sn, diff::Applier& a,
                                                   const std::vector<diff::ApplyOpt>& apply_opts) {
  std::vector<digest::Digest> chain;
  chain.reserve(layers.size());
  for (const Layer& layer : layers) chain.emplace_back(layer.diff.digest);
  if (chain.empty()) return digest::Digest();
  absl::StatusOr<bool> applied = ApplyMissing(ctx, layers, chain, sn, a, {}, apply_opts);
  if (!applied.ok()) return applied.status();
  return identity::ChainID(chain);
}

absl::StatusOr<bool> ApplyLayer(const Context& ctx, const Layer& layer,
                                std::span<const digest::Digest> chain, snapshots::Snapshotter& sn,
                                diff::Applier& a, const std::vector<snapshots::Opt>& opts) {
  return ApplyLayerWithOpts(ctx, layer, chain, sn, a, opts, {});
}

absl::StatusOr<bool> ApplyLayerWithOpts(const Context& ctx, const Layer& layer,
                                        std::span<const digest::Digest> chain,
                                        snapshots::Snapshotter& sn, diff::Applier& a,
                                        const std::vector<snapshots::Opt>& opts,
                                        const std::vector<diff::ApplyOpt>& apply_opts) {
  std::vector<digest::Digest> whole(chain.begin(), chain.end());
  whole.emplace_back(layer.diff.digest);
  return ApplyMissing(ctx, std::span(&layer, 1), whole, sn, a, opts, apply_opts);
}

}  // namespace containerd::rootfs
