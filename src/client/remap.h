// SPDX-License-Identifier: Apache-2.0
//
// Making a container's snapshot, with the owners of its files moved if need be.
#ifndef CONTAINERD_SRC_CLIENT_REMAP_H_
#define CONTAINERD_SRC_CLIENT_REMAP_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/client.h"
#include "containerd/containers/containers.h"
#include "containerd/context/context.h"
#include "containerd/snapshots/snapshots.h"
#include "containerd/userns/userns.h"

namespace containerd::internal {

// A snapshot to make.
struct SnapshotRequest {
  std::string key{};
  std::string parent{};  // the image's
  bool readonly = false;
  std::vector<snapshots::Opt> opts{};
};

// The snapshotter that the container's options have named so far, resolved and written back.
absl::StatusOr<std::shared_ptr<snapshots::Snapshotter>> ResolveSnapshotter(
    const Context& ctx, const Client& client, containers::Container* container);

// Makes the snapshot on a parent that may be another than the request's.
absl::Status MakeSnapshot(const Context& ctx, snapshots::Snapshotter& snapshotter,
                          const SnapshotRequest& request, std::string_view parent);

// Makes the snapshot on one that has the parent's files with other owners, which is made unless it
// exists.
absl::Status MakeRemappedSnapshot(const Context& ctx, snapshots::Snapshotter& snapshotter,
                                  const SnapshotRequest& request, const userns::IDMap& map);

// The mapping that the labels set by `opts` ask for, if there is one and the snapshotter can't do
// it by itself. ErrNotImplemented if it is meant to and can't. Source:
// client.resolveSnapshotOptions.
absl::StatusOr<std::optional<userns::IDMap>> MappingToApply(
    const Context& ctx, const Client& client, std::string_view snapshotter_name,
    const std::vector<snapshots::Opt>& opts);

// The name of the snapshot with the parent's files moved. The same as the Go client's, so that both
// use what the other made. Source: remappedSnapshot.ID.
std::string RemappedID(std::string_view parent, userns::IDMap map);

}  // namespace containerd::internal

#endif  // CONTAINERD_SRC_CLIENT_REMAP_H_
