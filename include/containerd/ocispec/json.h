// SPDX-License-Identifier: Apache-2.0
//
// Image-spec documents to and from JSON. What Marshal writes equals, byte for byte, what Go's
// json.Marshal writes for the same struct, so that digests agree; members that a struct has no
// field for survive a round trip in its `extra`.
//
//   absl::StatusOr<ocispec::Manifest> manifest = ocispec::Unmarshal<ocispec::Manifest>(bytes);
//   if (!manifest.ok()) return manifest.status();  // "json: layers[2].size: want an integer, …"
//   manifest->annotations["a"] = "b";
//   std::string bytes = ocispec::Marshal(*manifest);
#ifndef CONTAINERD_OCISPEC_JSON_H_
#define CONTAINERD_OCISPEC_JSON_H_

#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "containerd/export/export.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/ocispec/image.h"
#include "containerd/ocispec/manifest.h"

namespace containerd::ocispec {

// Reads `json` into a T: Descriptor, Platform, Manifest, Index, Image, ImageConfig or ImageLayout.
// Any bytes give a value or an ErrInvalidArgument error that names the offending field. Bounds are
// those of gojson::Unmarshal; bounding the size of `json` is up to who reads it. A `null` leaves
// its field at the zero value, and a name that differs from a field's in case only is the field's
// if no other fits, as in Go.
template <class T>
CONTAINERD_EXPORT absl::StatusOr<T> Unmarshal(std::string_view json);

// Writes `value` as compact JSON. T as for Unmarshal.
template <class T>
CONTAINERD_EXPORT std::string Marshal(const T& value);

}  // namespace containerd::ocispec

#endif  // CONTAINERD_OCISPEC_JSON_H_
