// SPDX-License-Identifier: Apache-2.0
//
// Package auth: what a registry demands of who asks, and the tokens that satisfy it.
//
//   namespace auth = remotes::docker::auth;
//   std::vector<auth::Challenge> challenges = auth::ParseAuthHeader(response.header);
//
// All functions are safe from any thread. Source: core/remotes/docker/auth; the protocol is
// https://distribution.github.io/distribution/spec/auth/.
#ifndef CONTAINERD_REMOTES_DOCKER_AUTH_H_
#define CONTAINERD_REMOTES_DOCKER_AUTH_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/http/http.h"

namespace containerd::remotes::docker::auth {

enum class AuthenticationScheme : std::uint8_t {
  BasicAuth = 1,   // RFC 7617
  DigestAuth = 2,  // RFC 7616
  BearerAuth = 4,  // RFC 6750
};

// "Basic", "Digest", "Bearer", as in WWW-Authenticate; "unknown" for what is none of these.
CONTAINERD_EXPORT std::string_view ToString(AuthenticationScheme scheme);

// How a server wants to be told who asks. Source: auth.Challenge.
struct Challenge {
  AuthenticationScheme scheme = AuthenticationScheme::BasicAuth;
  std::map<std::string, std::string> parameters{};  // names in lower case

  friend bool operator==(const Challenge&, const Challenge&) = default;
};

// The challenges of the known schemes in WWW-Authenticate fields: bearer first, then digest, then
// basic. What cannot be read of a field is left out. Source: auth.ParseAuthHeader.
CONTAINERD_EXPORT std::vector<Challenge> ParseAuthHeader(const http::Header& header);

struct TokenOptions {
  std::string realm{};  // URL of the token server
  std::string service{};
  std::vector<std::string> scopes{};
  std::string username{};
  std::string secret{};  // without username: a refresh token

  // Asks for a refresh token besides.
  bool fetch_refresh_token = false;
};

// What a bearer challenge says about the token to fetch. ErrInvalidArgument without a usable realm.
// Source: auth.GenerateTokenOptions.
CONTAINERD_EXPORT absl::StatusOr<TokenOptions> GenerateTokenOptions(const Context& ctx,
                                                                    std::string_view host,
                                                                    std::string_view username,
                                                                    std::string_view secret,
                                                                    const Challenge& c);

// Source: auth.OAuthTokenResponse.
struct OAuthTokenResponse {
  std::string access_token{};
  std::string refresh_token{};
  std::int64_t expires_in_seconds = 0;  // 0: the server did not say
  std::string issued_at{};              // as the server wrote it
  std::string scope{};
};

// Source: auth.FetchTokenResponse.
struct FetchTokenResponse {
  std::string token{};
  std::string access_token{};
  std::int64_t expires_in_seconds = 0;
  std::string issued_at{};
  std::string refresh_token{};
};

// The error of a response without a token.
CONTAINERD_EXPORT absl::Status ErrNoToken();
CONTAINERD_EXPORT bool IsErrNoToken(const absl::Status& status);

// Fetches a token with the OAuth2 POST request. Errors of the server are ErrUnexpectedStatus
// (remotes/errors.h). Source: auth.FetchTokenWithOAuth.
CONTAINERD_EXPORT absl::StatusOr<OAuthTokenResponse> FetchTokenWithOAuth(
    const Context& ctx, const http::Client& client, const http::Header& headers,
    std::string_view client_id, const TokenOptions& to);

// Fetches a token with a GET request. Source: auth.FetchToken.
CONTAINERD_EXPORT absl::StatusOr<FetchTokenResponse> FetchToken(const Context& ctx,
                                                                const http::Client& client,
                                                                const http::Header& headers,
                                                                const TokenOptions& to);

}  // namespace containerd::remotes::docker::auth

#endif  // CONTAINERD_REMOTES_DOCKER_AUTH_H_
