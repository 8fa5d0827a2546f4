// SPDX-License-Identifier: Apache-2.0
//
// Runtime-spec documents to and from JSON. What Marshal writes equals, byte for byte, what Go's
// json.Marshal writes for the same struct; members that a struct has no field for survive a round
// trip in its `extra`.
//
//   absl::StatusOr<specs::Spec> spec = specs::Unmarshal<specs::Spec>(container_info.spec.value);
//   if (!spec.ok()) return spec.status();  // "json: process.user.uid: integer out of range, …"
//   spec->hostname = "demo";
//   std::string config_json = specs::Marshal(*spec);
#ifndef CONTAINERD_SPECS_JSON_H_
#define CONTAINERD_SPECS_JSON_H_

#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "containerd/export/export.h"
#include "containerd/specs/features.h"
#include "containerd/specs/spec.h"
#include "containerd/specs/state.h"

namespace containerd::specs {

// Reads `json` into a T: Spec, Process, Mount, Hooks, Linux, LinuxResources, LinuxSeccomp, Windows,
// WindowsResources, State, ContainerProcessState or features::Features. Any bytes give a value or
// an ErrInvalidArgument error that names the offending field. Bounds are those of
// gojson::Unmarshal; bounding the size of `json` is up to who reads it. A `null` leaves its field
// at the zero value, as in Go, and a name that differs from a field's in case only is the field's
// if no other fits.
template <class T>
CONTAINERD_EXPORT absl::StatusOr<T> Unmarshal(std::string_view json);

// Writes `value` as compact JSON. T as for Unmarshal.
template <class T>
CONTAINERD_EXPORT std::string Marshal(const T& value);

}  // namespace containerd::specs

#endif  // CONTAINERD_SPECS_JSON_H_
