// SPDX-License-Identifier: Apache-2.0
//
// What those who make snapshots for a while share: keys that nobody else uses, and clearing up.
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

// Removes a snapshot that served its time, even if `ctx` has ended; waits for that at most 10
// seconds, and logs a failure.
void RemoveSnapshot(const Context& ctx, Snapshotter& sn, std::string_view key);

}  // namespace containerd::snapshots

#endif  // CONTAINERD_SRC_SNAPSHOTS_INTERNAL_UNIQUE_H_
