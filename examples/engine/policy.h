// SPDX-License-Identifier: Apache-2.0
//
// When a container is started again after its process has ended.
#ifndef CONTAINERD_EXAMPLES_ENGINE_POLICY_H_
#define CONTAINERD_EXAMPLES_ENGINE_POLICY_H_

#include <cstdint>
#include <string_view>

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/runtime/restart.h"

namespace engine {

// What is to be, and what has been so far, of one container.
struct State {
  bool stopped = false;  // by its user
  bool begun = false;    // it runs, as far as is known
  bool ended = false;    // it has run, and ended with:
  std::uint32_t exit_code = 0;
  std::uint32_t restarts = 0;  // in a row, since it last ran for long
};

namespace restart = containerd::runtime::restart;

// As restart::NewPolicy, but "" is no policy here: its user has forgotten to give one.
absl::StatusOr<restart::Policy> ParsePolicy(std::string_view text);

// Whether the container is to run. `booted`: the engine has just begun, which is when "always"
// starts also what its user has stopped.
bool WantsRun(const restart::Policy& policy, const State& state, bool booted);

// How long to wait before the next start: 100 ms, doubled each time up to 10 s.
absl::Duration Backoff(std::uint32_t restarts);

// Who has run for that long starts from the beginning.
inline constexpr absl::Duration kLongRun = absl::Seconds(10);

}  // namespace engine

#endif  // CONTAINERD_EXAMPLES_ENGINE_POLICY_H_
