// SPDX-License-Identifier: Apache-2.0
//
// ctr snapshots
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <unistd.h>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/ocispec/mediatypes.h"
#include "containerd/rootfs/rootfs.h"

#include "commands.h"
#include "output.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

using snapshots::Snapshotter;

absl::StatusOr<std::shared_ptr<Snapshotter>> Service(const Context& ctx, Client& client,
                                                     const Args& args) {
  return client.GetSnapshotter(ctx, args.Text("snapshotter"));
}

absl::Status ListSnapshots(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<std::shared_ptr<Snapshotter>> service = Service(ctx, client, args);
  if (!service.ok()) return service.status();
  Table table;
  table.Row({"KEY", "PARENT", "KIND", ""});
  absl::Status s = (*service)->Walk(ctx, [&](const Context&, const snapshots::Info& info) {
    table.Row({info.name, info.parent, std::string(snapshots::String(info.kind)), ""});
    return absl::OkStatus();
  });
  if (s.ok()) table.Print();
  return s;
}

absl::Status ShowSnapshotUsage(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<std::shared_ptr<Snapshotter>> service = Service(ctx, client, args);
  if (!service.ok()) return service.status();
  std::vector<std::string> keys = args.All();
  absl::Status s;
  if (keys.empty()) {
    s = (*service)->Walk(ctx, [&](const Context&, const snapshots::Info& info) {
      keys.push_back(info.name);
      return absl::OkStatus();
    });
    if (!s.ok()) return s;
  }
  Table table;
  table.Row({"KEY", "SIZE", "INODES", ""});
  for (const std::string& key : keys) {
    absl::StatusOr<snapshots::Usage> usage = (*service)->Usage(ctx, key);
    if (!usage.ok()) return usage.status();
    table.Row({key, args.Bool("b") ? absl::StrCat(usage->size) : BinarySize(usage->size),
               absl::StrCat(usage->inodes), ""});
  }
  table.Print();
  return s;
}

absl::Status RemoveSnapshots(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<std::shared_ptr<Snapshotter>> service = Service(ctx, client, args);
  if (!service.ok()) return service.status();
  for (const std::string& key : args.All()) {
    absl::Status s = (*service)->Remove(ctx, key);
    if (!s.ok()) return errdefs::Annotate(s, fmt::format("failed to remove \"{}\"", key));
  }
  return absl::OkStatus();
}

void PrintMounts(const std::string& target, const std::vector<mount::Mount>& mounts) {
  for (const mount::Mount& m : mounts) {
    const std::string at =
        m.target.empty() ? target : (std::filesystem::path(target) / m.target).string();
    std::cout << fmt::format("mount -t {} {} {} -o {}\n", m.type, m.source, at,
                             absl::StrJoin(m.options, ","));
  }
}

// As encoding/json writes Go's structs.
std::string MountsJSON(const std::vector<mount::Mount>& mounts) {
  std::vector<std::string> all;
  for (const mount::Mount& m : mounts) {
    std::vector<std::string> options;
    options.reserve(m.options.size());
    for (const std::string& option : m.options) options.push_back(Quote(option));
    all.push_back(fmt::format(
        R"({{"Type":{},"Source":{},"Target":{},"Options":{}}})", Quote(m.type), Quote(m.source),
        Quote(m.target),
        options.empty() ? "null" : absl::StrCat("[", absl::StrJoin(options, ","), "]")));
  }
  return absl::StrCat("[", absl::StrJoin(all, ","), "]");
}

// What prepare and view are asked to tell of the new snapshot.
void PrintNew(const std::vector<mount::Mount>& mounts, const Args& args) {
  if (args.IsSet("target")) PrintMounts(args.Text("target"), mounts);
  if (args.Bool("mounts")) std::cout << Indent(MountsJSON(mounts)) << "\n";
}

// Not collected although nothing refers to it.
Labels Kept() {
  return {{"containerd.io/gc.root",
           absl::FormatTime("%Y-%m-%d%ET%H:%M:%SZ", absl::Now(), absl::UTCTimeZone())}};
}

absl::Status NoKey() { return Refused("please specify a snapshot's key"); }

absl::Status PrepareSnapshot(const Context& ctx, Client& client, const Args& args) {
  if (args.Get(0).empty()) return NoKey();
  absl::StatusOr<std::shared_ptr<Snapshotter>> service = Service(ctx, client, args);
  if (!service.ok()) return service.status();
  absl::StatusOr<std::vector<mount::Mount>> mounts =
      (*service)->Prepare(ctx, args.Get(0), args.Get(1), {snapshots::WithLabels(Kept())});
  if (!mounts.ok()) return mounts.status();
  PrintNew(*mounts, args);
  return absl::OkStatus();
}

