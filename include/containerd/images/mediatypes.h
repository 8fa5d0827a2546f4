// SPDX-License-Identifier: Apache-2.0
//
// Package images, the media types: Docker's and containerd's own (the image-spec's are in package
// ocispec), and what can be told of content by its type alone.
//
//   if (images::IsIndexType(desc.media_type)) ...
//   absl::StatusOr<std::string> compression = images::DiffCompression(layer.media_type);  // "gzip"
//
// All functions are pure and safe from any thread. None of them knows schema 1 manifests.
//
// Source: core/images/mediatypes.go.
#ifndef CONTAINERD_IMAGES_MEDIATYPES_H_
#define CONTAINERD_IMAGES_MEDIATYPES_H_

#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "containerd/export/export.h"
#include "containerd/ocispec/descriptor.h"

namespace containerd::images {

inline constexpr char kMediaTypeDockerSchema2Layer[] =
    "application/vnd.docker.image.rootfs.diff.tar";
inline constexpr char kMediaTypeDockerSchema2LayerForeign[] =
    "application/vnd.docker.image.rootfs.foreign.diff.tar";
inline constexpr char kMediaTypeDockerSchema2LayerGzip[] =
    "application/vnd.docker.image.rootfs.diff.tar.gzip";
inline constexpr char kMediaTypeDockerSchema2LayerZstd[] =
    "application/vnd.docker.image.rootfs.diff.tar.zstd";
inline constexpr char kMediaTypeDockerSchema2LayerForeignGzip[] =
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
inline constexpr char kMediaTypeDockerSchema2Config[] =
    "application/vnd.docker.container.image.v1+json";
inline constexpr char kMediaTypeDockerSchema2Manifest[] =
    "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr char kMediaTypeDockerSchema2ManifestList[] =
    "application/vnd.docker.distribution.manifest.list.v2+json";

// Parts of a checkpoint of a container.
inline constexpr char kMediaTypeContainerd1Checkpoint[] =
    "application/vnd.containerd.container.criu.checkpoint.criu.tar";
inline constexpr char kMediaTypeContainerd1CheckpointPreDump[] =
    "application/vnd.containerd.container.criu.checkpoint.predump.tar";
inline constexpr char kMediaTypeContainerd1Resource[] =
    "application/vnd.containerd.container.resource.tar";
inline constexpr char kMediaTypeContainerd1RW[] = "application/vnd.containerd.container.rw.tar";
inline constexpr char kMediaTypeContainerd1CheckpointConfig[] =
    "application/vnd.containerd.container.checkpoint.config.v1+proto";
inline constexpr char kMediaTypeContainerd1CheckpointOptions[] =
    "application/vnd.containerd.container.checkpoint.options.v1+proto";
inline constexpr char kMediaTypeContainerd1CheckpointRuntimeName[] =
    "application/vnd.containerd.container.checkpoint.runtime.name";
inline constexpr char kMediaTypeContainerd1CheckpointRuntimeOptions[] =
    "application/vnd.containerd.container.checkpoint.runtime.options+proto";

// Docker's manifests before schema 2; named so that they can be refused.
inline constexpr char kMediaTypeDockerSchema1Manifest[] =
    "application/vnd.docker.distribution.manifest.v1+prettyjws";

// Layers encrypted as ocicrypt does.
inline constexpr char kMediaTypeImageLayerEncrypted[] =
    "application/vnd.oci.image.layer.v1.tar+encrypted";
inline constexpr char kMediaTypeImageLayerGzipEncrypted[] =
    "application/vnd.oci.image.layer.v1.tar+gzip+encrypted";

// A layer that is an EROFS image.
inline constexpr char kMediaTypeErofsLayer[] = "application/vnd.erofs.layer.v1";

// An in-toto attestation.
inline constexpr char kMediaTypeInToto[] = "application/vnd.in-toto+json";

// How a layer of this type is compressed: "gzip", "zstd", "" for not at all (or for a layer that is
// wrapped, as by encryption), "unknown" for Docker's types that do not say it and have to be looked
// into. ErrNotImplemented if the type is not a layer's. Source: images.DiffCompression.
CONTAINERD_EXPORT absl::StatusOr<std::string> DiffCompression(std::string_view media_type);

// A layer that may not be pushed to just any registry.
CONTAINERD_EXPORT bool IsNonDistributable(std::string_view media_type);

CONTAINERD_EXPORT bool IsLayerType(std::string_view media_type);

// One of Docker's own types.
CONTAINERD_EXPORT bool IsDockerType(std::string_view media_type);

// The manifest of one image.
CONTAINERD_EXPORT bool IsManifestType(std::string_view media_type);

// An index of manifests, or Docker's manifest list.
CONTAINERD_EXPORT bool IsIndexType(std::string_view media_type);

// The config of an image; not of a checkpoint.
CONTAINERD_EXPORT bool IsConfigType(std::string_view media_type);

// The config of an image or of a checkpoint.
CONTAINERD_EXPORT bool IsKnownConfig(std::string_view media_type);

CONTAINERD_EXPORT bool IsAttestationType(std::string_view media_type);

// The labels by which a parent's content holds the child `desc` against garbage collection. One
// that ends with "." goes on with a number or a digest. Source: images.ChildGCLabels.
CONTAINERD_EXPORT std::vector<std::string> ChildGCLabels(const ocispec::Descriptor& desc);

// The same, but none for layers: for images whose layers live in snapshots only.
// Source: images.ChildGCLabelsFilterLayers.
CONTAINERD_EXPORT std::vector<std::string> ChildGCLabelsFilterLayers(
    const ocispec::Descriptor& desc);

}  // namespace containerd::images

#endif  // CONTAINERD_IMAGES_MEDIATYPES_H_
