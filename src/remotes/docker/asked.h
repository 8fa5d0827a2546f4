// SPDX-License-Identifier: Apache-2.0
//
// What the context of a request tells an authorizer and the credentials' sources about it.
#ifndef CONTAINERD_SRC_REMOTES_DOCKER_ASKED_H_
#define CONTAINERD_SRC_REMOTES_DOCKER_ASKED_H_

#include <memory>
#include <string>
#include <string_view>

#include "containerd/context/context.h"

namespace containerd::remotes::docker {

struct Asked {
  // As it was sent; a fallback to plain HTTP does not change it.
  std::string url{};

  // The repository, as the host of the request knows it: "library/busybox". Empty for hosts to
  // which a registry sent the request, as they have none.
  std::string repository{};

  // The URL of the registry that sent the request elsewhere; empty if none did.
  std::string referrer{};

  // The Authorization field that the last response refused; empty if there was none.
  std::string refused{};

  // What the authorizer wants to be said if the request is refused in the end.
  std::shared_ptr<std::string> note{};
};

inline Context WithAsked(const Context& ctx, Asked asked) {
  return WithValue(ctx, std::move(asked));
}

inline Asked AskedOf(const Context& ctx) {
  const auto* asked = ctx.Value<Asked>();
  return asked != nullptr ? *asked : Asked();
}

// scope.cc: the context with the scopes of one repository as those of another, and with none.
Context WithScopesOf(const Context& ctx, std::string_view from, std::string_view to);
Context WithoutScopes(const Context& ctx);

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_SRC_REMOTES_DOCKER_ASKED_H_
