// SPDX-License-Identifier: Apache-2.0
//
// Version, introspection and health.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include "containerd/filters/filters.h"
#include "containerd/services/introspection/v1/introspection.pb.h"
#include "containerd/services/version/v1/version.pb.h"
#include "containerd/wire/health.pb.h"

#include "services.h"

namespace containerd::testing::fake {
namespace {

namespace pb_about = ::containerd::services::introspection::v1;
using google::protobuf::Empty;

// What this daemon would have loaded.
std::vector<std::pair<std::string, std::string>> Plugins(const std::string& snapshotter) {
  std::vector<std::pair<std::string, std::string>> all = {
      {"io.containerd.content.v1", "content"},     {"io.containerd.metadata.v1", "bolt"},
      {"io.containerd.runtime.v2", "task"},        {"io.containerd.sandbox.controller.v1", "shim"},
      {"io.containerd.sandbox.store.v1", "local"}, {"io.containerd.snapshotter.v1", snapshotter}};
  for (const char* service : {"containers", "content", "diff", "events", "healthcheck", "images",
                              "introspection", "leases", "namespaces", "sandbox-controllers",
                              "sandboxes", "snapshots", "tasks", "version"}) {
    all.emplace_back("io.containerd.grpc.v1", service);
  }
  return all;
}

absl::Status FillPlugins(const std::string& snapshotter, const pb_about::PluginsRequest& request,
                         pb_about::PluginsResponse* response) {
  absl::StatusOr<filters::FilterPtr> filter = filters::ParseAll(
      std::vector<std::string>(request.filters().begin(), request.filters().end()));
  if (!filter.ok()) return filter.status();
  for (const auto& [type, id] : Plugins(snapshotter)) {
    const auto field = [&type = type,
                        &id = id](std::span<const std::string> path) -> std::optional<std::string> {
      if (path.size() == 1 && path[0] == "type") return type;
      if (path.size() == 1 && path[0] == "id") return id;
      return std::nullopt;
    };
    if (!(*filter)->Match(filters::AdapterFunc(field))) continue;
    pb_about::Plugin* plugin = response->add_plugins();
    plugin->set_type(type);
    plugin->set_id(id);
  }
  return absl::OkStatus();
}

}  // namespace

void ServeAbout(Server& server, const FakeDaemonOptions& options) {
  server.Unary<Empty, services::version::v1::VersionResponse>(
      "/containerd.services.version.v1.Version/Version",
      [version = options.version](const Context&, const Empty&, auto& response) {
        response.set_version(version);
        response.set_revision("fake");
        return absl::OkStatus();
      });
  const std::string at = "/containerd.services.introspection.v1.Introspection/";
  server.Unary<Empty, pb_about::ServerResponse>(
      at + "Server", [](const Context&, const Empty&, auto& response) {
        response.set_uuid("fa4e0000-0000-4000-8000-000000000000");
        response.set_pid(static_cast<std::uint64_t>(::getpid()));
        return absl::OkStatus();
      });
  server.Unary<pb_about::PluginsRequest, pb_about::PluginsResponse>(
      at + "Plugins",
      [name = options.snapshotter](const Context&, const auto& request, auto& response) {
        return FillPlugins(name, request, &response);
      });
  server.Unary<wire::HealthCheckRequest, wire::HealthCheckResponse>(
      "/grpc.health.v1.Health/Check", [](const Context&, const auto&, auto& response) {
        response.set_status(wire::HealthCheckResponse::SERVING);
        return absl::OkStatus();
      });
}

}  // namespace containerd::testing::fake
