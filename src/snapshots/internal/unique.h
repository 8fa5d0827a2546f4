// SPDX-License-Identifier: Apache-2.0
//
// Helpers for code that makes temporary snapshots: unique keys, and removal.
//
//   const std::string key = fmt::format(kUnpackKeyFormat, UniquePart(), chain_id);
//   auto mounts = sn.Prepare(ctx, key, parent);
//   ...
//   RemoveSnapshot(ctx, sn, key);
#ifndef CONTAINERD_SRC_SNAPSHOTS_INTERNAL_UNIQUE_H_
#define CONTAINERD_SRC_SNAPSHOTS_INTERNAL_UNIQUE_H_

#include <string>
#include <string_view>

#include "containerd/context/context.h"
#include "containerd/snapshots/snapshots.h"

namespace containerd::snapshots {

// "<nanoseconds>-<random>", for keys of snapshots that nobody else uses. Source: uniquePart.
std::string UniquePart();

// Removes a temporary snapshot, even if `ctx` has ended. Waits at most 10 seconds, and logs a
// failure.
void RemoveSnapshot(const Context& ctx, Snapshotter& sn, std::string_view key);

}  // namespace containerd::snapshots

#endif  // CONTAINERD_SRC_SNAPSHOTS_INTERNAL_UNIQUE_H_
