// SPDX-License-Identifier: Apache-2.0
//
// ctr deprecations
#include <iostream>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <fmt/format.h>

#include "commands.h"
#include "output.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

using Warnings = std::vector<introspection::DeprecationWarning>;

std::string WarningsJSON(const Warnings& warnings) {
  return absl::StrCat(
      "[",
      absl::StrJoin(warnings, ",",
                    [](std::string* out, const introspection::DeprecationWarning& warning) {
                      *out += fmt::format(R"({{"id":{},"message":{},"lastOccurrence":{}}})",
                                          Quote(warning.id), Quote(warning.message),
                                          JSON(warning.last_occurrence));
                    }),
      "]");
}

absl::Status ListDeprecations(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<introspection::ServerResponse> server = client.IntrospectionService()->Server(ctx);
  if (!server.ok()) return server.status();
  const Warnings& warnings = server->deprecations;
  if (warnings.empty()) return absl::OkStatus();
  if (args.Text("format") == "json") {
    std::cout << Indent(WarningsJSON(warnings)) << "\n";
    return absl::OkStatus();
  }
  Table table(4, 4);
  table.Row({"ID", "LAST OCCURRENCE", "MESSAGE", ""});
  for (const introspection::DeprecationWarning& warning : warnings) {
    table.Row(
        {warning.id,
         absl::FormatTime("%Y-%m-%d%ET%H:%M:%E*SZ", warning.last_occurrence, absl::UTCTimeZone()),
         warning.message});
  }
  table.Print();
  return absl::OkStatus();
}

}  // namespace

Command DeprecationsCommand() {
  Command group{"deprecations", "What the daemon is asked that a later one will refuse"};
  group.commands = {
      {"list",
       "Print warnings for deprecations",
       "[flags]",
       {{"format", "Output format to use (Examples: 'default', 'json')", Kind::kText}},
       ListDeprecations},
  };
  return group;
}

}  // namespace ctr
