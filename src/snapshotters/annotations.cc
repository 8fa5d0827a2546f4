// SPDX-License-Identifier: Apache-2.0
#include "containerd/snapshotters/annotations.h"

#include <cstddef>
#include <span>
#include <utility>

#include "containerd/images/mediatypes.h"
#include "containerd/labels/labels.h"

namespace containerd::snapshotters {
namespace {

// The digests of the layers among `descs`, until the label is full.
std::string LayersLabel(std::span<const ocispec::Descriptor> descs) {
  std::string layers;
  for (const ocispec::Descriptor& desc : descs) {
    if (!images::IsLayerType(desc.media_type)) continue;
    std::string longer = layers.empty() ? desc.digest : layers + "," + desc.digest;
    if (!labels::Validate(kTargetImageLayersLabel, longer).ok()) break;
    layers = std::move(longer);
  }
  return layers;
}

}  // namespace

std::function<images::Handler(images::Handler)> AppendInfoHandlerWrapper(std::string ref) {
  return [ref = std::move(ref)](images::Handler handler) -> images::Handler {
    return [ref, handler = std::move(handler)](
               const Context& ctx,
               const ocispec::Descriptor& desc) -> absl::StatusOr<images::Descriptors> {
      absl::StatusOr<images::Descriptors> children = handler(ctx, desc);
      if (!children.ok() || !images::IsManifestType(desc.media_type)) return children;
      for (std::size_t i = 0; i < children->size(); ++i) {
        ocispec::Descriptor& layer = (*children)[i];
        if (!images::IsLayerType(layer.media_type)) continue;
        layer.annotations[kTargetRefLabel] = ref;
        layer.annotations[kTargetLayerDigestLabel] = layer.digest;
        layer.annotations[kTargetImageLayersLabel] = LayersLabel(std::span(*children).subspan(i));
        layer.annotations[kTargetManifestDigestLabel] = desc.digest;
      }
      return children;
    };
  };
}

}  // namespace containerd::snapshotters
