// SPDX-License-Identifier: Apache-2.0
//
// The proxy on a stub of the caller's, for tests.
#ifndef CONTAINERD_SRC_VERSION_PROXY_H_
#define CONTAINERD_SRC_VERSION_PROXY_H_

#include <memory>

#include "containerd/services/version/v1/version.grpc.pb.h"
#include "containerd/version/version.h"

namespace containerd::version {

std::shared_ptr<Service> NewVersionService(
    std::shared_ptr<services::version::v1::Version::StubInterface> stub);

}  // namespace containerd::version

#endif  // CONTAINERD_SRC_VERSION_PROXY_H_
