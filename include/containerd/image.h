// SPDX-License-Identifier: Apache-2.0
//
// An image in the daemon's stores: its record, and what its manifests and config say.
//
//   absl::StatusOr<Image> image = client.GetImage(ctx, "docker.io/library/busybox:latest");
//   if (!image.ok()) return image.status();
//   absl::Status unpacked = image->Unpack(ctx, "overlayfs");
//
// Source: client/image.go.
#ifndef CONTAINERD_IMAGE_H_
#define CONTAINERD_IMAGE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/base/attributes.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/client.h"
#include "containerd/context/context.h"
#include "containerd/context/semaphore.h"
#include "containerd/diff/diff.h"
#include "containerd/digest/digest.h"
#include "containerd/export/export.h"
#include "containerd/images/store.h"
#include "containerd/labels/labels.h"
#include "containerd/oci/spec.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/ocispec/image.h"
#include "containerd/option/option.h"
#include "containerd/snapshots/snapshots.h"
#include "containerd/unpack/keyed_locker.h"

namespace containerd {

// How to unpack an image.
struct UnpackConfig {
  std::vector<diff::ApplyOpt> apply_opts;
  std::vector<snapshots::Opt> snapshot_opts;
  // Refuse (ErrNotImplemented) an image for a platform that the snapshotter does not support.
  bool check_platform_supported = false;
  // Applies the layers; nullptr: the daemon does.
  std::shared_ptr<diff::Applier> applier;
  // This process applies them (apply/apply.h), with ISA-L, and Pull while they are downloaded
  // (apply/stream_applier.h); `applier` counts instead if there is one.
  bool local = false;
  std::int64_t max_layer_size = 0;  // Of a local unpack (apply::Options).
  // Pull only: pulls that share this locker do not fetch or unpack the same content at the same
  // time. By default all pulls of a client share one.
  std::shared_ptr<unpack::KeyedLocker> duplication_suppressor;
  // Pull only: apply layers in parallel, at most so many at once, if the snapshotter can
  // (unpack::WithUnpackLimiter).
  std::shared_ptr<Semaphore> limiter;
};

// Changes an UnpackConfig.
using UnpackOpt = option::Option<const Context&, UnpackConfig&>;

// How to count what an image takes.
struct UsageOptions {
  std::optional<int> manifest_limit;
  bool manifest_only = false;
  bool snapshots = false;
};

// Changes UsageOptions.
using UsageOpt = option::Option<UsageOptions&>;

// A handle: copies are the same image. All functions are safe from any thread.
//
// Manifest and config are those of the platform that the image was got for, by default the
// client's; the best match if there are several. Errors name the image; ErrNotFound if it has
// nothing for the platform, or content of it is missing.
class CONTAINERD_EXPORT Image final : public oci::Image {
 public:
  // For the client's platform, or for the given one. Asks nothing of the daemon. Source:
  // client.NewImage, client.NewImageWithPlatform.
  Image(const Client& client, images::Image record);
  Image(const Client& client, images::Image record,
        std::shared_ptr<const platforms::MatchComparer> platform);

  // A move is a copy, so that there is no moved-from handle to trip over.
  Image(const Image&) = default;
  Image& operator=(const Image&) = default;

  const std::string& Name() const ABSL_ATTRIBUTE_LIFETIME_BOUND { return record_->name; }

  // The manifest or index that the image's name stands for.
  const ocispec::Descriptor& Target() const ABSL_ATTRIBUTE_LIFETIME_BOUND {
    return record_->target;
  }

  // The labels of the record as it was when the handle was made.
  const containerd::Labels& Labels() const ABSL_ATTRIBUTE_LIFETIME_BOUND { return record_->labels; }

  // The record as the image store gave it.
  const images::Image& Metadata() const ABSL_ATTRIBUTE_LIFETIME_BOUND { return *record_; }

  // The platform that manifest and config are chosen for.
  std::shared_ptr<const platforms::MatchComparer> Platform() const { return platform_; }

  // Digests of the uncompressed layers, from the bottom up.
  absl::StatusOr<std::vector<digest::Digest>> RootFS(const Context& ctx) const;

  // Bytes of the manifest, config and layers, compressed as they are in the content store.
  absl::StatusOr<std::int64_t> Size(const Context& ctx) const;

  // Bytes of the image's content in the content store, for all platforms and compressed; the
  // options change what is counted.
  absl::StatusOr<std::int64_t> Usage(const Context& ctx,
                                     const std::vector<UsageOpt>& opts = {}) const;

  // The descriptor of the config, and what it says.
  absl::StatusOr<ocispec::Descriptor> Config(const Context& ctx) const override;
  absl::StatusOr<ocispec::Image> Spec(const Context& ctx) const;

  // Whether the snapshotter (empty: the namespace's default) has the image's layers.
  absl::StatusOr<bool> IsUnpacked(const Context& ctx, std::string_view snapshotter_name) const;

  // Makes snapshots of the image's layers with the daemon's diff service. Layers that have a
  // snapshot already are skipped. The snapshots are removed when the image is deleted. After a
  // failure the snapshots made so far stay as long as the context's lease, and the next attempt
  // skips them. Others may unpack the same image at the same time. ErrDataLoss if a layer is not
  // what the config says.
  absl::Status Unpack(const Context& ctx, std::string_view snapshotter_name,
                      const std::vector<UnpackOpt>& opts = {}) const;

  // The client's content store.
  std::shared_ptr<content::Store> ContentStore() const override;

 private:
  Client client_;
  std::shared_ptr<const images::Image> record_;
  std::shared_ptr<const platforms::MatchComparer> platform_;
};

// Counts the best `limit` manifests of each index only; with 0 all of them. What they refer to then
// has to exist: ErrNotFound. By default missing content is not counted.
CONTAINERD_EXPORT UsageOpt WithUsageManifestLimit(int limit);

// Counts the snapshots that the image holds, too.
CONTAINERD_EXPORT extern const option::Plain<UsageOpt> WithSnapshotUsage;

// Counts the sizes that the manifests give, whether or not the content is there.
CONTAINERD_EXPORT extern const option::Plain<UsageOpt> WithManifestUsage;

CONTAINERD_EXPORT UnpackOpt WithUnpackApplyOpts(std::vector<diff::ApplyOpt> opts);
CONTAINERD_EXPORT extern const option::Plain<UnpackOpt> WithSnapshotterPlatformCheck;
// Unpacks in this process instead of in the daemon, which is faster. This process must run as root
// on the daemon's machine, else ErrFailedPrecondition. ErrResourceExhausted for a layer that
// unpacks to more than `max_layer_size` bytes; 0 means nine tenths of the free space.
CONTAINERD_EXPORT UnpackOpt WithLocalUnpack(std::int64_t max_layer_size = 0);
CONTAINERD_EXPORT UnpackOpt WithUnpackApplier(std::shared_ptr<diff::Applier> applier);
CONTAINERD_EXPORT UnpackOpt
WithUnpackDuplicationSuppressor(std::shared_ptr<unpack::KeyedLocker> suppressor);
CONTAINERD_EXPORT UnpackOpt WithUnpackLimiter(std::shared_ptr<Semaphore> limiter);

}  // namespace containerd

#endif  // CONTAINERD_IMAGE_H_
