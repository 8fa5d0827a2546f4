// SPDX-License-Identifier: Apache-2.0
//
// Annotations that containerd gives and reads on descriptors of an image layout's index.json.
//
// Source: core/images/annotations.go.
#ifndef CONTAINERD_IMAGES_ANNOTATIONS_H_
#define CONTAINERD_IMAGES_ANNOTATIONS_H_

namespace containerd::images {

// The name of the image record that the descriptor becomes.
inline constexpr char kAnnotationImageName[] = "io.containerd.image.name";

// The descriptor is a referrer to the manifest of this digest and becomes no image of its own.
inline constexpr char kAnnotationManifestSubject[] = "io.containerd.manifest.subject";

}  // namespace containerd::images

#endif  // CONTAINERD_IMAGES_ANNOTATIONS_H_
