// SPDX-License-Identifier: Apache-2.0
//
// What a runtime answers about a container (runtime-spec runtime.md, "State"), and what it passes
// to a seccomp agent.
#ifndef CONTAINERD_SPECS_STATE_H_
#define CONTAINERD_SPECS_STATE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "containerd/export/export.h"
#include "containerd/gojson/value.h"

namespace containerd::specs {

// The points of a container's life.
using ContainerState = std::string;
inline constexpr char kStateCreating[] = "creating";
inline constexpr char kStateCreated[] = "created";
inline constexpr char kStateRunning[] = "running";
inline constexpr char kStateStopped[] = "stopped";

// The name of the seccomp notification descriptor in ContainerProcessState::fds.
inline constexpr char kSeccompFdName[] = "seccompFd";

// The state of a container.
struct CONTAINERD_EXPORT State {
  std::string version{};
  std::string id{};
  ContainerState status{};  // kStateRunning, …
  std::int64_t pid = 0;     // 0 unless created or running.
  std::string bundle{};
  std::map<std::string, std::string> annotations{};
  gojson::Extra extra{};

  friend bool operator==(const State&, const State&) = default;
};

// The state of a process, sent to the listener of a seccomp filter.
struct CONTAINERD_EXPORT ContainerProcessState {
  std::string version{};
  gojson::Slice<std::string> fds{};  // Names of the descriptors that come with the message.
  std::int64_t pid = 0;
  std::string metadata{};
  State state{};
  gojson::Extra extra{};

  friend bool operator==(const ContainerProcessState&, const ContainerProcessState&) = default;
};

}  // namespace containerd::specs

#endif  // CONTAINERD_SPECS_STATE_H_
