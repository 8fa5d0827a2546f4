// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>

#include <fmt/format.h>

#include "containerd/rootfs/rootfs.h"

#include "src/errdefs/internal/guard.h"
#include "src/snapshots/internal/unique.h"

namespace containerd::rootfs {
namespace {

// A view of a snapshot, removed at the end.
class View {
 public:
  View(const Context& ctx, snapshots::Snapshotter& sn, std::string key, std::string_view parent)
      : ctx_(ctx),
        sn_(sn),
        key_(std::move(key)),
        mounts_(errdefs::Guard("a snapshotter", [&] { return sn.View(ctx, key_, parent); })) {}
  View(const View&) = delete;
  View& operator=(const View&) = delete;
  ~View() {
    if (mounts_.ok()) snapshots::RemoveSnapshot(ctx_, sn_, key_);
  }

  const absl::StatusOr<std::vector<mount::Mount>>& mounts() const { return mounts_; }

 private:
  const Context& ctx_;
  snapshots::Snapshotter& sn_;
  const std::string key_;
  const absl::StatusOr<std::vector<mount::Mount>> mounts_;
};

absl::StatusOr<ocispec::Descriptor> Compare(const Context& ctx, diff::Comparer& d,
                                            const std::vector<mount::Mount>& lower,
                                            const std::vector<mount::Mount>& upper,
                                            const std::vector<diff::Opt>& opts) {
  return errdefs::Guard("a comparer", &diff::Comparer::Compare, d, ctx, lower, upper, opts);
}

}  // namespace

absl::StatusOr<ocispec::Descriptor> CreateDiff(const Context& ctx, std::string_view snapshot_id,
                                               snapshots::Snapshotter& sn, diff::Comparer& d,
                                               const std::vector<diff::Opt>& opts) {
  absl::StatusOr<snapshots::Info> info =
      errdefs::Guard("a snapshotter", &snapshots::Snapshotter::Stat, sn, ctx, snapshot_id);
  if (!info.ok()) return info.status();
  const View lower(ctx, sn, fmt::format("{}-parent-view-{}", info->parent, snapshots::UniquePart()),
                   info->parent);
  if (!lower.mounts().ok()) return lower.mounts().status();
  if (info->kind == snapshots::Kind::kActive) {
    absl::StatusOr<std::vector<mount::Mount>> upper =
        errdefs::Guard("a snapshotter", &snapshots::Snapshotter::Mounts, sn, ctx, snapshot_id);
    if (!upper.ok()) return upper.status();
    return Compare(ctx, d, *lower.mounts(), *upper, opts);
  }
  const View upper(ctx, sn, fmt::format("{}-view-{}", snapshot_id, snapshots::UniquePart()),
                   snapshot_id);
  if (!upper.mounts().ok()) return upper.mounts().status();
  return Compare(ctx, d, *lower.mounts(), *upper.mounts(), opts);
}

}  // namespace containerd::rootfs
