// SPDX-License-Identifier: Apache-2.0
//
// ctr images pull, push, import, export
#include <fcntl.h>
#include <iostream>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

#include <absl/cleanup/cleanup.h>
#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/digest/identity.h"
#include "containerd/images/image.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/remotes/handlers.h"

#include "commands.h"
#include "progress.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

absl::Status PullImage(const Context& ctx, Client& client, const Args& args) {
  const std::string ref = args.Get(0);
  if (ref.empty()) return NoImage("pull");
  absl::StatusOr<std::shared_ptr<remotes::Resolver>> resolver = NewResolver(ctx, args);
  if (!resolver.ok()) return resolver.status();
  absl::StatusOr<platforms::MatchComparerPtr> wanted = PlatformsOf(args);
  if (!wanted.ok()) return wanted.status();
  // What comes is kept until it is unpacked, also where no image has it yet.
  absl::StatusOr<leases::LeaseGuard> lease = client.WithLease(ctx);
  if (!lease.ok()) return lease.status();
  Progress progress("downloading");
  std::vector<RemoteOpt> opts{
      WithResolver(*resolver), WithPlatformMatcher(*wanted),
      WithPullLabels(ParseLabels(args.List("label"))),
      WithMaxConcurrentDownloads(static_cast<int>(args.Int("max-concurrent-downloads"))),
      WithProgress([&](const BlobProgress& p) { progress.Update(p); })};
  if (!args.Bool("skip-metadata")) opts.emplace_back(WithAllMetadata);
  absl::StatusOr<images::Image> record = client.Fetch(lease->context(), ref, opts);
  progress.Finish(record.status());
  if (!record.ok()) return record.status();

  absl::StatusOr<std::vector<platforms::Platform>> all =
      args.Bool("all-platforms") ? images::Platforms(ctx, *client.ContentStore(), record->target)
                                 : platforms::ParseAll(args.List("platform"));
  if (!all.ok()) return all.status();
  if (all->empty()) all->push_back(platforms::DefaultSpec());
  const absl::Time start = absl::Now();
  for (const platforms::Platform& platform : *all) {
    std::cout << fmt::format("unpacking {} {}...\n", platforms::Format(platform),
                             record->target.digest);
    const Image image(client, *record, platforms::Only(platform));
    absl::Status s = image.Unpack(lease->context(), args.Text("snapshotter"), UnpackOpts(args));
    if (!s.ok()) return s;
    if (!args.Bool("print-chainid")) continue;
    absl::StatusOr<std::vector<digest::Digest>> diff_ids = image.RootFS(ctx);
    if (!diff_ids.ok()) return diff_ids.status();
    std::cout << "image chain ID: " << identity::ChainID(*diff_ids) << "\n";
  }
  std::cout << "done: " << absl::FormatDuration(absl::Now() - start) << "\t\n";
  return absl::OkStatus();
}

// What --manifest names, or else an image of this name.
absl::StatusOr<ocispec::Descriptor> PushedOf(const Context& ctx, Client& client, const Args& args,
                                             const std::string& name) {
  if (const std::string digest = args.Text("manifest"); !digest.empty()) {
    ocispec::Descriptor desc;
    desc.media_type = args.Text("manifest-type");
    desc.digest = digest;
    absl::StatusOr<content::Info> info = client.ContentStore()->Info(ctx, digest::Digest(digest));
    if (!info.ok()) return info.status();
    desc.size = info->size;
    return desc;
  }
  absl::StatusOr<images::Image> image = client.ImageService()->Get(ctx, name);
  if (!image.ok()) {
    return errdefs::Annotate(image.status(), "unable to resolve image to manifest");
  }
  return image->target;
}

