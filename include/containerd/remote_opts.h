// SPDX-License-Identifier: Apache-2.0
//
// How images are pulled, fetched and pushed.
//
//   absl::StatusOr<Image> image = client.Pull(ctx, "docker.io/library/busybox:latest",
//                                             {WithPullUnpack, WithPlatform("linux/arm64")});
//
// Source: client/client.go (RemoteContext), client/client_opts.go.
#ifndef CONTAINERD_REMOTE_OPTS_H_
#define CONTAINERD_REMOTE_OPTS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>

#include "containerd/client.h"
#include "containerd/content/content.h"
#include "containerd/context/semaphore.h"
#include "containerd/export/export.h"
#include "containerd/image.h"
#include "containerd/images/handlers.h"
#include "containerd/labels/labels.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/option/option.h"
#include "containerd/platforms/platforms.h"
#include "containerd/remotes/remotes.h"
#include "containerd/snapshots/snapshots.h"

namespace containerd {

// What is being done with one blob: a manifest, an index, a config, a layer, ….
enum class BlobState : std::uint8_t {
  kWaiting,       // known of
  kTransferring,  // bytes are moving
  kDone,          // all there, checked
  kExists,        // the other side had it already: nothing was moved
  kUnpacking,     // a layer is being applied to its snapshot
  kUnpacked,
  kFailed,
};

// "waiting", "transferring", …; "unknown" for what is none of these.
CONTAINERD_EXPORT std::string_view ToString(BlobState state);

// How far one blob of a pull, fetch or push is.
struct BlobProgress {
  ocispec::Descriptor desc;
  // Bytes that the receiver has got, those of an earlier attempt included, of those that it gets.
  std::int64_t offset = 0;
  std::int64_t total = 0;
  BlobState state = BlobState::kWaiting;
};

// Called from the threads that do the work, by one at a time: it should not take long, and must not
// call what it reports on.
using ProgressFunc = std::function<void(const BlobProgress&)>;

// What the options set. Source: client.RemoteContext.
struct RemoteContext {
  // By default that of docker/resolver.h, without credentials.
  std::shared_ptr<remotes::Resolver> resolver{};

  // Which platforms, the preferred one first. By default what `platforms` names; if that is empty,
  // the client's for Pull, and all for Fetch and Push.
  ::containerd::platforms::MatchComparerPtr platform_matcher{};
  std::vector<std::string> platforms{};

  // Pull only: unpack the image for a snapshotter (empty: the namespace's default), while it comes.
  bool unpack = false;
  std::vector<UnpackOpt> unpack_opts{};
  std::string snapshotter{};
  std::vector<snapshots::Opt> snapshotter_opts{};

  // Of the image record that is made; of one that exists they replace the labels.
  Labels labels{};

  // Called for each descriptor before what fetches or pushes it.
  std::vector<images::Handler> base_handlers{};
  // Makes of the handler that fetches or pushes the one that is called for each descriptor.
  std::function<images::Handler(images::Handler)> handler_wrapper{};

  // Bounds the requests for content that run at once over all that share it. By default a limiter
  // of `max_concurrent_downloads`, if that is not 0; no more blobs than that are then fetched at
  // once, whatever the resolver is.
  std::shared_ptr<Semaphore> download_limiter{};
  int max_concurrent_downloads = 0;

  // Bytes of the pieces that a blob is fetched in, up to `max_concurrent_downloads` of them at once
  // (so set both); each takes that much memory. Below 512 blobs are fetched in one piece.
  std::int64_t concurrent_layer_fetch_buffer = 0;

  // Blobs that are pushed at once; 0: 8.
  int max_concurrent_uploaded_layers = 0;

  // Fetch the manifests and configs for other platforms too.
  bool all_metadata = false;

  // By which labels content holds what it refers to against garbage collection; by default
  // images::ChildGCLabels. With images::ChildGCLabelsFilterLayers unpacked layers are not kept.
  images::LabelMap child_label_map{};

  // Finds what refers to the manifests and indexes that are fetched, to fetch it too.
  std::shared_ptr<content::ReferrersProvider> referrers_provider{};

  // Convert images of Docker's schema 1, which are ErrNotImplemented otherwise.
  bool convert_schema1 = false;

