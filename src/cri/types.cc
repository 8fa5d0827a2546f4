// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/types.h"

#include <string_view>

namespace containerd::cri {

std::string_view ToString(NamespaceMode mode) {
  switch (mode) {
    case NamespaceMode::kPod:
      return "POD";
    case NamespaceMode::kContainer:
      return "CONTAINER";
    case NamespaceMode::kNode:
      return "NODE";
    case NamespaceMode::kTarget:
      return "TARGET";
  }
  return "";
}

std::string_view ToString(Protocol protocol) {
  switch (protocol) {
    case Protocol::kTCP:
      return "TCP";
    case Protocol::kUDP:
      return "UDP";
    case Protocol::kSCTP:
      return "SCTP";
  }
  return "";
}

std::string_view ToString(MountPropagation propagation) {
  switch (propagation) {
    case MountPropagation::kPrivate:
      return "PROPAGATION_PRIVATE";
    case MountPropagation::kHostToContainer:
      return "PROPAGATION_HOST_TO_CONTAINER";
    case MountPropagation::kBidirectional:
      return "PROPAGATION_BIDIRECTIONAL";
  }
  return "";
}

}  // namespace containerd::cri
