// SPDX-License-Identifier: Apache-2.0
//
// What content is (Descriptor) and where it runs (Platform): the two image-spec types that the
// whole library passes around. Plain values, as in github.com/opencontainers/image-spec
// specs-go/v1, that compare and copy member by member.
//
//   ocispec::Descriptor desc{.media_type = ocispec::kMediaTypeImageManifest,
//                            .digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e83…",
//                            .size = 2};
//
// To and from JSON: containerd/ocispec/json.h.
#ifndef CONTAINERD_OCISPEC_DESCRIPTOR_H_
#define CONTAINERD_OCISPEC_DESCRIPTOR_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "containerd/export/export.h"
#include "containerd/gojson/value.h"

namespace containerd::ocispec {

// The platform that an image or a manifest is for. Strings are GOOS and GOARCH values; package
// platforms parses, normalizes, matches and orders them.
struct CONTAINERD_EXPORT Platform {
  std::string architecture{};              // "amd64", "arm64", "ppc64le", …
  std::string os{};                        // "linux", "windows", …
  std::string os_version{};                // On Windows "10.0.14393.1066"; else mostly empty.
  std::vector<std::string> os_features{};  // Features that the image needs of the OS.
  std::string variant{};                   // Of the CPU, e.g. "v7" for arm.
  gojson::Extra extra{};

  friend bool operator==(const Platform&, const Platform&) = default;
};

// Names content: its type, digest and size. Nothing is checked here; whoever follows a descriptor
// validates its digest.
struct CONTAINERD_EXPORT Descriptor {
  std::string media_type{};
  std::string digest{};             // "sha256:…"
  std::int64_t size = 0;            // Bytes.
  std::vector<std::string> urls{};  // Where else the content may be fetched from.
  std::map<std::string, std::string> annotations{};
  std::string data{};                  // The content itself, if it is embedded (raw bytes).
  std::optional<Platform> platform{};  // Only of a descriptor of a manifest.
  std::string artifact_type{};
  gojson::Extra extra{};

  friend bool operator==(const Descriptor&, const Descriptor&) = default;
};

// The descriptor of a blob that holds `{}`, with the content embedded
// (image-spec: "Guidance for an Empty Descriptor").
CONTAINERD_EXPORT Descriptor DescriptorEmptyJSON();

}  // namespace containerd::ocispec

#endif  // CONTAINERD_OCISPEC_DESCRIPTOR_H_
