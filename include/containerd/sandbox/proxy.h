// SPDX-License-Identifier: Apache-2.0
//
// The daemon's sandbox store and controllers.
#ifndef CONTAINERD_SANDBOX_PROXY_H_
#define CONTAINERD_SANDBOX_PROXY_H_

#include <memory>
#include <string>

#include "containerd/sandbox/sandbox.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::sandbox {

// Source: proxy.NewSandboxStore.
std::shared_ptr<Store> NewSandboxStore(std::shared_ptr<rpc::Connection> conn);

// `sandboxer` names the controller, such as "shim" or "podsandbox"; containerd 1.7 has one only and
// does not look at the name. Source: proxy.NewSandboxController.
std::shared_ptr<Controller> NewSandboxController(std::shared_ptr<rpc::Connection> conn,
                                                 std::string sandboxer);

}  // namespace containerd::sandbox

#endif  // CONTAINERD_SANDBOX_PROXY_H_
