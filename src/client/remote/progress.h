// SPDX-License-Identifier: Apache-2.0
//
// Fetchers, pushers and appliers that tell how far they are.
#ifndef CONTAINERD_SRC_CLIENT_REMOTE_PROGRESS_H_
#define CONTAINERD_SRC_CLIENT_REMOTE_PROGRESS_H_

#include <cstdint>
#include <memory>

#include <absl/status/status.h>

#include "containerd/diff/diff.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/remote_opts.h"
#include "containerd/remotes/remotes.h"

#include "src/base/mutex.h"

namespace containerd::internal {

// Calls a callback, which there may be none of, by one thread at a time.
class Progress {
 public:
  explicit Progress(ProgressFunc report) : report_(std::move(report)) {}

  explicit operator bool() const { return report_ != nullptr; }

  // The first exception of the callback, which is then not called any more; it ends the operation.
  absl::Status Report(const ocispec::Descriptor& desc, std::int64_t offset, BlobState state);
  absl::Status Failure();

 private:
  const ProgressFunc report_;
  base::Mutex mu_;  // held while `report_` runs
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
};

// Each is `inner` itself if nobody wants to know.
std::shared_ptr<remotes::Fetcher> WithProgress(std::shared_ptr<remotes::Fetcher> inner,
                                               std::shared_ptr<Progress> progress);
std::shared_ptr<remotes::Pusher> WithProgress(std::shared_ptr<remotes::Pusher> inner,
                                              std::shared_ptr<Progress> progress);
std::shared_ptr<diff::Applier> WithProgress(std::shared_ptr<diff::Applier> inner,
                                            std::shared_ptr<Progress> progress);

}  // namespace containerd::internal

#endif  // CONTAINERD_SRC_CLIENT_REMOTE_PROGRESS_H_
