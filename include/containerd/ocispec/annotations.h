// SPDX-License-Identifier: Apache-2.0
//
// The annotation keys that the OCI image-spec (v1.1.1) predefines, for manifests, indexes and
// descriptors.
#ifndef CONTAINERD_OCISPEC_ANNOTATIONS_H_
#define CONTAINERD_OCISPEC_ANNOTATIONS_H_

namespace containerd::ocispec {

// When the image was built, as RFC 3339 text.
inline constexpr char kAnnotationCreated[] = "org.opencontainers.image.created";
// Whom to contact about the image; free text.
inline constexpr char kAnnotationAuthors[] = "org.opencontainers.image.authors";
inline constexpr char kAnnotationURL[] = "org.opencontainers.image.url";
inline constexpr char kAnnotationDocumentation[] = "org.opencontainers.image.documentation";
inline constexpr char kAnnotationSource[] = "org.opencontainers.image.source";
// Of the packaged software, as are the next two.
inline constexpr char kAnnotationVersion[] = "org.opencontainers.image.version";
inline constexpr char kAnnotationRevision[] = "org.opencontainers.image.revision";
inline constexpr char kAnnotationVendor[] = "org.opencontainers.image.vendor";
// An SPDX license expression.
inline constexpr char kAnnotationLicenses[] = "org.opencontainers.image.licenses";
// The name of a reference; only meaningful on the descriptors of a layout's index.json.
inline constexpr char kAnnotationRefName[] = "org.opencontainers.image.ref.name";
inline constexpr char kAnnotationTitle[] = "org.opencontainers.image.title";
inline constexpr char kAnnotationDescription[] = "org.opencontainers.image.description";
inline constexpr char kAnnotationBaseImageDigest[] = "org.opencontainers.image.base.digest";
inline constexpr char kAnnotationBaseImageName[] = "org.opencontainers.image.base.name";

}  // namespace containerd::ocispec

#endif  // CONTAINERD_OCISPEC_ANNOTATIONS_H_
