// SPDX-License-Identifier: Apache-2.0
//
// The plugin's own configuration, as far as this package needs it: the parts of
// [plugins."io.containerd.grpc.v1.cri"].
//
// Source: pkg/cri/config.
#ifndef CONTAINERD_CRI_CONFIG_H_
#define CONTAINERD_CRI_CONFIG_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "containerd/cri/value.h"

namespace containerd::cri {

// Credentials for a registry, as a configuration or a kubelet gives them. Never printed or logged.
struct AuthConfig {
  std::string username{};
  std::string password{};
  std::string auth{};  // base64 of "<username>:<password>"
  std::string identity_token{};

  friend bool operator==(const AuthConfig&, const AuthConfig&) = default;
};

// One of the runtimes that pods may ask for. Source: criconfig.Runtime.
struct Runtime {
  std::string type{};  // "io.containerd.runc.v2"

  // Both of the v1 runtime only: the program, and its root folder.
  std::string engine{};
  std::string root{};

  // Patterns (path.Match) of a pod's annotations that its containers' specs get.
  std::vector<std::string> pod_annotations{};

  // The table `options`; nullopt if there is none.
  std::optional<Value::Table> options{};
};

// The plugin's configuration, as far as this library needs it.
struct Config {
  // The plugin's folders. Below its root are the checkpoints of containers' status; without it
  // those are not looked at.
  std::string root_dir{};
  std::string state_dir{};

  // The snapshotter of images and containers; empty: the namespace's default.
  std::string snapshotter{};

  bool systemd_cgroup = false;
  int max_concurrent_downloads = 3;

  // Credentials for the pulls that bring none of their own, by registry host.
  std::map<std::string, AuthConfig> auths{};

  // A folder of hosts.toml files (remotes/docker/config.h); empty: the defaults.
  std::string registry_config_path{};
};

}  // namespace containerd::cri

#endif  // CONTAINERD_CRI_CONFIG_H_
