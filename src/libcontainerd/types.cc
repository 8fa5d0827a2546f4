// SPDX-License-Identifier: Apache-2.0
#include "containerd/libcontainerd/types.h"

namespace containerd::libcontainerd {

std::string_view ToString(Stats::Kind kind) {
  switch (kind) {
    case Stats::Kind::kCgroupV1:
      return "cgroups v1";
    case Stats::Kind::kCgroupV2:
      return "cgroups v2";
    case Stats::Kind::kOther:
      return "other";
  }
  return "unknown";
}

std::string_view ToString(EventType type) {
  switch (type) {
    case EventType::kUnknown:
      return "unknown";
    case EventType::kExit:
      return "exit";
    case EventType::kOOM:
      return "oom";
    case EventType::kCreate:
      return "create";
    case EventType::kStart:
      return "start";
    case EventType::kExecAdded:
      return "exec-added";
    case EventType::kExecStarted:
      return "exec-started";
    case EventType::kPaused:
      return "paused";
    case EventType::kResumed:
      return "resumed";
  }
  return "unknown";
}

void Backend::OnGap(const events::Gap& /*gap*/) {}

}  // namespace containerd::libcontainerd
