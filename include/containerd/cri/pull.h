// SPDX-License-Identifier: Apache-2.0
//
// Pulling images as the plugin does: under the names that it gives them, and with the credentials
// of each request.
//
//   cri::Images images(client, config);
//   absl::StatusOr<cri::ImageFollower> following = images.store().Follow(ctx);
//   absl::StatusOr<cri::ImageEntry> pause = images.EnsureImageExists(ctx,
//   "registry.k8s.io/pause:3.9");
//
// Source: pkg/cri/server/helpers.go, pkg/cri/server/image_pull.go.
#ifndef CONTAINERD_CRI_PULL_H_
#define CONTAINERD_CRI_PULL_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/client.h"
#include "containerd/context/context.h"
#include "containerd/cri/auth.h"
#include "containerd/cri/config.h"
#include "containerd/cri/image_store.h"
#include "containerd/export/export.h"
#include "containerd/option/option.h"
#include "containerd/remote_opts.h"

namespace containerd::cri {

// One request to pull.
struct PullRequest {
  // Of the kubelet; without them those of Config::auths count.
  std::optional<RuntimeAuthConfig> auth{};
  // More options for Client::Pull, after the plugin's own: a resolver of the caller's, say.
  // Requests with such options are not joined with others.
  std::vector<RemoteOpt> remote_opts{};
};

// The images of the context's namespace, and the registries. A handle: copies are the same; all
// functions are safe from any thread.
class CONTAINERD_EXPORT Images {
 public:
  Images(const Client& client, Config config);

  ImageStore& store() { return store_; }
  const ImageStore& store() const { return store_; }

  // Pulls and unpacks the image that a reference names, for the client's platform, and gives it its
  // names: the id, and what GetRepoDigestAndTag makes of the reference. All three records have the
  // label kImageLabelKey; other labels that they have stay. When this returns the store knows them.
  // Returns the image's id.
  //
  // Requests for the same reference with the same credentials that come while one is under way wait
  // for that one; one with others pulls for itself, so that nobody gets what his credentials do not
  // give him. A request whose context ends leaves; if it was the one that pulled, another one goes
  // on. In Go each request pulls.
  //
  // ErrInvalidArgument for what is no reference, or for credentials that cannot be read; else the
  // errors of Client::Pull. A pull that fails leaves nothing; if the image is there and one of its
  // names cannot be made, those that were made stay. Source: criService.PullImage.
  absl::StatusOr<std::string> PullImage(const Context& ctx, std::string_view ref,
                                        const PullRequest& request = {});

  // The image that LocalResolve finds or, if it finds none, pulls. ErrNotFound if it was removed
  // between the two. Source: criService.ensureImageExists.
  absl::StatusOr<ImageEntry> EnsureImageExists(const Context& ctx, std::string_view ref,
                                               const PullRequest& request = {});

 private:
  struct State;
  ImageStore store_;
  std::shared_ptr<State> state_;
};

}  // namespace containerd::cri

#endif  // CONTAINERD_CRI_PULL_H_
