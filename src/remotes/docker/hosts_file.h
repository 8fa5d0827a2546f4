// SPDX-License-Identifier: Apache-2.0
//
// What a folder of certs.d says about the hosts for a name.
#ifndef CONTAINERD_SRC_REMOTES_DOCKER_HOSTS_FILE_H_
#define CONTAINERD_SRC_REMOTES_DOCKER_HOSTS_FILE_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/http/header.h"
#include "containerd/remotes/docker/registry.h"

namespace containerd::remotes::docker::config {

struct HostConfig {
  std::string scheme{};
  std::string host{};  // empty for the last: the default for the name
  std::string path{};
  HostCapabilities capabilities{};
  std::optional<std::vector<std::string>> ca_certs{};                              // files
  std::optional<std::vector<std::pair<std::string, std::string>>> client_pairs{};  // files
  std::optional<bool> skip_verify{};
  std::optional<absl::Duration> dial_timeout{};
  std::optional<absl::Duration> response_header_timeout{};
  std::optional<absl::Duration> upload_response_timeout{};
  http::Header header{};

  friend bool operator==(const HostConfig&, const HostConfig&) = default;
};

// The hosts of a hosts.toml in the order of the file, and the server as the last, which has no host
// if the file names none. Source: config.parseHostsFile.
absl::StatusOr<std::vector<HostConfig>> ParseHostsFile(const std::string& base_dir,
                                                       std::string_view text);

// One host, with the certificates that lie in the folder. Source: config.loadCertFiles.
absl::StatusOr<std::vector<HostConfig>> LoadCertFiles(const std::string& dir);

// Source: config.loadHostDir.
absl::StatusOr<std::vector<HostConfig>> LoadHostDir(const std::string& dir);

// Go's time.ParseDuration.
absl::StatusOr<absl::Duration> ParseGoDuration(std::string_view text);

}  // namespace containerd::remotes::docker::config

#endif  // CONTAINERD_SRC_REMOTES_DOCKER_HOSTS_FILE_H_
