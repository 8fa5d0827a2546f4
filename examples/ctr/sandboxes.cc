// SPDX-License-Identifier: Apache-2.0
//
// ctr sandboxes
#include <iostream>
#include <memory>

#include <absl/strings/str_cat.h>

#include "containerd/defaults/defaults.h"

#include "commands.h"
#include "output.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

// Of the spec in a file.
absl::Status RunSandbox(const Context& ctx, Client& client, const Args& args) {
  if (args.All().size() != 2) {
    return Refused("please provide a pod config and a sandbox id");
  }
  absl::StatusOr<std::string> text = ReadFile(args.Get(0));
  if (!text.ok()) return errdefs::Annotate(text.status(), "failed to read sandbox config");
  absl::StatusOr<specs::Spec> spec = specs::Unmarshal<specs::Spec>(*text);
  if (!spec.ok()) return errdefs::Annotate(spec.status(), "failed to parse sandbox config");
  absl::StatusOr<Sandbox> sandbox = client.NewSandbox(
      ctx, args.Get(1), {WithSandboxRuntime(args.Text("runtime")), WithSandboxSpec(*spec)});
  if (!sandbox.ok()) return errdefs::Annotate(sandbox.status(), "failed to create new sandbox");
  if (absl::Status s = sandbox->Start(ctx); !s.ok()) {
    return errdefs::Annotate(s, "failed to start");
  }
  std::cout << sandbox->ID() << "\n";
  return absl::OkStatus();
}

absl::Status ListSandboxes(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<std::vector<sandbox::Sandbox>> all =
      client.SandboxStore()->List(ctx, args.List("filters"));
  if (!all.ok()) return errdefs::Annotate(all.status(), "failed to list sandboxes");
  Table table;
  table.Row({"ID", "CREATED", "RUNTIME", ""});
  for (const sandbox::Sandbox& sandbox : *all) {
    table.Row({sandbox.id, TimeText(sandbox.created_at), sandbox.runtime.name, ""});
  }
  table.Print();
  return absl::OkStatus();
}

absl::Status RemoveSandbox(const Context& ctx, Client& client, const Args& args,
                           const std::string& id) {
  absl::StatusOr<Sandbox> sandbox = client.LoadSandbox(ctx, id);
  if (!sandbox.ok()) return sandbox.status();
  if (absl::Status s = sandbox->Stop(ctx); !s.ok()) {
    if (!args.Bool("force")) return s;
    Warn(absl::StrCat("failed to stop sandbox ", id, ": ", Explain(s)));
  }
  absl::Status s = sandbox->Shutdown(ctx);
  if (s.ok()) Warn("deleted: " + id);
  return s;
}

absl::Status RemoveSandboxes(const Context& ctx, Client& client, const Args& args) {
  return ForEach(args, "sandbox", RemoveSandbox, ctx, client);
}

}  // namespace

Command SandboxesCommand() {
  Command group{"sandboxes,sandbox,sb,s", "Manage sandboxes"};
  group.commands = {
      {"run,create,c,r",
       "Run a new sandbox",
       "[flags] <pod-config.json> <sandbox-id>",
       {{"runtime", "Runtime name", Kind::kText, defaults::kDefaultRuntime}},
       RunSandbox},
      {"list,ls",
       "List sandboxes",
       "[flags]",
       {{"filters", "Which sandboxes; may be repeated", Kind::kList}},
       ListSandboxes},
      {"remove,rm",
       "Remove sandboxes",
       "[flags] <id> [<id>, ...]",
       {{"force,f", "Remove a sandbox also if it cannot be stopped"}},
       RemoveSandboxes},
  };
  return group;
}

}  // namespace ctr
