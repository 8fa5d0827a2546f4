// SPDX-License-Identifier: Apache-2.0
//
// A layer that is extracted to a snapshot of its own, whatever the layers below are, and moved to
// its place when that has been prepared.
#ifndef CONTAINERD_SRC_APPLY_STAGED_H_
#define CONTAINERD_SRC_APPLY_STAGED_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/apply/apply.h"
#include "containerd/context/context.h"
#include "containerd/diff/diff.h"
#include "containerd/io/io.h"
#include "containerd/mount/mount.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/snapshots/snapshots.h"

namespace containerd::apply {

class Staged {
 public:
  // nullptr if that is not possible here, or not worth it: the layer is smaller than `min_size`.
  static std::unique_ptr<Staged> Prepare(const Context& ctx,
                                         std::shared_ptr<snapshots::Snapshotter> snapshotter,
                                         const ocispec::Descriptor& desc, std::int64_t min_size);

  Staged(const Staged&) = delete;
  Staged& operator=(const Staged&) = delete;

  // Removes the snapshot, also when the context has ended.
  ~Staged();

  const ocispec::Descriptor& desc() const { return desc_; }

  // Called once. What the layer is when it is inflated.
  absl::StatusOr<ocispec::Descriptor> Extract(io::Reader& blob, const Options& options);

  // Whether the extracted layer can be moved into these mounts instead of being applied again.
  bool Fits(const std::vector<mount::Mount>& mounts) const;

  // Source: diff.Applier's Apply, of what Extract has extracted.
  absl::Status MoveTo(const Context& ctx, const std::vector<mount::Mount>& mounts,
                      const std::vector<diff::ApplyOpt>& opts) const;

 private:
  Staged(const Context& ctx, std::shared_ptr<snapshots::Snapshotter> snapshotter,
         ocispec::Descriptor desc, std::string key, std::string dir);

  absl::Status Move(const std::vector<mount::Mount>& mounts) const;

  const Context ctx_;
  const std::shared_ptr<snapshots::Snapshotter> snapshotter_;
  const ocispec::Descriptor desc_;
  const std::string key_;
  const std::string dir_;
  std::vector<std::string> undescribed_;
  int whiteouts_ = 0;
};

// Moves a layer to its place if it was extracted and fits, and applies it from the store if not.
absl::StatusOr<ocispec::Descriptor> ApplyStaged(const Context& ctx, const Staged& staged,
                                                const absl::StatusOr<ocispec::Descriptor>& result,
                                                diff::Applier& from_store,
                                                const std::vector<mount::Mount>& mounts,
                                                const std::vector<diff::ApplyOpt>& opts);

}  // namespace containerd::apply

#endif  // CONTAINERD_SRC_APPLY_STAGED_H_
