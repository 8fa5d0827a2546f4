// SPDX-License-Identifier: Apache-2.0
//
// The documents that tie content together: image manifests, indexes and the header of a layout
// directory (image-spec manifest.md, image-index.md, image-layout.md).
#ifndef CONTAINERD_OCISPEC_MANIFEST_H_
#define CONTAINERD_OCISPEC_MANIFEST_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "containerd/export/export.h"
#include "containerd/gojson/value.h"
#include "containerd/ocispec/descriptor.h"

namespace containerd::ocispec {

// A config and the layers that it describes. Media type kMediaTypeImageManifest.
struct CONTAINERD_EXPORT Manifest {
  std::int64_t schema_version = 0;  // 2 in every valid document.
  std::string media_type{};
  std::string artifact_type{};
  Descriptor config{};
  gojson::Slice<Descriptor> layers{};  // The base layer first.
  std::optional<Descriptor> subject{};
  std::map<std::string, std::string> annotations{};
  gojson::Extra extra{};

  friend bool operator==(const Manifest&, const Manifest&) = default;
};

// Manifests for several platforms, in order of preference. Media type kMediaTypeImageIndex.
struct CONTAINERD_EXPORT Index {
  std::int64_t schema_version = 0;  // 2 in every valid document.
  std::string media_type{};
  std::string artifact_type{};
  gojson::Slice<Descriptor> manifests{};
  std::optional<Descriptor> subject{};
  std::map<std::string, std::string> annotations{};
  gojson::Extra extra{};

  friend bool operator==(const Index&, const Index&) = default;
};

// The content of a layout directory's kImageLayoutFile.
struct CONTAINERD_EXPORT ImageLayout {
  std::string version{};
  gojson::Extra extra{};

  friend bool operator==(const ImageLayout&, const ImageLayout&) = default;
};

inline constexpr char kImageLayoutFile[] = "oci-layout";
inline constexpr char kImageLayoutVersion[] = "1.0.0";
inline constexpr char kImageIndexFile[] = "index.json";
inline constexpr char kImageBlobsDir[] = "blobs";

}  // namespace containerd::ocispec

#endif  // CONTAINERD_OCISPEC_MANIFEST_H_
