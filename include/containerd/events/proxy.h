// SPDX-License-Identifier: Apache-2.0
//
// The daemon's events service.
#ifndef CONTAINERD_EVENTS_PROXY_H_
#define CONTAINERD_EVENTS_PROXY_H_

#include <memory>
#include <utility>

#include "containerd/events/events.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::events {

// Source: proxy.NewRemoteEvents.
std::shared_ptr<EventService> NewRemoteEvents(std::shared_ptr<rpc::Connection> conn);

// The same. Source: client.NewEventServiceFromClient.
inline std::shared_ptr<EventService> NewEventServiceFromClient(
    std::shared_ptr<rpc::Connection> conn) {
  return NewRemoteEvents(std::move(conn));
}

}  // namespace containerd::events

#endif  // CONTAINERD_EVENTS_PROXY_H_
