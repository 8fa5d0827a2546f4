// SPDX-License-Identifier: Apache-2.0
//
// Calls on a Connection: the context's deadline, cancellation, namespace, lease and metadata go
// with them, and gRPC's errors come back as containerd's.
//
//   rpc::Stubs<pb::Containers> stubs(conn);
//   pb::GetContainerResponse response;
//   absl::Status s = rpc::Call(ctx, stubs, &pb::Containers::StubInterface::Get, request,
//   &response);
//
// All functions are safe from any thread.
#ifndef CONTAINERD_SRC_RPC_INTERNAL_CALL_H_
#define CONTAINERD_SRC_RPC_INTERNAL_CALL_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <absl/functional/function_ref.h>
#include <absl/status/statusor.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include "containerd/context/context.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/export/export.h"
#include "containerd/rpc/connection.h"
#include "containerd/tracing/call_observer.h"

#include "src/base/mutex.h"
#include "src/rpc/internal/call_queue.h"
#include "src/rpc/internal/method.h"
#include "src/threads/internal/callback.h"
#include "src/threads/internal/start.h"
#include "src/tracing/internal/observation.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace containerd::rpc {

struct CallOptions {
  // Wait for a connection instead of failing with ErrUnavailable while there is none. The
  // context's deadline and cancellation bound the wait.
  bool wait_for_ready = false;
};

// containerd's error for gRPC's. Source: errgrpc.ToNative.
absl::Status FromGrpc(const grpc::Status& status);

// ErrInvalidArgument, naming the field, if a text of the message is not UTF-8. Daemons cannot read
// such a message, and protobuf would print a complaint.
CONTAINERD_SIBLING absl::Status CheckText(const google::protobuf::Message& message);

// Puts what `ctx` carries into `grpc_ctx`. ErrInvalidArgument if a namespace, lease or metadata
// pair cannot be an HTTP/2 header; the context's own error if it has ended; ErrFailedPrecondition
// in a child of the connection's process.
absl::Status Prepare(const Context& ctx, const Connection* conn, const CallOptions& options,
                     grpc::ClientContext* grpc_ctx);

// The error of a call on a connection that is closed.
CONTAINERD_SIBLING absl::Status NoChannel();

// The stub of a service on a connection's current channel; made anew only after a reconnect.
template <typename Service>
class Stubs {
 public:
  using Interface = typename Service::StubInterface;

  explicit Stubs(std::shared_ptr<Connection> conn) : conn_(std::move(conn)) {}

  // Always `stub`: for tests, with the mocks that are generated beside each service.
  explicit Stubs(std::shared_ptr<Interface> stub)
      : conn_(std::make_shared<Connection>(nullptr)), fixed_(true), stub_(std::move(stub)) {}

  const std::shared_ptr<Connection>& conn() const { return conn_; }

  // Whether the stub is a given one, which the connection's channel knows nothing of.
  bool fixed() const { return fixed_; }

  // ErrUnavailable once the connection is closed, ErrFailedPrecondition in a forked child.
  absl::StatusOr<std::shared_ptr<Interface>> Get() const {
    if (absl::Status s = conn_->CheckProcess(); !s.ok()) return s;
    base::MutexLock lock(mu_);
    if (fixed_) return stub_;
    if (const std::uint64_t generation = conn_->generation(); !stub_ || generation != generation_) {
      stub_ = nullptr;
      auto channel = conn_->channel();
      if (!channel) return NoChannel();
      stub_ = std::shared_ptr<Interface>(Service::NewStub(channel));
      generation_ = generation;
    }
    return stub_;
  }

 private:
  const std::shared_ptr<Connection> conn_;
  const bool fixed_ = false;
  mutable base::Mutex mu_;
  mutable std::uint64_t generation_ ABSL_GUARDED_BY(mu_) = 0;
  mutable std::shared_ptr<Interface> stub_ ABSL_GUARDED_BY(mu_);
};

