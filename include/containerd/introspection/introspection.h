// SPDX-License-Identifier: Apache-2.0
//
// Package introspection: which plugins a daemon has, whether they loaded, and who the daemon is.
//
//   auto plugins = service->Plugins(ctx, {"type==io.containerd.snapshotter.v1"});
//   if (!plugins.ok()) return plugins.status();
//   for (const auto& plugin : *plugins) {
//     if (plugin.init_err.ok()) fmt::print("{}\n", plugin.id);
//   }
//
// Source: core/introspection.
#ifndef CONTAINERD_INTROSPECTION_INTROSPECTION_H_
#define CONTAINERD_INTROSPECTION_INTROSPECTION_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/option/pairs.h"
#include "containerd/typeurl/any.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::introspection {

// A plugin of the daemon's.
struct Plugin {
  std::string type{};  // "io.containerd.snapshotter.v1"
  std::string id{};    // "overlayfs"

  // Types of plugins that this one needs. (`requires` is a keyword.)
  std::vector<std::string> requires_{};

  // For which the plugin works; empty if that does not matter.
  std::vector<ocispec::Platform> platforms{};

  // What the plugin tells of itself, as {"root": "/var/lib/containerd/…"}.
  std::map<std::string, std::string> exports{};

  std::vector<std::string> capabilities{};

  // Why the plugin did not load; OK if it did. "skip plugin" in the message tells those that do not
  // want to load on this machine.
  absl::Status init_err{};

  friend bool operator==(const Plugin&, const Plugin&) = default;
};

// A use of the daemon that a later release will refuse.
struct DeprecationWarning {
  std::string id{};
  std::string message{};
  absl::Time last_occurrence = absl::InfinitePast();

  friend bool operator==(const DeprecationWarning&, const DeprecationWarning&) = default;
};

// The daemon. Since containerd 1.7 all but the uuid; before, zero.
struct ServerResponse {
  std::string uuid{};       // Of the daemon's root directory; survives restarts.
  std::uint64_t pid = 0;    // In its own PID namespace.
  std::uint64_t pidns = 0;  // The inode of /proc/<pid>/ns/pid.
  std::vector<DeprecationWarning> deprecations{};

  friend bool operator==(const ServerResponse&, const ServerResponse&) = default;
};

// A plugin and what it tells of itself.
struct PluginInfoResponse {
  Plugin plugin{};
  typeurl::Any extra{};  // Depends on the plugin; empty if it has no more to tell.

  friend bool operator==(const PluginInfoResponse&, const PluginInfoResponse&) = default;
};

// All functions are safe from any thread. Source: introspection.Service.
class CONTAINERD_EXPORT Service {
 public:
  virtual ~Service() = default;

  // The plugins that match any of `filters`; all without filters. Fields to filter by: type, id,
  // platforms, capabilities.
  virtual absl::StatusOr<std::vector<Plugin>> Plugins(
      const Context& ctx, const std::vector<std::string>& filters = {}) = 0;
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void Plugins(const Context&, option::BracedTexts<N, M>) = delete;

  virtual absl::StatusOr<ServerResponse> Server(const Context& ctx) = 0;

  // Asks one plugin about itself; for the runtime plugin `options` is a
  // containerd.types.RuntimeRequest and the answer's extra a RuntimeInfo. ErrNotImplemented from
  // daemons before 2.0 and from plugins that answer no such questions, ErrNotFound if there is no
  // such plugin.
  virtual absl::StatusOr<PluginInfoResponse> PluginInfo(const Context& ctx, std::string_view type,
                                                        std::string_view id,
                                                        const typeurl::Any& options = {}) = 0;
};

// The daemon's.
CONTAINERD_EXPORT std::shared_ptr<Service> NewIntrospectionService(
    std::shared_ptr<rpc::Connection> conn);

// The same under Go's name. Source: core/introspection/proxy.NewIntrospectionProxy.
inline std::shared_ptr<Service> NewIntrospectionProxy(std::shared_ptr<rpc::Connection> conn) {
  return NewIntrospectionService(std::move(conn));
}

}  // namespace containerd::introspection

#endif  // CONTAINERD_INTROSPECTION_INTROSPECTION_H_
