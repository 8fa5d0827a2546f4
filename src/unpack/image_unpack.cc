// SPDX-License-Identifier: Apache-2.0
#include "image_unpack.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "containerd/content/helpers.h"
#include "containerd/digest/digest.h"
#include "containerd/digest/identity.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"
#include "containerd/labels/labels.h"
#include "containerd/log/log.h"
#include "containerd/ocispec/image.h"
#include "containerd/ocispec/json.h"

#include "src/errdefs/internal/guard.h"
#include "src/snapshots/internal/unique.h"

namespace containerd::unpack {
namespace {

constexpr char kLabelSnapshotParent[] = "containerd.io/snapshot/parent-chain-id";

// How often Prepare is tried again when it answers that a fresh key is taken or that the parent is
// gone.
constexpr int kMaxRounds = 3;

// Whether the snapshotter has provided the layer's content by itself: then the last mount is
// read-only.
bool IsStaged(const std::vector<mount::Mount>& mounts) {
  return !mounts.empty() && mount::ReadOnly(mounts.back());
}

// Without a parent, overlayfs mounts a layer as a plain directory: applying a whiteout there
// removes a file instead of recording the whiteout. Mounted as the upper directory of an overlay,
// whiteouts are recorded.
std::vector<mount::Mount> BindToOverlay(std::vector<mount::Mount> mounts) {
  if (mounts.size() != 1 || mounts[0].type != "bind") return mounts;
  mount::Mount overlay{.type = "overlay", .source = "overlay"};
  for (std::string& option : mounts[0].options) {
    if (option != "rbind") overlay.options.push_back(std::move(option));
  }
  overlay.options.push_back("upperdir=" + mounts[0].source);
  return {std::move(overlay)};
}

}  // namespace

class ImageUnpack::Extraction {
 public:
  Extraction(const Context& ctx, snapshots::Snapshotter& sn, KeyLock lock)
      : lock_(std::move(lock)), ctx_(ctx), sn_(sn) {}
  Extraction(const Extraction&) = delete;
  Extraction& operator=(const Extraction&) = delete;
  ~Extraction() {
    if (prepared) snapshots::RemoveSnapshot(ctx_, sn_, key);
  }

  std::string key;
  bool prepared = false;
  bool staged = false;
  std::vector<mount::Mount> mounts;
  std::vector<snapshots::Opt> opts;

