// SPDX-License-Identifier: Apache-2.0
//
// The daemon's namespace store.
#ifndef CONTAINERD_NAMESPACES_PROXY_H_
#define CONTAINERD_NAMESPACES_PROXY_H_

#include <memory>

#include "containerd/namespaces/store.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::namespaces {

// Source: client.NewNamespaceStoreFromClient.
std::shared_ptr<Store> NewNamespaceStoreFromClient(std::shared_ptr<rpc::Connection> conn);

}  // namespace containerd::namespaces

#endif  // CONTAINERD_NAMESPACES_PROXY_H_
