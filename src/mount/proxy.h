// SPDX-License-Identifier: Apache-2.0
//
// The proxy on a stub of the caller's, for tests.
#ifndef CONTAINERD_SRC_MOUNT_PROXY_H_
#define CONTAINERD_SRC_MOUNT_PROXY_H_

#include <memory>

#include "containerd/mount/proxy.h"
#include "containerd/services/mounts/v1/mounts.grpc.pb.h"

namespace containerd::mount {

std::shared_ptr<Manager> NewMountManager(
    std::shared_ptr<services::mounts::v1::Mounts::StubInterface> stub);

}  // namespace containerd::mount

#endif  // CONTAINERD_SRC_MOUNT_PROXY_H_
