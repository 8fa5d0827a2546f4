// SPDX-License-Identifier: Apache-2.0
//
// The proxy on a stub of the caller's, for tests.
#ifndef CONTAINERD_SRC_SNAPSHOTS_PROXY_H_
#define CONTAINERD_SRC_SNAPSHOTS_PROXY_H_

#include <memory>
#include <string>

#include "containerd/services/snapshots/v1/snapshots.grpc.pb.h"
#include "containerd/snapshots/proxy.h"

namespace containerd::snapshots {

std::shared_ptr<Snapshotter> NewSnapshotter(
    std::shared_ptr<services::snapshots::v1::Snapshots::StubInterface> stub, std::string name);

}  // namespace containerd::snapshots

#endif  // CONTAINERD_SRC_SNAPSHOTS_PROXY_H_
