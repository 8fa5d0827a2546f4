// SPDX-License-Identifier: Apache-2.0
//
// The proxy on a stub of the caller's, for tests.
#ifndef CONTAINERD_SRC_STREAMING_PROXY_H_
#define CONTAINERD_SRC_STREAMING_PROXY_H_

#include <memory>

#include "containerd/services/streaming/v1/streaming.grpc.pb.h"
#include "containerd/streaming/proxy.h"

namespace containerd::streaming {

std::shared_ptr<StreamCreator> NewStreamCreator(
    std::shared_ptr<services::streaming::v1::Streaming::StubInterface> stub);

}  // namespace containerd::streaming

#endif  // CONTAINERD_SRC_STREAMING_PROXY_H_
