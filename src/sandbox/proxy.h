// SPDX-License-Identifier: Apache-2.0
//
// The proxies on stubs of the caller's, for tests.
#ifndef CONTAINERD_SRC_SANDBOX_PROXY_H_
#define CONTAINERD_SRC_SANDBOX_PROXY_H_

#include <memory>
#include <string>

#include "containerd/sandbox/proxy.h"
#include "containerd/services/sandbox/v1/sandbox.grpc.pb.h"

namespace containerd::sandbox {

std::shared_ptr<Store> NewSandboxStore(
    std::shared_ptr<services::sandbox::v1::Store::StubInterface> stub);

std::shared_ptr<Controller> NewSandboxController(
    std::shared_ptr<services::sandbox::v1::Controller::StubInterface> stub, std::string sandboxer);

}  // namespace containerd::sandbox

#endif  // CONTAINERD_SRC_SANDBOX_PROXY_H_
