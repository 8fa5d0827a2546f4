// SPDX-License-Identifier: Apache-2.0
//
// ctr content prune references: the layers of images are collected, of which there are snapshots.
#include <memory>

#include <absl/algorithm/container.h>
#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>

#include "commands.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

// Those of manifests that keep their layers. Old ones number what they keep; 0 is the config.
bool KeepsLayer(absl::string_view label) {
  if (!absl::ConsumePrefix(&label, "containerd.io/gc.ref.content.")) return false;
  return absl::ConsumePrefix(&label, "l.") ||
         (label != "0" && absl::c_all_of(label, absl::ascii_isdigit));
}

absl::Status PruneReferences(const Context& ctx, Client& client, const Args& args) {
  const std::shared_ptr<content::Store> store = client.ContentStore();
  const bool dry = args.Bool("dry");
  if (dry) Warn("dry run, no changes will be applied");
  std::vector<content::Info> blobs;
  absl::Status s = store->Walk(ctx, [&](const content::Info& info) {
    blobs.push_back(info);
    return absl::OkStatus();
  });
  if (!s.ok()) return s;
  for (content::Info& info : blobs) {
    std::vector<std::string> paths;
    for (const auto& [label, value] : info.labels) {
      if (!KeepsLayer(label)) continue;
      if (dry) Warn(absl::StrCat("would remove label ", label, " of ", info.digest));
      paths.push_back("labels." + label);
    }
    if (paths.empty() || dry) continue;
    info.labels.clear();
    if (absl::StatusOr<content::Info> now = store->Update(ctx, info, paths); !now.ok()) {
      return now.status();
    }
  }
  if (dry) return absl::OkStatus();
  // The removal of a lease is what has the daemon collect.
  const std::shared_ptr<leases::Manager> manager = client.LeasesService();
  absl::StatusOr<leases::Lease> lease =
      manager->Create(ctx, {leases::WithRandomID, leases::WithExpiration(absl::Hours(1))});
  if (!lease.ok()) return lease.status();
  std::vector<leases::DeleteOpt> opts;
  if (!args.Bool("async")) opts.emplace_back(leases::SynchronousDelete);
  return manager->Delete(ctx, *lease, opts);
}

}  // namespace

Command PruneCommand() {
  Command group{"prune", "Prunes content from the content store"};
  group.commands = {
      {"references",
       "Removes the labels by which manifests keep their layers, and what nothing else keeps",
       "[flags]",
       {{"async", "Allow garbage collection to cleanup asynchronously"},
        {"dry", "Just show updates without applying"}},
       PruneReferences},
  };
  return group;
}

}  // namespace ctr