 private:
  const KeyLock lock_;
  const Context ctx_;
  snapshots::Snapshotter& sn_;
};

ImageUnpack::ImageUnpack(Shared& shared, base::Workers& fetches, base::Workers& applies,
                         images::Handler handler, ocispec::Descriptor config,
                         std::vector<ocispec::Descriptor> layers)
    : shared_(shared),
      fetches_(fetches),
      applies_(applies),
      handler_(std::move(handler)),
      config_(std::move(config)) {
  layers_.reserve(layers.size());
  for (ocispec::Descriptor& layer : layers) layers_.push_back({.blob = std::move(layer)});
}

absl::StatusOr<bool> ImageUnpack::Run() {
  if (absl::Status s = ReadConfig(); !s.ok()) {
    return errdefs::Annotate(s, fmt::format("image config \"{}\"", config_.digest));
  }
  platform_ = ChoosePlatform();
  if (platform_ == nullptr) {
    log::Debug(
        fmt::format("image config \"{}\" is for platform \"{}\", for which nothing is "
                    "unpacked: fetching its layers only",
                    config_.digest, platforms::FormatAll(image_platform_)));
    FetchFrom(0);
    for (const Layer& layer : layers_) {
      auto fetched = layer.fetched.GetFuture().Get(shared_.ctx());
      if (!fetched.ok()) return fetched.status();
    }
    return false;
  }

  bool parallel = false;
  if (shared_.config().unpack_limiter != nullptr) {
    const auto& capabilities = platform_->snapshotter_capabilities;
    parallel = std::find(capabilities.begin(), capabilities.end(), snapshots::kRebaseCap) !=
               capabilities.end();
    if (!parallel) {
      log::Info(
          fmt::format("snapshotter \"{}\" cannot set parents late: applying layers one after "
                      "the other",
                      platform_->snapshotter_key));
    }
  }
  absl::Status s = parallel ? ApplyInParallel() : ApplyInOrder();
  if (!s.ok()) return s;
  s = SetLabel(config_.digest,
               fmt::format("containerd.io/gc.ref.snapshot.{}", platform_->snapshotter_key),
               layers_.back().chain_id);
  if (!s.ok()) return s;
  return true;
}

absl::Status ImageUnpack::ReadConfig() {
  absl::StatusOr<std::string> text = content::ReadBlob(shared_.ctx(), shared_.store(), config_);
  if (!text.ok()) return text.status();
  absl::StatusOr<ocispec::Image> config = ocispec::Unmarshal<ocispec::Image>(*text);
  if (!config.ok()) return config.status();
  const std::vector<std::string>& diff_ids = config->rootfs.diff_ids;
  if (diff_ids.size() != layers_.size()) {
    return errdefs::InvalidArgument(fmt::format(
        "number of layers and diff ids don't match: {} and {}", layers_.size(), diff_ids.size()));
  }
  std::vector<digest::Digest> chain(diff_ids.begin(), diff_ids.end());
  for (std::size_t i = 0; i < chain.size(); ++i) {
    absl::Status s = chain[i].Validate();
    if (!s.ok()) return errdefs::Annotate(s, fmt::format("diff id {}", i));
  }
  const std::vector<digest::Digest> chain_ids = identity::ChainIDs(chain);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    layers_[i].diff_id = diff_ids[i];
    layers_[i].chain_id = chain_ids[i].String();
  }
  image_platform_ = std::move(config->platform);
  image_platform_.extra = {};
  image_platform_ = platforms::Normalize(std::move(image_platform_));
  rootfs_type_ = std::move(config->rootfs.type);
  return absl::OkStatus();
}

const Platform* ImageUnpack::ChoosePlatform() const {
  for (const Platform& p : shared_.config().platforms) {
    if (!p.config_type.empty() && p.config_type != config_.media_type) continue;
    // An image's root file system is made of layers or of nothing known.
    if ((p.config_type.empty() || images::IsConfigType(p.config_type)) && !rootfs_type_.empty() &&
        rootfs_type_ != "layers") {
      continue;
    }
    if (p.platform == nullptr || p.platform->Match(image_platform_)) return &p;
  }
  return nullptr;
}

absl::Status ImageUnpack::ApplyInOrder() {
  int vanished = 0;
  for (std::size_t i = 0; i < layers_.size();) {
    const std::string parent = i > 0 ? layers_[i - 1].chain_id : "";
    absl::StatusOr<std::unique_ptr<Extraction>> extraction = Prepare(i, parent);
    if (errdefs::IsNotFound(extraction.status()) && i > 0 && ++vanished < kMaxRounds) {
      log::Info(fmt::format("snapshot \"{}\" has been removed, beginning again: {}", parent,
                            errdefs::Message(extraction.status())));
      i = 0;
      continue;
    }
    if (!extraction.ok()) return extraction.status();
    if (*extraction != nullptr) {
      if (!(*extraction)->staged) {
        FetchFrom(i);
        if (absl::Status s = Fill(i, **extraction); !s.ok()) return s;
      }
      if (absl::Status s = Commit(i, **extraction, ""); !s.ok()) return s;
    }
    ++i;
  }
  return absl::OkStatus();
}

