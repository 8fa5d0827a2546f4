// SPDX-License-Identifier: Apache-2.0
//
// The daemon's mounts service.
#ifndef CONTAINERD_MOUNT_PROXY_H_
#define CONTAINERD_MOUNT_PROXY_H_

#include <memory>

#include "containerd/mount/manager.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::mount {

// Source: proxy.NewMountManager.
std::shared_ptr<Manager> NewMountManager(std::shared_ptr<rpc::Connection> conn);

}  // namespace containerd::mount

#endif  // CONTAINERD_MOUNT_PROXY_H_
