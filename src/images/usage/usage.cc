// SPDX-License-Identifier: Apache-2.0
#include "containerd/images/usage.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/handlers.h"
#include "containerd/option/option.h"

#include "src/base/options.h"
#include "src/errdefs/internal/guard.h"

namespace containerd::images::usage {
namespace {

constexpr std::string_view kSnapshotLabelPrefix = "containerd.io/gc.ref.snapshot.";

// What the snapshots take that the labels refer to.
absl::StatusOr<std::int64_t> SnapshotUsage(const Context& ctx, const Options& options,
                                           const Labels& labels) {
  std::int64_t total = 0;
  for (const auto& [key, value] : labels) {
    if (!key.starts_with(kSnapshotLabelPrefix)) continue;
    const auto snapshotter =
        errdefs::Guard("a search for a snapshotter", options.snapshots,
                       std::string_view(key).substr(kSnapshotLabelPrefix.size()));
    if (!snapshotter.ok()) return snapshotter.status();
    if (*snapshotter == nullptr) continue;
    absl::StatusOr<snapshots::Usage> usage = (*snapshotter)->Usage(ctx, value);
    if (usage.ok()) {
      total += usage->size;
    } else if (!errdefs::IsNotFound(usage.status()) &&
               !errdefs::IsInvalidArgument(usage.status())) {
      return usage.status();
    }
  }
  return total;
}

}  // namespace

Opt WithManifestLimit(platforms::MatchComparerPtr platform, int limit) {
  return [platform = std::move(platform), limit](Options* options) {
    options->platform = platform;
    options->manifest_limit = limit;
    return absl::OkStatus();
  };
}

Opt WithSnapshotters(
    std::function<std::shared_ptr<snapshots::Snapshotter>(std::string_view name)> find) {
  return [find = std::move(find)](Options* options) {
    options->snapshots = find;
    return absl::OkStatus();
  };
}

constinit const option::Plain<Opt> WithManifestUsage([](Options* options) {
  options->manifest_only = true;
  return absl::OkStatus();
});

absl::StatusOr<std::int64_t> CalculateImageUsage(
    const Context& ctx, const Image& image, std::shared_ptr<content::InfoReaderProvider> provider,
    const std::vector<Opt>& opts) {
  Options options;
  if (absl::Status s = base::Apply(opts, options); !s.ok()) return s;
  const bool must_exist = options.platform != nullptr;
  HandlerFunc children_of = ChildrenHandler(provider);
  if (must_exist)
    children_of = LimitManifests(children_of, options.platform, options.manifest_limit);

  std::int64_t total = 0;
  const auto count = [&](const Context& c,
                         const ocispec::Descriptor& desc) -> absl::StatusOr<Descriptors> {
    // Sizes may be unset or -1.
    std::int64_t size = std::max<std::int64_t>(desc.size, 0);
    std::int64_t snapshots = 0;
    absl::StatusOr<Descriptors> children = children_of(c, desc);
    if (!children.ok()) {
      if (must_exist || !errdefs::IsNotFound(children.status())) return children;
      children = Descriptors();
      if (!options.manifest_only) size = 0;
    } else if (options.snapshots != nullptr || !options.manifest_only) {
      absl::StatusOr<content::Info> info = provider->Info(c, desc.digest);
      if (info.ok()) {
        size = std::max(size, info->size);
        if (options.snapshots != nullptr) {
          absl::StatusOr<std::int64_t> usage = SnapshotUsage(c, options, info->labels);
          if (!usage.ok()) return usage.status();
          snapshots = *usage;
        }
      } else if (!errdefs::IsNotFound(info.status())) {
        return info.status();
      } else if (!options.manifest_only) {
        size = 0;
      }
    }
    if (__builtin_add_overflow(total, size, &total) ||
        __builtin_add_overflow(total, snapshots, &total)) {
      return errdefs::InvalidArgument(
          fmt::format("the sizes in image \"{}\" add up to more than any store has", image.name));
    }
    return children;
  };
  if (absl::Status s = Walk(ctx, count, {image.target}); !s.ok()) return s;
  return total;
}

}  // namespace containerd::images::usage
