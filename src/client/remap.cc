// SPDX-License-Identifier: Apache-2.0
#include "remap.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <utility>

#include <absl/cleanup/cleanup.h>
#include <absl/time/time.h>
#include <fmt/format.h>

#include "containerd/digest/digest.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"
#include "containerd/mount/temp.h"

#include "src/base/cleanup.h"
#include "src/base/options.h"
#include "src/errdefs/internal/guard.h"

namespace containerd::internal {
namespace {

constexpr char kCapaRemapIDs[] = "remap-ids";
constexpr char kCapaOnlyRemapIDs[] = "only-remap-ids";

// How often a remapped snapshot may vanish before it is used.
constexpr int kAttempts = 3;

// In the order and form of Go's encoding/json.
std::string MappingsJSON(std::vector<specs::LinuxIDMapping>& mappings) {
  if (mappings.empty()) return "null";
  std::stable_sort(mappings.begin(), mappings.end(),
                   [](const auto& a, const auto& b) { return a.container_id < b.container_id; });
  std::string json;
  for (const specs::LinuxIDMapping& m : mappings) {
    json += fmt::format(R"({}{{"containerID":{},"hostID":{},"size":{}}})", json.empty() ? '[' : ',',
                        m.container_id, m.host_id, m.size);
  }
  return json + "]";
}

// Makes the committed snapshot `id` of the parent's files with their owners moved.
absl::Status Remap(const Context& ctx, snapshots::Snapshotter& snapshotter, const std::string& id,
                   const std::string& parent, const userns::IDMap& map) {
  // Each caller works on a snapshot of a name of its own; the first one to commit wins.
  std::random_device random;
  const std::string key = fmt::format("{}-remap-{:08x}{:08x}", id, random(), random());
  auto mounts = snapshotter.Prepare(ctx, key, parent);
  if (!mounts.ok()) return mounts.status();
  absl::Cleanup remove = [&] {
    const Context remove_ctx = base::CleanUpContext(ctx);
    absl::Status removed =
        errdefs::Guard("a snapshotter", [&] { return snapshotter.Remove(remove_ctx, key); });
    if (!removed.ok() && !errdefs::IsNotFound(removed)) {
      log::Warn(fmt::format("removing snapshot \"{}\": {}", key, errdefs::Message(removed)));
    }
  };
  absl::Status moved = mount::WithTempMount(
      ctx, *mounts, [&](const std::string& root) { return userns::Remap(ctx, root, map); });
  if (!moved.ok()) {
    return errdefs::Annotate(moved, fmt::format("failed to remap snapshot \"{}\"", parent));
  }
  absl::Status committed = snapshotter.Commit(ctx, id, key);
  if (errdefs::IsAlreadyExists(committed)) return absl::OkStatus();
  if (!committed.ok()) return committed;
  std::move(remove).Cancel();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<snapshots::Snapshotter>> ResolveSnapshotter(
    const Context& ctx, const Client& client, containers::Container* container) {
  auto name = client.ResolveSnapshotterName(ctx, container->snapshotter);
  if (!name.ok()) return name.status();
  container->snapshotter = *std::move(name);
  return client.GetSnapshotter(ctx, container->snapshotter);
}

absl::Status MakeSnapshot(const Context& ctx, snapshots::Snapshotter& snapshotter,
                          const SnapshotRequest& request, std::string_view parent) {
  return (request.readonly ? snapshotter.View(ctx, request.key, parent, request.opts)
                           : snapshotter.Prepare(ctx, request.key, parent, request.opts))
      .status();
}

absl::Status MakeRemappedSnapshot(const Context& ctx, snapshots::Snapshotter& snapshotter,
                                  const SnapshotRequest& request, const userns::IDMap& map) {
  if (auto root = map.RootPair(); !root.ok()) {
    return errdefs::Annotate(root.status(), "a mapping of the container's ids 0 is required");
  }
  const std::string id = RemappedID(request.parent, map);
  for (int attempt = 1;; ++attempt) {
    if (absl::Status found = snapshotter.Stat(ctx, id).status(); !found.ok()) {
      if (!errdefs::IsNotFound(found)) return found;
      absl::Status made = Remap(ctx, snapshotter, id, request.parent, map);
      if (!made.ok()) return made;
    }
    // A snapshot that another caller made may be garbage-collected before it is used: nothing
    // refers to it yet.
    absl::Status made = MakeSnapshot(ctx, snapshotter, request, id);
    if (!errdefs::IsNotFound(made) || attempt == kAttempts) return made;
  }
}

absl::StatusOr<std::optional<userns::IDMap>> MappingToApply(
    const Context& ctx, const Client& client, std::string_view snapshotter_name,
    const std::vector<snapshots::Opt>& opts) {
  snapshots::Info info;
  if (absl::Status s = base::Apply(opts, info); !s.ok()) return s;
  const auto uids = info.labels.find(snapshots::kLabelSnapshotUIDMapping);
  const auto gids = info.labels.find(snapshots::kLabelSnapshotGIDMapping);
  if (uids == info.labels.end() && gids == info.labels.end()) return std::nullopt;

  auto capabilities = client.GetSnapshotterCapabilities(ctx, snapshotter_name);
  if (!capabilities.ok()) return capabilities.status();
  const auto has = [&](std::string_view capability) {
    return std::find(capabilities->begin(), capabilities->end(), capability) != capabilities->end();
  };
  if (has(kCapaRemapIDs)) return std::nullopt;
  if (has(kCapaOnlyRemapIDs)) {
    return errdefs::NotImplemented(
        fmt::format("snapshotter \"{}\" can't map ids on mounts on this host, and is not "
                    "configured (slow_chown) to have files' owners changed instead",
                    snapshotter_name));
  }
  auto map = userns::IDMap::Unmarshal(uids == info.labels.end() ? "" : uids->second,
                                      gids == info.labels.end() ? "" : gids->second);
  if (!map.ok()) {
    return errdefs::Annotate(map.status(), "the snapshot's labels for mapped ids");
  }
  return *std::move(map);
}

std::string RemappedID(std::string_view parent, userns::IDMap map) {
  // The parent is a chain id: nothing in it needs to be escaped.
  return digest::FromString(fmt::format(R"({{"Parent":"{}","IDMap":{{"UidMap":{},"GidMap":{}}}}})",
                                        parent, MappingsJSON(map.uid_map),
                                        MappingsJSON(map.gid_map)))
      .String();
}

}  // namespace containerd::internal
