// SPDX-License-Identifier: Apache-2.0
//
// Credentials of a pull. Nothing here prints or logs a secret.
//
// Source: pkg/cri/server/helpers.go, pkg/cri/server/image_pull.go.
#ifndef CONTAINERD_CRI_AUTH_H_
#define CONTAINERD_CRI_AUTH_H_

#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "containerd/cri/config.h"
#include "containerd/export/export.h"
#include "containerd/remotes/docker/authorizer.h"

namespace containerd::cri {

// What a kubelet sends with a request to pull. Source: runtime.AuthConfig.
struct RuntimeAuthConfig {
  std::string username{};
  std::string password{};
  std::string auth{};            // base64 of "<username>:<password>"
  std::string server_address{};  // a URL or a host: the credentials are for no other
  std::string identity_token{};
  std::string registry_token{};  // not used, as by the plugin

  friend bool operator==(const RuntimeAuthConfig&, const RuntimeAuthConfig&) = default;
};

// The same credentials for any server. Source: toRuntimeAuthConfig.
CONTAINERD_EXPORT RuntimeAuthConfig ToRuntimeAuthConfig(const AuthConfig& config);

// The credentials for a registry's host: username and password, else the identity token, else what
// `auth` holds. Empty ones if they are for another server, or there are none. ErrInvalidArgument
// for an `auth` that is not base64 or has no ":", and for a server address that is no URL. Source:
// ParseAuth.
CONTAINERD_EXPORT absl::StatusOr<remotes::docker::Credentials> ParseAuth(
    const RuntimeAuthConfig& auth, std::string_view host);

}  // namespace containerd::cri

#endif  // CONTAINERD_CRI_AUTH_H_
