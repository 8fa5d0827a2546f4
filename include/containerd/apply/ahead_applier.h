// SPDX-License-Identifier: Apache-2.0
//
// An image's layers unpacked by this process, several at once.
//
//   auto applier = apply::NewAheadApplier(ctx, store, snapshotter, layers);
//   for (const ocispec::Descriptor& next : layers) {  // in their order
//     // ... prepare the mounts on top of the layer before ...
//     if (auto applied = applier->Apply(ctx, next, mounts); !applied.ok()) return applied.status();
//   }
//
// While one is applied, those that come next are extracted to snapshots of their own, as
// StreamApplier does it with layers that are being fetched.
#ifndef CONTAINERD_APPLY_AHEAD_APPLIER_H_
#define CONTAINERD_APPLY_AHEAD_APPLIER_H_

#include <memory>
#include <vector>

#include "containerd/apply/stream_applier.h"
#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/diff/diff.h"
#include "containerd/export/export.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/snapshots/snapshots.h"

namespace containerd::apply {

// An applier of `layers`, which are in the store, and of any other: those it applies when it is
// asked to. As many are extracted at once as there are cores. `ctx` bounds all that is extracted.
// Destroying the result ends what is under way and removes the snapshots of what was not applied.
// Safe from any thread. Go leaves unpacking to the daemon, which applies one layer after the other.
CONTAINERD_EXPORT std::unique_ptr<diff::Applier> NewAheadApplier(
    const Context& ctx, std::shared_ptr<content::Provider> store,
    std::shared_ptr<snapshots::Snapshotter> snapshotter,
    const std::vector<ocispec::Descriptor>& layers, StreamOptions options = {});

}  // namespace containerd::apply

#endif  // CONTAINERD_APPLY_AHEAD_APPLIER_H_