// What each call or stream under way holds: gRPC's context, cancelled when the caller's context is
// or the connection closes.
class CONTAINERD_SIBLING CallState {
 public:
  explicit CallState(const std::shared_ptr<Connection>& conn) : conn_(conn), activity_(conn) {}
  CallState(const CallState&) = delete;
  CallState& operator=(const CallState&) = delete;
  ~CallState() { Finish(); }

  // Observers are told of the call's start; `method` gives the name that they want.
  absl::Status Prepare(const Context& ctx, const CallOptions& options, tracing::CallKind kind,
                       absl::FunctionRef<std::string_view()> method);

  // Of each message, for observers.
  template <typename Message>
  void Sent(const Message& message) const {
    if (observed_ != nullptr) observed_->Sent(WireSize(message));
  }
  template <typename Message>
  void Received(const Message& message) const {
    if (observed_ != nullptr) observed_->Received(WireSize(message));
  }

  // Not after Finish.
  grpc::ClientContext* grpc_context() { return grpc_context_.get(); }

  // Cancels the call; no effect after Finish, nor in a forked child.
  void Cancel();

  // It could not be started, after Prepare.
  void Fail(const absl::Status& status) const {
    if (observed_ != nullptr) observed_->Ended(status);
  }

  const std::shared_ptr<Connection>& conn() const { return conn_; }

  // See Connection.
  bool Forked() const { return conn_->Forked(); }
  absl::Status CheckProcess() const { return conn_->CheckProcess(); }

  // FromGrpc, telling a closed client from a cancelled call. The call has ended.
  absl::Status Result(const grpc::Status& status) const;

  // Whether the caller's context has ended or the connection is closing.
  bool Ending() const { return ctx_.Done() || conn_->closing().Done(); }

  // Tells observers that the call has ended. Without locks, since that is code of the user's.
  void Tell() {
    if (observed_ != nullptr) observed_->End();
  }

  // The call is over: tells observers, unless Tell has, lets go of gRPC's context, and Close need
  // not wait for this call any more, however long this object lives on. Call it with the stub still
  // alive, so that the context's reference to the channel is not the last.
  void Finish();

 private:
  const std::shared_ptr<Connection> conn_;
  std::optional<Connection::Activity> activity_;
  Context ctx_;
  std::unique_ptr<tracing::Observation> observed_;  // mostly nullptr
  base::Mutex mu_;  // guards grpc_context_ between Cancel and Finish
  std::unique_ptr<grpc::ClientContext> grpc_context_ = std::make_unique<grpc::ClientContext>();
  CancelRegistration on_cancel_;
  CancelRegistration on_close_;
};

// What an asynchronous call or stream holds from its start to its end.
struct CONTAINERD_SIBLING UnderWay {
  explicit UnderWay(const std::shared_ptr<Connection>& conn) : call(conn) {}

  // Has all that gRPC wants for it, or the reason why it cannot be started, which observers are
  // told.
  absl::Status Begin(const Context& ctx, const CallOptions& options, tracing::CallKind kind,
                     absl::FunctionRef<std::string_view()> method);

  // As CallState's; nothing comes from the queue any more.
  void Finish();

  std::shared_ptr<grpc::Channel> channel;  // goes last
  CallQueue::Use use;
  CallState call;
};

// The unary call of `path` on this thread, without a stub. `path` lives as long as the program.
CONTAINERD_SIBLING absl::Status CallPath(const Context& ctx,
                                         const std::shared_ptr<Connection>& conn,
                                         const std::string& path,
                                         const google::protobuf::Message& request,
                                         google::protobuf::Message* response,
                                         const CallOptions& options);

