// SPDX-License-Identifier: Apache-2.0
//
// What the options of Start set, and the containerd.toml made of it.
#ifndef CONTAINERD_SRC_SUPERVISOR_CONFIG_H_
#define CONTAINERD_SRC_SUPERVISOR_CONFIG_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

namespace containerd::supervisor {

struct Config {
  std::string root_dir;
  std::string state_dir;
  std::string address;
  std::string bin_dir;
  std::string log_file;  // empty: inherit this process's stdout and stderr
  std::map<std::string, std::string> env;
  std::string log_level;
  std::string log_format;
  std::optional<int> oom_score;
  std::vector<std::string> disabled_plugins;
  std::string extra_toml;
  absl::Duration startup_timeout = absl::Seconds(15);
  absl::Duration shutdown_timeout = absl::Seconds(15);
  absl::Duration min_backoff = absl::Milliseconds(100);
  absl::Duration max_backoff = absl::Seconds(10);
  bool restart = true;
  bool adopt = true;
  bool cleanup = false;
  int death_signal = 0;

  std::string ConfigPath() const { return state_dir + "/containerd.toml"; }
  std::string PidPath() const { return state_dir + "/containerd.pid"; }
  std::string RuncPath() const { return state_dir + "/runc"; }
  std::string LockPath() const { return state_dir + "/supervisor.lock"; }
};

// `text` as a TOML basic string, quotes included.
std::string QuoteToml(std::string_view text);

// The containerd.toml.
std::string RenderToml(const Config& config);

// The environment of the daemon, NAME=value each, from this process's own.
std::vector<std::string> Environment(const Config& config);

// The containerd binary, from bin_dir or PATH.
absl::StatusOr<std::string> FindBinary(const Config& config);

// Whether root, state and socket can be: absolute, and the socket's path short enough.
absl::Status Validate(const Config& config);

}  // namespace containerd::supervisor

#endif  // CONTAINERD_SRC_SUPERVISOR_CONFIG_H_
