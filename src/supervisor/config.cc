// SPDX-License-Identifier: Apache-2.0
#include "config.h"

#include <csignal>
#include <cstdlib>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/option/option.h"
#include "containerd/supervisor/supervisor.h"

#include "process.h"

namespace containerd::supervisor {
namespace {

// containerd listens on a second socket, for its shims, whose name is longer by this.
constexpr std::string_view kTtrpcSuffix = ".ttrpc";

absl::Status ValidatePath(std::string_view what, std::string_view path) {
  if (path.empty() || path.front() != '/') {
    return errdefs::InvalidArgument(fmt::format("invalid {} \"{}\": not absolute", what, path));
  }
  if (path.find('\0') != std::string_view::npos) {
    return errdefs::InvalidArgument(fmt::format("invalid {}: has a NUL byte", what));
  }
  return absl::OkStatus();
}

absl::Status ValidateOneOf(std::string_view what, std::string_view value,
                           std::initializer_list<std::string_view> known) {
  for (std::string_view k : known) {
    if (value == k) return absl::OkStatus();
  }
  return errdefs::InvalidArgument(
      fmt::format("invalid {} \"{}\": not one of {}", what, value, fmt::join(known, ", ")));
}

absl::Status ValidatePositive(std::string_view what, absl::Duration value) {
  if (value > absl::ZeroDuration()) return absl::OkStatus();
  return errdefs::InvalidArgument(
      fmt::format("invalid {} {}: not positive", what, absl::FormatDuration(value)));
}

}  // namespace

DaemonOpt WithBinDir(std::string dir) {
  return [dir = std::move(dir)](Config& c) {
    c.bin_dir = dir;
    return ValidatePath("binary folder", dir);
  };
}

DaemonOpt WithAddress(std::string path) {
  return [path = std::move(path)](Config& c) {
    c.address = path;
    return absl::OkStatus();
  };
}

DaemonOpt WithEnv(std::string name, std::string value) {
  return [name = std::move(name), value = std::move(value)](Config& c) {
    if (name.empty() || name.find('=') != std::string::npos) {
      return errdefs::InvalidArgument(
          fmt::format("invalid environment variable name \"{}\"", name));
    }
    c.env[name] = value;
    return absl::OkStatus();
  };
}

DaemonOpt WithLogLevel(std::string level) {
  return [level = std::move(level)](Config& c) {
    c.log_level = level;
    return ValidateOneOf("log level", level,
                         {"trace", "debug", "info", "warn", "error", "fatal", "panic"});
  };
}

DaemonOpt WithLogFormat(std::string format) {
  return [format = std::move(format)](Config& c) {
    c.log_format = format;
    return ValidateOneOf("log format", format, {"text", "json"});
  };
}

DaemonOpt WithLogFile(std::string path) {
  return [path = std::move(path)](Config& c) {
    c.log_file = path;
    return ValidatePath("log file", path);
  };
}

constinit const option::Plain<DaemonOpt> WithInheritedLog([](Config& c) {
  c.log_file.clear();
  return absl::OkStatus();
});

DaemonOpt WithOOMScore(int score) {
  return [score](Config& c) {
    if (score < -1000 || score > 1000) {
      return errdefs::InvalidArgument(
          fmt::format("invalid OOM score {}: not in -1000 to 1000", score));
    }
    c.oom_score = score;
    return absl::OkStatus();
  };
}

DaemonOpt WithDisabledPlugins(std::vector<std::string> plugins) {
  return [plugins = std::move(plugins)](Config& c) {
    c.disabled_plugins.insert(c.disabled_plugins.end(), plugins.begin(), plugins.end());
    return absl::OkStatus();
  };
}

constinit const option::Plain<DaemonOpt> WithCRIDisabled([](Config& c) {
  return WithDisabledPlugins({"io.containerd.grpc.v1.cri"})(c);
});

DaemonOpt WithConfig(std::string toml) {
  return [toml = std::move(toml)](Config& c) {
    c.extra_toml += toml + "\n";
    return absl::OkStatus();
  };
}

DaemonOpt WithStartupTimeout(absl::Duration timeout) {
  return [timeout](Config& c) {
    c.startup_timeout = timeout;
    return ValidatePositive("startup timeout", timeout);
  };
}

DaemonOpt WithShutdownTimeout(absl::Duration timeout) {
  return [timeout](Config& c) {
    c.shutdown_timeout = timeout;
    return ValidatePositive("shutdown timeout", timeout);
  };
}

DaemonOpt WithRestartBackoff(absl::Duration initial, absl::Duration max) {
  return [initial, max](Config& c) {
    c.min_backoff = initial;
    c.max_backoff = max;
    if (initial > max) {
      return errdefs::InvalidArgument(
          fmt::format("invalid restart backoff: initial {} is above the maximum {}",
                      absl::FormatDuration(initial), absl::FormatDuration(max)));
    }
    return ValidatePositive("restart backoff", initial);
  };
}

constinit const option::Plain<DaemonOpt> WithRestartDisabled([](Config& c) {
  c.restart = false;
  return absl::OkStatus();
});

constinit const option::Plain<DaemonOpt> WithoutAdoption([](Config& c) {
  c.adopt = false;
  return absl::OkStatus();
});

DaemonOpt WithParentDeathSignal(int signal) {
  return [signal](Config& c) {
    if (signal < 1 || signal >= NSIG) {
      return errdefs::InvalidArgument(fmt::format("invalid parent death signal {}", signal));
    }
    c.death_signal = signal;
    return absl::OkStatus();
  };
}

constinit const option::Plain<DaemonOpt> WithCleanup([](Config& c) {
  c.cleanup = true;
  return absl::OkStatus();
});

std::string QuoteToml(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04X}", byte);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

std::string RenderToml(const Config& c) {
  std::string out =
      fmt::format("version = 2\nroot = {}\nstate = {}\n", QuoteToml(c.root_dir + "/daemon"),
                  QuoteToml(c.state_dir + "/daemon"));
  if (c.oom_score.has_value()) out += fmt::format("oom_score = {}\n", *c.oom_score);
  if (!c.disabled_plugins.empty()) {
    std::vector<std::string> quoted;
    for (const std::string& plugin : c.disabled_plugins) quoted.push_back(QuoteToml(plugin));
    out += fmt::format("disabled_plugins = [{}]\n", fmt::join(quoted, ", "));
  }
  out += fmt::format("\n[grpc]\n  address = {}\n", QuoteToml(c.address));
  if (!c.log_level.empty() || !c.log_format.empty()) {
    out += "\n[debug]\n";
    if (!c.log_level.empty()) out += fmt::format("  level = {}\n", QuoteToml(c.log_level));
    if (!c.log_format.empty()) out += fmt::format("  format = {}\n", QuoteToml(c.log_format));
  }
  // Where `Install` puts what an image carries; by default a folder shared by the whole machine.
  out += fmt::format("\n[plugins.\"io.containerd.internal.v1.opt\"]\n  path = {}\n",
                     QuoteToml(c.root_dir + "/opt"));
  if (!c.extra_toml.empty()) out += "\n" + c.extra_toml;
  return out;
}

std::vector<std::string> Environment(const Config& config) {
  std::map<std::string, std::string> env;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    env.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  // The daemon must not notify the service manager: it would take that for this process's
  // notification.
  env.erase("NOTIFY_SOCKET");
  for (const auto& [name, value] : config.env) env[name] = value;
  if (!config.bin_dir.empty()) {
    std::string& path = env["PATH"];
    path = path.empty() ? config.bin_dir : fmt::format("{}:{}", config.bin_dir, path);
  }
  std::vector<std::string> out;
  out.reserve(env.size());
  for (const auto& [name, value] : env) out.push_back(fmt::format("{}={}", name, value));
  return out;
}

absl::StatusOr<std::string> FindBinary(const Config& config) {
  // If a folder is given, the binary has to be in it; another containerd on PATH is not used.
  std::vector<std::string> env =
      config.bin_dir.empty() ? Environment(config) : std::vector{"PATH=" + config.bin_dir};
  std::string binary = FindProgram("containerd", env);
  if (!binary.empty()) return binary;
  return errdefs::NotFound(
      fmt::format("no containerd binary in {}", config.bin_dir.empty() ? "PATH" : config.bin_dir));
}

absl::Status Validate(const Config& config) {
  for (const auto& [what, path] :
       {std::pair("root folder", config.root_dir), std::pair("state folder", config.state_dir),
        std::pair("socket", config.address)}) {
    if (absl::Status s = ValidatePath(what, path); !s.ok()) return s;
    // Each of them may be removed later with all that it holds.
    if (path.find_first_not_of("/.") == std::string::npos) {
      return errdefs::InvalidArgument(fmt::format("invalid {} \"{}\"", what, path));
    }
  }
  constexpr size_t kMax = sizeof(sockaddr_un::sun_path) - 1 - kTtrpcSuffix.size();
  if (config.address.size() > kMax) {
    return errdefs::InvalidArgument(fmt::format("invalid socket \"{}\": {} bytes, limit {}",
                                                config.address, config.address.size(), kMax));
  }
  return absl::OkStatus();
}

}  // namespace containerd::supervisor
