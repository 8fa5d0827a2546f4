// SPDX-License-Identifier: Apache-2.0
//
// Package health: whether a daemon is ready to serve.
//
//   absl::StatusOr<health::ServingStatus> status =
//       health::NewHealthService(conn)->Check(ctx, {.wait_for_ready = true});
//   bool serving = status.ok() && *status == health::ServingStatus::kServing;
//
// Source: gRPC's health checking protocol (grpc.health.v1), and client.IsServing.
#ifndef CONTAINERD_HEALTH_HEALTH_H_
#define CONTAINERD_HEALTH_HEALTH_H_

#include <memory>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::health {

// As in the protocol; a number that it does not have reads as kUnknown.
enum class ServingStatus { kUnknown, kServing, kNotServing, kServiceUnknown };

// "SERVING", "NOT_SERVING", ...
CONTAINERD_EXPORT std::string_view ToString(ServingStatus status);
CONTAINERD_EXPORT std::string_view String(ServingStatus status);

struct CheckOptions {
  std::string service{};        // The full name of a gRPC service; empty for the daemon as a whole.
  bool wait_for_ready = false;  // Wait for a connection, as long as the context lives.
};

// All functions are safe from any thread.
class CONTAINERD_EXPORT Service {
 public:
  virtual ~Service() = default;

  // ErrNotFound if the daemon does not know the service, ErrUnavailable without a connection.
  virtual absl::StatusOr<ServingStatus> Check(const Context& ctx,
                                              const CheckOptions& options = {}) = 0;
};

CONTAINERD_EXPORT std::shared_ptr<Service> NewHealthService(std::shared_ptr<rpc::Connection> conn);

}  // namespace containerd::health

#endif  // CONTAINERD_HEALTH_HEALTH_H_
