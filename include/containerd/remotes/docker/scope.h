// SPDX-License-Identifier: Apache-2.0
//
// What a token is to allow, carried by the context of a request.
//
// Source: core/remotes/docker/scope.go.
#ifndef CONTAINERD_REMOTES_DOCKER_SCOPE_H_
#define CONTAINERD_REMOTES_DOCKER_SCOPE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/option/pairs.h"
#include "containerd/reference/reference.h"

namespace containerd::remotes::docker {

// "repository:foo/bar:pull" for "host/foo/bar:tag", and "…:pull,push" to push.
CONTAINERD_EXPORT absl::StatusOr<std::string> RepositoryScope(const reference::Spec& refspec,
                                                              bool push);

// The context with that scope.
CONTAINERD_EXPORT absl::StatusOr<Context> ContextWithRepositoryScope(const Context& ctx,
                                                                     const reference::Spec& refspec,
                                                                     bool push);

// The context with one scope more.
CONTAINERD_EXPORT Context WithScope(const Context& ctx, std::string_view scope);

// The context with the scope to pull from `repo`.
CONTAINERD_EXPORT Context ContextWithAppendPullRepositoryScope(const Context& ctx,
                                                               std::string_view repo);

// The context's scopes and `common`, sorted, each once.
CONTAINERD_EXPORT std::vector<std::string> GetTokenScopes(const Context& ctx,
                                                          const std::vector<std::string>& common);
template <std::size_t N, std::size_t M>
requires option::IsPair<M>
void GetTokenScopes(const Context&, option::BracedTexts<N, M>) = delete;

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_REMOTES_DOCKER_SCOPE_H_
