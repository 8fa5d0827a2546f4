// SPDX-License-Identifier: Apache-2.0
//
// ctr pprof: Go's profiles of the daemon, from its debug socket to standard output.
#include <memory>
#include <string>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "containerd/defaults/defaults.h"

#include "commands.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

// `name` is what the debug server calls the profile.
absl::Status Profile(const Context& ctx, const Args& args, const char* name) {
  std::string url = fmt::format("http://./debug/pprof/{}?debug={}", name, args.Int("debug"));
  if (args.Has("seconds")) {
    url += fmt::format("&seconds={}", absl::ToDoubleSeconds(args.Duration("seconds")));
  }
  http::TransportOptions options;
  options.unix_socket = args.Text("debug-socket");
  // The answer begins when all has been collected.
  options.response_header_timeout = absl::ZeroDuration();
  const http::Client client{.transport = http::NewTransport(std::move(options))};
  absl::StatusOr<std::shared_ptr<http::Response>> response = client.Do(ctx, {.url = url});
  if (!response.ok()) return response.status();
  if ((*response)->status_code != 200) {
    return errdefs::Unknown("http get failed with status: " + (*response)->status);
  }
  io::FileWriter out(STDOUT_FILENO);
  return io::Copy(ctx, out, *(*response)->body).status();
}

absl::Status Block(const Context& ctx, const Args& args) { return Profile(ctx, args, "block"); }
absl::Status Goroutines(const Context& ctx, const Args& args) {
  return Profile(ctx, args, "goroutine");
}
absl::Status Heap(const Context& ctx, const Args& args) { return Profile(ctx, args, "heap"); }
absl::Status CPU(const Context& ctx, const Args& args) { return Profile(ctx, args, "profile"); }
absl::Status Threads(const Context& ctx, const Args& args) {
  return Profile(ctx, args, "threadcreate");
}
absl::Status ExecutionTrace(const Context& ctx, const Args& args) {
  return Profile(ctx, args, "trace");
}

Flag DebugFlag(std::string value) {
  return {"debug", "Debug pprof args", Kind::kUint, std::move(value)};
}

Flag SecondsFlag(std::string usage, std::string value) {
  return {"seconds,s", std::move(usage), Kind::kDuration, std::move(value)};
}

}  // namespace

Command PprofCommand() {
  Command group{"pprof", "Provide golang pprof outputs for containerd"};
  group.flags = {{"debug-socket,d", "Socket path for containerd's debug server", Kind::kText,
                  defaults::kDefaultDebugAddress}};
  group.commands = {
      {"block", "Goroutine blocking profile", "", {DebugFlag("0")}, Block},
      {"goroutines", "Dump goroutine stack dump", "", {DebugFlag("2")}, Goroutines},
      {"heap", "Dump heap profile", "", {DebugFlag("0")}, Heap},
      {"profile",
       "CPU profile",
       "",
       {SecondsFlag("Duration for collection (seconds)", "30s"), DebugFlag("0")},
       CPU},
      {"threadcreate", "Goroutine thread creating profile", "", {DebugFlag("0")}, Threads},
      {"trace",
       "Collect execution trace",
       "",
       {SecondsFlag("Trace time (seconds)", "5s"), DebugFlag("0")},
       ExecutionTrace},
  };
  return group;
}

}  // namespace ctr
