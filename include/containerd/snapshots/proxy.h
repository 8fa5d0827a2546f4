// SPDX-License-Identifier: Apache-2.0
//
// The daemon's snapshotters.
#ifndef CONTAINERD_SNAPSHOTS_PROXY_H_
#define CONTAINERD_SNAPSHOTS_PROXY_H_

#include <memory>
#include <string>

#include "containerd/snapshots/snapshots.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::snapshots {

// The snapshotter called `name` in the daemon, as "overlayfs" or "native". Whether there is one is
// not asked here: calls fail with ErrInvalidArgument ("snapshotter not loaded: …") if not. The
// object is a Cleaner too. Source: core/snapshots/proxy.NewSnapshotter.
std::shared_ptr<Snapshotter> NewSnapshotter(std::shared_ptr<rpc::Connection> conn,
                                            std::string name);

}  // namespace containerd::snapshots

#endif  // CONTAINERD_SNAPSHOTS_PROXY_H_
