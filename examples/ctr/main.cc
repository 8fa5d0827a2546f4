// SPDX-License-Identifier: Apache-2.0
//
// ctr, as containerd has it, on this library: what its commands do is in the file of their name.
//
// Not here is what the library has nothing for: shim (the protocol of shims), and run
// --blockio-class with its file of classes.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <utility>
#include <variant>

#include <absl/strings/str_cat.h>

#include "commands.h"
#include "interrupt.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

Command Root() {
  Command root;
  root.names = "ctr";
  root.flags = {
      {"debug", "Enable debug output in logs"},
      {"address,a", "Address for containerd's GRPC server", Kind::kText,
       "/run/containerd/containerd.sock", "CONTAINERD_ADDRESS"},
      {"timeout", "Total timeout for ctr commands", Kind::kDuration, "0s"},
      {"connect-timeout", "Timeout for connecting to containerd", Kind::kDuration, "0s"},
      {"namespace,n", "Namespace to use with commands", Kind::kText, namespaces::kDefault,
       namespaces::kNamespaceEnvVar},
  };
  root.commands = {
      PluginsCommand(),      VersionCommand(), ContainersCommand(), ContentCommand(),
      EventsCommand(),       ImagesCommand(),  LeasesCommand(),     NamespacesCommand(),
      PprofCommand(),        RunCommand(),     SnapshotsCommand(),  TasksCommand(),
      InstallCommand(),      OCICommand(),     SandboxesCommand(),  InfoCommand(),
      DeprecationsCommand(), CommitCommand(),  CopyCommand()};
  return root;
}

absl::Status Run(const Parsed& parsed) {
  const Args& args = parsed.args;
  if (args.Bool("debug")) {
    log::SetSink([](log::Level, std::string_view text) { std::cerr << text << "\n"; });
  }
  auto [ctx, cancel] = WithCancel(WithNamespace(Context::Background(), args.Text("namespace")));
  const Interrupt interrupt(cancel);
  if (const absl::Duration timeout = args.Duration("timeout"); timeout > absl::ZeroDuration()) {
    ctx = WithTimeout(ctx, timeout);
  }
  if (args.Has("http-trace") && args.Bool("http-trace")) ctx = TraceRequests(ctx);
  if (const auto* action = std::get_if<LocalAction>(&parsed.action)) return (*action)(ctx, args);
  absl::StatusOr<Client> client = Connect(ctx, args);
  if (!client.ok()) return client.status();
  return std::get<DaemonAction>(parsed.action)(ctx, *client, args);
}

}  // namespace

absl::StatusOr<Client> Connect(const Context& ctx, const Args& args) {
  const std::string address = args.Text("address");
  if (address.starts_with('/') && !std::filesystem::exists(address)) {
    return Refused(absl::StrCat("cannot access socket ", address, ": stat ", address,
                                ": no such file or directory"));
  }
  return Client::New(ctx, address, {WithTimeout(args.Duration("connect-timeout"))});
}

Flag SnapshotterFlag() {
  return {"snapshotter", "Snapshotter name. Empty value stands for the default value.", Kind::kText,
          "", "CONTAINERD_SNAPSHOTTER"};
}

Flag LabelFlag(std::string usage) { return {"label", std::move(usage), Kind::kList}; }

Flag PlatformFlag() {
  return {"platform", "Content of this platform; may be repeated", Kind::kList};
}

Flag AllPlatformsFlag() { return {"all-platforms", "Content of all platforms"}; }

Flag SyncFsFlag() { return {"sync-fs", "Synchronize the file systems of what is unpacked"}; }

std::vector<UnpackOpt> UnpackOpts(const Args& args) {
  return {WithUnpackApplyOpts({diff::WithSyncFs(args.Bool("sync-fs"))})};
}

Flag LocalFlag() {
  return {"local", "As ctr without the transfer service, which is what is always done"};
}

absl::Status NoImage(const char* what) {
  return Refused(absl::StrCat("please provide an image reference to ", what));
}

absl::StatusOr<platforms::MatchComparerPtr> PlatformsOf(const Args& args) {
  if (args.Bool("all-platforms")) return platforms::All();
  const std::vector<std::string> names = args.List("platform");
  if (names.empty()) return platforms::DefaultStrict();
  absl::StatusOr<std::vector<platforms::Platform>> all = platforms::ParseAll(names);
  if (!all.ok()) return all.status();
  return platforms::Ordered(*all);
}

absl::Status ForEach(const Args& args, const std::string& what,
                     absl::Status (*remove)(const Context& ctx, Client& client, const Args& args,
                                            const std::string& name),
                     const Context& ctx, Client& client) {
  absl::Status first;
  for (const std::string& name : args.All()) {
    absl::Status s = remove(ctx, client, args, name);
    if (s.ok()) continue;
    Warn(absl::StrCat("unable to delete ", what, " ", name, ": ", Explain(s)));
    first.Update(s);
  }
  return first;
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Refused("cannot read " + path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void Warn(const std::string& text) { std::cerr << text + "\n"; }

}  // namespace ctr

int main(int argc, char** argv) {
  absl::StatusOr<ctr::Parsed> parsed = ctr::Parse(ctr::Root(), argc, argv);
  if (!parsed.ok()) return ctr::ExitCode(parsed.status());
  if (parsed->action.index() == 0) return 0;
  absl::Status s = ctr::Run(*parsed);
  // As if it had not been caught: whoever has called knows how that ends.
  if (const int signal = ctr::Interrupt::Signal(); signal != 0) std::raise(signal);
  std::cout.flush();
  if (s.ok() && !std::cout) s = ctr::Refused("cannot write to the standard output");
  return ctr::ExitCode(s);
}
