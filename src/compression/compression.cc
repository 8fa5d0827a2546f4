// SPDX-License-Identifier: Apache-2.0
#include "containerd/compression/compression.h"

#include <utility>

#include "containerd/errdefs/errdefs.h"

#include "gzip_stream.h"
#include "input.h"
#include "zstd_stream.h"

namespace containerd::compression {
namespace {

class Plain final : public DecompressReadCloser {
 public:
  explicit Plain(Input input) : input_(std::move(input)) {}

  Compression GetCompression() const override { return Compression::kUncompressed; }

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    return input_.Read(ctx, buf);
  }

 private:
  Input input_;
};

class PlainWriter final : public WriteCloser {
 public:
  explicit PlainWriter(io::Writer& dest) : dest_(dest) {}

  absl::Status Write(const Context& ctx, std::string_view data) override {
    if (closed_) return errdefs::FailedPrecondition("the stream has been closed");
    return dest_.Write(ctx, data);
  }
  absl::Status Close(const Context& /*ctx*/) override {
    closed_ = true;
    return absl::OkStatus();
  }

 private:
  io::Writer& dest_;
  bool closed_ = false;
};

absl::StatusOr<std::unique_ptr<DecompressReadCloser>> Decompress(const Context& ctx, Input input) {
  // As long as the longest magic number; Go looks at as many.
  absl::StatusOr<std::string_view> head = input.Peek(ctx, 10);
  if (!head.ok()) return head.status();
  switch (DetectCompression(*head)) {
    case Compression::kGzip:
      return NewGzipReader(std::move(input));
    case Compression::kZstd:
      return NewZstdReader(std::move(input));
    default:
      return std::make_unique<Plain>(std::move(input));
  }
}

}  // namespace

std::string_view ToString(Compression compression) {
  switch (compression) {
    case Compression::kUncompressed:
      return "uncompressed";
    case Compression::kGzip:
      return "gzip";
    case Compression::kZstd:
      return "zstd";
    case Compression::kUnknown:
      return "unknown";
  }
  return "unknown";
}

std::string_view Extension(Compression compression) {
  switch (compression) {
    case Compression::kGzip:
      return "gz";
    case Compression::kZstd:
      return "zst";
    case Compression::kUnknown:
      return "unknown";
    case Compression::kUncompressed:
      break;
  }
  return "";
}

Compression DetectCompression(std::string_view source) {
  if (source.starts_with("\x1f\x8b\x08")) return Compression::kGzip;
  if (source.starts_with("\x28\xb5\x2f\xfd")) return Compression::kZstd;
  // A skippable frame's magic number, 0x184D2A50 to 0x184D2A5F, and its size.
  if (source.size() >= 8 && (static_cast<unsigned char>(source[0]) & 0xf0U) == 0x50 &&
      source.substr(1, 3) == "\x2a\x4d\x18") {
    return Compression::kZstd;
  }
  return Compression::kUncompressed;
}

absl::StatusOr<std::unique_ptr<DecompressReadCloser>> DecompressStream(const Context& ctx,
                                                                       io::Reader& archive) {
  return Decompress(ctx, Input(archive));
}

absl::StatusOr<std::unique_ptr<DecompressReadCloser>> DecompressStream(
    const Context& ctx, std::unique_ptr<io::Reader> archive) {
  return Decompress(ctx, Input(std::move(archive)));
}

absl::StatusOr<std::unique_ptr<WriteCloser>> CompressStream(io::Writer& dest,
                                                            Compression compression) {
  switch (compression) {
    case Compression::kUncompressed:
      return std::make_unique<PlainWriter>(dest);
    case Compression::kGzip:
      return NewGzipWriter(dest);
    case Compression::kZstd:
      return NewZstdWriter(dest);
    case Compression::kUnknown:
      break;
  }
  return errdefs::NotImplemented("unsupported compression format \"unknown\"");
}

}  // namespace containerd::compression
