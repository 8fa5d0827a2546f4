// SPDX-License-Identifier: Apache-2.0
//
// Package unpack: layers are made snapshots while the rest of their image is still being fetched.
//
//   auto unpacker = unpack::NewUnpacker(
//       ctx, store, {unpack::WithUnpackPlatform({.snapshotter_key = "overlayfs",
//                                                .snapshotter = snapshotter,
//                                                .applier = client.DiffService()})});
//   if (!unpacker.ok()) return unpacker.status();
//   images::Handler handler = (*unpacker)->Unpack(
//       images::Handlers({remotes::FetchHandler(store, fetcher), images::ChildrenHandler(store)}));
//   absl::Status s = images::Dispatch(ctx, handler, 0, {target});
//   absl::StatusOr<unpack::Result> done = (*unpacker)->Wait();
//
// Client::Pull does all of this; use the package for a pull of your own. Call Wait, or destroy the
// unpacker, only after Dispatch has returned.
//
// Threads: everything here is synchronous work, so an unpacker has a few threads of its own, at
// most kMaxImages + kMaxFetches + kMaxApplies of them however many layers there are; they are
// started when there is something to do and end when there is nothing left.
//
// Source: core/unpack.
#ifndef CONTAINERD_UNPACK_UNPACKER_H_
#define CONTAINERD_UNPACK_UNPACKER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/context/semaphore.h"
#include "containerd/diff/diff.h"
#include "containerd/export/export.h"
#include "containerd/images/handlers.h"
#include "containerd/option/option.h"
#include "containerd/platforms/platforms.h"
#include "containerd/snapshots/snapshots.h"
#include "containerd/unpack/keyed_locker.h"

namespace containerd::unpack {

// Images unpacked, layers fetched, and (in parallel unpacks) layers applied at once, by one
// unpacker.
inline constexpr int kMaxImages = 4;
inline constexpr int kMaxFetches = 8;
inline constexpr int kMaxApplies = 8;

// Source: unpack.Result.
struct Result {
  int unpacks = 0;  // images for which one of the platforms was right
};

// What to unpack where. Source: unpack.Platform.
struct Platform {
  platforms::MatcherPtr platform{};  // nullptr: any

  std::string snapshotter_key{};  // the snapshotter's name; "unknown" if empty
  std::shared_ptr<snapshots::Snapshotter> snapshotter{};
  std::vector<snapshots::Opt> snapshot_opts{};
  std::map<std::string, std::string> snapshotter_exports{};
  // With snapshots::kRebaseCap, WithUnpackLimiter applies layers in parallel.
  std::vector<std::string> snapshotter_capabilities{};

  std::shared_ptr<diff::Applier> applier{};
  std::vector<diff::ApplyOpt> apply_opts{};

  // The media types of configs and layers that this is for; empty: those of images.
  std::string config_type{};
  std::vector<std::string> layer_types{};
};

// Bounds how many of something go on at once; one may be shared by several unpackers.
using Limiter = Semaphore;

// What NewUnpacker's options fill in.
struct UnpackerConfig {
  std::vector<unpack::Platform> platforms{};
  std::shared_ptr<Limiter> limiter{};
  std::shared_ptr<KeyedLocker> duplication_suppressor{};
  std::shared_ptr<Limiter> unpack_limiter{};
};

using UnpackerOpt = option::Option<UnpackerConfig&>;

// At least one is required. Of several, the first that matches an image is used. ErrInvalidArgument
// without a snapshotter or an applier.
CONTAINERD_EXPORT UnpackerOpt WithUnpackPlatform(unpack::Platform platform);

// Bounds the layers that are fetched at once.
CONTAINERD_EXPORT UnpackerOpt WithLimiter(std::shared_ptr<Limiter> limiter);

// Keeps unpackers that share it from fetching the same content or applying the same layer at once.
// Without one, work may be done twice; all but the first result are thrown away.
CONTAINERD_EXPORT UnpackerOpt WithDuplicationSuppressor(std::shared_ptr<KeyedLocker> suppressor);

// Bounds the layers that are applied at once, if the snapshotter can set a snapshot's parent when
// it commits it (snapshots::kRebaseCap, daemons from 2.2 on). Without it, or if the snapshotter
// can't, the layers of an image are applied one after the other.
CONTAINERD_EXPORT UnpackerOpt WithUnpackLimiter(std::shared_ptr<Limiter> limiter);

// Source: unpack.Unpacker.
class CONTAINERD_EXPORT Unpacker {
 public:
  // Cancels what is under way and waits for it.
  ~Unpacker();
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;

  // A handler for images::Dispatch that calls `h` for everything but the layers of images. Layers
  // are fetched (by `h`) and unpacked in the background, once the image's config is there. A layer
  // is applied as soon as it and the one below are there, while the others are still being fetched;
  // one whose snapshot exists is not fetched. The image's config gets a label that keeps the
  // snapshots from garbage collection. The content of each applied layer gets the label with its
  // uncompressed digest.
  //
  // After the first failure everything else is cancelled, and the handler returns that failure. A
  // snapshot that was being filled is removed; layers that were done stay as long as the context's
  // lease.
  images::Handler Unpack(images::Handler h);

  // Waits for what the handler began, and returns how many images were unpacked, or the first
  // error: ErrDataLoss if a layer is not what the config says, the context's if that ended, and
  // those of the handler, the snapshotter and the applier. May be called again.
  absl::StatusOr<Result> Wait();

 private:
  friend absl::StatusOr<std::unique_ptr<Unpacker>> NewUnpacker(
      const Context& ctx, std::shared_ptr<content::Store> cs, const std::vector<UnpackerOpt>& opts);

  class Impl;
  explicit Unpacker(std::shared_ptr<Impl> impl);

  const std::shared_ptr<Impl> impl_;
};

// `ctx` bounds everything that the unpacker does. ErrInvalidArgument without WithUnpackPlatform.
CONTAINERD_EXPORT absl::StatusOr<std::unique_ptr<Unpacker>> NewUnpacker(
    const Context& ctx, std::shared_ptr<content::Store> cs, const std::vector<UnpackerOpt>& opts);

}  // namespace containerd::unpack

#endif  // CONTAINERD_UNPACK_UNPACKER_H_
