// SPDX-License-Identifier: Apache-2.0
//
// ctr plugins
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

#include "commands.h"
#include "output.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

std::string PlatformNames(const std::vector<ocispec::Platform>& all) {
  std::set<std::string> names;
  for (const ocispec::Platform& platform : all) names.insert(platforms::Format(platform));
  return names.empty() ? "-" : absl::StrJoin(names, ",");
}

std::string StateOf(const introspection::Plugin& plugin) {
  if (plugin.init_err.ok()) return "ok";
  return absl::StrContains(plugin.init_err.message(), "skip plugin") ? "skip" : "error";
}

// As Go's codes.Code prints itself: "NotFound".
std::string CodeName(absl::StatusCode code) {
  if (code == absl::StatusCode::kCancelled) return "Canceled";
  std::string name;
  for (const absl::string_view word : absl::StrSplit(absl::StatusCodeToString(code), '_')) {
    absl::StrAppend(&name, word.substr(0, 1), absl::AsciiStrToLower(word.substr(1)));
  }
  return name;
}

void AddDetails(Table& table, const introspection::Plugin& plugin) {
  table.Row({"Type:", " " + plugin.type});
  table.Row({"ID:", " " + plugin.id});
  if (!plugin.requires_.empty()) table.Row({"Requires:", ""});
  for (const std::string& name : plugin.requires_) table.Row({"", " " + name});
  if (!plugin.platforms.empty()) table.Row({"Platforms:", " " + PlatformNames(plugin.platforms)});
  if (!plugin.exports.empty()) table.Row({"Exports:", ""});
  for (const auto& [key, value] : plugin.exports) table.Row({"", " " + key + " ", " " + value});
  if (!plugin.capabilities.empty()) {
    table.Row({"Capabilities:", " " + absl::StrJoin(plugin.capabilities, ",")});
  }
  if (plugin.init_err.ok()) return;
  table.Row({"Error:", ""});
  table.Row({"", " Code:", " " + CodeName(plugin.init_err.code())});
  table.Row({"", " Message:", absl::StrCat(" ", plugin.init_err.message())});
}

absl::Status ListPlugins(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<std::vector<introspection::Plugin>> all =
      client.IntrospectionService()->Plugins(ctx, args.All());
  if (!all.ok()) return all.status();
  const bool detailed = args.Bool("detailed");
  Table table(4, 4);
  if (!detailed) table.Row({"TYPE", "ID", "PLATFORMS", "STATUS", ""});
  for (const introspection::Plugin& plugin : *all) {
    if (args.Bool("quiet")) {
      std::cout << plugin.id << "\n";
    } else if (detailed) {
      if (&plugin != &all->front()) table.Row({"", "", "", ""});
      AddDetails(table, plugin);
    } else {
      table.Row({plugin.type, plugin.id, PlatformNames(plugin.platforms), StateOf(plugin), ""});
    }
  }
  if (!args.Bool("quiet")) table.Print();
  return absl::OkStatus();
}

}  // namespace

Command PluginsCommand() {
  Command group{"plugins,plugin", "Provides information about containerd plugins"};
  group.commands = {
      {"list,ls",
       "Lists containerd plugins",
       "[flags] [<filter>, ...]",
       {{"quiet,q", "Print only the plugin ids"},
        {"detailed,d", "Print detailed information about each plugin"}},
       ListPlugins},
      InspectRuntimeCommand(),
  };
  return group;
}

}  // namespace ctr
