// SPDX-License-Identifier: Apache-2.0
//
// Package snapshotters: what a pull tells remote snapshotters about the image. A remote snapshotter
// can make a layer's snapshot before the layer is downloaded. It is told by annotations of the
// layers, which become labels of their snapshots.
//
//   auto image = client.Pull(ctx, ref,
//                            {WithPullUnpack, WithImageHandlerWrapper(
//                                                 snapshotters::AppendInfoHandlerWrapper(ref))});
//
// Source: pkg/snapshotters.
#ifndef CONTAINERD_SNAPSHOTTERS_ANNOTATIONS_H_
#define CONTAINERD_SNAPSHOTTERS_ANNOTATIONS_H_

#include <functional>
#include <string>

#include "containerd/export/export.h"
#include "containerd/images/handlers.h"

namespace containerd::snapshotters {

// The image's reference, the digests of its manifest and of the layer, and those of this layer and
// the ones above it, separated by commas, as far as they fit into a label. (The "cri" of the names
// is history; they are for everybody.)
inline constexpr char kTargetRefLabel[] = "containerd.io/snapshot/cri.image-ref";
inline constexpr char kTargetManifestDigestLabel[] = "containerd.io/snapshot/cri.manifest-digest";
inline constexpr char kTargetLayerDigestLabel[] = "containerd.io/snapshot/cri.layer-digest";
inline constexpr char kTargetImageLayersLabel[] = "containerd.io/snapshot/cri.image-layers";

// Makes of a handler one that also gives the layers of each manifest these annotations.
CONTAINERD_EXPORT std::function<images::Handler(images::Handler)> AppendInfoHandlerWrapper(
    std::string ref);

}  // namespace containerd::snapshotters

#endif  // CONTAINERD_SNAPSHOTTERS_ANNOTATIONS_H_