absl::Status ImageUnpack::ApplyInParallel() {
  struct Running {
    std::size_t layer = 0;
    std::unique_ptr<Extraction> extraction;
    Promise<bool> applied;
  };
  std::vector<std::shared_ptr<Running>> all;
  absl::Status failure;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    absl::StatusOr<std::unique_ptr<Extraction>> extraction = Prepare(i, "");
    if (!extraction.ok()) {
      failure = extraction.status();
      break;
    }
    if (*extraction == nullptr) continue;
    auto running = std::make_shared<Running>();
    running->layer = i;
    running->extraction = *std::move(extraction);
    if (running->extraction->staged) {
      running->applied.Set(true);
    } else {
      FetchFrom(i);
      absl::StatusOr<LimiterSlot> slot = Acquire(shared_.ctx(), shared_.config().unpack_limiter);
      if (!slot.ok()) {
        failure = slot.status();
        break;
      }
      if (i > 0 && platform_->snapshotter_key == "overlayfs") {
        running->extraction->mounts = BindToOverlay(std::move(running->extraction->mounts));
      }
      auto place = std::make_shared<LimiterSlot>(*std::move(slot));
      applies_.Submit([self = shared_from_this(),
                       running] { return self->Fill(running->layer, *running->extraction); },
                      [running, place = std::move(place)](const absl::Status& s) mutable {
                        place.reset();
                        running->applied.Set(s.ok() ? absl::StatusOr<bool>(true) : s);
                      });
    }
    all.push_back(std::move(running));
  }

  // Commits the layers in order; those below a failed one are still committed.
  absl::Status applying;
  for (const std::shared_ptr<Running>& running : all) {
    // This wait is short once the context has ended. It is needed: a snapshot must not be removed
    // while it is being filled.
    absl::StatusOr<bool> applied = running->applied.GetFuture().Get(Context::Background());
    if (applying.ok()) applying = applied.status();
    if (applying.ok()) {
      const std::size_t i = running->layer;
      applying = Commit(i, *running->extraction, i > 0 ? layers_[i - 1].chain_id : "");
    }
    running->extraction.reset();
  }
  return applying.ok() ? failure : applying;
}

absl::StatusOr<std::unique_ptr<ImageUnpack::Extraction>> ImageUnpack::Prepare(
    std::size_t i, const std::string& parent) {
  const Context& ctx = shared_.ctx();
  const Layer& layer = layers_[i];
  snapshots::Snapshotter& sn = *platform_->snapshotter;
  absl::StatusOr<KeyLock> lock =
      shared_.LockChainID(ctx, platform_->snapshotter_key, layer.chain_id);
  if (!lock.ok()) return lock.status();
  auto extraction = std::make_unique<Extraction>(ctx, sn, *std::move(lock));

  Labels labels = snapshots::FilterInheritedLabels(layer.blob.annotations);
  labels[snapshots::kLabelSnapshotRef] = layer.chain_id;
  labels[snapshots::kLabelSnapshotDiffID] = layer.diff_id;
  if (i > 0) labels[kLabelSnapshotParent] = layers_[i - 1].chain_id;
  extraction->opts = platform_->snapshot_opts;
  extraction->opts.push_back(snapshots::WithLabels(std::move(labels)));

  for (int round = 1;; ++round) {
    extraction->key =
        fmt::format(snapshots::kUnpackKeyFormat, snapshots::UniquePart(), layer.chain_id);
    auto mounts = errdefs::Guard("a snapshotter", &snapshots::Snapshotter::Prepare, sn, ctx,
                                 extraction->key, parent, extraction->opts);
    if (mounts.ok()) {
      extraction->prepared = true;
      extraction->staged = IsStaged(*mounts);
      extraction->mounts = *std::move(mounts);
      return extraction;
    }
    if (!errdefs::IsAlreadyExists(mounts.status()) || round > kMaxRounds) {
      return errdefs::Annotate(
          mounts.status(),
          fmt::format("failed to prepare extraction snapshot \"{}\"", extraction->key));
    }
    // Either the key is taken, or the snapshotter has found the layer by the label above and
    // committed it.
    absl::StatusOr<snapshots::Info> info =
        errdefs::Guard("a snapshotter", &snapshots::Snapshotter::Stat, sn, ctx, layer.chain_id);
    if (info.ok()) return std::unique_ptr<Extraction>();
    if (!errdefs::IsNotFound(info.status())) {
      return errdefs::Annotate(info.status(),
                               fmt::format("failed to stat snapshot \"{}\"", layer.chain_id));
    }
  }
}

