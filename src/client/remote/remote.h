// SPDX-License-Identifier: Apache-2.0
//
// What Pull, Fetch and Push have in common.
#ifndef CONTAINERD_SRC_CLIENT_REMOTE_REMOTE_H_
#define CONTAINERD_SRC_CLIENT_REMOTE_REMOTE_H_

#include <memory>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/apply/stream_applier.h"
#include "containerd/client.h"
#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/images/image.h"
#include "containerd/leases/leases.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/remote_opts.h"

#include "progress.h"
#include "src/base/mutex.h"

namespace containerd::internal {

// Applies the options to the defaults.
absl::StatusOr<RemoteContext> MakeRemoteContext(Client& client, const std::vector<RemoteOpt>& opts);

// The platforms that the options name, or all.
absl::StatusOr<platforms::MatchComparerPtr> MatcherOf(const RemoteContext& remote);

// A fetch under a lease that ends with it.
class Fetching {
 public:
  Fetching(Client& client, const RemoteContext& remote)
      : client_(client), remote_(remote), progress_(std::make_shared<Progress>(remote.progress)) {}

  const std::shared_ptr<Progress>& progress() const { return progress_; }

  // Layers are applied through it while they are fetched, if set. It must outlive this object and
  // its handlers.
  void StreamTo(apply::StreamApplier* stream) { stream_ = stream; }

  // Fetches what `ref` names and what that refers to; of each index the best `limit` manifests, all
  // if that is 0. `wrapper` goes around all handlers, it may be empty. Returns the record of the
  // image, which is not made.
  absl::StatusOr<images::Image> Run(const Context& ctx, std::string_view ref, int limit,
                                    const std::function<images::Handler(images::Handler)>& wrapper);

  // Releases the lease of a fetch that failed, which removes what the fetch made. Ingestions with
  // which another attempt can go on are kept. Works even if the context has ended; failures are
  // logged.
  void CleanUp(leases::LeaseGuard lease, const absl::Status& failure);

 private:
  absl::StatusOr<std::shared_ptr<remotes::Fetcher>> MakeFetcher(const Context& ctx,
                                                                std::string_view name);
  images::Handler BlobHandler(std::shared_ptr<remotes::Fetcher> fetcher);
  images::Handler ChildrenHandler(int limit, const images::Handler& fetch) const;
  absl::StatusOr<ocispec::Descriptor> FetchSchema1(
      const Context& ctx, std::shared_ptr<remotes::Fetcher> fetcher,
      const ocispec::Descriptor& desc,
      const std::function<images::Handler(images::Handler)>& wrapper);
  void ReportEnd(const ocispec::Descriptor& desc, const absl::Status& status);
  void KeepIngests(const Context& ctx, const std::vector<ocispec::Descriptor>& unfinished);

  Client& client_;
  const RemoteContext& remote_;
  const std::shared_ptr<Progress> progress_;
  apply::StreamApplier* stream_ = nullptr;

  base::Mutex mu_;
  bool fetched_ ABSL_GUARDED_BY(mu_) = false;  // anything at all
  std::vector<ocispec::Descriptor> unfinished_ ABSL_GUARDED_BY(mu_);
};

}  // namespace containerd::internal

#endif  // CONTAINERD_SRC_CLIENT_REMOTE_REMOTE_H_
