// SPDX-License-Identifier: Apache-2.0
//
// The daemon's diff service.
#ifndef CONTAINERD_DIFF_PROXY_H_
#define CONTAINERD_DIFF_PROXY_H_

#include <memory>
#include <utility>

#include "containerd/diff/diff.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::diff {

// Source: client.NewDiffServiceFromClient.
std::shared_ptr<DiffService> NewDiffServiceFromClient(std::shared_ptr<rpc::Connection> conn);

// The same under its other name. Source: core/diff/proxy.NewDiffApplier.
inline std::shared_ptr<DiffService> NewDiffApplier(std::shared_ptr<rpc::Connection> conn) {
  return NewDiffServiceFromClient(std::move(conn));
}

}  // namespace containerd::diff

#endif  // CONTAINERD_DIFF_PROXY_H_
