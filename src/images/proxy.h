// SPDX-License-Identifier: Apache-2.0
//
// The proxy on a stub of the caller's, for tests.
#ifndef CONTAINERD_SRC_IMAGES_PROXY_H_
#define CONTAINERD_SRC_IMAGES_PROXY_H_

#include <memory>

#include "containerd/images/proxy.h"
#include "containerd/services/images/v1/images.grpc.pb.h"

namespace containerd::images {

std::shared_ptr<Store> NewImageStoreFromClient(
    std::shared_ptr<services::images::v1::Images::StubInterface> stub);

}  // namespace containerd::images

#endif  // CONTAINERD_SRC_IMAGES_PROXY_H_
