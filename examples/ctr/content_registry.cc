// SPDX-License-Identifier: Apache-2.0
//
// ctr content fetch, fetch-object, fetch-blob, push-object
#include <iostream>
#include <memory>
#include <unistd.h>

#include "commands.h"
#include "progress.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

absl::Status FetchContent(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<std::shared_ptr<remotes::Resolver>> resolver = NewResolver(ctx, args);
  if (!resolver.ok()) return resolver.status();
  absl::StatusOr<platforms::MatchComparerPtr> wanted = PlatformsOf(args);
  if (!wanted.ok()) return wanted.status();
  Progress progress("downloading");
  std::vector<RemoteOpt> opts{WithResolver(*resolver),
                              WithPullLabels(ParseLabels(args.List("label"))),
                              WithProgress([&](const BlobProgress& p) { progress.Update(p); })};
  // A matcher of nothing leaves the layers out.
  const bool only = args.Bool("metadata-only");
  opts.push_back(WithPlatformMatcher(only ? platforms::Any({}) : *wanted));
  if (only || !args.Bool("skip-metadata")) opts.emplace_back(WithAllMetadata);
  absl::Status s = client.Fetch(ctx, args.Get(0), opts).status();
  progress.Finish(s);
  return s;
}

// What a reference stands for, as it comes from the registry, to standard output.
absl::Status FetchObject(const Context& ctx, const Args& args) {
  absl::StatusOr<std::shared_ptr<remotes::Resolver>> resolver = NewResolver(ctx, args);
  if (!resolver.ok()) return resolver.status();
  absl::StatusOr<remotes::Resolver::Resolved> object = (*resolver)->Resolve(ctx, args.Get(0));
  if (!object.ok()) return object.status();
  absl::StatusOr<std::shared_ptr<remotes::Fetcher>> fetcher =
      (*resolver)->Fetcher(ctx, object->name);
  if (!fetcher.ok()) return fetcher.status();
  absl::StatusOr<std::unique_ptr<io::Reader>> reader = (*fetcher)->Fetch(ctx, object->desc);
  if (!reader.ok()) return reader.status();
  io::FileWriter out(STDOUT_FILENO);
  return io::Copy(ctx, out, **reader).status();
}

// The same for blobs, of which nothing is known but the digest.
absl::Status FetchBlobs(const Context& ctx, const Args& args) {
  if (args.All().size() < 2) return Refused("must specify digests");
  absl::StatusOr<std::shared_ptr<remotes::Resolver>> resolver = NewResolver(ctx, args);
  if (!resolver.ok()) return resolver.status();
  absl::StatusOr<std::shared_ptr<remotes::Fetcher>> fetcher =
      (*resolver)->Fetcher(ctx, args.Get(0));
  if (!fetcher.ok()) return fetcher.status();
  auto* by_digest = dynamic_cast<remotes::FetcherByDigest*>(fetcher->get());
  if (by_digest == nullptr) return errdefs::NotImplemented("the fetcher fetches by name only");
  io::FileWriter out(STDOUT_FILENO);
  for (const std::string& text : args.From(1)) {
    absl::StatusOr<digest::Digest> digest = digest::Parse(text);
    if (!digest.ok()) return digest.status();
    absl::StatusOr<remotes::FetcherByDigest::Fetched> blob =
        by_digest->FetchByDigest(ctx, *digest, {remotes::WithMediaType(args.Text("media-type"))});
    if (!blob.ok()) return blob.status();
    if (absl::Status s = io::Copy(ctx, out, *blob->reader).status(); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status PushObject(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<digest::Digest> digest = digest::Parse(args.Get(1));
  if (!digest.ok()) return digest.status();
  absl::StatusOr<std::shared_ptr<remotes::Resolver>> resolver = NewResolver(ctx, args);
  if (!resolver.ok()) return resolver.status();
  absl::StatusOr<std::shared_ptr<remotes::Pusher>> pusher = (*resolver)->Pusher(ctx, args.Get(0));
  if (!pusher.ok()) return pusher.status();
  const std::shared_ptr<content::Store> store = client.ContentStore();
  absl::StatusOr<content::Info> info = store->Info(ctx, *digest);
  if (!info.ok()) return info.status();
  ocispec::Descriptor desc;
  desc.media_type = args.Get(2);
  desc.digest = digest->String();
  desc.size = info->size;
  absl::StatusOr<std::unique_ptr<content::ReaderAt>> blob = store->ReaderAt(ctx, desc);
  if (!blob.ok()) return blob.status();
  absl::StatusOr<std::unique_ptr<content::Writer>> writer = (*pusher)->Push(ctx, desc);
  if (!writer.ok()) return writer.status();
  const std::unique_ptr<io::Reader> reader = content::NewReader(**blob);
  absl::Status s = content::Copy(ctx, **writer, *reader, desc.size, *digest);
  if (s.ok()) std::cout << "Pushed " << desc.digest << " " << desc.media_type << "\n";
  return s;
}

}  // namespace

Command FetchCommand() {
  return {"fetch", "Fetch all content for an image into containerd", "[flags] <remote>",
          Join({RegistryFlags(),
                {LabelFlag("Labels to attach to the image"),
                 PlatformFlag(),
                 AllPlatformsFlag(),
                 {"metadata-only", "Pull all metadata including manifests and configs"},
                 {"skip-metadata", "Skips metadata for unused platforms"}}}),
          FetchContent};
}

Command FetchObjectCommand() {
  return {"fetch-object", "Retrieve objects from a remote", "[flags] <remote>", RegistryFlags(),
          FetchObject};
}

Command FetchBlobCommand() {
  return {"fetch-blob", "Retrieve blobs from a remote", "[flags] <remote> [<digest>, ...]",
          Join({RegistryFlags(),
                {{"media-type", "Specify target mediatype for request header", Kind::kText}}}),
          FetchBlobs};
}

Command PushObjectCommand() {
  return {"push-object", "Push an object to a remote", "[flags] <remote> <object> <type>",
          RegistryFlags(), PushObject};
}

}  // namespace ctr
