// SPDX-License-Identifier: Apache-2.0
//
// The daemon's image store.
#ifndef CONTAINERD_IMAGES_PROXY_H_
#define CONTAINERD_IMAGES_PROXY_H_

#include <memory>

#include "containerd/images/store.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::images {

// Source: client.NewImageStoreFromClient.
std::shared_ptr<Store> NewImageStoreFromClient(std::shared_ptr<rpc::Connection> conn);

}  // namespace containerd::images

#endif  // CONTAINERD_IMAGES_PROXY_H_
