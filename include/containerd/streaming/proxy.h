// SPDX-License-Identifier: Apache-2.0
//
// The daemon's streaming service.
#ifndef CONTAINERD_STREAMING_PROXY_H_
#define CONTAINERD_STREAMING_PROXY_H_

#include <memory>

#include "containerd/streaming/streaming.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::streaming {

// Source: proxy.NewStreamCreator.
std::shared_ptr<StreamCreator> NewStreamCreator(std::shared_ptr<rpc::Connection> conn);

}  // namespace containerd::streaming

#endif  // CONTAINERD_STREAMING_PROXY_H_
