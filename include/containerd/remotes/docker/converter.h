// SPDX-License-Identifier: Apache-2.0
//
// Source: core/remotes/docker/converter.go.
#ifndef CONTAINERD_REMOTES_DOCKER_CONVERTER_H_
#define CONTAINERD_REMOTES_DOCKER_CONVERTER_H_

#include <absl/status/statusor.h>

#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/ocispec/descriptor.h"

namespace containerd::remotes::docker {

// The media type of configs that some old registries and builders give.
inline constexpr char kLegacyConfigMediaType[] = "application/octet-stream";

// If the manifest's config has the legacy media type, stores a manifest with that of Docker's
// schema 2 instead and returns its descriptor; else returns `desc`. Indexes are not looked into.
CONTAINERD_EXPORT absl::StatusOr<ocispec::Descriptor> ConvertManifest(
    const Context& ctx, content::Store& store, const ocispec::Descriptor& desc);

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_REMOTES_DOCKER_CONVERTER_H_
