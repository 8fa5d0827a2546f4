// SPDX-License-Identifier: Apache-2.0
#include "policy.h"

#include <algorithm>

#include "containerd/errdefs/errdefs.h"

namespace engine {

absl::StatusOr<restart::Policy> ParsePolicy(std::string_view text) {
  if (text.empty()) return containerd::errdefs::InvalidArgument("there is no restart policy");
  return restart::NewPolicy(text);
}

bool WantsRun(const restart::Policy& policy, const State& state, bool booted) {
  if (state.stopped) return policy.Name() == "always" && booted;
  if (!state.ended) return true;
  if (policy.Name() == "no") return false;
  if (policy.Name() != "on-failure") return true;
  const auto most = static_cast<std::uint32_t>(policy.MaximumRetryCount());
  return state.exit_code != 0 && (most == 0 || state.restarts < most);
}

absl::Duration Backoff(std::uint32_t restarts) {
  return std::min(absl::Milliseconds(100) * (1U << std::min(restarts, 10U)), absl::Seconds(10));
}

}  // namespace engine
