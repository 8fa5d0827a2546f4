// SPDX-License-Identifier: Apache-2.0
#include "containerd/images/mediatypes.h"

#include <algorithm>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/annotations.h"
#include "containerd/ocispec/mediatypes.h"

namespace containerd::images {
namespace {

// A type and what it is wrapped in: "…tar" and "gzip+encrypted" of "…tar+gzip+encrypted".
struct Parsed {
  std::string_view base;
  std::string_view suffixes;
};

Parsed Parse(std::string_view media_type) {
  const std::size_t plus = media_type.find('+');
  if (plus == std::string_view::npos) return {media_type, {}};
  return {media_type.substr(0, plus), media_type.substr(plus + 1)};
}

// The suffix that sorts last, which is the one that Go goes by. Of more than 50 suffixes the 50th
// is all the rest, as in Go.
std::string_view LastInOrder(std::string_view suffixes) {
  std::string_view last;
  for (int i = 1; !suffixes.empty(); ++i) {
    const std::size_t plus = i < 50 ? suffixes.find('+') : std::string_view::npos;
    last = std::max(last, suffixes.substr(0, plus));
    suffixes = plus == std::string_view::npos ? std::string_view() : suffixes.substr(plus + 1);
  }
  return last;
}

template <typename... Types>
bool IsAnyOf(std::string_view media_type, const Types&... types) {
  return ((media_type == types) || ...);
}

}  // namespace

absl::StatusOr<std::string> DiffCompression(std::string_view media_type) {
  const auto [base, suffixes] = Parse(media_type);
  const bool wrapped = base.size() < media_type.size();
  if (IsAnyOf(base, kMediaTypeDockerSchema2Layer, kMediaTypeDockerSchema2LayerForeign)) {
    return wrapped ? "" : "unknown";
  }
  if (IsAnyOf(base, kMediaTypeDockerSchema2LayerGzip, kMediaTypeDockerSchema2LayerForeignGzip)) {
    return wrapped ? "" : "gzip";
  }
  if (base == kMediaTypeDockerSchema2LayerZstd) return wrapped ? "" : "zstd";
  if (IsAnyOf(base, ocispec::kMediaTypeImageLayer, ocispec::kMediaTypeImageLayerNonDistributable)) {
    const std::string_view suffix = LastInOrder(suffixes);
    return IsAnyOf(suffix, "gzip", "zstd") ? std::string(suffix) : "";
  }
  return errdefs::NotImplemented(fmt::format("unrecognised mediatype \"{}\"", media_type));
}

bool IsNonDistributable(std::string_view media_type) {
  return media_type.starts_with("application/vnd.oci.image.layer.nondistributable.") ||
         media_type.starts_with("application/vnd.docker.image.rootfs.foreign.");
}

bool IsLayerType(std::string_view media_type) {
  return media_type.starts_with("application/vnd.oci.image.layer.") ||
         IsAnyOf(Parse(media_type).base, kMediaTypeDockerSchema2Layer,
                 kMediaTypeDockerSchema2LayerGzip, kMediaTypeDockerSchema2LayerForeign,
                 kMediaTypeDockerSchema2LayerForeignGzip, kMediaTypeDockerSchema2LayerZstd,
                 kMediaTypeErofsLayer);
}

bool IsDockerType(std::string_view media_type) {
  return media_type.starts_with("application/vnd.docker.");
}

bool IsManifestType(std::string_view media_type) {
  return IsAnyOf(media_type, kMediaTypeDockerSchema2Manifest, ocispec::kMediaTypeImageManifest);
}

bool IsIndexType(std::string_view media_type) {
  return IsAnyOf(media_type, ocispec::kMediaTypeImageIndex, kMediaTypeDockerSchema2ManifestList);
}

bool IsConfigType(std::string_view media_type) {
  return IsAnyOf(media_type, kMediaTypeDockerSchema2Config, ocispec::kMediaTypeImageConfig);
}

bool IsKnownConfig(std::string_view media_type) {
  return IsConfigType(media_type) || IsAnyOf(media_type, kMediaTypeContainerd1Checkpoint,
                                             kMediaTypeContainerd1CheckpointConfig);
}

bool IsAttestationType(std::string_view media_type) { return media_type == kMediaTypeInToto; }

std::vector<std::string> ChildGCLabels(const ocispec::Descriptor& desc) {
  if (desc.annotations.contains(kAnnotationManifestSubject)) {
    return {"containerd.io/gc.ref.content.referrer.sha256."};
  }
  if (IsKnownConfig(desc.media_type)) return {"containerd.io/gc.ref.content.config"};
  if (IsManifestType(desc.media_type)) return {"containerd.io/gc.ref.content.m."};
  if (IsLayerType(desc.media_type)) return {"containerd.io/gc.ref.content.l."};
  return {"containerd.io/gc.ref.content."};
}

std::vector<std::string> ChildGCLabelsFilterLayers(const ocispec::Descriptor& desc) {
  if (IsLayerType(desc.media_type)) return {};
  return ChildGCLabels(desc);
}

}  // namespace containerd::images
