// SPDX-License-Identifier: Apache-2.0
//
// Answers a registry's 401 with credentials or tokens.
//
//   namespace docker = remotes::docker;
//   auto authorizer = docker::NewDockerAuthorizer(
//       {docker::WithAuthCreds([](const Context&, std::string_view host) {
//         return docker::Credentials{"me", "secret"};
//       })});
//
// Source: core/remotes/docker/authorizer.go.
#ifndef CONTAINERD_REMOTES_DOCKER_AUTHORIZER_H_
#define CONTAINERD_REMOTES_DOCKER_AUTHORIZER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/http/http.h"
#include "containerd/option/option.h"

namespace containerd::remotes::docker {

// Both empty: nobody in particular.
struct Credentials {
  std::string username{};
  std::string secret{};  // without username: a refresh token ("identity token")

  friend bool operator==(const Credentials&, const Credentials&) = default;
};

// Finds the credentials for a host ("registry-1.docker.io", "localhost:5000"; in lower case,
// without the port that its scheme implies). For a host to which a registry redirects, credentials
// that are the registry's own, too, are not used.
using CredentialsFunc =
    std::function<absl::StatusOr<Credentials>(const Context& ctx, std::string_view host)>;

// The error for credentials that were refused.
CONTAINERD_EXPORT absl::Status ErrInvalidAuthorization(std::string_view why = "");
CONTAINERD_EXPORT bool IsErrInvalidAuthorization(const absl::Status& status);

// Called on the threads that ask the registry, several at once; may block. An exception that leaves
// it, or a CredentialsFunc, is the request's error, ErrInternal. Safe from any thread.
class CONTAINERD_EXPORT Authorizer {
 public:
  virtual ~Authorizer() = default;

  // Sets the request's Authorization field, if something is known for its host, which may be one to
  // which a registry redirected. May fetch a token.
  virtual absl::Status Authorize(const Context& ctx, http::Request& request) = 0;

  // Learns from a 401, the last of `responses`; the ones before are those of the same request,
  // sent before. ErrNotImplemented if it demands what the authorizer cannot do.
  virtual absl::Status AddResponses(
      const Context& ctx, const std::vector<std::shared_ptr<http::Response>>& responses) = 0;
};

// Called when a token server gave a refresh token.
using OnFetchRefreshToken = std::function<void(const Context& ctx, std::string_view refresh_token,
                                               const http::Request& request)>;

// Filled by AuthorizerOpts.
struct AuthorizerConfig {
  CredentialsFunc credentials{};
  std::shared_ptr<const http::Client> client{};
  http::Header header{};
  OnFetchRefreshToken on_fetch_refresh_token{};
  absl::Status error{};  // of an option: what is made with these options returns it
};

using AuthorizerOpt = option::Option<AuthorizerConfig&>;

// The client for token servers.
CONTAINERD_EXPORT AuthorizerOpt WithAuthClient(std::shared_ptr<const http::Client> client);

CONTAINERD_EXPORT AuthorizerOpt WithAuthCreds(CredentialsFunc credentials);

// Fields for requests to token servers; given more than once, they add up.
CONTAINERD_EXPORT AuthorizerOpt WithAuthHeader(http::Header header);

// Asks token servers for refresh tokens too.
CONTAINERD_EXPORT AuthorizerOpt WithFetchRefreshToken(OnFetchRefreshToken f);

// Knows Basic and Bearer. The same password is not tried twice for a request. A token is asked for
// the scopes that the host demands; if it knows the repository under another name, for that name.
// Tokens are kept for each set of scopes until they expire; of several requests that need the same
// one, one fetches it.
CONTAINERD_EXPORT std::shared_ptr<Authorizer> NewDockerAuthorizer(
    const std::vector<AuthorizerOpt>& opts = {});

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_REMOTES_DOCKER_AUTHORIZER_H_
