// SPDX-License-Identifier: Apache-2.0
//
// ctr images: the records. What moves images and what unpacks them have files of their own.
#include <iostream>
#include <memory>
#include <set>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <fmt/format.h>

#include "containerd/display/display.h"
#include "containerd/images/converter/converter.h"
#include "containerd/images/converter/uncompress.h"
#include "containerd/images/image.h"
#include "containerd/reference/distribution.h"

#include "commands.h"
#include "output.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

absl::Status ListImages(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<std::vector<images::Image>> all = client.ImageService()->List(ctx, args.All());
  if (!all.ok()) return errdefs::Annotate(all.status(), "failed to list images");
  const std::shared_ptr<content::Store> store = client.ContentStore();
  Table table;
  table.Row({"REF", "TYPE", "DIGEST", "SIZE", "PLATFORMS", "LABELS", ""});
  for (const images::Image& image : *all) {
    if (args.Bool("quiet")) {
      std::cout << image.name << "\n";
      continue;
    }
    absl::StatusOr<std::int64_t> size = image.Size(ctx, *store, platforms::Default());
    if (!size.ok()) Warn(absl::StrCat("failed calculating size for image ", image.name));
    absl::StatusOr<std::vector<ocispec::Platform>> found =
        images::Platforms(ctx, *store, image.target);
    if (!found.ok()) Warn(absl::StrCat("failed resolving platform for image ", image.name));
    std::set<std::string> names;
    if (found.ok()) {
      for (const ocispec::Platform& platform : *found) names.insert(platforms::Format(platform));
    }
    table.Row({image.name, image.target.media_type, image.target.digest,
               BinarySize(size.value_or(0)), names.empty() ? "-" : absl::StrJoin(names, ","),
               JoinLabels(image.labels, "-"), ""});
  }
  if (!args.Bool("quiet")) table.Print();
  return absl::OkStatus();
}

// What there is of an image, and what of it is missing.
struct Completeness {
  std::string status = "error";
  std::string size = "-";
  bool complete = false;
};

Completeness Describe(const images::CheckResult& check) {
  const auto bytes = [](const std::vector<ocispec::Descriptor>& all) {
    std::int64_t sum = 0;
    for (const ocispec::Descriptor& desc : all) sum += desc.size;
    return BinarySize(sum);
  };
  if (!check.available) {
    return {fmt::format("unavailable ({}/?)", check.present.size()), bytes(check.present) + "/?",
            false};
  }
  return {fmt::format("{} ({}/{})", check.missing.empty() ? "complete" : "incomplete",
                      check.present.size(), check.required.size()),
          absl::StrCat(bytes(check.present), "/", bytes(check.required)), check.missing.empty()};
}

absl::Status CheckImages(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<std::vector<Image>> all = client.ListImages(ctx, args.All());
  if (!all.ok()) return errdefs::Annotate(all.status(), "failed listing images");
  const std::shared_ptr<content::Store> store = client.ContentStore();
  absl::Status first;
  Table table;
  table.Row({"REF", "TYPE", "DIGEST", "STATUS", "SIZE", "UNPACKED", ""});
  for (const Image& image : *all) {
    Completeness state;
    absl::StatusOr<images::CheckResult> check =
        images::Check(ctx, *store, image.Target(), platforms::Default());
    if (check.ok()) state = Describe(*check);
    absl::StatusOr<bool> unpacked = image.IsUnpacked(ctx, args.Text("snapshotter"));
    for (const absl::Status& s : {check.status(), unpacked.status()}) {
      if (!s.ok()) Warn(absl::StrCat("unable to check ", image.Name(), ": ", Explain(s)));
      first.Update(s);
    }
    if (!args.Bool("quiet")) {
      table.Row({image.Name(), image.Target().media_type, image.Target().digest, state.status,
                 state.size, unpacked.value_or(false) ? "true" : "false"});
    } else if (state.complete && unpacked.value_or(false)) {
      std::cout << image.Name() << "\n";
    }
  }
  if (!args.Bool("quiet") && !all->empty()) table.Print();
  return first;
}

absl::Status InspectImage(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<images::Image> image = client.ImageService()->Get(ctx, args.Get(0));
  if (!image.ok()) return image.status();
  std::vector<display::PrintOpt> opts;
  if (args.Bool("content")) opts.emplace_back(display::Verbose);
  return display::NewImageTreePrinter(opts).PrintImageTree(ctx, *image, *client.ContentStore());
}

// With --sync the last removal waits until what the images held is gone.
absl::Status RemoveImages(const Context& ctx, Client& client, const Args& args) {
  absl::Status first;
  for (std::size_t i = 0; i < args.All().size(); ++i) {
    std::vector<images::DeleteOpt> opts;
    if (args.Bool("sync") && i + 1 == args.All().size()) {
      opts.emplace_back(images::SynchronousDelete);
    }
    absl::Status s = client.ImageService()->Delete(ctx, args.Get(i), opts);
    if (s.ok()) {
      std::cout << args.Get(i) << "\n";
    } else if (errdefs::IsNotFound(s)) {
      Warn(args.Get(i) + ": image not found");
    } else {
      Warn(absl::StrCat("unable to delete ", args.Get(i), ": ", Explain(s)));
      first.Update(s);
    }
  }
  return first;
}

