// SPDX-License-Identifier: Apache-2.0
#include "layers.h"

#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <fmt/format.h>

#include "containerd/compression/compression.h"
#include "containerd/content/helpers.h"
#include "containerd/digest/digest.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"
#include "containerd/io/io.h"
#include "containerd/labels/labels.h"

#include "src/base/cleanup.h"

namespace containerd::images::archive {
namespace {

absl::StatusOr<bool> IsCompressed(const Context& ctx, content::Store& store,
                                  const ocispec::Descriptor& desc) {
  absl::StatusOr<std::unique_ptr<content::ReaderAt>> reader = store.ReaderAt(ctx, desc);
  if (!reader.ok()) return reader.status();
  std::string head(10, '\0');
  absl::StatusOr<std::size_t> n = (*reader)->ReadAt(ctx, head, 0);
  if (!n.ok()) return n.status();
  head.resize(*n);
  return compression::DetectCompression(head) != compression::Compression::kUncompressed;
}

// Writes what `writer` is compressed from `desc`, and commits it.
absl::StatusOr<ocispec::Descriptor> CompressTo(const Context& ctx, content::Store& store,
                                               const ocispec::Descriptor& desc,
                                               content::Writer& writer) {
  if (absl::Status s = writer.Truncate(ctx, 0); !s.ok()) return s;
  absl::StatusOr<std::unique_ptr<content::ReaderAt>> blob = store.ReaderAt(ctx, desc);
  if (!blob.ok()) return blob.status();
  const std::unique_ptr<io::Reader> reader = content::NewReader(*std::move(blob));
  auto gzip = compression::CompressStream(writer, compression::Compression::kGzip);
  if (!gzip.ok()) return gzip.status();
  absl::StatusOr<std::int64_t> copied = io::Copy(ctx, **gzip, *reader);
  if (!copied.ok()) return copied.status();
  if (absl::Status s = (*gzip)->Close(ctx); !s.ok()) return s;

  absl::StatusOr<content::Status> status = writer.Status(ctx);
  if (!status.ok()) return status.status();
  ocispec::Descriptor result{.media_type = kMediaTypeDockerSchema2LayerGzip,
                             .digest = writer.Digest().String(),
                             .size = status->offset};
  absl::Status committed =
      writer.Commit(ctx, result.size, result.digest,
                    {content::WithLabels({{labels::kLabelUncompressed, desc.digest}})});
  if (!committed.ok() && !errdefs::IsAlreadyExists(committed)) return committed;
  return result;
}

absl::StatusOr<ocispec::Descriptor> CompressBlob(const Context& ctx, content::Store& store,
                                                 const ocispec::Descriptor& desc) {
  const digest::Digest dgst(desc.digest);
  const std::string ref =
      fmt::format("compress-blob-{}-{}", dgst.Algorithm().String(), dgst.Encoded());
  const auto annotate = [&](const absl::Status& status) {
    return errdefs::Annotate(status, fmt::format("compressing \"{}\"", desc.digest));
  };
  auto writer = content::OpenWriter(ctx, store, {content::WithRef(ref)});
  if (!writer.ok()) return annotate(writer.status());
  absl::StatusOr<ocispec::Descriptor> result = CompressTo(ctx, store, desc, **writer);
  writer->reset();
  if (!result.ok()) {
    static_cast<void>(store.Abort(base::CleanUpContext(ctx), ref));
    return annotate(result.status());
  }
  return result;
}

}  // namespace

absl::Status ResolveLayers(const Context& ctx, content::Store& store, bool compress,
                           std::vector<ocispec::Descriptor>& layers) {
  // Compressed forms that the store has, by the digest of the uncompressed one.
  std::map<std::string, content::Info> compressed;
  std::vector<std::string> filters;
  for (const ocispec::Descriptor& layer : layers) {
    filters.push_back(fmt::format("labels.\"{}\"=={}", labels::kLabelUncompressed, layer.digest));
  }
  if (!filters.empty()) {
    const auto collect = [&](const content::Info& info) {
      const auto label = info.labels.find(labels::kLabelUncompressed);
      if (label != info.labels.end()) compressed.emplace(label->second, info);
      return absl::OkStatus();
    };
    if (absl::Status s = store.Walk(ctx, collect, filters); !s.ok()) {
      return errdefs::Annotate(s, "failure checking for compressed blobs");
    }
  }

  for (ocispec::Descriptor& layer : layers) {
    if (const auto found = compressed.find(layer.digest); found != compressed.end()) {
      layer.digest = found->second.digest;
      layer.size = found->second.size;
    }
    absl::StatusOr<bool> is_compressed = IsCompressed(ctx, store, layer);
    if (!is_compressed.ok()) {
      return errdefs::Annotate(
          is_compressed.status(),
          fmt::format("failed to detect compression of layer \"{}\"", layer.digest));
    }
    if (*is_compressed) {
      // The type for gzip is used for zstd, too: daemons detect the compression from the content,
      // and not all of them know a media type for zstd.
      layer.media_type = kMediaTypeDockerSchema2LayerGzip;
    } else if (compress) {
      absl::StatusOr<ocispec::Descriptor> made = CompressBlob(ctx, store, layer);
      if (!made.ok()) return made.status();
      layer = *std::move(made);
    } else {
      layer.media_type = kMediaTypeDockerSchema2Layer;
    }
  }
  return absl::OkStatus();
}

}  // namespace containerd::images::archive
