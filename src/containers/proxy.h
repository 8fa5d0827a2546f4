// SPDX-License-Identifier: Apache-2.0
//
// The proxy on a stub of the caller's, for tests.
#ifndef CONTAINERD_SRC_CONTAINERS_PROXY_H_
#define CONTAINERD_SRC_CONTAINERS_PROXY_H_

#include <memory>

#include "containerd/containers/proxy.h"
#include "containerd/services/containers/v1/containers.grpc.pb.h"

namespace containerd::containers {

std::shared_ptr<Store> NewRemoteContainerStore(
    std::shared_ptr<services::containers::v1::Containers::StubInterface> stub);

}  // namespace containerd::containers

#endif  // CONTAINERD_SRC_CONTAINERS_PROXY_H_
