// SPDX-License-Identifier: Apache-2.0
#include "containerd/epoch/epoch.h"

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::epoch {

absl::StatusOr<std::optional<absl::Time>> SourceDateEpoch() {
  const char* value = std::getenv(kSourceDateEpochEnv);  // NOLINT(concurrency-mt-unsafe)
  if (value == nullptr || *value == '\0') return std::nullopt;
  absl::StatusOr<absl::Time> time = ParseSourceDateEpoch(value);
  if (!time.ok()) {
    return errdefs::Annotate(time.status(), fmt::format("invalid {} value", kSourceDateEpochEnv));
  }
  return *time;
}

absl::StatusOr<absl::Time> ParseSourceDateEpoch(std::string_view text) {
  if (text.empty()) return errdefs::InvalidArgument("value is empty");
  std::string_view digits = text;
  if (digits.size() > 1 && digits[0] == '+' && digits[1] != '-') digits.remove_prefix(1);
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return errdefs::InvalidArgument(
        fmt::format("invalid value: \"{}\" is not a number of seconds", text));
  }
  if (seconds < 0) {
    return errdefs::InvalidArgument(
        fmt::format("invalid value: \"{}\" must be non-negative", text));
  }
  return absl::FromUnixSeconds(seconds);
}

void SetSourceDateEpoch(absl::Time time) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): as documented.
  ::setenv(kSourceDateEpochEnv, std::to_string(absl::ToUnixSeconds(time)).c_str(), 1);
}

void UnsetSourceDateEpoch() {
  ::unsetenv(kSourceDateEpochEnv);  // NOLINT(concurrency-mt-unsafe): as documented.
}

}  // namespace containerd::epoch
