// SPDX-License-Identifier: Apache-2.0
#include "containerd/snapshotter_opts.h"

#include <utility>

#include <fmt/format.h>

#include "containerd/digest/identity.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/userns/userns.h"

#include "draft.h"
#include "remap.h"

namespace containerd {
namespace {

constexpr std::uint32_t kRemappedIDs = 65536;

std::vector<specs::LinuxIDMapping> OneRange(std::uint32_t container_id, std::uint32_t host_id,
                                            std::uint32_t size) {
  return {{.container_id = container_id, .host_id = host_id, .size = size}};
}

NewContainerOpt RemappedSnapshot(std::string id, const Image& image, userns::IDMap map,
                                 bool readonly) {
  return [id = std::move(id), image, map = std::move(map), readonly](
             const Context& ctx, Client& client, containers::Container* container) {
    auto diff_ids = image.RootFS(ctx);
    if (!diff_ids.ok()) return diff_ids.status();
    auto snapshotter = internal::ResolveSnapshotter(ctx, client, container);
    if (!snapshotter.ok()) return snapshotter.status();
    absl::Status made = internal::MakeRemappedSnapshot(
        ctx, **snapshotter,
        {.key = id, .parent = identity::ChainID(*diff_ids).String(), .readonly = readonly}, map);
    if (!made.ok()) {
      return errdefs::Annotate(made, fmt::format("remapped snapshot \"{}\" of image \"{}\" with {}",
                                                 id, image.Name(), container->snapshotter));
    }
    internal::NoteSnapshot(ctx, *snapshotter, id);
    container->snapshot_key = id;
    container->image = image.Name();
    return absl::OkStatus();
  };
}

}  // namespace

snapshots::Opt WithRemapperLabels(std::uint32_t ctr_uid, std::uint32_t host_uid,
                                  std::uint32_t ctr_gid, std::uint32_t host_gid,
                                  std::uint32_t length) {
  return WithUserNSRemapperLabels(OneRange(ctr_uid, host_uid, length),
                                  OneRange(ctr_gid, host_gid, length));
}

snapshots::Opt WithUserNSRemapperLabels(const std::vector<specs::LinuxIDMapping>& uidmaps,
                                        const std::vector<specs::LinuxIDMapping>& gidmaps) {
  auto [uids, gids] = userns::IDMap{uidmaps, gidmaps}.Marshal();
  return snapshots::WithLabels({{snapshots::kLabelSnapshotUIDMapping, std::move(uids)},
                                {snapshots::kLabelSnapshotGIDMapping, std::move(gids)}});
}

NewContainerOpt WithRemappedSnapshot(std::string id, const Image& image, std::uint32_t uid,
                                     std::uint32_t gid) {
  return WithUserNSRemappedSnapshot(std::move(id), image, OneRange(0, uid, kRemappedIDs),
                                    OneRange(0, gid, kRemappedIDs));
}

NewContainerOpt WithRemappedSnapshotView(std::string id, const Image& image, std::uint32_t uid,
                                         std::uint32_t gid) {
  return WithUserNSRemappedSnapshotView(std::move(id), image, OneRange(0, uid, kRemappedIDs),
                                        OneRange(0, gid, kRemappedIDs));
}

NewContainerOpt WithUserNSRemappedSnapshot(std::string id, const Image& image,
                                           std::vector<specs::LinuxIDMapping> uidmaps,
                                           std::vector<specs::LinuxIDMapping> gidmaps) {
  return RemappedSnapshot(std::move(id), image, {std::move(uidmaps), std::move(gidmaps)}, false);
}

NewContainerOpt WithUserNSRemappedSnapshotView(std::string id, const Image& image,
                                               std::vector<specs::LinuxIDMapping> uidmaps,
                                               std::vector<specs::LinuxIDMapping> gidmaps) {
  return RemappedSnapshot(std::move(id), image, {std::move(uidmaps), std::move(gidmaps)}, true);
}

}  // namespace containerd
