// SPDX-License-Identifier: Apache-2.0
//
// How much a resolver may fetch at once.
//
//   resolver->SetOptions({transfer::WithMaxConcurrentDownloads(4),
//                         transfer::WithConcurrentLayerFetchBuffer(8 << 20)});
//
// Source: core/transfer/transfer.go.
#ifndef CONTAINERD_TRANSFER_IMAGE_RESOLVER_H_
#define CONTAINERD_TRANSFER_IMAGE_RESOLVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "containerd/context/semaphore.h"
#include "containerd/option/option.h"

namespace containerd::transfer {

// How a transfer is cut into requests.
struct ImageResolverPerformanceSettings {
  // Ranges of one blob that are fetched at once; fewer than 2 means the blob is not divided.
  int max_concurrent_downloads = 0;

  // Bytes of a range. Below 512 blobs are not divided. Up to this times the number above is held
  // in memory for each blob.
  std::int64_t concurrent_layer_fetch_buffer = 0;
};

struct ImageResolverOptions {
  // Bounds the requests for content that run at once, over all that share it. Optional.
  std::shared_ptr<Semaphore> download_limiter{};
  ImageResolverPerformanceSettings performances{};
  absl::Status error{};  // of an option: what is made with these options returns it
};

using ImageResolverOpt = option::Option<ImageResolverOptions&>;
using ImageResolverOption = ImageResolverOpt;  // as Go calls it

inline ImageResolverOpt WithDownloadLimiter(std::shared_ptr<Semaphore> limiter) {
  return [limiter = std::move(limiter)](ImageResolverOptions& o) { o.download_limiter = limiter; };
}

inline ImageResolverOpt WithMaxConcurrentDownloads(int n) {
  return [n](ImageResolverOptions& o) { o.performances.max_concurrent_downloads = n; };
}

inline ImageResolverOpt WithConcurrentLayerFetchBuffer(std::int64_t bytes) {
  return [bytes](ImageResolverOptions& o) { o.performances.concurrent_layer_fetch_buffer = bytes; };
}

}  // namespace containerd::transfer

#endif  // CONTAINERD_TRANSFER_IMAGE_RESOLVER_H_
