// SPDX-License-Identifier: Apache-2.0
//
// Errors that callers tell from others of their class, as Go does by comparing with a variable.
#ifndef CONTAINERD_SRC_OCI_SENTINEL_H_
#define CONTAINERD_SRC_OCI_SENTINEL_H_

#include <string_view>

#include <absl/status/status.h>
#include <absl/strings/cord.h>

namespace containerd::oci {

inline constexpr char kSentinelUrl[] = "containerd-cpp/oci.sentinel";

inline absl::Status Sentinel(absl::Status status, const char* mark) {
  status.SetPayload(kSentinelUrl, absl::Cord(mark));
  return status;
}

inline bool IsSentinel(const absl::Status& status, const char* mark) {
  const auto payload = status.GetPayload(kSentinelUrl);
  return payload.has_value() && *payload == mark;
}

}  // namespace containerd::oci

#endif  // CONTAINERD_SRC_OCI_SENTINEL_H_
