// SPDX-License-Identifier: Apache-2.0
#include "containerd/remote_opts.h"

#include <algorithm>
#include <utility>

#include "containerd/option/option.h"

namespace containerd {

std::string_view ToString(BlobState state) {
  switch (state) {
    case BlobState::kWaiting:
      return "waiting";
    case BlobState::kTransferring:
      return "transferring";
    case BlobState::kDone:
      return "done";
    case BlobState::kExists:
      return "exists";
    case BlobState::kUnpacking:
      return "unpacking";
    case BlobState::kUnpacked:
      return "unpacked";
    case BlobState::kFailed:
      return "failed";
  }
  return "unknown";
}

RemoteOpt WithPlatform(std::string platform) {
  if (platform.empty()) platform = platforms::DefaultString();
  return [platform = std::move(platform)](RemoteContext& c) {
    if (std::find(c.platforms.begin(), c.platforms.end(), platform) == c.platforms.end()) {
      c.platforms.push_back(platform);
    }
  };
}

RemoteOpt WithPlatformMatcher(platforms::MatchComparerPtr m) {
  return [m = std::move(m)](RemoteContext& c) { c.platform_matcher = m; };
}

constinit const option::Plain<RemoteOpt> WithPullUnpack([](Client& /*client*/,
                                                           RemoteContext* context) -> absl::Status {
  context->unpack = true;
  return absl::OkStatus();
});

RemoteOpt WithUnpackOpts(std::vector<UnpackOpt> opts) {
  return [opts = std::move(opts)](RemoteContext& c) {
    c.unpack_opts.insert(c.unpack_opts.end(), opts.begin(), opts.end());
  };
}

RemoteOpt WithPullSnapshotter(std::string snapshotter_name, std::vector<snapshots::Opt> opts) {
  return [name = std::move(snapshotter_name), opts = std::move(opts)](RemoteContext& c) {
    c.snapshotter = name;
    c.snapshotter_opts = opts;
  };
}

RemoteOpt WithPullLabel(std::string key, std::string value) {
  return WithPullLabels({{std::move(key), std::move(value)}});
}

RemoteOpt WithPullLabels(Labels labels) {
  return [labels = std::move(labels)](Client&, RemoteContext* context) {
    for (const auto& [key, value] : labels) context->labels.insert_or_assign(key, value);
    return labels::Validate(labels);
  };
}

RemoteOpt WithChildLabelMap(images::LabelMap fn) {
  return [fn = std::move(fn)](RemoteContext& c) { c.child_label_map = fn; };
}

RemoteOpt WithResolver(std::shared_ptr<remotes::Resolver> resolver) {
  return [resolver = std::move(resolver)](RemoteContext& c) { c.resolver = resolver; };
}

RemoteOpt WithImageHandler(images::Handler h) {
  return [h = std::move(h)](RemoteContext& c) { c.base_handlers.push_back(h); };
}

RemoteOpt WithImageHandlerWrapper(std::function<images::Handler(images::Handler)> w) {
  return [w = std::move(w)](RemoteContext& c) { c.handler_wrapper = w; };
}

RemoteOpt WithDownloadLimiter(std::shared_ptr<Semaphore> limiter) {
  return [limiter = std::move(limiter)](RemoteContext& c) { c.download_limiter = limiter; };
}

RemoteOpt WithMaxConcurrentDownloads(int max) {
  return [max](RemoteContext& c) { c.max_concurrent_downloads = max; };
}

RemoteOpt WithConcurrentLayerFetchBuffer(std::int64_t buffer) {
  return [buffer](RemoteContext& c) { c.concurrent_layer_fetch_buffer = buffer; };
}

RemoteOpt WithMaxConcurrentUploadedLayers(int max) {
  return [max](RemoteContext& c) { c.max_concurrent_uploaded_layers = max; };
}

constinit const option::Plain<RemoteOpt> WithAllMetadata([](RemoteContext& c) {
  c.all_metadata = true;
});

RemoteOpt WithReferrersProvider(std::shared_ptr<content::ReferrersProvider> r) {
  return [r = std::move(r)](RemoteContext& c) { c.referrers_provider = r; };
}

constinit const option::Plain<RemoteOpt> WithSchema1Conversion(
    [](Client& /*client*/, RemoteContext* context) -> absl::Status {
      context->convert_schema1 = true;
      return absl::OkStatus();
    });

RemoteOpt WithProgress(ProgressFunc f) {
  return [f = std::move(f)](RemoteContext& c) { c.progress = f; };
}

}  // namespace containerd
