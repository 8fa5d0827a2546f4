// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_ROOTFS_UNIQUE_H_
#define CONTAINERD_SRC_ROOTFS_UNIQUE_H_

#include <string>
#include <string_view>

#include "containerd/context/context.h"
#include "containerd/snapshots/snapshots.h"

namespace containerd::rootfs {

// "<nanoseconds>-<random>", for keys of snapshots that nobody else uses. Source: uniquePart.
std::string UniquePart();

// Removes a snapshot that served its time, even if `ctx` has ended; waits for that at most 10
// seconds, and logs a failure.
void RemoveSnapshot(const Context& ctx, snapshots::Snapshotter& sn, std::string_view key);

}  // namespace containerd::rootfs

#endif  // CONTAINERD_SRC_ROOTFS_UNIQUE_H_
