// SPDX-License-Identifier: Apache-2.0
#include "containerd/images/mediatypes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/annotations.h"
#include "containerd/ocispec/mediatypes.h"

namespace containerd::images {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(MediaTypes, DiffCompression) {
  const std::pair<std::string, std::string> cases[] = {
      {kMediaTypeDockerSchema2Layer, "unknown"},
      {kMediaTypeDockerSchema2LayerForeign, "unknown"},
      {kMediaTypeDockerSchema2LayerGzip, "gzip"},
      {kMediaTypeDockerSchema2LayerForeignGzip, "gzip"},
      {kMediaTypeDockerSchema2LayerZstd, "zstd"},
      {std::string(kMediaTypeDockerSchema2Layer) + "+encrypted", ""},
      {std::string(kMediaTypeDockerSchema2LayerGzip) + "+encrypted", ""},
      {std::string(kMediaTypeDockerSchema2LayerZstd) + "+", ""},
      {ocispec::kMediaTypeImageLayer, ""},
      {ocispec::kMediaTypeImageLayerGzip, "gzip"},
      {ocispec::kMediaTypeImageLayerZstd, "zstd"},
      {ocispec::kMediaTypeImageLayerNonDistributable, ""},
      {ocispec::kMediaTypeImageLayerNonDistributableGzip, "gzip"},
      {ocispec::kMediaTypeImageLayerNonDistributableZstd, "zstd"},
      {std::string(ocispec::kMediaTypeImageLayer) + "+", ""},
      {std::string(ocispec::kMediaTypeImageLayer) + "+xz", ""},
      // The suffix that sorts last counts.
      {kMediaTypeImageLayerEncrypted, ""},
      {kMediaTypeImageLayerGzipEncrypted, "gzip"},
      {std::string(ocispec::kMediaTypeImageLayer) + "+zstd+encrypted", "zstd"},
      {std::string(ocispec::kMediaTypeImageLayer) + "+gzip+", "gzip"},
      {std::string(ocispec::kMediaTypeImageLayer) + "+gzip+toc", ""},
  };
  for (const auto& [media_type, want] : cases) {
    EXPECT_EQ(*DiffCompression(media_type), want) << media_type;
  }
  for (const std::string media_type :
       {"", "+gzip", "text/plain", kMediaTypeDockerSchema2Manifest, ocispec::kMediaTypeImageConfig,
        kMediaTypeErofsLayer, "application/vnd.oci.image.layer.v1.tar.gzip"}) {
    const absl::Status s = DiffCompression(media_type).status();
    EXPECT_EQ(s, errdefs::NotImplemented("unrecognised mediatype \"" + media_type + "\""));
  }
}

// Which functions say yes to a type.
std::string Kinds(std::string_view media_type) {
  std::string kinds;
  if (IsNonDistributable(media_type)) kinds += "non-distributable ";
  if (IsLayerType(media_type)) kinds += "layer ";
  if (IsDockerType(media_type)) kinds += "docker ";
  if (IsManifestType(media_type)) kinds += "manifest ";
  if (IsIndexType(media_type)) kinds += "index ";
  if (IsConfigType(media_type)) kinds += "config ";
  if (IsKnownConfig(media_type)) kinds += "known-config ";
  if (IsAttestationType(media_type)) kinds += "attestation ";
  return kinds;
}

TEST(MediaTypes, Kinds) {
  const std::pair<std::string, std::string> cases[] = {
      {kMediaTypeDockerSchema2Layer, "layer docker "},
      {kMediaTypeDockerSchema2LayerGzip, "layer docker "},
      {kMediaTypeDockerSchema2LayerZstd, "layer docker "},
      {kMediaTypeDockerSchema2LayerForeign, "non-distributable layer docker "},
      {kMediaTypeDockerSchema2LayerForeignGzip, "non-distributable layer docker "},
      {std::string(kMediaTypeDockerSchema2LayerGzip) + "+encrypted", "layer docker "},
      {kMediaTypeDockerSchema2Config, "docker config known-config "},
      {kMediaTypeDockerSchema2Manifest, "docker manifest "},
      {kMediaTypeDockerSchema2ManifestList, "docker index "},
      {kMediaTypeDockerSchema1Manifest, "docker "},
      {kMediaTypeContainerd1Checkpoint, "known-config "},
      {kMediaTypeContainerd1CheckpointConfig, "known-config "},
      {kMediaTypeContainerd1CheckpointOptions, ""},
      {kMediaTypeContainerd1CheckpointPreDump, ""},
      {kMediaTypeContainerd1RW, ""},
      {kMediaTypeImageLayerEncrypted, "layer "},
      {kMediaTypeImageLayerGzipEncrypted, "layer "},
      {kMediaTypeErofsLayer, "layer "},
      {kMediaTypeInToto, "attestation "},
      {ocispec::kMediaTypeImageLayer, "layer "},
      {ocispec::kMediaTypeImageLayerZstd, "layer "},
      {ocispec::kMediaTypeImageLayerNonDistributableGzip, "non-distributable layer "},
      {"application/vnd.oci.image.layer.squashfs", "layer "},
      {ocispec::kMediaTypeImageConfig, "config known-config "},
      {ocispec::kMediaTypeImageManifest, "manifest "},
      {ocispec::kMediaTypeImageIndex, "index "},
      {"text/plain", ""},
      {"", ""},
  };
  for (const auto& [media_type, want] : cases) EXPECT_EQ(Kinds(media_type), want) << media_type;
}

TEST(MediaTypes, ChildGCLabels) {
  const std::pair<std::string, std::string> cases[] = {
      {ocispec::kMediaTypeImageConfig, "containerd.io/gc.ref.content.config"},
      {kMediaTypeContainerd1CheckpointConfig, "containerd.io/gc.ref.content.config"},
      {kMediaTypeDockerSchema2Manifest, "containerd.io/gc.ref.content.m."},
      {ocispec::kMediaTypeImageIndex, "containerd.io/gc.ref.content."},
      {"text/plain", "containerd.io/gc.ref.content."},
  };
  for (const auto& [media_type, want] : cases) {
    EXPECT_THAT(ChildGCLabels({.media_type = media_type}), ElementsAre(want));
    EXPECT_THAT(ChildGCLabelsFilterLayers({.media_type = media_type}), ElementsAre(want));
  }
  ocispec::Descriptor layer{.media_type = ocispec::kMediaTypeImageLayerGzip};
  EXPECT_THAT(ChildGCLabels(layer), ElementsAre("containerd.io/gc.ref.content.l."));
  EXPECT_THAT(ChildGCLabelsFilterLayers(layer), IsEmpty());
  const ocispec::Descriptor referrer{.media_type = ocispec::kMediaTypeImageManifest,
                                     .annotations = {{kAnnotationManifestSubject, "sha256:12"}}};
  EXPECT_THAT(ChildGCLabels(referrer),
              ElementsAre("containerd.io/gc.ref.content.referrer.sha256."));
}

}  // namespace
}  // namespace containerd::images
