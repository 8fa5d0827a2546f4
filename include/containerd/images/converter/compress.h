// SPDX-License-Identifier: Apache-2.0
//
// Package images/converter/compress: layers compressed with gzip or zstd, whatever they were
// compressed with before.
//
//   namespace converter = images::converter;
//   auto image = converter::Convert(ctx, client, "tools:zstd", "tools:latest",
//                                   {converter::WithLayerConvertFunc(
//                                       converter::compress::LayerConvertFunc(
//                                           compression::Compression::kZstd))});
//
// Go has no such package; nerdctl and ctr have converters of their own.
#ifndef CONTAINERD_IMAGES_CONVERTER_COMPRESS_H_
#define CONTAINERD_IMAGES_CONVERTER_COMPRESS_H_

#include "containerd/compression/compression.h"
#include "containerd/export/export.h"
#include "containerd/images/converter/converter.h"

namespace containerd::images::converter::compress {

// Makes a function that compresses layers so, kUncompressed being uncompress::LayerConvertFunc.
// Diff ids stay. The function returns nullopt for what is no layer, is compressed so already, or is
// encrypted; ErrDataLoss for a damaged layer, ErrNotImplemented for kUnknown.
CONTAINERD_EXPORT ConvertFunc LayerConvertFunc(compression::Compression to);

}  // namespace containerd::images::converter::compress

#endif  // CONTAINERD_IMAGES_CONVERTER_COMPRESS_H_
