// SPDX-License-Identifier: Apache-2.0
//
// The flags of what talks to a registry.
#include <iostream>
#include <unistd.h>
#include <utility>

#include "containerd/remotes/docker/config.h"
#include "containerd/remotes/docker/resolver.h"

#include "commands.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide
namespace docker = ::containerd::remotes::docker;

absl::Status ReadInto(const std::string& path, std::string& text) {
  if (path.empty()) return absl::OkStatus();
  absl::StatusOr<std::string> all = ReadFile(path);
  if (all.ok()) text = *std::move(all);
  return all.status();
}

// A line of standard input, which does not show on a terminal.
absl::StatusOr<std::string> ReadPassword(const Context& ctx) {
  absl::StatusOr<console::Console> terminal = console::Console::FromFd(STDIN_FILENO);
  if (terminal.ok()) {
    if (absl::Status s = terminal->DisableEcho(); !s.ok()) return s;
  }
  std::cout << "Password: " << std::flush;
  io::FileReader input(STDIN_FILENO);
  std::string password;
  for (char c = 0;; password += c) {
    absl::StatusOr<std::size_t> n = input.Read(ctx, {&c, 1});
    if (!n.ok()) return n.status();
    if (*n == 0 || c == '\n') break;
  }
  std::cout << "\n" << std::flush;
  return password;
}

}  // namespace

std::vector<Flag> RegistryFlags() {
  return {
      {"skip-verify,k", "Skip SSL certificate validation"},
      {"plain-http", "Allow connections using plain HTTP"},
      {"user,u", "User[:password] of the registry", Kind::kText},
      {"refresh", "Refresh token for authorization server", Kind::kText},
      {"hosts-dir", "Custom hosts configuration directory", Kind::kText},
      {"tlscacert", "Path to TLS root CA", Kind::kText},
      {"tlscert", "Path to TLS client certificate", Kind::kText},
      {"tlskey", "Path to TLS client key", Kind::kText},
      {"http-dump", "Show the requests to registries and their responses, without layers"},
      {"http-trace", "Show when requests to registries begin and how they end"},
  };
}

absl::StatusOr<std::shared_ptr<remotes::Resolver>> NewResolver(const Context& ctx,
                                                               const Args& args) {
  docker::config::HostOptions options;
  if (args.Bool("http-dump")) options.update_client = DumpRequests;
  if (args.Bool("plain-http")) options.default_scheme = "http";
  if (const std::string dir = args.Text("hosts-dir"); !dir.empty()) {
    options.host_dir = docker::config::HostDirFromRoot(dir);
  }
  http::TLSConfig tls;
  tls.insecure_skip_verify = args.Bool("skip-verify");
  http::Certificate own;
  absl::Status s = ReadInto(args.Text("tlscacert"), tls.root_cas);
  if (s.ok()) s = ReadInto(args.Text("tlscert"), own.cert);
  if (s.ok()) s = ReadInto(args.Text("tlskey"), own.key);
  if (!s.ok()) return s;
  if (!own.cert.empty()) tls.certificates.push_back(own);
  options.default_tls = tls;

  const std::string user = args.Text("user");
  const std::size_t colon = user.find(':');
  docker::Credentials credentials;
  if (!user.empty()) {
    credentials = {user.substr(0, colon), colon == std::string::npos ? "" : user.substr(colon + 1)};
    if (credentials.secret.empty()) {
      absl::StatusOr<std::string> password = ReadPassword(ctx);
      if (!password.ok()) return password.status();
      credentials.secret = *std::move(password);
    }
  } else {
    credentials = {"", args.Text("refresh")};
  }
  options.credentials = [credentials](const Context&, std::string_view) { return credentials; };
  return docker::NewResolver({.hosts = docker::config::ConfigureHosts(ctx, std::move(options))});
}

}  // namespace ctr
