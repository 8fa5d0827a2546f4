// SPDX-License-Identifier: Apache-2.0
#include "rootfs.h"

#include <atomic>
#include <unistd.h>

#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"
#include "containerd/mount/manager.h"
#include "containerd/mount/temp.h"
#include "containerd/snapshots/snapshots.h"

#include "src/base/cleanup.h"
#include "src/rpc/internal/outcome.h"

namespace containerd::oci {
namespace {

using Look = std::function<absl::Status(const RootView&)>;

absl::Status LookAtDirectory(const std::string& path, const Look& look) {
  auto view = RootView::OfDirectory(path);
  return view.ok() ? look(*view) : view.status();
}

absl::Status LookAtTempMount(const Context& ctx, const std::vector<mount::Mount>& mounts,
                             const Look& look) {
  absl::Status result;
  // `look`'s own error is kept apart from errors of mounting, so that it is the same with a mount
  // and without.
  absl::Status mounted =
      mount::WithReadonlyTempMount(ctx, mounts, [&](const std::string& root) -> absl::Status {
        result = LookAtDirectory(root, look);
        return absl::OkStatus();
      });
  return result.ok() ? mounted : result;
}

// Lets the daemon's mount manager activate mounts that mount(2) cannot do, while `look` runs.
absl::Status LookAtActivated(const Context& ctx, mount::Manager& manager,
                             const std::vector<mount::Mount>& mounts, const Look& look) {
  static std::atomic<unsigned> counter{0};
  const std::string name = fmt::format("readonly-fs-{}-{}-{}", getpid(),
                                       absl::GetCurrentTimeNanos(), counter.fetch_add(1));
  auto active = manager.Activate(ctx, name, mounts);
  if (errdefs::IsNotImplemented(active.status())) return LookAtTempMount(ctx, mounts, look);
  if (!active.ok() && !rpc::OutcomeOpen(active.status())) {
    return errdefs::Annotate(active.status(), "activating mounts");
  }
  absl::Status result = active.ok() ? LookAtTempMount(ctx, active->system, look)
                                    : errdefs::Annotate(active.status(), "activating mounts");
  if (absl::Status s = manager.Deactivate(base::CleanUpContext(ctx), name);
      !s.ok() && !errdefs::IsNotFound(s)) {
    log::Warn(
        fmt::format("mounts stay active under the name \"{}\": {}", name, errdefs::Message(s)));
  }
  return result;
}

absl::Status LookAtMounts(const Context& ctx, Client& client,
                          const std::vector<mount::Mount>& mounts, const Look& look) {
  if (mounts.empty()) return errdefs::FailedPrecondition("it has no mounts");
  auto view = RootView::OfMounts(mounts);
  absl::Status result = view.ok() ? look(*view) : view.status();
  if (!errdefs::IsNotImplemented(result)) return result;
  const std::shared_ptr<mount::Manager> manager = client.MountManager();
  return manager == nullptr ? LookAtTempMount(ctx, mounts, look)
                            : LookAtActivated(ctx, *manager, mounts, look);
}

}  // namespace

absl::Status WithRootView(const Context& ctx, Client* client,
                          const containers::Container* container, const Spec& spec,
                          const Look& look) {
  if (absl::Status err = ctx.Err(); !err.ok()) return err;
  if (container == nullptr || (container->snapshotter.empty() && container->snapshot_key.empty())) {
    const std::string path = spec.root.has_value() ? spec.root->path : "";
    if (!path.starts_with('/')) {
      return errdefs::InvalidArgument(
          fmt::format("rootfs absolute path is required, without a snapshot; it is \"{}\"", path));
    }
    return LookAtDirectory(path, look);
  }
  if (container->snapshotter.empty()) {
    return errdefs::FailedPrecondition(
        fmt::format("no snapshotter set for container \"{}\"", container->id));
  }
  if (container->snapshot_key.empty()) {
    return errdefs::FailedPrecondition(
        fmt::format("rootfs snapshot not created for container \"{}\"", container->id));
  }
  const std::shared_ptr<snapshots::Snapshotter> snapshotter =
      client == nullptr ? nullptr : client->SnapshotService(container->snapshotter);
  if (snapshotter == nullptr) {
    return errdefs::Unavailable(
        fmt::format("no client for the snapshotter \"{}\"", container->snapshotter));
  }
  auto mounts = snapshotter->Mounts(ctx, container->snapshot_key);
  if (!mounts.ok()) {
    return errdefs::Annotate(mounts.status(),
                             fmt::format("mounts of snapshot \"{}\"", container->snapshot_key));
  }
  return LookAtMounts(ctx, *client, *mounts, look);
}

}  // namespace containerd::oci
