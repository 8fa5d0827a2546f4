// SPDX-License-Identifier: Apache-2.0
//
// The proxy on a stub of the caller's, for tests.
#ifndef CONTAINERD_SRC_INTROSPECTION_PROXY_H_
#define CONTAINERD_SRC_INTROSPECTION_PROXY_H_

#include <memory>

#include "containerd/introspection/proxy.h"
#include "containerd/services/introspection/v1/introspection.grpc.pb.h"

namespace containerd::introspection {

std::shared_ptr<Service> NewIntrospectionProxy(
    std::shared_ptr<services::introspection::v1::Introspection::StubInterface> stub);

}  // namespace containerd::introspection

#endif  // CONTAINERD_SRC_INTROSPECTION_PROXY_H_
