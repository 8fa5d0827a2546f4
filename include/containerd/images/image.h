// SPDX-License-Identifier: Apache-2.0
//
// Package images: what the content behind an image's descriptor says: its manifest for a platform,
// its config and layers.
//
//   auto manifest = images::Manifest(ctx, *store, image.target, platforms::Default());
//   if (!manifest.ok()) return manifest.status();
//   auto diff_ids = images::RootFS(ctx, *store, manifest->config);
//
// Content may come from anywhere: manifests and indexes are read up to kMaxManifestSize and have to
// be what their media type says, in which case a document that is both (or Docker's schema 1) is
// refused. Errors name the content: ErrNotFound if it is not in the store, ErrInvalidArgument if it
// is not a document of its type, ErrResourceExhausted if it is too large. All functions are safe
// from any thread.
//
// Source: core/images/image.go.
#ifndef CONTAINERD_IMAGES_IMAGE_H_
#define CONTAINERD_IMAGES_IMAGE_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/digest/digest.h"
#include "containerd/export/export.h"
#include "containerd/images/store.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/ocispec/image.h"
#include "containerd/ocispec/manifest.h"
#include "containerd/platforms/platforms.h"

namespace containerd::images {

// Most bytes of a manifest or an index, as of containerd's resolver (docker.MaxManifestSize).
inline constexpr std::int64_t kMaxManifestSize = std::int64_t{4} * 1048 * 1048;

// The manifest of `image` for a platform; of several in an index the best, and any if `platform` is
// nullptr. Where the index names no platform, that of the config counts. A manifest that is not in
// an index is returned for any platform. ErrNotFound if there is none for the platform.
// Source: images.Manifest.
CONTAINERD_EXPORT absl::StatusOr<ocispec::Manifest> Manifest(
    const Context& ctx, content::Provider& provider, const ocispec::Descriptor& image,
    const platforms::MatchComparerPtr& platform);

// The same for the descriptor of its config. Source: images.Config.
CONTAINERD_EXPORT absl::StatusOr<ocispec::Descriptor> Config(
    const Context& ctx, content::Provider& provider, const ocispec::Descriptor& image,
    const platforms::MatchComparerPtr& platform);

// The platforms of the manifests, where an index does not say it those of their configs. "unknown"
// ones, as those of attestations, are left out. Source: images.Platforms.
CONTAINERD_EXPORT absl::StatusOr<std::vector<ocispec::Platform>> Platforms(
    const Context& ctx, content::Provider& provider, const ocispec::Descriptor& image);

// What Check found.
struct CheckResult {
  // `required` is complete: the manifest could be read.
  bool available = false;
  std::vector<ocispec::Descriptor> required;
  std::vector<ocispec::Descriptor> present;
  std::vector<ocispec::Descriptor> missing;
};

// Whether the store has the config and layers of the manifest for the platform. What is missing is
// not an error. Source: images.Check.
CONTAINERD_EXPORT absl::StatusOr<CheckResult> Check(const Context& ctx, content::Provider& provider,
                                                    const ocispec::Descriptor& image,
                                                    const platforms::MatchComparerPtr& platform);

// What a manifest or index refers to; nothing for other types. Source: images.Children.
CONTAINERD_EXPORT absl::StatusOr<std::vector<ocispec::Descriptor>> Children(
    const Context& ctx, content::Provider& provider, const ocispec::Descriptor& desc);

// The digests of the uncompressed layers that a config lists, lowest first. Source: images.RootFS.
CONTAINERD_EXPORT absl::StatusOr<std::vector<digest::Digest>> RootFS(
    const Context& ctx, content::Provider& provider, const ocispec::Descriptor& config_desc);

// The platform that a config names, normalized. Source: images.ConfigPlatform.
CONTAINERD_EXPORT absl::StatusOr<ocispec::Platform> ConfigPlatform(
    const Context& ctx, content::Provider& provider, const ocispec::Descriptor& config_desc);

// The digest of a layer when it is uncompressed: found in its label, or by inflating it; then the
// label is set. Source: images.GetDiffID.
CONTAINERD_EXPORT absl::StatusOr<digest::Digest> GetDiffID(const Context& ctx, content::Store& cs,
                                                           const ocispec::Descriptor& desc);

// Checks that a document is what its media type says. ErrInvalidArgument if it is not JSON, if it
// is Docker's schema 1, and for a manifest with an index's members or media type, and the reverse.
// Source: images.validateMediaType.
CONTAINERD_EXPORT absl::Status ValidateMediaType(std::string_view document,
                                                 std::string_view media_type);

}  // namespace containerd::images

#endif  // CONTAINERD_IMAGES_IMAGE_H_
