// SPDX-License-Identifier: Apache-2.0
#include "containerd/image.h"

#include <utility>

#include <fmt/format.h>

#include "containerd/apply/ahead_applier.h"
#include "containerd/apply/apply.h"
#include "containerd/content/helpers.h"
#include "containerd/digest/identity.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/image.h"
#include "containerd/images/mediatypes.h"
#include "containerd/images/usage.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/option/option.h"
#include "containerd/platforms/platforms.h"
#include "containerd/rootfs/rootfs.h"
#include "containerd/rpc/connection.h"

#include "src/base/options.h"
#include "src/client/internal/applier.h"
#include "src/client/internal/state.h"
#include "src/errdefs/internal/guard.h"

namespace containerd {
namespace {

absl::Status Annotate(const absl::Status& status, const Image& image) {
  return errdefs::Annotate(status, fmt::format("image \"{}\"", image.Name()));
}

// Pairs the layers of a manifest with their diff ids. Entries that are no layers, as artifacts have
// them, are left out.
absl::StatusOr<std::vector<rootfs::Layer>> Layers(const ocispec::Manifest& manifest,
                                                  const std::vector<digest::Digest>& diff_ids) {
  std::vector<rootfs::Layer> layers;
  for (const ocispec::Descriptor& blob : manifest.layers) {
    if (images::IsLayerType(blob.media_type)) layers.push_back({.blob = blob});
  }
  if (layers.size() != diff_ids.size()) {
    return errdefs::InvalidArgument(
        fmt::format("mismatched image rootfs and manifest layers: config \"{}\" lists {}, the "
                    "manifest {}",
                    manifest.config.digest, diff_ids.size(), layers.size()));
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (absl::Status s = diff_ids[i].Validate(); !s.ok()) {
      return errdefs::Annotate(
          s, fmt::format("diff id {} of config \"{}\"", i, manifest.config.digest));
    }
    layers[i].diff = {.media_type = ocispec::kMediaTypeImageLayer, .digest = diff_ids[i].String()};
  }
  return layers;
}

absl::Status CheckSnapshotterSupport(const Context& ctx, const Client& client,
                                     const std::string& snapshotter,
                                     const ocispec::Descriptor& config, bool always) {
  absl::StatusOr<ocispec::Platform> platform =
      images::ConfigPlatform(ctx, *client.ContentStore(), config);
  if (!platform.ok()) return platform.status();
  if (platform->os_features.empty() && !always) return absl::OkStatus();
  auto supported = client.GetSnapshotterSupportedPlatforms(ctx, snapshotter);
  if (!supported.ok()) return supported.status();
  if ((*supported)->Match(*platform)) return absl::OkStatus();
  return errdefs::NotImplemented(fmt::format("snapshotter \"{}\" does not support platform \"{}\"",
                                             snapshotter, platforms::FormatAll(*platform)));
}

absl::Status SetLabel(const Context& ctx, content::Store& store, std::string digest,
                      const std::string& key, std::string value) {
  return store
      .Update(ctx, {.digest = std::move(digest), .labels = {{key, std::move(value)}}},
              {"labels." + key})
      .status();
}

// The layers from the first one that has no snapshot.
absl::StatusOr<std::vector<ocispec::Descriptor>> Missing(const Context& ctx,
                                                         snapshots::Snapshotter& snapshotter,
                                                         const std::vector<rootfs::Layer>& layers) {
  std::vector<digest::Digest> chain;
  std::vector<ocispec::Descriptor> missing;
  for (const rootfs::Layer& layer : layers) {
    chain.emplace_back(layer.diff.digest);
    if (missing.empty()) {
      auto found = snapshotter.Stat(ctx, identity::ChainID(chain).String());
      if (found.ok()) continue;
      if (!errdefs::IsNotFound(found.status())) return found.status();
    }
    missing.push_back(layer.blob);
  }
  return missing;
}

absl::Status UnpackUnderLease(const Context& ctx, const Client& client, const Image& image,
                              std::string_view snapshotter_name, const UnpackConfig& config) {
  const std::shared_ptr<content::Store> store = client.ContentStore();
  auto manifest = images::Manifest(ctx, *store, image.Target(), image.Platform());
  if (!manifest.ok()) return manifest.status();
  auto diff_ids = images::RootFS(ctx, *store, manifest->config);
  if (!diff_ids.ok()) return errdefs::Annotate(diff_ids.status(), "failed to resolve rootfs");
  auto layers = Layers(*manifest, *diff_ids);
  if (!layers.ok()) return layers.status();
  auto name = client.ResolveSnapshotterName(ctx, snapshotter_name);
  if (!name.ok()) return name.status();
  auto snapshotter = client.GetSnapshotter(ctx, *name);
  if (!snapshotter.ok()) return snapshotter.status();
  if (absl::Status s = CheckSnapshotterSupport(ctx, client, *name, manifest->config,
                                               config.check_platform_supported);
      !s.ok()) {
    return s;
  }

  std::shared_ptr<diff::Applier> applier = internal::ApplierOf(client, config);
  if (config.applier == nullptr && config.local) {
    auto missing = Missing(ctx, **snapshotter, *layers);
    if (!missing.ok()) return missing.status();
    // A single one is best extracted where it belongs.
    if (missing->size() > 1) {
      applier = apply::NewAheadApplier(ctx, store, *snapshotter, *missing,
                                       {.layer = {.max_layer_size = config.max_layer_size}});
    }
  }
  std::vector<digest::Digest> chain;
  for (const rootfs::Layer& layer : *layers) {
    auto unpacked = rootfs::ApplyLayerWithOpts(ctx, layer, chain, **snapshotter, *applier,
                                               config.snapshot_opts, config.apply_opts);
    if (!unpacked.ok()) return errdefs::Annotate(unpacked.status(), "apply layer");
    if (*unpacked) {
      // Applying the layer has verified its diff id, so the label can be set.
      absl::Status s =
          SetLabel(ctx, *store, layer.blob.digest, labels::kLabelUncompressed, layer.diff.digest);
      if (!s.ok()) return s;
    }
    chain.emplace_back(layer.diff.digest);
  }
  return SetLabel(ctx, *store, manifest->config.digest,
                  fmt::format("containerd.io/gc.ref.snapshot.{}", *name),
                  identity::ChainID(chain).String());
}

}  // namespace

std::shared_ptr<diff::Applier> internal::ApplierOf(const Client& client,
                                                   const UnpackConfig& config) {
  if (config.applier != nullptr) return config.applier;
  if (config.local) {
    return apply::NewFileSystemApplier(client.ContentStore(),
                                       {.max_layer_size = config.max_layer_size});
  }
  return client.DiffService();
}

absl::StatusOr<Image> Client::GetImage(const Context& ctx, std::string_view ref) {
  absl::StatusOr<images::Image> record = ImageService()->Get(ctx, ref);
  if (!record.ok()) return record.status();
  return Image(*this, *std::move(record));
}

absl::StatusOr<std::vector<Image>> Client::ListImages(const Context& ctx,
                                                      const std::vector<std::string>& filters) {
  absl::StatusOr<std::vector<images::Image>> records = ImageService()->List(ctx, filters);
  if (!records.ok()) return records.status();
  std::vector<Image> result;
  result.reserve(records->size());
  for (images::Image& record : *records) result.emplace_back(*this, std::move(record));
  return result;
}

Image::Image(const Client& client, images::Image record)
    : client_(client),
      record_(std::make_shared<images::Image>(std::move(record))),
      platform_(client_.Platform()) {}

Image::Image(const Client& client, images::Image record,
             std::shared_ptr<const platforms::MatchComparer> platform)
    : client_(client),
      record_(std::make_shared<images::Image>(std::move(record))),
      platform_(std::move(platform)) {}

std::shared_ptr<content::Store> Image::ContentStore() const { return client_.ContentStore(); }

absl::StatusOr<std::vector<digest::Digest>> Image::RootFS(const Context& ctx) const {
  if (absl::Status s = internal::CheckOpen(*client_.Connection()); !s.ok()) return s;
  auto diff_ids = record_->RootFS(ctx, *ContentStore(), platform_);
  if (!diff_ids.ok()) return Annotate(diff_ids.status(), *this);
  return diff_ids;
}

absl::StatusOr<std::int64_t> Image::Size(const Context& ctx) const {
  return Usage(ctx, {WithUsageManifestLimit(1), WithManifestUsage()});
}

absl::StatusOr<std::int64_t> Image::Usage(const Context& ctx,
                                          const std::vector<UsageOpt>& opts) const {
  if (absl::Status s = internal::CheckOpen(*client_.Connection()); !s.ok()) return s;
  UsageOptions options;
  if (absl::Status s = base::Apply(opts, options); !s.ok()) return s;
  std::vector<images::usage::Opt> usage_opts;
  if (options.manifest_limit.has_value()) {
    usage_opts.push_back(images::usage::WithManifestLimit(platform_, *options.manifest_limit));
  }
  if (options.snapshots) {
    usage_opts.push_back(images::usage::WithSnapshotters(
        [client = client_](std::string_view name) { return client.SnapshotService(name); }));
  }
  if (options.manifest_only) usage_opts.push_back(images::usage::WithManifestUsage());
  auto bytes = images::usage::CalculateImageUsage(ctx, *record_, ContentStore(), usage_opts);
  if (!bytes.ok()) return Annotate(bytes.status(), *this);
  return bytes;
}

absl::StatusOr<ocispec::Descriptor> Image::Config(const Context& ctx) const {
  if (absl::Status s = internal::CheckOpen(*client_.Connection()); !s.ok()) return s;
  auto desc = record_->Config(ctx, *ContentStore(), platform_);
  if (!desc.ok()) return Annotate(desc.status(), *this);
  return desc;
}

absl::StatusOr<ocispec::Image> Image::Spec(const Context& ctx) const {
  if (absl::Status s = internal::CheckOpen(*client_.Connection()); !s.ok()) return s;
  absl::StatusOr<ocispec::Descriptor> desc = Config(ctx);
  if (!desc.ok()) return desc.status();
  absl::StatusOr<std::string> blob = content::ReadBlob(ctx, *ContentStore(), *desc);
  absl::StatusOr<ocispec::Image> spec =
      blob.ok() ? ocispec::Unmarshal<ocispec::Image>(*blob) : blob.status();
  if (!spec.ok()) {
    return Annotate(errdefs::Annotate(spec.status(), fmt::format("config \"{}\"", desc->digest)),
                    *this);
  }
  return spec;
}

absl::StatusOr<bool> Image::IsUnpacked(const Context& ctx,
                                       std::string_view snapshotter_name) const {
  if (absl::Status s = internal::CheckOpen(*client_.Connection()); !s.ok()) return s;
  auto snapshotter = client_.GetSnapshotter(ctx, snapshotter_name);
  if (!snapshotter.ok()) return Annotate(snapshotter.status(), *this);
  auto diff_ids = RootFS(ctx);
  if (!diff_ids.ok()) return diff_ids.status();
  if (diff_ids->empty()) return true;
  auto info = (*snapshotter)->Stat(ctx, identity::ChainID(*diff_ids).String());
  if (errdefs::IsNotFound(info.status())) return false;
  if (!info.ok()) return Annotate(info.status(), *this);
  return true;
}

absl::Status Image::Unpack(const Context& ctx, std::string_view snapshotter_name,
                           const std::vector<UnpackOpt>& opts) const {
  if (absl::Status s = internal::CheckOpen(*client_.Connection()); !s.ok()) return s;
  Client client = client_;
  auto lease = client.WithLease(ctx);
  if (!lease.ok()) return lease.status();
  UnpackConfig config;
  if (absl::Status s = base::Apply(opts, lease->context(), config); !s.ok()) return s;
  return Annotate(errdefs::Guard("what Unpack calls",
                                 [&] {
                                   return UnpackUnderLease(lease->context(), client, *this,
                                                           snapshotter_name, config);
                                 }),
                  *this);
}

UsageOpt WithUsageManifestLimit(int limit) {
  return [limit](UsageOptions* options) {
    options->manifest_limit = limit;
    return absl::OkStatus();
  };
}

constinit const option::Plain<UsageOpt> WithSnapshotUsage([](UsageOptions* options) {
  options->snapshots = true;
  return absl::OkStatus();
});

constinit const option::Plain<UsageOpt> WithManifestUsage([](UsageOptions* options) {
  options->manifest_only = true;
  return absl::OkStatus();
});

UnpackOpt WithUnpackApplyOpts(std::vector<diff::ApplyOpt> opts) {
  return [opts = std::move(opts)](const Context&, UnpackConfig* config) {
    config->apply_opts.insert(config->apply_opts.end(), opts.begin(), opts.end());
    return absl::OkStatus();
  };
}

constinit const option::Plain<UnpackOpt> WithSnapshotterPlatformCheck([](const Context&,
                                                                         UnpackConfig* config) {
  config->check_platform_supported = true;
  return absl::OkStatus();
});

UnpackOpt WithLocalUnpack(std::int64_t max_layer_size) {
  return [max_layer_size](const Context&, UnpackConfig* config) {
    config->local = true;
    config->max_layer_size = max_layer_size;
    return absl::OkStatus();
  };
}

UnpackOpt WithUnpackApplier(std::shared_ptr<diff::Applier> applier) {
  return [applier = std::move(applier)](const Context&, UnpackConfig* config) {
    config->applier = applier;
    return absl::OkStatus();
  };
}

UnpackOpt WithUnpackDuplicationSuppressor(std::shared_ptr<unpack::KeyedLocker> suppressor) {
  return [suppressor = std::move(suppressor)](const Context&, UnpackConfig* config) {
    config->duplication_suppressor = suppressor;
    return absl::OkStatus();
  };
}

UnpackOpt WithUnpackLimiter(std::shared_ptr<Semaphore> limiter) {
  return [limiter = std::move(limiter)](const Context&, UnpackConfig* config) {
    config->limiter = limiter;
    return absl::OkStatus();
  };
}

}  // namespace containerd
