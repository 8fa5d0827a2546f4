// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/auth.h"

#include <cstddef>
#include <utility>

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/http/url.h"

namespace containerd::cri {
namespace {

// The registry of Docker Hub by the name that is asked, whichever of its names this is.
std::string HubByOneName(std::string host) {
  if (host == "docker.io" || host == "index.docker.io") return "registry-1.docker.io";
  return host;
}

// Whether credentials for this server are for the host.
absl::StatusOr<bool> IsFor(const std::string& server_address, std::string_view host) {
  const bool has_scheme = server_address.find("://") != std::string::npos;
  const absl::StatusOr<http::Url> url =
      http::ParseUrl(has_scheme ? server_address : absl::StrCat("https://", server_address));
  // Not the text of the error: there may be a password in the address.
  if (!url.ok()) return errdefs::InvalidArgument("the server address of the credentials is no URL");
  return HubByOneName(http::CanonicalHost(url->host, url->scheme)) ==
         HubByOneName(http::CanonicalHost(host, url->scheme));
}

}  // namespace

RuntimeAuthConfig ToRuntimeAuthConfig(const AuthConfig& config) {
  return {.username = config.username,
          .password = config.password,
          .auth = config.auth,
          .identity_token = config.identity_token};
}

absl::StatusOr<remotes::docker::Credentials> ParseAuth(const RuntimeAuthConfig& auth,
                                                       std::string_view host) {
  using remotes::docker::Credentials;
  if (!auth.server_address.empty()) {
    const absl::StatusOr<bool> ours = IsFor(auth.server_address, host);
    if (!ours.ok()) return ours.status();
    if (!*ours) return Credentials{};
  }
  if (!auth.username.empty()) return Credentials{auth.username, auth.password};
  if (!auth.identity_token.empty()) return Credentials{"", auth.identity_token};
  if (auth.auth.empty()) return Credentials{};

  std::string decoded;
  if (!absl::Base64Unescape(auth.auth, &decoded)) {
    return errdefs::InvalidArgument("the field auth of the credentials is not base64");
  }
  const std::size_t colon = decoded.find(':');
  if (colon == std::string::npos) {
    return errdefs::InvalidArgument(
        "the field auth of the credentials is not \"<username>:<password>\" in base64");
  }
  // As strings.Trim(password, "\x00").
  std::string password = decoded.substr(colon + 1);
  password.erase(0, password.find_first_not_of('\0'));
  password.erase(password.find_last_not_of('\0') + 1);
  return Credentials{decoded.substr(0, colon), std::move(password)};
}

}  // namespace containerd::cri
