// SPDX-License-Identifier: Apache-2.0
//
// Calls of CRI on a client's connection, with what the library offers to everybody.
#ifndef CONTAINERD_SRC_CRI_CLIENT_CALL_H_
#define CONTAINERD_SRC_CRI_CLIENT_CALL_H_

#include <functional>
#include <memory>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <fmt/format.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include "containerd/client.h"
#include "containerd/context/context.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/rpc/connection.h"
#include "containerd/stubs.h"

#include "src/errdefs/internal/guard.h"
#include "src/threads/internal/callback.h"

namespace containerd::cri::client {

// A call under way: it ends with its context, or with the client's connection.
class OneCall {
 public:
  OneCall(const Client& client, const Context& ctx, std::string_view service,
          std::string_view method)
      : client_(client), ctx_(ctx), service_(service), method_(method) {}
  OneCall(const OneCall&) = delete;
  OneCall& operator=(const OneCall&) = delete;

  absl::Status Prepare() {
    if (absl::Status s = threads::CheckMayBlock("a call of CRI"); !s.ok()) return Named(s);
    if (absl::Status s = PrepareCall(ctx_, client_, &grpc_); !s.ok()) return Named(s);
    on_cancel_ = ctx_.OnCancel([this] { grpc_.TryCancel(); });
    on_close_ = client_.Connection()->closing().OnCancel([this] { grpc_.TryCancel(); });
    return absl::OkStatus();
  }

  grpc::ClientContext* grpc_context() { return &grpc_; }
  void Cancel() { grpc_.TryCancel(); }

  absl::Status Result(const grpc::Status& status) const {
    if (status.ok()) return absl::OkStatus();
    if (absl::Status ended = ctx_.Err(); !ended.ok()) return Named(ended);
    if (client_.Connection()->closing().Done()) {
      return Named(errdefs::Unavailable("the client was closed"));
    }
    absl::Status error = FromGrpc(status);
    if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED &&
        status.error_message().find("unknown service") != std::string::npos) {
      return Named(errdefs::NotImplemented(
          fmt::format("the daemon has no CRI: {}", errdefs::Message(error))));
    }
    return Named(error);
  }

  // The error with the name of the call.
  absl::Status Named(const absl::Status& error) const {
    return errdefs::Annotate(error, fmt::format("{}.{}", service_, method_));
  }

 private:
  const Client& client_;
  const Context& ctx_;
  const std::string_view service_;
  const std::string_view method_;
  grpc::ClientContext grpc_;
  CancelRegistration on_cancel_;
  CancelRegistration on_close_;
};

// The stub of a service, and what keeps Close waiting for its call.
template <typename Service>
struct Line {
  explicit Line(const Client& client)
      : activity(client.Connection()), stub(NewStub<Service>(client)) {}

  absl::Status Check() const {
    if (stub) return absl::OkStatus();
    return errdefs::Unavailable("no grpc connection available: it was closed");
  }

  const rpc::Connection::Activity activity;
  const std::unique_ptr<typename Service::Stub> stub;
};

template <typename Service, typename Request, typename Response>
absl::StatusOr<Response> Call(const Client& client, const Context& ctx, std::string_view name,
                              grpc::Status (Service::Stub::*method)(grpc::ClientContext*,
                                                                    const Request&, Response*),
                              const Request& request) {
  const Line<Service> line(client);
  OneCall call(client, ctx, Service::service_full_name(), name);
  if (absl::Status s = line.Check(); !s.ok()) return call.Named(s);
  if (absl::Status s = call.Prepare(); !s.ok()) return s;
  Response response;
  const grpc::Status status = (*line.stub.*method)(call.grpc_context(), request, &response);
  if (absl::Status s = call.Result(status); !s.ok()) return s;
  return response;
}

template <typename Service, typename Request, typename Response>
absl::Status CallStream(const Client& client, const Context& ctx, std::string_view name,
                        std::unique_ptr<grpc::ClientReader<Response>> (Service::Stub::*method)(
                            grpc::ClientContext*, const Request&),
                        const Request& request,
                        const std::function<absl::Status(const Response&)>& on_message) {
  const Line<Service> line(client);
  OneCall call(client, ctx, Service::service_full_name(), name);
  if (absl::Status s = line.Check(); !s.ok()) return call.Named(s);
  if (absl::Status s = call.Prepare(); !s.ok()) return s;
  const auto reader = (*line.stub.*method)(call.grpc_context(), request);
  absl::Status refused;
  Response message;
  while (reader->Read(&message)) {
    if (!refused.ok()) continue;
    refused = errdefs::Guard("a callback of a stream of CRI", on_message, message);
    if (!refused.ok()) call.Cancel();
  }
  const grpc::Status status = reader->Finish();
  return refused.ok() ? call.Result(status) : refused;
}

}  // namespace containerd::cri::client

#endif  // CONTAINERD_SRC_CRI_CLIENT_CALL_H_
