// SPDX-License-Identifier: Apache-2.0
//
// The flags of what asks a runtime, and ctr plugins inspect-runtime.
#include <iostream>
#include <memory>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <fmt/format.h>

#include "containerd/defaults/defaults.h"
#include "containerd/runc/v1/options.pb.h"
#include "containerd/specs/features.h"
#include "containerd/typeurl/proto.h"

#include "commands.h"
#include "output.h"
#include "runtimeoptions/v1/options.pb.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

// What a runtime says of itself, as Go writes the struct that it has for it.
absl::Status InspectRuntime(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<typeurl::Any> asked = RuntimeOptions(args);
  if (!asked.ok()) return asked.status();
  absl::StatusOr<RuntimeInfo> info = client.RuntimeInfo(ctx, args.Text("runtime"), *asked);
  if (!info.ok()) return info.status();
  absl::StatusOr<std::string> options = MessageJSON(info->options);
  if (!options.ok()) return options.status();
  std::string features;
  if (!info->features.empty()) {
    absl::StatusOr<specs::features::Features> decoded =
        typeurl::UnmarshalAny<specs::features::Features>(info->features);
    if (!decoded.ok()) return decoded.status();
    features = specs::Marshal(*decoded);
  }
  std::cout << Indent(fmt::format(
                   R"({{"Name":{},"Version":{{"Version":{},"Revision":{}}},"Options":{},)"
                   R"("Features":{},"Annotations":{}}})",
                   Quote(info->name), Quote(info->version.version), Quote(info->version.revision),
                   options->empty() ? "null" : *options, features.empty() ? "null" : features,
                   JSON(info->annotations)))
            << "\n";
  return absl::OkStatus();
}

}  // namespace

std::vector<Flag> RuntimeFlags() {
  return {
      {"runtime", "Runtime name or absolute path to runtime binary", Kind::kText,
       defaults::kDefaultRuntime},
      {"runtime-config-path", "Path of the configuration of a runtime other than runc",
       Kind::kText},
      {"runc-binary", "Specify runc-compatible binary", Kind::kText},
      {"runc-root", "Specify runc-compatible root", Kind::kText},
      {"runc-systemd-cgroup", "Start runc with systemd cgroup manager"},
  };
}

absl::StatusOr<typeurl::Any> RuntimeOptions(const Args& args) {
  const bool systemd = args.Bool("runc-systemd-cgroup");
  if (args.Text("runtime") != defaults::kDefaultRuntime) {
    if (args.IsSet("runc-binary") || systemd) {
      return Refused(
          "specifying runc-binary and runc-systemd-cgroup is only supported for "
          "\"io.containerd.runc.v2\" runtime");
    }
    const std::string path = args.Text("runtime-config-path");
    if (path.empty()) return typeurl::Any();
    ::runtimeoptions::v1::Options options;
    options.set_config_path(path);
    return typeurl::MarshalAny(options);
  }
  if (systemd && args.Has("cgroup") && args.Text("cgroup").empty()) {
    return Refused(
        "option --runc-systemd-cgroup requires --cgroup to be set, e.g. "
        "\"machine.slice:foo:deadbeef\"");
  }
  ::containerd::runc::v1::Options options;
  options.set_binary_name(args.Text("runc-binary"));
  options.set_root(args.Text("runc-root"));
  options.set_systemd_cgroup(systemd);
  return typeurl::MarshalAny(options);
}

Command InspectRuntimeCommand() {
  return {"inspect-runtime", "Display runtime info", "[flags]", RuntimeFlags(), InspectRuntime};
}

}  // namespace ctr