absl::Status ViewSnapshot(const Context& ctx, Client& client, const Args& args) {
  if (args.Get(0).empty()) return NoKey();
  absl::StatusOr<std::shared_ptr<Snapshotter>> service = Service(ctx, client, args);
  if (!service.ok()) return service.status();
  absl::StatusOr<std::vector<mount::Mount>> mounts =
      (*service)->View(ctx, args.Get(0), args.Get(1));
  if (!mounts.ok()) return mounts.status();
  PrintNew(*mounts, args);
  return absl::OkStatus();
}

absl::Status ShowMounts(const Context& ctx, Client& client, const Args& args) {
  if (args.Get(1).empty()) return NoKey();
  absl::StatusOr<std::shared_ptr<Snapshotter>> service = Service(ctx, client, args);
  if (!service.ok()) return service.status();
  absl::StatusOr<std::vector<mount::Mount>> mounts = (*service)->Mounts(ctx, args.Get(1));
  if (!mounts.ok()) return mounts.status();
  PrintMounts(args.Get(0), *mounts);
  return absl::OkStatus();
}

absl::Status CommitSnapshot(const Context& ctx, Client& client, const Args& args) {
  if (args.Get(1).empty()) return NoKey();
  absl::StatusOr<std::shared_ptr<Snapshotter>> service = Service(ctx, client, args);
  if (!service.ok()) return service.status();
  return (*service)->Commit(ctx, args.Get(0), args.Get(1), {snapshots::WithLabels(Kept())});
}

absl::Status ShowSnapshot(const Context& ctx, Client& client, const Args& args) {
  if (args.Get(0).empty()) return NoKey();
  absl::StatusOr<std::shared_ptr<Snapshotter>> service = Service(ctx, client, args);
  if (!service.ok()) return service.status();
  absl::StatusOr<snapshots::Info> info = (*service)->Stat(ctx, args.Get(0));
  if (!info.ok()) return info.status();
  std::cout << Indent(snapshots::MarshalJSON(*info)) << "\n";
  return absl::OkStatus();
}

// A layer of what a snapshot has over another, by default over its parent. It goes to standard
// output, and stays in the content store only with --keep.
absl::Status DiffSnapshots(const Context& ctx, Client& client, const Args& args) {
  if (args.Get(0).empty()) return NoKey();
  absl::StatusOr<std::shared_ptr<Snapshotter>> service = Service(ctx, client, args);
  if (!service.ok()) return service.status();
  absl::StatusOr<leases::LeaseGuard> lease = client.WithLease(ctx);
  if (!lease.ok()) return lease.status();
  const Context& held = lease->context();
  Labels labels = ParseLabels(args.List("label"));
  if (args.Bool("keep")) labels.merge(Kept());
  std::vector<diff::Opt> opts{diff::WithMediaType(args.Text("media-type")),
                              diff::WithLabels(labels)};
  if (args.IsSet("ref")) opts.push_back(diff::WithReference(args.Text("ref")));

  absl::StatusOr<ocispec::Descriptor> layer;
  if (args.Get(1).empty()) {
    layer = rootfs::CreateDiff(held, args.Get(0), **service, *client.DiffService(), opts);
  } else {
    absl::StatusOr<std::vector<mount::Mount>> sides[2];
    for (std::size_t i = 0; i < 2; ++i) {
      absl::StatusOr<snapshots::Info> info = (*service)->Stat(held, args.Get(i));
      if (!info.ok()) return info.status();
      // What is committed is seen through a view, which goes with the lease.
      sides[i] =
          info->kind == snapshots::Kind::kActive
              ? (*service)->Mounts(held, args.Get(i))
              : (*service)->View(held, fmt::format("{}-{}", held.Lease().value_or("diff"), i),
                                 args.Get(i));
      if (!sides[i].ok()) return sides[i].status();
    }
    layer = client.DiffService()->Compare(held, *sides[0], *sides[1], opts);
  }
  if (!layer.ok()) return layer.status();
  absl::StatusOr<std::unique_ptr<content::ReaderAt>> blob =
      client.ContentStore()->ReaderAt(held, *layer);
  if (!blob.ok()) return blob.status();
  const std::unique_ptr<io::Reader> reader = content::NewReader(**blob);
  io::FileWriter out(STDOUT_FILENO);
  return io::Copy(held, out, *reader).status();
}

