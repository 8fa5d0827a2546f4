// SPDX-License-Identifier: Apache-2.0
//
// The proxy on a stub of the caller's, for tests.
#ifndef CONTAINERD_SRC_NAMESPACES_PROXY_H_
#define CONTAINERD_SRC_NAMESPACES_PROXY_H_

#include <memory>

#include "containerd/namespaces/proxy.h"
#include "containerd/services/namespaces/v1/namespaces.grpc.pb.h"

namespace containerd::namespaces {

std::shared_ptr<Store> NewNamespaceStoreFromClient(
    std::shared_ptr<services::namespaces::v1::Namespaces::StubInterface> stub);

}  // namespace containerd::namespaces

#endif  // CONTAINERD_SRC_NAMESPACES_PROXY_H_
