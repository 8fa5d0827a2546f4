// SPDX-License-Identifier: Apache-2.0
#include "policy.h"

#include <algorithm>
#include <charconv>

#include "containerd/errdefs/errdefs.h"

namespace engine {

absl::StatusOr<Policy> Policy::Parse(std::string_view text) {
  if (text == "no") return Policy{Kind::kNo};
  if (text == "always") return Policy{Kind::kAlways};
  if (text == "unless-stopped") return Policy{Kind::kUnlessStopped};
  if (text == "on-failure") return Policy{Kind::kOnFailure};
  constexpr std::string_view kPrefix = "on-failure:";
  if (text.starts_with(kPrefix)) {
    Policy policy{Kind::kOnFailure};
    const std::string_view number = text.substr(kPrefix.size());
    const auto [end, err] =
        std::from_chars(number.data(), number.data() + number.size(), policy.maximum);
    if (err == std::errc() && end == number.data() + number.size()) return policy;
  }
  return containerd::errdefs::InvalidArgument("\"" + std::string(text) + "\" is no restart policy");
}

bool Policy::WantsRun(const State& state, bool booted) const {
  if (state.stopped) return kind == Kind::kAlways && booted;
  if (!state.ended) return true;
  switch (kind) {
    case Kind::kNo:
      return false;
    case Kind::kAlways:
    case Kind::kUnlessStopped:
      return true;
    case Kind::kOnFailure:
      return state.exit_code != 0 && (maximum == 0 || state.restarts < maximum);
  }
  return false;
}

absl::Duration Backoff(std::uint32_t restarts) {
  return std::min(absl::Milliseconds(100) * (1U << std::min(restarts, 10U)), absl::Seconds(10));
}

}  // namespace engine
