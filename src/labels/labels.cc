// SPDX-License-Identifier: Apache-2.0
#include "containerd/labels/labels.h"

#include <cstddef>
#include <string_view>

#include <absl/status/status.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::labels {
namespace {

// How much of an oversized key an error message shows.
constexpr std::size_t kShownKey = 64;

}  // namespace

absl::Status Validate(std::string_view key, std::string_view value) {
  const std::size_t total = key.size() + value.size();
  if (total <= kMaxSize) return absl::OkStatus();
  return errdefs::InvalidArgument(fmt::format(
      "label key and value length ({} bytes) greater than maximum size ({} bytes), key: {}", total,
      kMaxSize, key.substr(0, kShownKey)));
}

absl::Status Validate(const Labels& labels) {
  for (const auto& [key, value] : labels) {
    if (absl::Status status = Validate(key, value); !status.ok()) return status;
  }
  return absl::OkStatus();
}

bool IsReserved(std::string_view key) {
  return key.starts_with(kReservedPrefix) || key.starts_with(kCRIContainerdPrefix);
}

}  // namespace containerd::labels
