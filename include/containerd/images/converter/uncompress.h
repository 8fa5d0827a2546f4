// SPDX-License-Identifier: Apache-2.0
//
// Package images/converter/uncompress: layers without compression.
//
//   namespace converter = images::converter;
//   auto image = converter::Convert(
//       ctx, client, "tools:plain", "tools:latest",
//       {converter::WithLayerConvertFunc(converter::uncompress::LayerConvertFunc)});
//
// Source: core/images/converter/uncompress.
#ifndef CONTAINERD_IMAGES_CONVERTER_UNCOMPRESS_H_
#define CONTAINERD_IMAGES_CONVERTER_UNCOMPRESS_H_

#include <optional>
#include <string_view>

#include <absl/status/statusor.h>

#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/ocispec/descriptor.h"

namespace containerd::images::converter::uncompress {

// Inflates a layer of gzip or zstd: "application/vnd.oci.image.layer.v1.tar+gzip" becomes
// "application/vnd.oci.image.layer.v1.tar". Memory does not grow with the layer. nullopt for what
// is no layer, is not compressed, or is encrypted. ErrDataLoss for a damaged layer. A
// converter::ConvertFunc. Source: uncompress.LayerConvertFunc.
CONTAINERD_EXPORT absl::StatusOr<std::optional<ocispec::Descriptor>> LayerConvertFunc(
    const Context& ctx, content::Store& cs, const ocispec::Descriptor& desc);

// Whether it is the media type of a layer that is not compressed. Source:
// uncompress.IsUncompressedType.
CONTAINERD_EXPORT bool IsUncompressedType(std::string_view media_type);

}  // namespace containerd::images::converter::uncompress

#endif  // CONTAINERD_IMAGES_CONVERTER_UNCOMPRESS_H_
