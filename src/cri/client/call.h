// SPDX-License-Identifier: Apache-2.0
//
// Calls of CRI on a client's connection, as the library's own are made.
#ifndef CONTAINERD_SRC_CRI_CLIENT_CALL_H_
#define CONTAINERD_SRC_CRI_CLIENT_CALL_H_

#include <functional>
#include <memory>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <fmt/format.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include "containerd/client.h"
#include "containerd/context/context.h"
#include "containerd/errdefs/errdefs.h"

#include "src/errdefs/internal/guard.h"
#include "src/rpc/internal/call.h"

namespace containerd::cri::client {

// A service of CRI. Errors have the name of the call.
template <typename Service>
class Remote {
  using Stub = typename Service::StubInterface;

 public:
  explicit Remote(const Client& client) : client_(client), stubs_(client.Connection()) {}

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(const Context& ctx, std::string_view name,
                                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request) const {
    Response response;
    const absl::Status s = rpc::Call(ctx, stubs_, method, request, &response);
    if (!s.ok()) return Named(s, name);
    return response;
  }

  template <typename Request, typename Response>
  absl::Status Stream(const Context& ctx, std::string_view name,
                      std::unique_ptr<grpc::ClientReaderInterface<Response>> (Stub::*method)(
                          grpc::ClientContext*, const Request&),
                      const Request& request,
                      const std::function<absl::Status(const Response&)>& on_message) const {
    absl::Status refused;
    const absl::Status s = rpc::CallServerStream<Service, Request, Response>(
        ctx, stubs_, method, request, [&](const Response& message) {
          refused = errdefs::Guard("a callback of a stream of CRI", on_message, message);
          return refused;
        });
    return refused.ok() ? Named(s, name) : refused;
  }

 private:
  static absl::Status Named(const absl::Status& status, std::string_view name) {
    if (status.ok()) return status;
    const bool no_service =
        errdefs::IsNotImplemented(status) &&
        errdefs::Message(status).find("unknown service") != std::string_view::npos;
    return errdefs::Annotate(status, fmt::format("{}.{}{}", Service::service_full_name(), name,
                                                 no_service ? ": the daemon has no CRI" : ""));
  }

  const Client client_;  // the connection stays open
  const rpc::Stubs<Service> stubs_;
};

}  // namespace containerd::cri::client

#endif  // CONTAINERD_SRC_CRI_CLIENT_CALL_H_
