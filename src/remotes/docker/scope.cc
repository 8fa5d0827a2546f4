// SPDX-License-Identifier: Apache-2.0
#include "containerd/remotes/docker/scope.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "asked.h"
#include "repository.h"

namespace containerd::remotes::docker {
namespace {

struct TokenScopes {
  std::vector<std::string> scopes;
};

}  // namespace

absl::StatusOr<std::string> RepositoryScope(const reference::Spec& refspec, bool push) {
  absl::StatusOr<Repository> repository = SplitLocator(refspec);
  if (!repository.ok()) return repository.status();
  return fmt::format("repository:{}:pull{}", repository->path, push ? ",push" : "");
}

absl::StatusOr<Context> ContextWithRepositoryScope(const Context& ctx,
                                                   const reference::Spec& refspec, bool push) {
  absl::StatusOr<std::string> scope = RepositoryScope(refspec, push);
  if (!scope.ok()) return scope.status();
  return WithScope(ctx, *scope);
}

Context WithScope(const Context& ctx, std::string_view scope) {
  const auto* had = ctx.Value<TokenScopes>();
  TokenScopes scopes = had != nullptr ? *had : TokenScopes{};
  scopes.scopes.emplace_back(scope);
  return WithValue(ctx, std::move(scopes));
}

Context ContextWithAppendPullRepositoryScope(const Context& ctx, std::string_view repo) {
  return WithScope(ctx, fmt::format("repository:{}:pull", repo));
}

Context WithScopesOf(const Context& ctx, std::string_view from, std::string_view to) {
  const auto* had = ctx.Value<TokenScopes>();
  if (had == nullptr || from == to) return ctx;
  TokenScopes scopes = *had;
  const std::string prefix = fmt::format("repository:{}:", from);
  for (std::string& scope : scopes.scopes) {
    if (scope.starts_with(prefix)) {
      scope = fmt::format("repository:{}:{}", to, scope.substr(prefix.size()));
    }
  }
  return WithValue(ctx, std::move(scopes));
}

Context WithoutScopes(const Context& ctx) { return WithValue(ctx, TokenScopes()); }

std::vector<std::string> GetTokenScopes(const Context& ctx,
                                        const std::vector<std::string>& common) {
  std::vector<std::string> out = common;
  if (const auto* scopes = ctx.Value<TokenScopes>()) {
    out.insert(out.end(), scopes->scopes.begin(), scopes->scopes.end());
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace containerd::remotes::docker
