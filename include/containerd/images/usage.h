// SPDX-License-Identifier: Apache-2.0
//
// How much storage an image takes.
//
//   auto bytes = images::usage::CalculateImageUsage(ctx, image, store,
//                                                   {images::usage::WithSnapshotters(find)});
//
// Source: core/images/usage.
#ifndef CONTAINERD_IMAGES_USAGE_H_
#define CONTAINERD_IMAGES_USAGE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/images/store.h"
#include "containerd/option/option.h"
#include "containerd/platforms/platforms.h"
#include "containerd/snapshots/snapshots.h"

namespace containerd::images::usage {

// What the options set.
struct Options {
  platforms::MatchComparerPtr platform;
  int manifest_limit = 0;
  bool manifest_only = false;
  std::function<std::shared_ptr<snapshots::Snapshotter>(std::string_view name)> snapshots;
};

using Opt = option::Option<Options&>;

// Counts the best `limit` manifests of each index only; with 0 all of them. What they refer to then
// has to exist: ErrNotFound. Without the option missing content is left out.
CONTAINERD_EXPORT Opt WithManifestLimit(platforms::MatchComparerPtr platform, int limit);

// Counts also the snapshots that content is labelled with. The function may return nullptr for a
// snapshotter that is not to be counted.
CONTAINERD_EXPORT Opt WithSnapshotters(
    std::function<std::shared_ptr<snapshots::Snapshotter>(std::string_view name)> find);

// Counts the sizes that manifests give, whether or not the content is in the store.
CONTAINERD_EXPORT extern const option::Plain<Opt> WithManifestUsage;

// Bytes. Content that is referred to several times counts as often.
// Source: usage.CalculateImageUsage.
CONTAINERD_EXPORT absl::StatusOr<std::int64_t> CalculateImageUsage(
    const Context& ctx, const Image& image, std::shared_ptr<content::InfoReaderProvider> provider,
    const std::vector<Opt>& opts = {});

}  // namespace containerd::images::usage

#endif  // CONTAINERD_IMAGES_USAGE_H_
