// SPDX-License-Identifier: Apache-2.0
//
// The proxy on a stub of the caller's, for tests.
#ifndef CONTAINERD_SRC_HEALTH_PROXY_H_
#define CONTAINERD_SRC_HEALTH_PROXY_H_

#include <memory>

#include "containerd/health/health.h"

#include "grpc/health/v1/health.grpc.pb.h"

namespace containerd::health {

std::shared_ptr<Service> NewHealthService(
    std::shared_ptr<::grpc::health::v1::Health::StubInterface> stub);

}  // namespace containerd::health

#endif  // CONTAINERD_SRC_HEALTH_PROXY_H_
