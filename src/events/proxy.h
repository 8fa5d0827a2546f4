// SPDX-License-Identifier: Apache-2.0
//
// The proxy on a stub of the caller's, for tests.
#ifndef CONTAINERD_SRC_EVENTS_PROXY_H_
#define CONTAINERD_SRC_EVENTS_PROXY_H_

#include <memory>

#include "containerd/events/proxy.h"
#include "containerd/services/events/v1/events.grpc.pb.h"

namespace containerd::events {

std::shared_ptr<EventService> NewRemoteEvents(
    std::shared_ptr<services::events::v1::Events::StubInterface> stub);

}  // namespace containerd::events

#endif  // CONTAINERD_SRC_EVENTS_PROXY_H_
