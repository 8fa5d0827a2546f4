// SPDX-License-Identifier: Apache-2.0
//
// Names of images in archives.
#ifndef CONTAINERD_SRC_IMAGES_ARCHIVE_REFERENCE_H_
#define CONTAINERD_SRC_IMAGES_ARCHIVE_REFERENCE_H_

#include <string>
#include <string_view>

#include <absl/status/statusor.h>

namespace containerd::images::archive {

// "alpine" as "docker.io/library/alpine:latest".
absl::StatusOr<std::string> NormalizeReference(std::string_view ref);

// "docker.io/library/alpine" as "alpine:latest".
absl::StatusOr<std::string> FamiliarizeReference(std::string_view ref);

// What the annotation org.opencontainers.image.ref.name says of an image: its tag, or the whole
// name if it has none.
std::string OCIReferenceName(std::string_view name);

}  // namespace containerd::images::archive

#endif  // CONTAINERD_SRC_IMAGES_ARCHIVE_REFERENCE_H_
