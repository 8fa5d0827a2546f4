// SPDX-License-Identifier: Apache-2.0
//
// Package compression: streams that inflate and deflate gzip and zstd.
//
//   auto layer = compression::DecompressStream(ctx, blob);    // Whatever it is compressed with.
//   if (!layer.ok()) return layer.status();
//   absl::StatusOr<std::int64_t> n = io::Copy(ctx, tar_file, **layer);
//
// Streams take constant memory: some 300 KiB for gzip, and for zstd what its frames ask for as
// window, at most 128 MiB. They work on the calling thread and belong to one thread at a time.
//
// Source: pkg/archive/compression; the formats are RFC 1952 and RFC 8878.
#ifndef CONTAINERD_COMPRESSION_COMPRESSION_H_
#define CONTAINERD_COMPRESSION_COMPRESSION_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/io/io.h"

namespace containerd::compression {

enum class Compression : std::uint8_t {
  kUncompressed,
  kGzip,
  kZstd,
  kUnknown,  // Known to a stream processor of the daemon only.
};

// "uncompressed", "gzip", "zstd", "unknown".
CONTAINERD_EXPORT std::string_view ToString(Compression compression);

// "gz", "zst", "unknown", or "" for kUncompressed. Source: Compression.Extension.
CONTAINERD_EXPORT std::string_view Extension(Compression compression);

// How something is compressed that begins with these bytes; 10 tell it. What is neither gzip nor
// zstd (a skippable frame is zstd, too) counts as uncompressed. Source:
// compression.DetectCompression.
CONTAINERD_EXPORT Compression DetectCompression(std::string_view source);

// A stream that inflates another.
class CONTAINERD_EXPORT DecompressReadCloser : public io::Reader {
 public:
  // How the input is compressed.
  virtual Compression GetCompression() const = 0;
};

// Reads the beginning of `archive` and returns a reader of all of it, inflated. gzip members and
// zstd frames that follow one another are one stream. An empty input is an empty uncompressed one.
// Reading fails with ErrDataLoss, "gzip: …" or "zstd: …", if the input is damaged, ends too early
// or is followed by something else. `archive` outlives the result in the first form, and is taken
// over in the second. Source: compression.DecompressStream.
CONTAINERD_EXPORT absl::StatusOr<std::unique_ptr<DecompressReadCloser>> DecompressStream(
    const Context& ctx, io::Reader& archive);
CONTAINERD_EXPORT absl::StatusOr<std::unique_ptr<DecompressReadCloser>> DecompressStream(
    const Context& ctx, std::unique_ptr<io::Reader> archive);

// A stream that deflates into another.
class CONTAINERD_EXPORT WriteCloser : public io::Writer {
 public:
  // Writes what is still held back and the end of the format; does not close the writer below.
  // Without it the output is truncated. Writing after it fails with ErrFailedPrecondition.
  virtual absl::Status Close(const Context& ctx) = 0;
};

// Compresses to `dest`, which outlives the result, at the libraries' default levels. The same input
// gives the same output. ErrNotImplemented for kUnknown. Source: compression.CompressStream.
CONTAINERD_EXPORT absl::StatusOr<std::unique_ptr<WriteCloser>> CompressStream(
    io::Writer& dest, Compression compression);

}  // namespace containerd::compression

#endif  // CONTAINERD_COMPRESSION_COMPRESSION_H_
