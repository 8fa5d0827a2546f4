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
#include <utility>

#include <absl/status/statusor.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include "containerd/context/context.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/rpc/connection.h"

#include "src/base/mutex.h"
#include "src/threads/internal/callback.h"
#include "src/threads/internal/start.h"

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
absl::Status CheckText(const google::protobuf::Message& message);

// Puts what `ctx` carries into `grpc_ctx`. ErrInvalidArgument if a namespace, lease or metadata
// pair cannot be an HTTP/2 header; the context's own error if it has ended; ErrFailedPrecondition
// in a child of the connection's process.
absl::Status Prepare(const Context& ctx, const Connection* conn, const CallOptions& options,
                     grpc::ClientContext* grpc_ctx);

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

  // ErrUnavailable once the connection is closed, ErrFailedPrecondition in a forked child.
  absl::StatusOr<std::shared_ptr<Interface>> Get() const {
    if (absl::Status s = conn_->CheckProcess(); !s.ok()) return s;
    base::MutexLock lock(mu_);
    if (fixed_) return stub_;
    if (const std::uint64_t generation = conn_->generation(); !stub_ || generation != generation_) {
      stub_ = nullptr;
      auto channel = conn_->channel();
      if (!channel) return errdefs::Unavailable("no grpc connection available: it was closed");
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
class CallState {
 public:
  explicit CallState(const std::shared_ptr<Connection>& conn) : conn_(conn), activity_(conn) {}
  CallState(const CallState&) = delete;
  CallState& operator=(const CallState&) = delete;
  ~CallState() { Finish(); }

  absl::Status Prepare(const Context& ctx, const CallOptions& options);

  // Not after Finish.
  grpc::ClientContext* grpc_context() { return grpc_context_.get(); }

  // Cancels the call; no effect after Finish, nor in a forked child.
  void Cancel();

  // See Connection.
  bool Forked() const { return conn_->Forked(); }
  absl::Status CheckProcess() const { return conn_->CheckProcess(); }

  // FromGrpc, telling a closed client from a cancelled call.
  absl::Status Result(const grpc::Status& status) const;

  // Whether the caller's context has ended or the connection is closing.
  bool Ending() const { return ctx_.Done() || conn_->closing().Done(); }

  // The call is over: lets go of gRPC's context, and Close need not wait for this call any more,
  // however long this object lives on. Call it with the stub still alive, so that the context's
  // reference to the channel is not the last.
  void Finish();

 private:
  const std::shared_ptr<Connection> conn_;
  std::optional<Connection::Activity> activity_;
  Context ctx_;
  base::Mutex mu_;  // guards grpc_context_ between Cancel and Finish
  std::unique_ptr<grpc::ClientContext> grpc_context_ = std::make_unique<grpc::ClientContext>();
  CancelRegistration on_cancel_;
  CancelRegistration on_close_;
};

// A unary call on this thread. ErrFailedPrecondition if that must not block.
template <typename Service, typename Request, typename Response>
absl::Status Call(const Context& ctx, const Stubs<Service>& stubs,
                  grpc::Status (Service::StubInterface::*method)(grpc::ClientContext*,
                                                                 const Request&, Response*),
                  const Request& request, Response* response, const CallOptions& options = {}) {
  if (absl::Status s = threads::CheckMayBlock("a call of the daemon"); !s.ok()) return s;
  if (absl::Status s = CheckText(request); !s.ok()) return s;
  auto stub = stubs.Get();
  if (!stub.ok()) return stub.status();
  CallState call(stubs.conn());
  if (absl::Status s = call.Prepare(ctx, options); !s.ok()) return s;
  return call.Result(((**stub).*method)(call.grpc_context(), request, response));
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
  if (absl::Status s = call.Prepare(ctx, options); !s.ok()) return s;
  auto reader = ((**stub).*method)(call.grpc_context(), request);
  Response message;
  while (reader->Read(&message)) {
    if (absl::Status s = on_message(message); !s.ok()) {
      call.Cancel();
      while (reader->Read(&message)) {
      }
      static_cast<void>(reader->Finish());
      return s;
    }
  }
  return call.Result(reader->Finish());
}

// A unary call without a thread: `done` runs once, on one of gRPC's threads (or on this one when
// the call could not be started), and must not block. `method` is a member of Async, the service's
// StubInterface::async_interface (named apart because a nested name cannot be deduced).
template <typename Service, typename Async, typename Request, typename Response>
void CallAsync(const Context& ctx, const Stubs<Service>& stubs,
               void (Async::*method)(grpc::ClientContext*, const Request*, Response*,
                                     std::function<void(grpc::Status)>),
               Request request, std::function<void(absl::StatusOr<Response>)> done,
               const CallOptions& options = {}) {
  if (absl::Status s = CheckText(request); !s.ok()) return done(std::move(s));
  auto stub = stubs.Get();
  if (!stub.ok()) return done(stub.status());
  struct State {
    explicit State(const std::shared_ptr<Connection>& conn) : call(conn) {}
    CallState call;
    Request request;
    base::Mutex mu;  // orders this thread's writes before the callback's reads
    Response response;
    std::function<void(absl::StatusOr<Response>)> done;
    std::shared_ptr<typename Service::StubInterface> stub;
  };
  auto state = std::make_shared<State>(stubs.conn());
  if (absl::Status s = state->call.Prepare(ctx, options); !s.ok()) return done(std::move(s));
  {
    base::MutexLock lock(state->mu);
    state->request = std::move(request);
    state->done = std::move(done);
    state->stub = *std::move(stub);
  }
  const threads::SignalsBlocked blocked;  // gRPC starts its callbacks' threads with the first call
  (state->stub->async()->*method)(
      state->call.grpc_context(), &state->request, &state->response,
      [state](const grpc::Status& status) {
        const threads::CallbackScope scope;
        absl::StatusOr<Response> result = absl::UnknownError("");
        std::function<void(absl::StatusOr<Response>)> done_fn;
        std::shared_ptr<typename Service::StubInterface> last;
        {
          base::MutexLock lock(state->mu);
          done_fn = std::move(state->done);
          last = std::move(state->stub);
          if (status.ok()) {
            result = std::move(state->response);
          } else {
            result = state->call.Result(status);
          }
        }
        done_fn(std::move(result));
        done_fn = nullptr;  // with all that it captured, before Close may go on
        state->call.Finish();
      });
}

}  // namespace containerd::rpc

#endif  // CONTAINERD_SRC_RPC_INTERNAL_CALL_H_
