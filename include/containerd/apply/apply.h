// SPDX-License-Identifier: Apache-2.0
//
// Package apply: layers unpacked by this process, instead of by the daemon.
//
//   auto applier = apply::NewFileSystemApplier(client.ContentStore());
//   absl::StatusOr<ocispec::Descriptor> applied = applier->Apply(ctx, layer, mounts);
//
// For a process that runs as root on the daemon's machine and sees its snapshots: it then works on
// the mounts' own directories, as the daemon does, and inflates gzip with ISA-L. The result is the
// daemon's, file for file.
//
// Source: core/diff/apply.
#ifndef CONTAINERD_APPLY_APPLY_H_
#define CONTAINERD_APPLY_APPLY_H_

#include <cstdint>
#include <memory>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/diff/diff.h"
#include "containerd/export/export.h"
#include "containerd/io/io.h"
#include "containerd/mount/mount.h"
#include "containerd/ocispec/descriptor.h"

namespace containerd::apply {

struct Options {
  // Most bytes that one layer may unpack to: a small blob can be a very large layer. 0: nine tenths
  // of what the snapshot's file system has free.
  std::int64_t max_layer_size = 0;
};

// Whether this process can apply layers to these mounts itself: it is root, in no user namespace,
// and they are of directories that it sees. ErrFailedPrecondition says what is missing.
CONTAINERD_EXPORT absl::Status Check(const std::vector<mount::Mount>& mounts);

// An applier that reads layers from `store`. Safe from any thread, and works on the caller's.
//
// Its errors are those of Check; ErrNotFound if the content is missing; ErrNotImplemented for a
// media type that is no layer's or a compression that is not known here; ErrDataLoss if the layer
// is damaged; ErrResourceExhausted if it is too large; and archive::Apply's. After an error the
// layer is applied in part, so the snapshot has to be removed. Source: apply.NewFileSystemApplier.
CONTAINERD_EXPORT std::shared_ptr<diff::Applier> NewFileSystemApplier(
    std::shared_ptr<content::Provider> store, Options options = {});

// Applies the layer `desc` that `blob` gives from its first byte to its last, such as one that is
// being downloaded. Only what comes out is digested: whether `blob` was what `desc` says is for the
// caller to find out, before the snapshot is committed.
CONTAINERD_EXPORT absl::StatusOr<ocispec::Descriptor> ApplyStream(
    const Context& ctx, const ocispec::Descriptor& desc, io::Reader& blob,
    const std::vector<mount::Mount>& mounts, const Options& options = {}, bool sync_fs = false);

}  // namespace containerd::apply

#endif  // CONTAINERD_APPLY_APPLY_H_