// An empty value clears a label; without labels those that there are are printed.
absl::Status LabelSnapshot(const Context& ctx, Client& client, const Args& args) {
  if (args.Get(0).empty()) return NoKey();
  absl::StatusOr<std::shared_ptr<Snapshotter>> service = Service(ctx, client, args);
  if (!service.ok()) return service.status();
  snapshots::Info info;
  info.name = args.Get(0);
  std::vector<std::string> paths;
  for (const auto& [key, value] : ParseLabels(args.From(1))) {
    paths.push_back("labels." + key);
    if (!value.empty()) info.labels[key] = value;
  }
  absl::StatusOr<snapshots::Info> now =
      paths.empty() ? (*service)->Stat(ctx, info.name) : (*service)->Update(ctx, info, paths);
  if (!now.ok()) return now.status();
  std::cout << JoinLabels(now->labels) << "\n";
  return absl::OkStatus();
}

// The layers of the image whose manifest or index has that digest.
absl::Status UnpackManifest(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<digest::Digest> digest = digest::Parse(args.Get(0));
  if (!digest.ok()) return digest.status();
  absl::StatusOr<std::vector<Image>> all =
      client.ListImages(ctx, {absl::StrCat("target.digest==", digest->String())});
  if (!all.ok()) return all.status();
  if (all->empty()) return errdefs::NotFound("manifest not found");
  const Image& image = all->front();
  std::cout << fmt::format("unpacking {} ({})...", digest->String(), image.Target().media_type)
            << std::flush;
  absl::Status s = image.Unpack(ctx, args.Text("snapshotter"), UnpackOpts(args));
  std::cout << (s.ok() ? "done\n" : "\n");
  return s;
}

using Children = std::map<std::string, std::vector<std::string>>;

void PrintTree(const Children& children, const std::string& name, std::size_t level) {
  std::cout << std::string(2 * level, ' ') << (level > 0 ? "\\_ " : " ") << name << "\n";
  const auto below = children.find(name);
  if (below == children.end()) return;
  for (const std::string& child : below->second) PrintTree(children, child, level + 1);
}

absl::Status ShowTree(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<std::shared_ptr<Snapshotter>> service = Service(ctx, client, args);
  if (!service.ok()) return service.status();
  Children children;  // those of no parent under the empty name
  absl::Status s = (*service)->Walk(ctx, [&](const Context&, const snapshots::Info& info) {
    children[info.parent].push_back(info.name);
    return absl::OkStatus();
  });
  if (!s.ok()) return s;
  for (const std::string& root : children[""]) PrintTree(children, root, 0);
  return absl::OkStatus();
}

}  // namespace

Command SnapshotsCommand() {
  const Flag target{"target,t", "Mount target path, will print mount, if provided", Kind::kText};
  const Flag json{"mounts", "Print out snapshot mounts as JSON"};
  Command group{"snapshots,snapshot", "Manage snapshots", "", {SnapshotterFlag()}};
  group.commands = {
      {"commit",
       "Commit an active snapshot into the provided name",
       "<key> <active>",
       {},
       CommitSnapshot},
      {"diff",
       "Get the diff of two snapshots, by default of one and its parent",
       "[flags] <idA> [<idB>]",
       {{"media-type", "Media type to use for creating diff", Kind::kText,
         ocispec::kMediaTypeImageLayerGzip},
        {"ref", "Content upload reference to use", Kind::kText},
        {"keep", "Keep diff content. up to creator to delete it."},
        LabelFlag("Labels to attach to the layer")},
       DiffSnapshots},
      {"info", "Get info about a snapshot", "<key>", {}, ShowSnapshot},
      {"list,ls", "List snapshots", "", {}, ListSnapshots},
      {"mounts,m,mount",
       "Mount gets mount commands for the snapshots",
       "<target> <key>",
       {},
       ShowMounts},
      {"prepare",
       "Prepare a snapshot from a committed snapshot",
       "[flags] <key> [<parent>]",
       {target, json},
       PrepareSnapshot},
      {"delete,del,remove,rm", "Remove snapshots", "<key> [<key>, ...]", {}, RemoveSnapshots},
      {"label", "Add labels to content", "<name> [<label>=<value> ...]", {}, LabelSnapshot},
      {"tree", "Display tree view of snapshot branches", "", {}, ShowTree},
      {"unpack",
       "Unpack applies layers from a manifest to a snapshot",
       "[flags] <digest>",
       {SyncFsFlag(), SnapshotterFlag()},
       UnpackManifest},
      {"usage",
       "Usage snapshots",
       "[flags] [<key>, ...]",
       {{"b", "Display size in bytes"}},
       ShowSnapshotUsage},
      {"view",
       "Create a read-only snapshot from a committed snapshot",
       "[flags] <key> [<parent>]",
       {target, json},
       ViewSnapshot},
  };
  return group;
}

}  // namespace ctr
