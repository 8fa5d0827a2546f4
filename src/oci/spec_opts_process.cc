// SPDX-License-Identifier: Apache-2.0
#include "containerd/oci/spec_opts_process.h"

#include <cstddef>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/option/option.h"

#include "env.h"
#include "file.h"
#include "sections.h"

namespace containerd::oci {

std::vector<std::string> ReplaceOrAppendEnvValues(const std::vector<std::string>& defaults,
                                                  const std::vector<std::string>& overrides) {
  std::vector<std::string> results = defaults;
  std::unordered_map<std::string_view, std::size_t> places;
  for (std::size_t i = 0; i < defaults.size(); ++i) {
    const std::string_view entry = defaults[i];
    places[entry.substr(0, entry.find('='))] = i;
  }
  for (const std::string& entry : overrides) {
    const std::size_t equals = entry.find('=');
    const auto place = places.find(std::string_view(entry).substr(0, equals));
    if (equals == std::string::npos) {
      // An empty entry is one to remove; a later override may still fill it again.
      if (place != places.end()) results[place->second].clear();
    } else if (place != places.end()) {
      results[place->second] = entry;
    } else {
      results.push_back(entry);
    }
  }
  std::erase(results, "");
  return results;
}

SpecOpt WithProcessArgs(std::vector<std::string> args) {
  return [args = std::move(args)](const Context&, Client*, containers::Container*, Spec* spec) {
    specs::Process& process = EnsureProcess(spec);
    process.args = args;
    process.command_line.clear();
    return absl::OkStatus();
  };
}

SpecOpt WithProcessCwd(std::string cwd) {
  return [cwd = std::move(cwd)](const Context&, Client*, containers::Container*, Spec* spec) {
    EnsureProcess(spec).cwd = cwd;
    return absl::OkStatus();
  };
}

SpecOpt WithEnv(std::vector<std::string> environment_variables) {
  return [variables = std::move(environment_variables)](const Context&, Client*,
                                                        containers::Container*, Spec* spec) {
    if (!variables.empty()) {
      specs::Process& process = EnsureProcess(spec);
      process.env = ReplaceOrAppendEnvValues(process.env, variables);
    }
    return absl::OkStatus();
  };
}

SpecOpt WithEnvFile(std::string path) {
  return [path = std::move(path)](const Context& ctx, Client* client,
                                  containers::Container* container, Spec* spec) -> absl::Status {
    constexpr std::size_t kMaxLine = std::size_t{64} << 10;
    constexpr std::size_t kMaxFile = std::size_t{16} << 20;
    auto content = ReadFile(path, kMaxFile);
    if (!content.ok()) return errdefs::Annotate(content.status(), "environment file");
    std::vector<std::string> variables;
    std::string_view rest = *content;
    while (!rest.empty()) {
      const std::size_t end = rest.find('\n');
      std::string_view line = rest.substr(0, end);
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
      if (line.size() >= kMaxLine) {
        return errdefs::InvalidArgument(
            fmt::format("environment file \"{}\": line {} has {} bytes, the limit is {}", path,
                        variables.size() + 1, line.size(), kMaxLine));
      }
      if (line.ends_with('\r')) line.remove_suffix(1);
      variables.emplace_back(line);
    }
    return WithEnv(std::move(variables))(ctx, client, container, spec);
  };
}

constinit const option::Plain<SpecOpt> WithDefaultPathEnv([](const Context&, Client*,
                                                             containers::Container*,
                                                             Spec* spec) -> absl::Status {
  specs::Process& process = EnsureProcess(spec);
  process.env = ReplaceOrAppendEnvValues(process.env, {kDefaultUnixPath});
  return absl::OkStatus();
});

constinit const option::Plain<SpecOpt> WithTTY([](const Context&, Client*, containers::Container*,
                                                  Spec* spec) -> absl::Status {
  specs::Process& process = EnsureProcess(spec);
  process.terminal = true;
  if (spec->linux_.has_value()) process.env.emplace_back("TERM=xterm");
  return absl::OkStatus();
});

SpecOpt WithTTYSize(int width, int height) {
  return [width, height](const Context&, Client*, containers::Container*, Spec* spec) {
    specs::Box& size = Ensure(EnsureProcess(spec).console_size);
    size.width = static_cast<std::uint64_t>(width);
    size.height = static_cast<std::uint64_t>(height);
    return absl::OkStatus();
  };
}

constinit const option::Plain<SpecOpt> WithNoNewPrivileges([](const Context&, Client*,
                                                              containers::Container*,
                                                              Spec* spec) -> absl::Status {
  EnsureProcess(spec).no_new_privileges = true;
  return absl::OkStatus();
});

constinit const option::Plain<SpecOpt> WithNewPrivileges([](const Context&, Client*,
                                                            containers::Container*,
                                                            Spec* spec) -> absl::Status {
  EnsureProcess(spec).no_new_privileges = false;
  return absl::OkStatus();
});

SpecOpt WithRlimit(specs::POSIXRlimit rlimit) {
  return [rlimit = std::move(rlimit)](const Context&, Client*, containers::Container*, Spec* spec) {
    std::vector<specs::POSIXRlimit>& rlimits = EnsureProcess(spec).rlimits;
    for (specs::POSIXRlimit& present : rlimits) {
      if (present.type == rlimit.type) {
        present = rlimit;
        return absl::OkStatus();
      }
    }
    rlimits.push_back(rlimit);
    return absl::OkStatus();
  };
}

SpecOpt WithSelinuxLabel(std::string label) {
  return [label = std::move(label)](const Context&, Client*, containers::Container*, Spec* spec) {
    EnsureProcess(spec).selinux_label = label;
    return absl::OkStatus();
  };
}

SpecOpt WithApparmorProfile(std::string profile) {
  return
      [profile = std::move(profile)](const Context&, Client*, containers::Container*, Spec* spec) {
        EnsureProcess(spec).apparmor_profile = profile;
        return absl::OkStatus();
      };
}

}  // namespace containerd::oci
