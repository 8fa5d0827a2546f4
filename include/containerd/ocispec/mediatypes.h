// SPDX-License-Identifier: Apache-2.0
//
// The media types that the OCI image-spec (v1.1.1) defines. Docker's own are in package images.
#ifndef CONTAINERD_OCISPEC_MEDIATYPES_H_
#define CONTAINERD_OCISPEC_MEDIATYPES_H_

namespace containerd::ocispec {

inline constexpr char kMediaTypeDescriptor[] = "application/vnd.oci.descriptor.v1+json";
inline constexpr char kMediaTypeLayoutHeader[] = "application/vnd.oci.layout.header.v1+json";
inline constexpr char kMediaTypeImageIndex[] = "application/vnd.oci.image.index.v1+json";
inline constexpr char kMediaTypeImageManifest[] = "application/vnd.oci.image.manifest.v1+json";
inline constexpr char kMediaTypeImageConfig[] = "application/vnd.oci.image.config.v1+json";

// Of an unused blob whose content is `{}`.
inline constexpr char kMediaTypeEmptyJSON[] = "application/vnd.oci.empty.v1+json";

inline constexpr char kMediaTypeImageLayer[] = "application/vnd.oci.image.layer.v1.tar";
inline constexpr char kMediaTypeImageLayerGzip[] = "application/vnd.oci.image.layer.v1.tar+gzip";
inline constexpr char kMediaTypeImageLayerZstd[] = "application/vnd.oci.image.layer.v1.tar+zstd";

// Layers that may not be pushed freely. Deprecated by the spec: read them, do not produce them.
inline constexpr char kMediaTypeImageLayerNonDistributable[] =
    "application/vnd.oci.image.layer.nondistributable.v1.tar";
inline constexpr char kMediaTypeImageLayerNonDistributableGzip[] =
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
inline constexpr char kMediaTypeImageLayerNonDistributableZstd[] =
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd";

}  // namespace containerd::ocispec

#endif  // CONTAINERD_OCISPEC_MEDIATYPES_H_
