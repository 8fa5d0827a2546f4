// SPDX-License-Identifier: Apache-2.0
//
// The proxy on a stub of the caller's, for tests.
#ifndef CONTAINERD_SRC_LEASES_PROXY_H_
#define CONTAINERD_SRC_LEASES_PROXY_H_

#include <memory>

#include "containerd/leases/proxy.h"
#include "containerd/services/leases/v1/leases.grpc.pb.h"

namespace containerd::leases {

std::shared_ptr<Manager> NewLeaseManager(
    std::shared_ptr<services::leases::v1::Leases::StubInterface> stub);

}  // namespace containerd::leases

#endif  // CONTAINERD_SRC_LEASES_PROXY_H_
