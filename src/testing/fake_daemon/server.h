// SPDX-License-Identifier: Apache-2.0
//
// A gRPC server whose methods are functions, and what may go wrong with a call of any of them.
//
// It is one generic service, in which all calls are streams of bytes, so that faults have one
// place.
#ifndef CONTAINERD_SRC_TESTING_FAKE_DAEMON_SERVER_H_
#define CONTAINERD_SRC_TESTING_FAKE_DAEMON_SERVER_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/server.h>
#include <grpcpp/support/byte_buffer.h>

#include "containerd/context/context.h"
#include "containerd/testing/fake_daemon.h"

#include "src/base/mutex.h"

namespace containerd::testing::fake {

// Runs functions at their time, on one thread.
class Timers {
 public:
  Timers();
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;
  ~Timers();  // what is due later is not run

  void At(absl::Time when, std::function<void()> fn);

 private:
  void Run();

  base::Mutex mu_;
  base::CondVar changed_;
  std::multimap<absl::Time, std::function<void()>> due_ ABSL_GUARDED_BY(mu_);
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

// A call that is being served. Safe from any thread; what is sent after its end goes nowhere.
class Stream {
 public:
  virtual ~Stream() = default;
  // The caller's namespace and lease.
  virtual const Context& ctx() const = 0;
  // Lets the caller know that the call is being served, before there is anything to send.
  virtual void Open() = 0;
  virtual void Send(grpc::ByteBuffer message) = 0;
  // After all that was sent. The first one counts.
  virtual void Finish(const absl::Status& status) = 0;
  virtual bool finished() const = 0;
};
using StreamPtr = std::shared_ptr<Stream>;

template <typename Message>
grpc::ByteBuffer Pack(const Message& message) {
  grpc::ByteBuffer buffer;
  bool own = false;
  (void)grpc::SerializationTraits<Message>::Serialize(message, &buffer, &own);
  return buffer;
}

template <typename Message>
absl::StatusOr<Message> Unpack(grpc::ByteBuffer* buffer) {
  Message message;
  if (!grpc::SerializationTraits<Message>::Deserialize(buffer, &message).ok()) {
    return absl::InternalError("the message is none of " + message.GetTypeName());
  }
  return message;
}

class Server {
 public:
  // What takes a call's messages; nullptr says that there are no more.
  using OnMessage = std::function<void(grpc::ByteBuffer*)>;
  using OnCall = std::function<OnMessage(const StreamPtr&)>;

  explicit Server(std::string address);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // Before Start: what serves the method, "/<service>/<method>".
  void Handle(std::string method, OnCall on_call) {
    methods_[std::move(method)] = std::move(on_call);
  }

  // One message in, one out, from fn(ctx, request, response) -> absl::Status.
  template <typename Request, typename Response, typename Fn>
  void Unary(const std::string& method, Fn fn) {
    Deferred<Request, Response>(method,
                                [fn](const Context& ctx, const Request& request, auto answer) {
                                  Response response;
                                  absl::Status s = fn(ctx, request, response);
                                  if (!s.ok()) return answer(std::move(s));
                                  answer(std::move(response));
                                });
  }

  // The same, answered when it is known: fn(ctx, request, answer).
  template <typename Request, typename Response, typename Fn>
  void Deferred(const std::string& method, Fn fn) {
    Handle(method, [fn](const StreamPtr& stream) -> OnMessage {
      return [fn, stream](grpc::ByteBuffer* message) {
        if (message == nullptr) return;
        absl::StatusOr<Request> request = Unpack<Request>(message);
        if (!request.ok()) return stream->Finish(request.status());
        fn(stream->ctx(), *request, [stream](absl::StatusOr<Response> response) {
          if (response.ok()) stream->Send(Pack(*response));
          stream->Finish(response.status());
        });
      };
    });
  }

  // One message in, any number out: fn(ctx, request, stream) -> absl::Status, which ends the
  // stream, or std::nullopt if it goes on.
  template <typename Request, typename Fn>
  void Streaming(const std::string& method, Fn fn) {
    Handle(method, [fn](const StreamPtr& stream) -> OnMessage {
      return [fn, stream](grpc::ByteBuffer* message) {
        if (message == nullptr) return;
        absl::StatusOr<Request> request = Unpack<Request>(message);
        if (!request.ok()) return stream->Finish(request.status());
        std::optional<absl::Status> end = fn(stream->ctx(), *request, stream);
        if (end.has_value()) stream->Finish(*end);
      };
    });
  }

  absl::Status Start();
  // Cuts all connections, and waits until no call is served any more.
  void Stop();
  // Cuts all connections after `meanwhile`. Nobody listens for the time `away`; if that is zero,
  // there is always somebody who does. Not from a method's function.
  absl::Status Restart(const std::function<void()>& meanwhile, absl::Duration away);

  // As FakeDaemon's.
  bool Fail(std::string_view method, int nth, Fault fault);
  void ClearFaults();
  int Calls(std::string_view method) const;
  // For who named a method that is not served: what is.
  std::string Served(std::string_view method) const;

 private:
  class Service;
  class Call;

  absl::Status StartLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lifecycle_);

  struct Running {
    std::unique_ptr<Service> service{};
    std::unique_ptr<grpc::Server> server{};
  };
  // Ends it, if it runs.
  static void End(Running running);

  struct Planned {
    int nth = 0;
    Fault fault;
  };
  struct Count {
    int calls = 0;
    std::vector<Planned> planned{};
  };

  // Counts a call of the method, and says what is to go wrong with it.
  std::optional<Fault> Next(const std::string& method);
  const std::string* Find(std::string_view method) const;

  // A link to the socket of the present server, so that another can take its place in one step.
  const std::string address_;
  std::map<std::string, OnCall> methods_;
  base::Mutex lifecycle_;
  bool closed_ ABSL_GUARDED_BY(lifecycle_) = false;
  int starts_ ABSL_GUARDED_BY(lifecycle_) = 0;
  Running running_ ABSL_GUARDED_BY(lifecycle_);
  mutable base::Mutex mu_;
  std::map<std::string, Count> counts_ ABSL_GUARDED_BY(mu_);
  Timers timers_;  // the last, since what it runs uses the rest
};

}  // namespace containerd::testing::fake

#endif  // CONTAINERD_SRC_TESTING_FAKE_DAEMON_SERVER_H_
