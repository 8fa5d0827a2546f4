// SPDX-License-Identifier: Apache-2.0
#include "containerd/nvidia/nvidia.h"

#include <algorithm>
#include <unistd.h>
#include <utility>

#include <absl/strings/str_join.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/escape.h"
#include "src/base/look_path.h"
#include "src/base/options.h"

namespace containerd::nvidia {
namespace {

absl::Status Check(const Config& config) {
  for (const std::string& device : config.devices) {
    const bool words = std::any_of(device.begin(), device.end(), [](unsigned char c) {
      return c <= ' ' || c == ',' || c == 0x7f;
    });
    if (device.empty() || words || device.front() == '-') {
      return errdefs::InvalidArgument(
          fmt::format("invalid GPU {}: want an index, a UUID or \"all\"", base::Quote(device)));
    }
  }
  for (const Capability& capability : config.capabilities) {
    const bool word = std::all_of(capability.begin(), capability.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    });
    if (capability.empty() || !word) {
      return errdefs::InvalidArgument(
          fmt::format("invalid capability {} of GPUs", base::Quote(capability)));
    }
  }
  return absl::OkStatus();
}

// Of the tool; {{pid}} and {{rootfs}} are for `containerd oci-hook` to fill in.
std::vector<std::string> Arguments(const Config& config) {
  std::vector<std::string> args;
  if (config.load_kmods) args.emplace_back("--load-kmods");
  if (!config.ldcache.empty()) args.push_back("--ldcache=" + config.ldcache);
  args.emplace_back("configure");
  if (!config.devices.empty()) args.push_back("--device=" + absl::StrJoin(config.devices, ","));
  for (const Capability& capability : config.capabilities) args.push_back("--" + capability);
  if (!config.ldconfig.empty()) args.push_back("--ldconfig=" + config.ldconfig);
  for (const std::string& what : config.requirements) args.push_back("--require=" + what);
  if (config.no_cgroups) args.emplace_back("--no-cgroups");
  args.emplace_back("--pid={{pid}}");
  args.emplace_back("{{rootfs}}");
  return args;
}

std::vector<std::string> Environment() {
  std::vector<std::string> env;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    env.emplace_back(*entry);
  }
  return env;
}

}  // namespace

std::vector<Capability> AllCaps() {
  return {kCompute, kCompat32, kGraphics, kUtility, kVideo, kDisplay};
}

oci::SpecOpt WithGPUs(std::vector<Opt> opts) {
  return [opts = std::move(opts)](oci::Spec& spec) {
    Config config;
    if (absl::Status s = base::Apply(opts, config); !s.ok()) return s;
    if (absl::Status s = Check(config); !s.ok()) return s;
    if (config.oci_hook_path.empty()) {
      absl::StatusOr<std::string> containerd = base::LookPath("containerd");
      if (!containerd.ok()) return errdefs::Annotate(containerd.status(), "the hook for GPUs");
      config.oci_hook_path = *std::move(containerd);
    }
    absl::StatusOr<std::string> tool = base::LookPath(kNvidiaCLI);
    if (!tool.ok()) return errdefs::Annotate(tool.status(), "the hook for GPUs");
    // Kernel modules that are missing are loaded first.
    std::vector<std::string> args = {"containerd", "oci-hook", "--", *tool, "--load-kmods"};
    for (std::string& arg : Arguments(config)) args.push_back(std::move(arg));
    if (!spec.hooks.has_value()) spec.hooks.emplace();
    spec.hooks->create_runtime.push_back(
        {.path = config.oci_hook_path, .args = std::move(args), .env = Environment()});
    return absl::OkStatus();
  };
}

Opt WithDevices(std::vector<int> ids) {
  return [ids = std::move(ids)](Config& config) {
    for (const int id : ids) config.devices.push_back(fmt::format("{}", id));
  };
}

Opt WithDeviceUUIDs(std::vector<std::string> uuids) {
  return [uuids = std::move(uuids)](Config& config) {
    config.devices.insert(config.devices.end(), uuids.begin(), uuids.end());
  };
}

constinit const option::Plain<Opt> WithAllDevices([](Config& config) { config.devices = {"all"}; });

constinit const option::Plain<Opt> WithAllCapabilities([](Config& config) {
  config.capabilities = AllCaps();
});

Opt WithCapabilities(std::vector<Capability> caps) {
  return [caps = std::move(caps)](Config& config) {
    config.capabilities.insert(config.capabilities.end(), caps.begin(), caps.end());
  };
}

Opt WithRequiredCUDAVersion(int major, int minor) {
  return [major, minor](Config& config) {
    config.requirements.push_back(fmt::format("cuda>={}.{}", major, minor));
  };
}

Opt WithOCIHookPath(std::string path) {
  return [path = std::move(path)](Config& config) { config.oci_hook_path = path; };
}

Opt WithLookupOCIHookPath(std::string name) {
  return [name = std::move(name)](Config& config) {
    absl::StatusOr<std::string> path = base::LookPath(name);
    if (!path.ok()) return errdefs::Annotate(path.status(), "the hook for GPUs");
    config.oci_hook_path = *std::move(path);
    return absl::OkStatus();
  };
}

constinit const option::Plain<Opt> WithNoCgroups([](Config& config) { config.no_cgroups = true; });

}  // namespace containerd::nvidia
