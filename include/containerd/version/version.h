// SPDX-License-Identifier: Apache-2.0
//
// Package version: which containerd a daemon is.
//
//   absl::StatusOr<version::Info> daemon = version::NewVersionService(conn)->Version(ctx);
//   if (daemon.ok()) fmt::print("{} {}\n", daemon->version, daemon->revision);
//
// Source: client.Version.
#ifndef CONTAINERD_VERSION_VERSION_H_
#define CONTAINERD_VERSION_VERSION_H_

#include <memory>
#include <string>

#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::version {

// A daemon's version.
struct Info {
  std::string version{};   // "1.7.24", with whatever the distribution adds.
  std::string revision{};  // Of the source; may be empty.

  friend bool operator==(const Info&, const Info&) = default;
};

// All functions are safe from any thread.
class CONTAINERD_EXPORT Service {
 public:
  virtual ~Service() = default;

  virtual absl::StatusOr<Info> Version(const Context& ctx) = 0;
};

CONTAINERD_EXPORT std::shared_ptr<Service> NewVersionService(std::shared_ptr<rpc::Connection> conn);

}  // namespace containerd::version

#endif  // CONTAINERD_VERSION_VERSION_H_
