// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/remotes/handlers.h"
#include "containerd/rpc/connection.h"

#include "remote.h"
#include "src/client/internal/state.h"
#include "src/errdefs/internal/guard.h"
#include "src/tracing/internal/observation.h"

namespace containerd {

absl::Status Client::Push(const Context& caller, std::string_view ref,
                          const ocispec::Descriptor& desc, const std::vector<RemoteOpt>& opts) {
  if (absl::Status s = internal::CheckOpen(*Connection()); !s.ok()) return s;
  auto remote = internal::MakeRemoteContext(*this, opts);
  if (!remote.ok()) return remote.status();
  auto matcher = internal::MatcherOf(*remote);
  if (!matcher.ok()) return matcher.status();
  const Context ctx = tracing::WithDefaultObserver(caller, Connection()->observer());

  // The digest is added so that only the manifest with that digest gets the tag.
  std::string target(ref);
  if (target.find('@') == std::string::npos) target += "@" + desc.digest;
  auto pusher =
      errdefs::Guard("a resolver", &remotes::Resolver::Pusher, *remote->resolver, ctx, target);
  if (!pusher.ok()) {
    return errdefs::Annotate(pusher.status(), fmt::format("failed to get pusher for \"{}\"", ref));
  }
  std::function<images::Handler(images::Handler)> wrapper = remote->handler_wrapper;
  if (!remote->base_handlers.empty()) {
    wrapper = [&remote](images::Handler h) {
      std::vector<images::Handler> handlers = remote->base_handlers;
      handlers.push_back(std::move(h));
      h = images::Handlers(std::move(handlers));
      return remote->handler_wrapper != nullptr ? remote->handler_wrapper(std::move(h)) : h;
    };
  }
  const auto progress = std::make_shared<internal::Progress>(remote->progress);
  absl::Status s = errdefs::Guard("what Push calls", [&] {
    return remotes::PushContent(ctx, internal::WithProgress(*std::move(pusher), progress), desc,
                                ContentStore(), remote->max_concurrent_uploaded_layers, *matcher,
                                wrapper);
  });
  if (s.ok()) s = progress->Failure();
  return errdefs::Annotate(s, fmt::format("push \"{}\"", ref));
}

}  // namespace containerd
