// SPDX-License-Identifier: Apache-2.0
//
// The daemon's lease manager.
#ifndef CONTAINERD_LEASES_PROXY_H_
#define CONTAINERD_LEASES_PROXY_H_

#include <memory>

#include "containerd/leases/leases.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::leases {

// Source: core/leases/proxy.NewLeaseManager.
std::shared_ptr<Manager> NewLeaseManager(std::shared_ptr<rpc::Connection> conn);

}  // namespace containerd::leases

#endif  // CONTAINERD_LEASES_PROXY_H_
