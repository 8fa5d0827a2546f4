// SPDX-License-Identifier: Apache-2.0
//
// Package config: registry hosts from a directory, one folder a name, with a hosts.toml or with
// certificates only, as Docker's certs.d.
//
//   namespace docker = remotes::docker;
//   docker::RegistryHosts hosts = docker::config::ConfigureHosts(
//       ctx, {.host_dir = docker::config::HostDirFromRoot("/etc/containerd/certs.d")});
//
//   /etc/containerd/certs.d/docker.io/hosts.toml:
//     server = "https://registry-1.docker.io"
//     [host."https://mirror.example:5000"]
//       capabilities = ["pull", "resolve"]      # also: push, referrers; all by default
//       ca = "ca.pem"                           # or a list of files
//       client = [["client.crt", "client.key"]] # or a file, or a list of files, with both
//       skip_verify = false
//       override_path = false                   # true: no "/v2" is added to the path
//       dial_timeout = "3s"
//       response_header_timeout = "30s"         # and these two, which Go does not know
//       upload_response_timeout = "5m"          # of requests that upload: ten times the one above
//       [host."https://mirror.example:5000".header]
//         x-custom = ["a", "b"]
//
// Hosts are tried in the order of the file, the server last. Relative names of files count from the
// folder. Source: core/remotes/docker/config.
#ifndef CONTAINERD_REMOTES_DOCKER_CONFIG_H_
#define CONTAINERD_REMOTES_DOCKER_CONFIG_H_

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
#include "containerd/remotes/docker/authorizer.h"
#include "containerd/remotes/docker/registry.h"

namespace containerd::remotes::docker::config {

// May change a client, or the options that its transport is made of, before it is used.
using UpdateClientFunc =
    std::function<absl::Status(http::Client& client, http::TransportOptions& transport)>;

struct HostOptions {
  // The folder for a name; ErrNotFound or "": none.
  std::function<absl::StatusOr<std::string>(std::string_view name)> host_dir{};
  CredentialsFunc credentials{};
  std::optional<http::TLSConfig> default_tls{};
  // "http" or "https" for hosts that nothing is configured for.
  std::string default_scheme{};
  UpdateClientFunc update_client{};
  std::vector<AuthorizerOpt> authorizer_opts{};
};

// Reads the folder each time that hosts are asked for. A hosts.toml that cannot be read is logged,
// and the folder's certificates are taken, as Go does. Hosts on the loopback without a
// configuration are tried with TLS, whose certificate is not verified, and then in plain HTTP.
CONTAINERD_EXPORT RegistryHosts ConfigureHosts(const Context& ctx, HostOptions options);

// Finds "<root>/<host>_<port>_", "<root>/<host>:<port>", "<root>/_default", in this order.
// ErrNotFound if there is none.
CONTAINERD_EXPORT std::function<absl::StatusOr<std::string>(std::string_view name)> HostDirFromRoot(
    std::string root);

}  // namespace containerd::remotes::docker::config

#endif  // CONTAINERD_REMOTES_DOCKER_CONFIG_H_