absl::Status PruneImages(const Context& ctx, Client& client, const Args& args) {
  if (!args.Bool("all")) {
    Warn("No images pruned. `image prune` requires --all to be specified.");
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<images::Image>> all = client.ImageService()->List(ctx);
  if (!all.ok()) return all.status();
  absl::StatusOr<std::vector<containers::Container>> users = client.ContainerService()->List(ctx);
  if (!users.ok()) return users.status();
  std::set<std::string> used;
  for (const containers::Container& container : *users) used.insert(container.image);
  for (const images::Image& image : *all) {
    if (used.contains(image.name)) continue;
    absl::Status s = client.ImageService()->Delete(ctx, image.name, {images::SynchronousDelete});
    Warn(absl::StrCat(s.ok() ? "deleted image: " : "failed to delete image ", image.name));
  }
  return absl::OkStatus();
}

absl::Status TagImage(const Context& ctx, Client& client, const Args& args) {
  if (args.Get(0).empty()) return NoImage("tag from");
  if (args.Get(1).empty()) return NoImage("tag to");
  const std::shared_ptr<images::Store> store = client.ImageService();
  absl::StatusOr<images::Image> image = store->Get(ctx, args.Get(0));
  if (!image.ok()) return image.status();
  for (const std::string& name : args.From(1)) {
    if (!args.Bool("skip-reference-check")) {
      absl::Status s = distribution::reference::ParseAnyReference(name).status();
      if (!s.ok()) {
        return Refused(absl::StrCat("error parsing reference: \"", name,
                                    "\" is not a valid repository/tag ", s.message()));
      }
    }
    image->name = name;
    absl::Status s = store->Create(ctx, *image).status();
    // Only ctr without the transfer service minds one that is there.
    const bool force = args.Bool("force") || !args.Bool("local");
    if (errdefs::IsAlreadyExists(s) && force) s = store->Update(ctx, *image).status();
    if (!s.ok()) return s;
    std::cout << name << "\n";
  }
  return absl::OkStatus();
}

absl::Status LabelImage(const Context& ctx, Client& client, const Args& args) {
  if (args.Get(0).empty()) return Refused("please specify an image");
  const Labels labels = ParseLabels(args.From(1));
  std::vector<std::string> paths;
  for (const auto& [key, value] : labels) {
    paths.push_back(args.Bool("replace-all") ? "labels" : "labels." + key);
  }
  absl::StatusOr<images::Image> image =
      client.ImageService()->Update(ctx, {.name = args.Get(0), .labels = labels}, paths);
  if (!image.ok()) return image.status();
  std::cout << JoinLabels(image->labels) << "\n";
  return absl::OkStatus();
}

absl::Status ConvertImage(const Context& ctx, Client& client, const Args& args) {
  if (args.All().size() < 2) {
    return Refused("src and target image need to be specified");
  }
  std::vector<images::converter::Opt> opts{images::converter::WithDockerToOCI(args.Bool("oci"))};
  if (!args.Bool("all-platforms")) {
    absl::StatusOr<platforms::MatchComparerPtr> wanted = PlatformsOf(args);
    if (!wanted.ok()) return wanted.status();
    opts.push_back(images::converter::WithPlatform(*wanted));
  }
  if (args.Bool("uncompress")) {
    opts.push_back(
        images::converter::WithLayerConvertFunc(images::converter::uncompress::LayerConvertFunc));
  }
  absl::StatusOr<images::Image> image =
      images::converter::Convert(ctx, client, args.Get(1), args.Get(0), opts);
  if (!image.ok()) return image.status();
  std::cout << image->target.digest << "\n";
  return absl::OkStatus();
}

}  // namespace

Command ImagesCommand() {
  Command group{"images,image,i", "Manage images"};
  group.commands = {
      {"check",
       "Check existing images to ensure all content is available locally",
       "[flags] [<filter>, ...]",
       {{"quiet,q", "Print only the ready image refs (fully downloaded and unpacked)"},
        SnapshotterFlag()},
       CheckImages},
      ExportCommand(),
      ImportCommand(),
      {"inspect,i",
       "Inspect an image",
       "<image>",
       {{"content", "Show JSON content"}},
       InspectImage},
      {"list,ls",
       "List images known to containerd",
       "[flags] [<filter>, ...]",
       {{"quiet,q", "Print only the image refs"}},
       ListImages},
      MountCommand(),
      UnmountCommand(),
      PullCommand(),
      PushCommand(),
      {"prune",
       "Remove unused images",
       "",
       {{"all", "Remove all unused images, not just dangling ones"}},
       PruneImages},
      {"delete,del,remove,rm",
       "Remove one or more images by reference",
       "[flags] <ref> [<ref>, ...]",
       {{"sync", "Synchronously remove image and all associated resources"}},
       RemoveImages},
      {"tag",
       "Tag an image",
       "[flags] <source_ref> <target_ref> [<target_ref>, ...]",
       {{"force", "Force target_ref to be created, regardless if it already exists"},
        {"skip-reference-check", "Skip the strict check for reference names"},
        {"local", "Refuse a target_ref that exists, as without the transfer service"}},
       TagImage},
      {"label",
       "Set and clear labels for an image",
       "[flags] <name> [<key>=<value>, ...]",
       {{"replace-all,r", "Replace all labels"}},
       LabelImage},
      {"convert",
       "Convert an image",
       "[flags] <source_ref> <target_ref>",
       {{"uncompress", "Convert tar.gz layers to uncompressed tar layers"},
        {"oci", "Convert Docker media types to OCI media types"},
        PlatformFlag(),
        AllPlatformsFlag()},
       ConvertImage},
      UsageCommand(),
  };
  return group;
}

}  // namespace ctr
