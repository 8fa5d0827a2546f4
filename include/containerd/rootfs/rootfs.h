// SPDX-License-Identifier: Apache-2.0
//
// Package rootfs: layers of images to snapshots and back.
//
//   std::vector<rootfs::Layer> layers = …;          // lowest first
//   auto chain_id = rootfs::ApplyLayers(ctx, layers, *snapshotter, *client.DiffService());
//   if (!chain_id.ok()) return chain_id.status();
//   auto mounts = snapshotter->Prepare(ctx, "work", chain_id->String());
//
// A layer's snapshot is committed under its chain id (containerd/digest/identity.h), so that images
// share what they have in common. All functions are safe from any thread, and two that apply the
// same layer do not disturb one another: the second one throws its work away.
//
// Source: pkg/rootfs.
#ifndef CONTAINERD_ROOTFS_ROOTFS_H_
#define CONTAINERD_ROOTFS_ROOTFS_H_

#include <span>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/diff/diff.h"
#include "containerd/digest/digest.h"
#include "containerd/export/export.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/snapshots/snapshots.h"

namespace containerd::rootfs {

// A layer: what it is when uncompressed, and the blob that holds it. Source: rootfs.Layer.
struct Layer {
  ocispec::Descriptor diff{};
  ocispec::Descriptor blob{};
};

// Applies layers, lowest first, and returns the chain id of all of them. Those that have a snapshot
// are not applied again. ErrDataLoss if a layer unpacks to something else than its diff says; what
// was being applied is then removed, layers below stay. Source: rootfs.ApplyLayers,
// rootfs.ApplyLayersWithOpts.
CONTAINERD_EXPORT absl::StatusOr<digest::Digest> ApplyLayers(const Context& ctx,
                                                             const std::vector<Layer>& layers,
                                                             snapshots::Snapshotter& sn,
                                                             diff::Applier& a);
CONTAINERD_EXPORT absl::StatusOr<digest::Digest> ApplyLayersWithOpts(
    const Context& ctx, const std::vector<Layer>& layers, snapshots::Snapshotter& sn,
    diff::Applier& a, const std::vector<diff::ApplyOpt>& apply_opts);

// Applies one layer on top of those with the diff ids `chain`, which exist. False if its snapshot
// exists already. Source: rootfs.ApplyLayer, rootfs.ApplyLayerWithOpts.
CONTAINERD_EXPORT absl::StatusOr<bool> ApplyLayer(const Context& ctx, const Layer& layer,
                                                  std::span<const digest::Digest> chain,
                                                  snapshots::Snapshotter& sn, diff::Applier& a,
                                                  const std::vector<snapshots::Opt>& opts = {});
CONTAINERD_EXPORT absl::StatusOr<bool> ApplyLayerWithOpts(
    const Context& ctx, const Layer& layer, std::span<const digest::Digest> chain,
    snapshots::Snapshotter& sn, diff::Applier& a, const std::vector<snapshots::Opt>& opts,
    const std::vector<diff::ApplyOpt>& apply_opts);

// Makes a layer of what the snapshot, active or committed, changed on its parent, and returns its
// descriptor. ErrNotFound if there is no such snapshot. Source: rootfs.CreateDiff.
CONTAINERD_EXPORT absl::StatusOr<ocispec::Descriptor> CreateDiff(
    const Context& ctx, std::string_view snapshot_id, snapshots::Snapshotter& sn, diff::Comparer& d,
    const std::vector<diff::Opt>& opts = {});

}  // namespace containerd::rootfs

#endif  // CONTAINERD_ROOTFS_ROOTFS_H_