absl::Status ImageUnpack::Fill(std::size_t i, const Extraction& extraction) {
  const Context& ctx = shared_.ctx();
  const Layer& layer = layers_[i];
  absl::StatusOr<bool> fetched = layer.fetched.GetFuture().Get(ctx);
  if (!fetched.ok()) return fetched.status();
  absl::StatusOr<ocispec::Descriptor> diff =
      errdefs::Guard("an applier", &diff::Applier::Apply, *platform_->applier, ctx, layer.blob,
                     extraction.mounts, platform_->apply_opts);
  if (!diff.ok()) {
    return errdefs::Annotate(
        diff.status(),
        fmt::format("failed to extract layer ({} {}) to {} as \"{}\"", layer.blob.media_type,
                    layer.blob.digest, platform_->snapshotter_key, extraction.key));
  }
  if (diff->digest != layer.diff_id) {
    return errdefs::DataLoss(
        fmt::format("wrong diff id: layer \"{}\" unpacks to \"{}\", and not to \"{}\" as the "
                    "image's config says",
                    layer.blob.digest, diff->digest, layer.diff_id));
  }
  return absl::OkStatus();
}

absl::Status ImageUnpack::Commit(std::size_t i, Extraction& extraction, const std::string& parent) {
  const Layer& layer = layers_[i];
  std::vector<snapshots::Opt> opts = extraction.opts;
  if (!parent.empty()) opts.push_back(snapshots::WithParent(parent));
  absl::Status s =
      errdefs::Guard("a snapshotter", &snapshots::Snapshotter::Commit, *platform_->snapshotter,
                     shared_.ctx(), layer.chain_id, extraction.key, opts);
  // Another unpack has committed the same layer first.
  if (errdefs::IsAlreadyExists(s)) return absl::OkStatus();
  if (!s.ok()) {
    return errdefs::Annotate(s, fmt::format("failed to commit snapshot \"{}\"", extraction.key));
  }
  extraction.prepared = false;
  // The layer was not fetched, so there is no content to label.
  if (extraction.staged) return absl::OkStatus();
  // Applying the layer has verified its diff id, so the label can be set.
  return SetLabel(layer.blob.digest, labels::kLabelUncompressed, layer.diff_id);
}

void ImageUnpack::FetchFrom(std::size_t first) {
  for (std::size_t i = first; i < layers_.size(); ++i) {
    if (std::exchange(layers_[i].fetching, true)) continue;
    const auto self = shared_from_this();
    fetches_.Submit([self, i] { return self->FetchLayer(i); },
                    [self, i](const absl::Status& s) {
                      // Fails the whole unpack at once, so that the other layers stop.
                      if (!s.ok()) self->shared_.Fail(s);
                      self->layers_[i].fetched.Set(s.ok() ? absl::StatusOr<bool>(true) : s);
                    });
  }
}

absl::Status ImageUnpack::FetchLayer(std::size_t i) {
  const Context& ctx = shared_.ctx();
  if (absl::Status s = ctx.Err(); !s.ok()) return s;
  absl::StatusOr<LimiterSlot> slot = Acquire(ctx, shared_.config().limiter);
  if (!slot.ok()) return slot.status();
  absl::StatusOr<KeyLock> lock = shared_.LockBlob(ctx, layers_[i].blob);
  if (!lock.ok()) return lock.status();
  absl::StatusOr<images::Descriptors> children =
      errdefs::Guard("a handler of images", handler_, ctx, layers_[i].blob);
  if (!children.ok() && !images::IsErrSkipDesc(children.status())) return children.status();
  return absl::OkStatus();
}

absl::Status ImageUnpack::SetLabel(const std::string& digest, const std::string& key,
                                   std::string value) {
  return shared_.store()
      .Update(shared_.ctx(), {.digest = digest, .labels = {{key, std::move(value)}}},
              {"labels." + key})
      .status();
}

}  // namespace containerd::unpack
