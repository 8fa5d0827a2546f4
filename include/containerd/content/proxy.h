// SPDX-License-Identifier: Apache-2.0
//
// The content store of a daemon, over gRPC.
//
// Its writers pipeline: Write sends without waiting for the answers to what was sent before, with
// at most 8 MiB unanswered, and Status, Commit and Close wait for all of them. When the connection
// is lost, the call that notices waits up to a minute for the daemon, asks it for its offset, and
// sends again what the daemon does not have; its own context and the writer's bound that. The
// caller notices only if the daemon lost what it had confirmed: ErrReset.
//
// Source: core/content/proxy.
#ifndef CONTAINERD_CONTENT_PROXY_H_
#define CONTAINERD_CONTENT_PROXY_H_

#include <memory>

#include "containerd/content/content.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::content {

std::shared_ptr<Store> NewContentStore(std::shared_ptr<rpc::Connection> conn);

}  // namespace containerd::content

#endif  // CONTAINERD_CONTENT_PROXY_H_