// A unary call on this thread. ErrFailedPrecondition if that must not block.
template <typename Service, typename Request, typename Response>
absl::Status Call(const Context& ctx, const Stubs<Service>& stubs,
                  grpc::Status (Service::StubInterface::*method)(grpc::ClientContext*,
                                                                 const Request&, Response*),
                  const Request& request, Response* response, const CallOptions& options = {}) {
  if (absl::Status s = threads::CheckMayBlock("a call of the daemon"); !s.ok()) return s;
  if (absl::Status s = CheckText(request); !s.ok()) return s;
  static const auto& path = *new std::string(
      UnaryPath(Service::service_full_name(), Request::descriptor(), Response::descriptor()));
  if (!stubs.fixed() && !path.empty()) {
    return CallPath(ctx, stubs.conn(), path, request, response, options);
  }
  auto stub = stubs.Get();
  if (!stub.ok()) return stub.status();
  CallState call(stubs.conn());
  const auto name = MethodName<tracing::CallKind::kUnary, Service, Request, Response>;
  if (absl::Status s = call.Prepare(ctx, options, tracing::CallKind::kUnary, name); !s.ok()) {
    return s;
  }
  call.Sent(request);
  const grpc::Status status = ((**stub).*method)(call.grpc_context(), request, response);
  if (status.ok()) call.Received(*response);
  return call.Result(status);
}

// A call whose answer streams in: `on_message` gets each message, on this thread. An error that it
// returns cancels the stream and is returned.
template <typename Service, typename Request, typename Response>
absl::Status CallServerStream(const Context& ctx, const Stubs<Service>& stubs,
                              std::unique_ptr<grpc::ClientReaderInterface<Response>> (
                                  Service::StubInterface::*method)(grpc::ClientContext*,
                                                                   const Request&),
                              const Request& request,
                              const std::function<absl::Status(Response&)>& on_message,
                              const CallOptions& options = {}) {
  if (absl::Status s = threads::CheckMayBlock("a call of the daemon"); !s.ok()) return s;
  if (absl::Status s = CheckText(request); !s.ok()) return s;
  auto stub = stubs.Get();
  if (!stub.ok()) return stub.status();
  CallState call(stubs.conn());
  const auto name = MethodName<tracing::CallKind::kServerStream, Service, Request, Response>;
  if (absl::Status s = call.Prepare(ctx, options, tracing::CallKind::kServerStream, name);
      !s.ok()) {
    return s;
  }
  auto reader = ((**stub).*method)(call.grpc_context(), request);
  call.Sent(request);
  Response message;
  while (reader->Read(&message)) {
    call.Received(message);
    if (absl::Status s = on_message(message); !s.ok()) {
      call.Cancel();
      while (reader->Read(&message)) {
      }
      static_cast<void>(call.Result(reader->Finish()));
      return s;
    }
  }
  return call.Result(reader->Finish());
}

// The unary call of `path` without a stub and without waiting. `path` lives as long as the program;
// `response` until `done`, which runs once.
CONTAINERD_SIBLING void CallPathAsync(const Context& ctx, const std::shared_ptr<Connection>& conn,
                                      const std::string& path,
                                      const google::protobuf::Message& request,
                                      google::protobuf::Message* response,
                                      std::function<void(absl::Status)> done,
                                      const CallOptions& options);

// A unary call without a thread, the only one of the service with these messages: `done` runs once,
// on the connection's thread (or on this one when the call could not be started), and must not
// block.
template <typename Service, typename Response, typename Request>
void CallAsync(const Context& ctx, const Stubs<Service>& stubs, const Request& request,
               std::function<void(absl::StatusOr<Response>)> done,
               const CallOptions& options = {}) {
  if (absl::Status s = CheckText(request); !s.ok()) return done(std::move(s));
  static const auto& path = *new std::string(
      UnaryPath(Service::service_full_name(), Request::descriptor(), Response::descriptor()));
  auto response = std::make_shared<Response>();
  Response* const raw = response.get();
  CallPathAsync(
      ctx, stubs.conn(), path, request, raw,
      [response = std::move(response), done = std::move(done)](absl::Status status) {
        if (!status.ok()) return done(std::move(status));
        done(std::move(*response));
      },
      options);
}

}  // namespace containerd::rpc

#endif  // CONTAINERD_SRC_RPC_INTERNAL_CALL_H_
