// SPDX-License-Identifier: Apache-2.0
//
// Root file systems for containers in a user namespace, whose files have to belong to the ids that
// the container's are on the host.
//
//   const std::vector<specs::LinuxIDMapping> ids = {
//       {.container_id = 0, .host_id = 100000, .size = 65536}};
//   auto web = client.NewContainer(
//       ctx, "web",
//       {WithNewSnapshot("web", image, {WithUserNSRemapperLabels(ids, ids)}),
//        WithNewSpec({oci::WithImageConfig(image), oci::WithUserNamespace(ids, ids)})});
//
// There are two ways. A snapshotter with the capability "remap-ids" shifts the owners by itself
// when a snapshot's labels ask it to. For others the files of the image are given new owners once,
// in a snapshot that all containers with the same image and mapping share: by the options
// WithRemapped… in any case, by WithNewSnapshot with such labels when the snapshotter needs it.
// That takes time and space as the image is large, and works on the daemon's machine only, with
// CAP_SYS_ADMIN and CAP_CHOWN. Any number of threads and processes may ask for the same at once.
// Nothing is left behind by one that fails.
//
// Source: client/snapshotter_opts_unix.go, container_opts_unix.go.
#ifndef CONTAINERD_SNAPSHOTTER_OPTS_H_
#define CONTAINERD_SNAPSHOTTER_OPTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "containerd/container_opts_fwd.h"
#include "containerd/export/export.h"
#include "containerd/image.h"
#include "containerd/snapshots/snapshots.h"
#include "containerd/specs/linux.h"

namespace containerd {

// Labels of a snapshot whose files shall belong to other ids: `length` of them, from `ctr_uid` and
// `ctr_gid` on in the container.
CONTAINERD_EXPORT snapshots::Opt WithRemapperLabels(std::uint32_t ctr_uid, std::uint32_t host_uid,
                                                    std::uint32_t ctr_gid, std::uint32_t host_gid,
                                                    std::uint32_t length);

// The same for several ranges.
CONTAINERD_EXPORT snapshots::Opt WithUserNSRemapperLabels(
    const std::vector<specs::LinuxIDMapping>& uidmaps,
    const std::vector<specs::LinuxIDMapping>& gidmaps);

// A new snapshot under the key `id` of the image with its files' owners moved: the 65536 ids from 0
// on to those from `uid` and `gid` on. Writable, or a read-only view. ErrInvalidArgument names a
// file whose owner is outside of the range.
CONTAINERD_EXPORT NewContainerOpt WithRemappedSnapshot(std::string id, const Image& image,
                                                       std::uint32_t uid, std::uint32_t gid);
CONTAINERD_EXPORT NewContainerOpt WithRemappedSnapshotView(std::string id, const Image& image,
                                                           std::uint32_t uid, std::uint32_t gid);

// The same for any ranges. The container's 0 has to be in them.
CONTAINERD_EXPORT NewContainerOpt WithUserNSRemappedSnapshot(
    std::string id, const Image& image, std::vector<specs::LinuxIDMapping> uidmaps,
    std::vector<specs::LinuxIDMapping> gidmaps);
CONTAINERD_EXPORT NewContainerOpt WithUserNSRemappedSnapshotView(
    std::string id, const Image& image, std::vector<specs::LinuxIDMapping> uidmaps,
    std::vector<specs::LinuxIDMapping> gidmaps);

}  // namespace containerd

#endif  // CONTAINERD_SNAPSHOTTER_OPTS_H_
