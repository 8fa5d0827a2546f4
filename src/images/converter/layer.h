// SPDX-License-Identifier: Apache-2.0
//
// Layers written again with another compression.
#ifndef CONTAINERD_SRC_IMAGES_CONVERTER_LAYER_H_
#define CONTAINERD_SRC_IMAGES_CONVERTER_LAYER_H_

#include <optional>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "containerd/compression/compression.h"
#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/ocispec/descriptor.h"

namespace containerd::images::converter {

// How a layer of this type says that it is compressed; nullopt if it is no layer, or one that is
// wrapped in something else.
std::optional<compression::Compression> CompressionOf(std::string_view media_type);

// The media type for such a layer when it is compressed so; nullopt if there is none.
std::optional<std::string> LayerType(std::string_view media_type, compression::Compression to);

// Writes the layer again, compressed so. Its labels stay but for that of the diff id, which a
// compressed layer gets. `ref` names the upload.
absl::StatusOr<ocispec::Descriptor> Recompress(const Context& ctx, content::Store& cs,
                                               const ocispec::Descriptor& desc,
                                               compression::Compression to, std::string_view ref);

}  // namespace containerd::images::converter

#endif  // CONTAINERD_SRC_IMAGES_CONVERTER_LAYER_H_
