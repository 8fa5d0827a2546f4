// SPDX-License-Identifier: Apache-2.0
//
// The daemon's introspection service.
#ifndef CONTAINERD_INTROSPECTION_PROXY_H_
#define CONTAINERD_INTROSPECTION_PROXY_H_

#include <memory>

#include "containerd/introspection/introspection.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::introspection {

// Source: core/introspection/proxy.NewIntrospectionProxy.
std::shared_ptr<Service> NewIntrospectionProxy(std::shared_ptr<rpc::Connection> conn);

}  // namespace containerd::introspection

#endif  // CONTAINERD_INTROSPECTION_PROXY_H_
