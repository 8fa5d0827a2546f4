// SPDX-License-Identifier: Apache-2.0
#include "layer.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include <absl/time/time.h>
#include <fmt/format.h>

#include "containerd/content/helpers.h"
#include "containerd/digest/digest.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/converter/compress.h"
#include "containerd/images/converter/uncompress.h"
#include "containerd/images/mediatypes.h"
#include "containerd/io/io.h"
#include "containerd/labels/labels.h"
#include "containerd/ocispec/mediatypes.h"

#include "src/base/cleanup.h"

namespace containerd::images::converter {
namespace {

using compression::Compression;

// The types of one kind of layer; empty if there is none.
struct LayerTypes {
  std::string_view uncompressed;
  std::string_view gzip;
  std::string_view zstd;
};

constexpr auto kLayerTypes = std::to_array<LayerTypes>({
    {ocispec::kMediaTypeImageLayer, ocispec::kMediaTypeImageLayerGzip,
     ocispec::kMediaTypeImageLayerZstd},
    {ocispec::kMediaTypeImageLayerNonDistributable,
     ocispec::kMediaTypeImageLayerNonDistributableGzip,
     ocispec::kMediaTypeImageLayerNonDistributableZstd},
    {kMediaTypeDockerSchema2Layer, kMediaTypeDockerSchema2LayerGzip,
     kMediaTypeDockerSchema2LayerZstd},
    {kMediaTypeDockerSchema2LayerForeign, kMediaTypeDockerSchema2LayerForeignGzip, ""},
});

const LayerTypes* TypesOf(std::string_view media_type) {
  const auto* found = std::ranges::find_if(kLayerTypes, [&](const LayerTypes& types) {
    return media_type == types.uncompressed || media_type == types.gzip || media_type == types.zstd;
  });
  return media_type.empty() || found == kLayerTypes.end() ? nullptr : found;
}

// Copies `from` to `to`, and returns the digest of what that was.
absl::StatusOr<digest::Digest> CopyAndDigest(const Context& ctx, io::Writer& to, io::Reader& from) {
  digest::Digester digester;
  std::vector<char> buf(io::kCopyBufferSize);
  for (;;) {
    absl::StatusOr<std::size_t> n = from.Read(ctx, buf);
    if (!n.ok()) return n.status();
    if (*n == 0) return digester.Digest();
    const std::string_view data(buf.data(), *n);
    digester.Write(data);
    if (absl::Status s = to.Write(ctx, data); !s.ok()) return s;
  }
}

absl::StatusOr<ocispec::Descriptor> RecompressTo(const Context& ctx, content::Store& cs,
                                                 const ocispec::Descriptor& desc, Compression to,
                                                 content::Writer& writer) {
  absl::StatusOr<content::Info> info = cs.Info(ctx, desc.digest);
  if (!info.ok()) return info.status();
  // Bytes that a conversion which was cut off may have left are dropped.
  if (absl::Status s = writer.Truncate(ctx, 0); !s.ok()) return s;
  absl::StatusOr<std::unique_ptr<content::ReaderAt>> blob = cs.ReaderAt(ctx, desc);
  if (!blob.ok()) return blob.status();
  auto layer = compression::DecompressStream(ctx, content::NewReader(*std::move(blob)));
  if (!layer.ok()) return layer.status();

  Labels labels = std::move(info->labels);
  labels.erase(labels::kLabelUncompressed);
  if (to == Compression::kUncompressed) {
    auto diff_id = CopyAndDigest(ctx, writer, **layer);
    if (!diff_id.ok()) return diff_id.status();
  } else {
    auto compressed = compression::CompressStream(writer, to);
    if (!compressed.ok()) return compressed.status();
    auto diff_id = CopyAndDigest(ctx, **compressed, **layer);
    if (!diff_id.ok()) return diff_id.status();
    if (absl::Status s = (*compressed)->Close(ctx); !s.ok()) return s;
    labels[labels::kLabelUncompressed] = diff_id->String();
  }

  absl::StatusOr<content::Status> status = writer.Status(ctx);
  if (!status.ok()) return status.status();
  ocispec::Descriptor result = desc;
  result.digest = writer.Digest().String();
  result.size = status->offset;
  result.media_type = LayerType(desc.media_type, to).value_or(desc.media_type);
  // What else there is to say of the old bytes.
  result.urls.clear();
  result.data.clear();
  absl::Status committed =
      writer.Commit(ctx, result.size, result.digest, {content::WithLabels(std::move(labels))});
  if (!committed.ok() && !errdefs::IsAlreadyExists(committed)) return committed;
  return result;
}

}  // namespace

std::optional<Compression> CompressionOf(std::string_view media_type) {
  const LayerTypes* types = TypesOf(media_type);
  if (types == nullptr) return std::nullopt;
  if (media_type == types->gzip) return Compression::kGzip;
  return media_type == types->zstd ? Compression::kZstd : Compression::kUncompressed;
}

std::optional<std::string> LayerType(std::string_view media_type, Compression to) {
  const LayerTypes* types = TypesOf(media_type);
  if (types == nullptr) return std::nullopt;
  const std::string_view type = to == Compression::kGzip   ? types->gzip
                                : to == Compression::kZstd ? types->zstd
                                                           : types->uncompressed;
  if (type.empty()) return std::nullopt;
  return std::string(type);
}

absl::StatusOr<ocispec::Descriptor> Recompress(const Context& ctx, content::Store& cs,
                                               const ocispec::Descriptor& desc, Compression to,
                                               std::string_view ref) {
  const auto annotate = [&](const absl::Status& s) {
    return errdefs::Annotate(s, fmt::format("converting layer \"{}\"", desc.digest));
  };
  auto writer = content::OpenWriter(ctx, cs, {content::WithRef(std::string(ref))});
  if (!writer.ok()) return annotate(writer.status());
  absl::StatusOr<ocispec::Descriptor> result = RecompressTo(ctx, cs, desc, to, **writer);
  writer->reset();
  if (!result.ok()) {
    static_cast<void>(cs.Abort(base::CleanUpContext(ctx), ref));
    return annotate(result.status());
  }
  return result;
}

namespace uncompress {

absl::StatusOr<std::optional<ocispec::Descriptor>> LayerConvertFunc(
    const Context& ctx, content::Store& cs, const ocispec::Descriptor& desc) {
  const std::optional<Compression> from = CompressionOf(desc.media_type);
  if (!from.has_value() || *from == Compression::kUncompressed) return std::nullopt;
  return Recompress(ctx, cs, desc, Compression::kUncompressed,
                    fmt::format("convert-uncompress-from-{}", desc.digest));
}

bool IsUncompressedType(std::string_view media_type) {
  return CompressionOf(media_type) == Compression::kUncompressed;
}

}  // namespace uncompress

namespace compress {

ConvertFunc LayerConvertFunc(Compression to) {
  if (to == Compression::kUncompressed) return uncompress::LayerConvertFunc;
  return [to](const Context& ctx, content::Store& cs, const ocispec::Descriptor& desc)
             -> absl::StatusOr<std::optional<ocispec::Descriptor>> {
    if (to == Compression::kUnknown) {
      return errdefs::NotImplemented("layers cannot be compressed in an unknown way");
    }
    const std::optional<Compression> from = CompressionOf(desc.media_type);
    if (!from.has_value() || *from == to || !LayerType(desc.media_type, to).has_value()) {
      return std::nullopt;
    }
    return Recompress(ctx, cs, desc, to,
                      fmt::format("convert-{}-from-{}", compression::Extension(to), desc.digest));
  };
}

}  // namespace compress
}  // namespace containerd::images::converter
