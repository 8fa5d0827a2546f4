// SPDX-License-Identifier: Apache-2.0
//
// ctr namespaces
#include <cerrno>
#include <filesystem>
#include <iostream>
#include <memory>
#include <system_error>
#include <unistd.h>

#include "containerd/identifiers/identifiers.h"

#include "commands.h"
#include "output.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

absl::Status NoNamespace() { return Refused("please specify a namespace"); }

absl::Status CreateNamespace(const Context& ctx, Client& client, const Args& args) {
  if (args.Get(0).empty()) return NoNamespace();
  return client.NamespaceService()->Create(ctx, args.Get(0), ParseLabels(args.From(1)));
}

absl::Status LabelNamespace(const Context& ctx, Client& client, const Args& args) {
  if (args.Get(0).empty()) return NoNamespace();
  const std::shared_ptr<namespaces::Store> store = client.NamespaceService();
  for (const auto& [key, value] : ParseLabels(args.From(1))) {
    if (absl::Status s = store->SetLabel(ctx, args.Get(0), key, value); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status ListNamespaces(const Context& ctx, Client& client, const Args& args) {
  const std::shared_ptr<namespaces::Store> store = client.NamespaceService();
  absl::StatusOr<std::vector<std::string>> names = store->List(ctx);
  if (!names.ok()) return names.status();
  Table table;
  table.Row({"NAME", "LABELS", ""});
  for (const std::string& name : *names) {
    if (args.Bool("quiet")) {
      std::cout << name << "\n";
      continue;
    }
    absl::StatusOr<Labels> labels = store->Labels(ctx, name);
    if (!labels.ok()) return labels.status();
    table.Row({name, JoinLabels(*labels), ""});
  }
  if (!args.Bool("quiet")) table.Print();
  return absl::OkStatus();
}

// The cgroups of that name which runtimes have left, in each hierarchy. An option of Delete runs
// before the daemon is asked.
absl::Status DeleteCgroups(const Context& /*ctx*/, namespaces::DeleteInfo& info) {
  namespace fs = std::filesystem;
  if (absl::Status s = identifiers::Validate(info.name); !s.ok()) return s;
  const fs::path root = "/sys/fs/cgroup";
  std::vector<fs::path> hierarchies{root};
  std::error_code error;
  if (!fs::exists(root / "cgroup.controllers", error)) {
    hierarchies.assign(fs::directory_iterator(root, error), {});
  }
  for (const fs::path& hierarchy : hierarchies) {
    std::vector<fs::path> groups{hierarchy / info.name};
    fs::recursive_directory_iterator below(groups[0], error);
    for (; below != fs::recursive_directory_iterator(); below.increment(error)) {
      if (below->is_directory(error)) groups.push_back(below->path());
    }
    // Each was found before those within it.
    for (auto group = groups.rbegin(); group != groups.rend(); ++group) {
      if (rmdir(group->c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) continue;
      return errdefs::FromErrno(errno, "cannot delete cgroup " + group->string());
    }
  }
  return absl::OkStatus();
}

absl::Status RemoveNamespace(const Context& ctx, Client& client, const Args& args,
                             const std::string& name) {
  std::vector<namespaces::DeleteOpt> opts;
  if (args.Bool("cgroup")) opts.emplace_back(DeleteCgroups);
  absl::Status s = client.NamespaceService()->Delete(ctx, name, opts);
  if (!s.ok() && !errdefs::IsNotFound(s)) return s;
  std::cout << name << "\n";
  return absl::OkStatus();
}

absl::Status RemoveNamespaces(const Context& ctx, Client& client, const Args& args) {
  return ForEach(args, "namespace", RemoveNamespace, ctx, client);
}

}  // namespace

Command NamespacesCommand() {
  Command group{"namespaces,namespace,ns", "Manage namespaces"};
  group.commands = {
      {"create,c", "Create a new namespace", "<name> [<key>=<value>]", {}, CreateNamespace},
      {"list,ls",
       "List namespaces",
       "[flags]",
       {{"quiet,q", "Print only the namespace name"}},
       ListNamespaces},
      {"remove,rm",
       "Remove one or more namespaces",
       "[flags] <name> [<name>, ...]",
       {{"cgroup,c", "Delete the namespace's cgroup"}},
       RemoveNamespaces},
      {"label",
       "Set and clear labels for a namespace",
       "<name> [<key>=<value>, ...]",
       {},
       LabelNamespace},
  };
  return group;
}

}  // namespace ctr
