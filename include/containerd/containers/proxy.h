// SPDX-License-Identifier: Apache-2.0
//
// The daemon's container store.
#ifndef CONTAINERD_CONTAINERS_PROXY_H_
#define CONTAINERD_CONTAINERS_PROXY_H_

#include <memory>

#include "containerd/containers/containers.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::containers {

// List streams, so that no number of containers exceeds the limit on a message's size.
// Source: client.NewRemoteContainerStore.
std::shared_ptr<Store> NewRemoteContainerStore(std::shared_ptr<rpc::Connection> conn);

}  // namespace containerd::containers

#endif  // CONTAINERD_CONTAINERS_PROXY_H_
