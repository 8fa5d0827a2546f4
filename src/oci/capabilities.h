// SPDX-License-Identifier: Apache-2.0
//
// Capabilities by name and number. Source: pkg/cap.
#ifndef CONTAINERD_SRC_OCI_CAPABILITIES_H_
#define CONTAINERD_SRC_OCI_CAPABILITIES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

namespace containerd::oci {

// All that are known, in the order of their numbers, from 0 up.
const std::vector<std::string>& KnownCapabilities();

// The names of the bits that are set; unknown ones have none.
std::vector<std::string> NamesOfCapabilities(std::uint64_t bitmap);

// The line "CapEff:" of a /proc/<pid>/status. ErrInvalidArgument if there is none, or it holds no
// number.
absl::StatusOr<std::uint64_t> EffectiveCapabilities(std::string_view proc_status);

}  // namespace containerd::oci

#endif  // CONTAINERD_SRC_OCI_CAPABILITIES_H_
