// SPDX-License-Identifier: Apache-2.0
//
// ctr images mount, unmount, usage: what snapshots have of an image
#include <iostream>
#include <memory>

#include <absl/strings/str_cat.h>
#include <fmt/format.h>

#include "containerd/digest/identity.h"

#include "commands.h"
#include "interrupt.h"
#include "output.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

std::string SnapshotterOf(const Args& args) {
  const std::string name = args.Text("snapshotter");
  return name.empty() ? "overlayfs" : name;
}

// The snapshots of the image's layers, from the top down.
absl::Status ShowUsage(const Context& ctx, Client& client, const Args& args) {
  if (args.Get(0).empty()) return NoImage("mount");
  const std::string snapshotter = SnapshotterOf(args);
  absl::StatusOr<Image> image = client.GetImage(ctx, args.Get(0));
  if (!image.ok()) return image.status();
  absl::StatusOr<bool> unpacked = image->IsUnpacked(ctx, snapshotter);
  if (!unpacked.ok()) return unpacked.status();
  if (!*unpacked) {
    return errdefs::FailedPrecondition(
        fmt::format("image {} isn't unpacked in snapshotter {}", args.Get(0), snapshotter));
  }
  absl::StatusOr<std::vector<digest::Digest>> diff_ids = image->RootFS(ctx);
  if (!diff_ids.ok()) return diff_ids.status();
  const std::shared_ptr<snapshots::Snapshotter> service = client.SnapshotService(snapshotter);
  Table table;
  table.Row({"KEY", "SIZE", "INODES", ""});
  for (std::string key = identity::ChainID(*diff_ids).String(); !key.empty();) {
    absl::StatusOr<snapshots::Usage> usage = service->Usage(ctx, key);
    if (!usage.ok()) return usage.status();
    table.Row({key, BinarySize(usage->size), absl::StrCat(usage->inodes), ""});
    absl::StatusOr<snapshots::Info> info = service->Stat(ctx, key);
    if (!info.ok()) return info.status();
    key = info->parent;
  }
  table.Print();
  return absl::OkStatus();
}

// The mounted snapshot is kept by a lease of the target's name, for a day or until it is unmounted
// with --rm.
absl::Status MountImage(const Context& ctx, Client& client, const Args& args) {
  const std::string target = args.Get(1);
  if (args.Get(0).empty()) return NoImage("mount");
  if (target.empty()) return Refused("please provide a target path to mount to");
  const std::string snapshotter = SnapshotterOf(args);
  absl::StatusOr<platforms::Platform> platform = platforms::Parse(args.Text("platform"));
  if (!platform.ok()) return platform.status();
  absl::StatusOr<images::Image> record = client.ImageService()->Get(ctx, args.Get(0));
  if (!record.ok()) return record.status();
  const std::shared_ptr<leases::Manager> manager = client.LeasesService();
  absl::Status leased =
      manager
          ->Create(ctx, {leases::WithID(target), leases::WithExpiration(absl::Hours(24)),
                         leases::WithLabel("containerd.io/gc.ref.snapshot." + snapshotter, target)})
          .status();
  if (!leased.ok() && !errdefs::IsAlreadyExists(leased)) return leased;
  const Context held = WithLease(ctx, target);

  absl::Status s = [&]() -> absl::Status {
    const Image image(client, *record, platforms::Only(*platform));
    absl::Status unpacked = image.Unpack(held, snapshotter, UnpackOpts(args));
    if (!unpacked.ok()) return unpacked;
    absl::StatusOr<std::vector<digest::Digest>> diff_ids = image.RootFS(ctx);
    if (!diff_ids.ok()) return diff_ids.status();
    const std::string chain_id = identity::ChainID(*diff_ids).String();
    std::cout << chain_id << "\n";
    const std::shared_ptr<snapshots::Snapshotter> service = client.SnapshotService(snapshotter);
    absl::StatusOr<std::vector<mount::Mount>> mounts =
        args.Bool("rw") ? service->Prepare(held, target, chain_id)
                        : service->View(held, target, chain_id);
    if (errdefs::IsAlreadyExists(mounts.status())) mounts = service->Mounts(held, target);
    if (!mounts.ok()) return mounts.status();
    absl::Status mounted = mount::All(*mounts, target);
    if (!mounted.ok()) service->Remove(Afterwards(ctx), target).IgnoreError();
    return mounted;
  }();
  if (s.ok()) std::cout << target << "\n";
  if (!s.ok() && leased.ok()) {
    manager->Delete(Afterwards(ctx), leases::Lease{.id = target}).IgnoreError();
  }
  return s;
}

absl::Status UnmountImage(const Context& ctx, Client& client, const Args& args) {
  const std::string target = args.Get(0);
  if (target.empty()) {
    return Refused("please provide a target path to unmount from");
  }
  if (absl::Status s = mount::UnmountAll(target, 0); !s.ok()) return s;
  if (args.Bool("rm")) {
    absl::Status s = client.LeasesService()->Delete(ctx, leases::Lease{.id = target});
    if (!s.ok() && !errdefs::IsNotFound(s)) return s;
    s = client.SnapshotService(SnapshotterOf(args))->Remove(ctx, target);
    if (!s.ok() && !errdefs::IsNotFound(s)) return s;
  }
  std::cout << target << "\n";
  return absl::OkStatus();
}

}  // namespace

Command MountCommand() {
  return {"mount",
          "Mount an image to a target path",
          "[flags] <ref> <target>",
          {{"rw", "Enable write support on the mount"},
           {"platform", "Mount the image for the specified platform", Kind::kText,
            platforms::DefaultString()},
           SyncFsFlag(),
           SnapshotterFlag()},
          MountImage};
}

Command UnmountCommand() {
  return {"unmount",
          "Unmount the image from the target",
          "[flags] <target>",
          {{"rm", "Remove the snapshot after a successful unmount"}, SnapshotterFlag()},
          UnmountImage};
}

Command UsageCommand() {
  return {"usage",
          "Display usage of snapshots for a given image ref",
          "[flags] <ref>",
          {SnapshotterFlag()},
          ShowUsage};
}

}  // namespace ctr