  ProgressFunc progress{};
};

// "linux/arm64"; empty: the host's. May be given several times to Fetch and Push.
// ErrInvalidArgument if it can't be read.
CONTAINERD_EXPORT RemoteOpt WithPlatform(std::string platform);

// Chooses the platforms by a matcher; all WithPlatform options are then ignored.
CONTAINERD_EXPORT RemoteOpt WithPlatformMatcher(platforms::MatchComparerPtr m);

// Is an option: Pull(ctx, ref, {WithPullUnpack}).
CONTAINERD_EXPORT extern const option::Plain<RemoteOpt> WithPullUnpack;

// Pull only: options for unpacking; they add up. Source: client.WithUnpackOpts.
CONTAINERD_EXPORT RemoteOpt WithUnpackOpts(std::vector<UnpackOpt> opts);

// Pull only: the snapshotter to unpack for, and options for each snapshot. Source:
// client.WithPullSnapshotter.
CONTAINERD_EXPORT RemoteOpt WithPullSnapshotter(std::string snapshotter_name,
                                                std::vector<snapshots::Opt> opts = {});

// Labels of the image record; they add up, and a later value replaces one of the same key.
// ErrInvalidArgument for a label that is too long. Source: client.WithPullLabel,
// client.WithPullLabels.
CONTAINERD_EXPORT RemoteOpt WithPullLabel(std::string key, std::string value);
CONTAINERD_EXPORT RemoteOpt WithPullLabels(Labels labels);

// Which labels content gets so that it keeps what it refers to from garbage collection; see
// RemoteContext::child_label_map. Source: client.WithChildLabelMap.
CONTAINERD_EXPORT RemoteOpt WithChildLabelMap(images::LabelMap fn);

// Where references are resolved, fetched from and pushed to; by default docker::NewResolver()
// without credentials. It may be shared by several pulls and pushes. Source: client.WithResolver.
CONTAINERD_EXPORT RemoteOpt WithResolver(std::shared_ptr<remotes::Resolver> resolver);

// Calls `h` for each descriptor, before it is fetched or pushed; several handlers are called in the
// order given. An error of `h` ends the pull or push. Source: client.WithImageHandler.
CONTAINERD_EXPORT RemoteOpt WithImageHandler(images::Handler h);

// Replaces the handler that fetches or pushes by what `w` makes of it. The last option given
// counts. Source: client.WithImageHandlerWrapper.
CONTAINERD_EXPORT RemoteOpt
WithImageHandlerWrapper(std::function<images::Handler(images::Handler)> w);

// Bounds the requests for content at once, over all pulls that share the semaphore. Counts instead
// of the limiter that WithMaxConcurrentDownloads makes. Source: client.WithDownloadLimiter.
CONTAINERD_EXPORT RemoteOpt WithDownloadLimiter(std::shared_ptr<Semaphore> limiter);

// The number of requests for content at once, and of pieces of one blob at once; 0: no bound, and
// each blob in one piece. Source: client.WithMaxConcurrentDownloads.
CONTAINERD_EXPORT RemoteOpt WithMaxConcurrentDownloads(int max);

// Bytes of the pieces that a blob is fetched in, several at once; each piece takes that much
// memory. Below 512 blobs are fetched in one piece. Set WithMaxConcurrentDownloads, too. Source:
// client.WithConcurrentLayerFetchBuffer.
CONTAINERD_EXPORT RemoteOpt WithConcurrentLayerFetchBuffer(std::int64_t buffer);

// The number of blobs that Push sends at once; 0: 8. Source:
// client.WithMaxConcurrentUploadedLayers.
CONTAINERD_EXPORT RemoteOpt WithMaxConcurrentUploadedLayers(int max);

// Fetches manifests and configs for all platforms, and layers only for the chosen ones. Source:
// client.WithAllMetadata.
CONTAINERD_EXPORT extern const option::Plain<RemoteOpt> WithAllMetadata;

// Fetches also what `r` finds that refers to the manifests and indexes, such as signatures. Source:
// client.WithReferrersProvider.
CONTAINERD_EXPORT RemoteOpt WithReferrersProvider(std::shared_ptr<content::ReferrersProvider> r);

// Is an option. Source: 1.6's client, where it is called so.
CONTAINERD_EXPORT extern const option::Plain<RemoteOpt> WithSchema1Conversion;

// Go has none.
CONTAINERD_EXPORT RemoteOpt WithProgress(ProgressFunc f);

}  // namespace containerd

#endif  // CONTAINERD_REMOTE_OPTS_H_
