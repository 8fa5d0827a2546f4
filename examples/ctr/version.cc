// SPDX-License-Identifier: Apache-2.0
//
// ctr version, ctr info
#include <iostream>
#include <vector>

#include <absl/strings/str_join.h>
#include <fmt/format.h>

#include "commands.h"
#include "output.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

// That of the client also without a daemon.
absl::Status PrintVersion(const Context& ctx, const Args& args) {
  if (!args.All().empty()) {
    return Refused("extra arguments: " + absl::StrJoin(args.All(), " "));
  }
  std::cout << "Client:\n  Version:  containerd-cpp\n\n";
  absl::StatusOr<Client> client = Connect(ctx, args);
  if (!client.ok()) return client.status();
  absl::StatusOr<Version> version = client->Version(ctx);
  if (!version.ok()) return version.status();
  absl::StatusOr<ServerInfo> server = client->Server(ctx);
  if (!server.ok()) return server.status();
  std::cout << fmt::format("Server:\n  Version:  {}\n  Revision: {}\n  UUID: {}\n",
                           version->version, version->revision, server->uuid);
  return absl::OkStatus();
}

absl::Status PrintInfo(const Context& ctx, Client& client, const Args&) {
  absl::StatusOr<introspection::ServerResponse> server = client.IntrospectionService()->Server(ctx);
  if (!server.ok()) return server.status();
  std::vector<std::string> warnings;
  for (const introspection::DeprecationWarning& warning : server->deprecations) {
    const absl::Time at = warning.last_occurrence;
    warnings.push_back(
        fmt::format(R"({{"id":{},"message":{},"last_occurrence":{{"seconds":{},"nanos":{}}}}})",
                    Quote(warning.id), Quote(warning.message), absl::ToUnixSeconds(at),
                    absl::ToInt64Nanoseconds(at - absl::FromUnixSeconds(absl::ToUnixSeconds(at)))));
  }
  std::string text = fmt::format(R"({{"server":{{"uuid":{})", Quote(server->uuid));
  if (server->pid != 0) text += fmt::format(R"(,"pid":{})", server->pid);
  if (server->pidns != 0) text += fmt::format(R"(,"pidns":{})", server->pidns);
  if (!warnings.empty()) text += R"(,"deprecations":[)" + absl::StrJoin(warnings, ",") + "]";
  std::cout << Indent(text + "}}") << "\n";
  return absl::OkStatus();
}

}  // namespace

Command VersionCommand() {
  return {"version", "Print the client and server versions", "", {}, PrintVersion};
}

Command InfoCommand() { return {"info", "Print the server info", "", {}, PrintInfo}; }

}  // namespace ctr