absl::Status PushImage(const Context& ctx, Client& client, const Args& args) {
  const std::string ref = args.Get(0);
  if (ref.empty()) {
    return Refused("please provide a remote image reference to push");
  }
  absl::StatusOr<std::shared_ptr<remotes::Resolver>> resolver = NewResolver(ctx, args);
  if (!resolver.ok()) return resolver.status();
  absl::StatusOr<ocispec::Descriptor> pushed =
      PushedOf(ctx, client, args, args.Get(1).empty() ? ref : args.Get(1));
  if (!pushed.ok()) return pushed.status();
  Progress progress("uploading");
  std::vector<RemoteOpt> opts{
      WithResolver(*resolver),
      WithMaxConcurrentUploadedLayers(static_cast<int>(args.Int("max-concurrent-uploaded-layers"))),
      WithProgress([&](const BlobProgress& p) { progress.Update(p); })};
  for (const std::string& name : args.List("platform")) opts.push_back(WithPlatform(name));
  if (!args.Bool("allow-non-distributable-blobs")) {
    opts.push_back(WithImageHandlerWrapper(remotes::SkipNonDistributableBlobs));
  }
  absl::Status s = client.Push(ctx, ref, *pushed, opts);
  progress.Finish(s);
  return s;
}

absl::Status ImportImages(const Context& ctx, Client& client, const Args& args) {
  if (args.Get(0).empty()) return Refused("please provide an archive to import");
  if (args.Bool("discard-unpacked-layers") && args.Bool("no-unpack")) {
    return Refused("--discard-unpacked-layers and --no-unpack are incompatible options");
  }
  const bool standard_input = args.Get(0) == "-";
  const int fd = standard_input ? STDIN_FILENO : open(args.Get(0).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Refused("cannot open " + args.Get(0));
  const absl::Cleanup close_file = [&] {
    if (!standard_input) close(fd);
  };
  std::string prefix = args.Text("base-name");
  std::vector<ImportOpt> opts;
  if (prefix.empty()) {
    prefix = absl::FormatTime("import-%Y-%m-%d", absl::Now(), absl::LocalTimeZone());
    opts.push_back(WithImageRefTranslator(images::archive::AddRefPrefix(prefix)));
  } else {
    opts.push_back(WithImageRefTranslator(images::archive::FilterRefPrefix(prefix)));
  }
  if (args.Bool("digests")) {
    opts.push_back(WithDigestRef(images::archive::DigestTranslator(prefix)));
  }
  if (args.Bool("skip-digest-for-named")) {
    if (!args.Bool("digests")) {
      return Refused("--skip-digest-for-named must be specified with --digests");
    }
    opts.push_back(WithSkipDigestRef([](std::string_view name) { return !name.empty(); }));
  }
  if (const std::string name = args.Text("index-name"); !name.empty()) {
    opts.push_back(WithIndexName(name));
  }
  if (args.Bool("compress-blobs")) opts.emplace_back(WithImportCompression);
  platforms::MatchComparerPtr platform = platforms::DefaultStrict();
  if (const std::string name = args.Text("platform"); !name.empty()) {
    absl::StatusOr<platforms::Platform> parsed = platforms::Parse(name);
    if (!parsed.ok()) return parsed.status();
    platform = platforms::OnlyStrict(*parsed);
    opts.push_back(WithImportPlatform(platform));
  }
  opts.push_back(WithAllPlatforms(args.Bool("all-platforms")));
  if (args.Bool("discard-unpacked-layers")) opts.emplace_back(WithDiscardUnpackedLayers);
  if (args.IsSet("label")) opts.push_back(WithImageLabels(ParseLabels(args.List("label"))));

  absl::StatusOr<leases::LeaseGuard> lease = client.WithLease(ctx);
  if (!lease.ok()) return lease.status();
  Progress progress("importing");
  struct stat st {};
  const bool sized = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
  MeteredReader reader(fd, standard_input ? "archive" : args.Get(0), sized ? st.st_size : 0,
                       progress);
  absl::StatusOr<std::vector<images::Image>> all = client.Import(lease->context(), reader, opts);
  reader.Finish(all.status());
  if (!all.ok()) return all.status();
  if (args.Bool("no-unpack")) return absl::OkStatus();
  for (const images::Image& record : *all) {
    std::cout << fmt::format("unpacking {} ({})...", record.name, record.target.digest)
              << std::flush;
    absl::Status s = Image(client, record, platform)
                         .Unpack(lease->context(), args.Text("snapshotter"), UnpackOpts(args));
    std::cout << (s.ok() ? "done\n" : "\n");
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status ExportImages(const Context& ctx, Client& client, const Args& args) {
  if (args.All().size() < 2) {
    return Refused("please provide both an output filename and an image reference to export");
  }
  absl::StatusOr<platforms::MatchComparerPtr> wanted = PlatformsOf(args);
  if (!wanted.ok()) return wanted.status();
  std::vector<images::archive::ExportOpt> opts{images::archive::WithPlatform(*wanted)};
  if (args.Bool("all-platforms")) opts.emplace_back(images::archive::WithAllPlatforms);
  if (args.Bool("skip-manifest-json")) opts.emplace_back(images::archive::WithSkipDockerManifest);
  if (args.Bool("skip-non-distributable")) {
    opts.emplace_back(images::archive::WithSkipNonDistributableBlobs);
  }
  for (const std::string& name : args.From(1)) {
    opts.push_back(images::archive::WithImage(client.ImageService(), name));
  }
  const bool standard_output = args.Get(0) == "-";
  const int fd = standard_output
                     ? STDOUT_FILENO
                     : open(args.Get(0).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return Refused("cannot create " + args.Get(0));
  const absl::Cleanup close_file = [&] {
    if (!standard_output) close(fd);
  };
  io::FileWriter writer(fd);
  return client.Export(ctx, writer, opts);
}

}  // namespace

Command PullCommand() {
  return {"pull", "Pull an image from a remote", "[flags] <ref>",
          Join({RegistryFlags(),
                {SnapshotterFlag(),
                 LabelFlag("Labels to attach to the image"),
                 PlatformFlag(),
                 AllPlatformsFlag(),
                 LocalFlag(),
                 SyncFsFlag(),
                 {"skip-metadata", "Skips metadata for unused platforms"},
                 {"print-chainid", "Print the resulting image's chain ID"},
                 {"max-concurrent-downloads", "Set the max concurrent downloads for each pull",
                  Kind::kInt, "0"}}}),
          PullImage};
}

Command PushCommand() {
  return {"push", "Push an image to a remote", "[flags] <remote> [<local>]",
          Join({RegistryFlags(),
                {PlatformFlag(),
                 LocalFlag(),
                 {"manifest", "Digest of manifest", Kind::kText},
                 {"manifest-type", "Media type of manifest digest", Kind::kText,
                  ocispec::kMediaTypeImageManifest},
                 {"allow-non-distributable-blobs",
                  "Allow pushing blobs that are marked as non-distributable"},
                 {"max-concurrent-uploaded-layers", "Set the max concurrent uploaded layers",
                  Kind::kInt, "0"}}}),
          PushImage};
}

Command ImportCommand() {
  return {
      "import",
      "Import images",
      "[flags] <in>",
      {{"base-name", "Base image name: only images with this prefix are imported", Kind::kText},
       {"digests", "Whether to create digest images (default: false)"},
       {"index-name", "Image name to keep index as, by default index is discarded", Kind::kText},
       {"platform", "Imports content for specific platform", Kind::kText},
       {"skip-digest-for-named", "No digest images for those that the archive names"},
       {"no-unpack", "Skip unpacking the images"},
       SyncFsFlag(),
       {"compress-blobs", "Compress uncompressed blobs (Docker format only)"},
       {"discard-unpacked-layers", "Allow layers to be collected after unpacking"},
       AllPlatformsFlag(),
       LocalFlag(),
       SnapshotterFlag(),
       LabelFlag("Labels to attach to the image")},
      ImportImages};
}

Command ExportCommand() {
  return {"export",
          "Export images",
          "[flags] <out> <image> ...",
          {{"skip-manifest-json", "Do not add Docker compatible manifest.json to archive"},
           {"skip-non-distributable", "Do not add non-distributable blobs to archive"},
           PlatformFlag(),
           AllPlatformsFlag(),
           LocalFlag()},
          ExportImages};
}

}  // namespace ctr
