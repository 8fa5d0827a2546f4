// SPDX-License-Identifier: Apache-2.0
//
// The layers of `docker save`, which come without descriptors.
#ifndef CONTAINERD_SRC_IMAGES_ARCHIVE_LAYERS_H_
#define CONTAINERD_SRC_IMAGES_ARCHIVE_LAYERS_H_

#include <vector>

#include <absl/status/status.h>

#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/ocispec/descriptor.h"

namespace containerd::images::archive {

// Completes descriptors that have digest and size. An uncompressed layer of which the store has a
// compressed form is replaced by that, and otherwise compressed if `compress` says so.
// Source: resolveLayers.
absl::Status ResolveLayers(const Context& ctx, content::Store& store, bool compress,
                           std::vector<ocispec::Descriptor>& layers);

}  // namespace containerd::images::archive

#endif  // CONTAINERD_SRC_IMAGES_ARCHIVE_LAYERS_H_
