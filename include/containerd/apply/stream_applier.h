// SPDX-License-Identifier: Apache-2.0
//
// Layers unpacked by this process while they are being downloaded, several at once.
//
//   auto applier = apply::NewStreamApplier(ctx, store, snapshotter);
//   auto fetcher = applier->Wrap(registry);   // remotes::Fetch of a layer extracts it meanwhile,
//   applier->Apply(ctx, layer, mounts);       // and this moves it to where it belongs.
//
// What is extracted goes to a snapshot of its own, under the context's lease, whatever the layers
// below are. Apply then moves it to the snapshot that was prepared on top of those. That works for
// snapshots that overlayfs stacks; others, and layers that were not fetched from their first byte
// to their last, are applied from the content store as NewFileSystemApplier does it. A layer is not
// used before the content store has verified its digest and committed it.
#ifndef CONTAINERD_APPLY_STREAM_APPLIER_H_
#define CONTAINERD_APPLY_STREAM_APPLIER_H_

#include <cstdint>
#include <memory>

#include "containerd/apply/apply.h"
#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/diff/diff.h"
#include "containerd/export/export.h"
#include "containerd/remotes/remotes.h"
#include "containerd/snapshots/snapshots.h"

namespace containerd::apply {

struct StreamOptions {
  Options layer{};
  // Smaller layers are not worth a snapshot of their own: they are applied when they are there.
  std::int64_t min_size = std::int64_t{1} << 20;
};

// Safe from any thread. Has a thread for each layer that is being fetched, while it is.
class CONTAINERD_EXPORT StreamApplier : public diff::Applier {
 public:
  // A fetcher whose readers hand the layers on while they are read. It must not outlive this
  // object, nor may its readers.
  virtual std::shared_ptr<remotes::Fetcher> Wrap(std::shared_ptr<remotes::Fetcher> fetcher) = 0;
};

// `ctx` bounds all that is extracted. Destroying the result ends what is under way and removes the
// snapshots of what was not applied.
CONTAINERD_EXPORT std::unique_ptr<StreamApplier> NewStreamApplier(
    const Context& ctx, std::shared_ptr<content::Provider> store,
    std::shared_ptr<snapshots::Snapshotter> snapshotter, StreamOptions options = {});

}  // namespace containerd::apply

#endif  // CONTAINERD_APPLY_STREAM_APPLIER_H_
