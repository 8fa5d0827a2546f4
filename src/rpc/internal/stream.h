// SPDX-License-Identifier: Apache-2.0
//
// Streams that cost no thread: ServerStream for answers that keep coming, BidiStream for two-way
// talk. Both run on gRPC's callback threads and end with their context or connection.
//
// All functions are safe from any thread. Callbacks of one stream come one at a time; they must
// not block, and what would block in them fails at once. They are the library's own, and throw
// nothing: what calls a user's function guards it.
#ifndef CONTAINERD_SRC_RPC_INTERNAL_STREAM_H_
#define CONTAINERD_SRC_RPC_INTERNAL_STREAM_H_

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <grpcpp/support/client_callback.h>

#include "containerd/context/context.h"
#include "containerd/errdefs/errdefs.h"

#include "src/base/await.h"
#include "src/base/mutex.h"
#include "src/rpc/internal/call.h"
#include "src/threads/internal/callback.h"
#include "src/threads/internal/start.h"

namespace containerd::rpc {

// Handle of a stream started by StartServerStream. Destroying it leaves the stream running.
class StreamHandle {
 public:
  StreamHandle() = default;
  StreamHandle(std::function<void()> cancel, std::function<void()> resume)
      : cancel_(std::move(cancel)), resume_(std::move(resume)) {}

  // Ends the stream; its on_done still comes, with Canceled unless it had ended before.
  void Cancel() const {
    if (cancel_) cancel_();
  }

  // Reads on after on_message returned false. No effect otherwise.
  void Resume() const {
    if (resume_) resume_();
  }

 private:
  std::function<void()> cancel_;
  std::function<void()> resume_;
};

// Starts a server-streaming call. `on_message` gets each message and returns whether to read on;
// after false the stream rests, and gRPC's flow control holds the server back, until Resume.
// `on_done` comes once, last. When the call cannot be started `on_done` runs at once on this
// thread. `Async` is the service's StubInterface::async_interface.
template <typename Service, typename Async, typename Request, typename Response>
StreamHandle StartServerStream(const Context& ctx, const Stubs<Service>& stubs,
                               void (Async::*method)(grpc::ClientContext*, const Request*,
                                                     grpc::ClientReadReactor<Response>*),
                               Request request, std::function<bool(Response&)> on_message,
                               // Moved on; the analysis of a template does not see where to.
                               // NOLINTNEXTLINE(performance-unnecessary-value-param)
                               std::function<void(absl::Status)> on_done,
                               const CallOptions& options = {}) {
  class Reactor final : public grpc::ClientReadReactor<Response> {
   public:
    explicit Reactor(const std::shared_ptr<Connection>& conn) : call(conn) {}

    // Called by the starter with the stream not yet running.
    void Run() {
      this->AddHold();  // for reads that Resume starts; given back when reading ends
      this->StartRead(&message);
      this->StartCall();
    }

    void OnReadDone(bool ok) override {
      const threads::CallbackScope scope;
      if (ok) {
        {
          base::MutexLock lock(mu);  // orders gRPC's write of the message before our read of it
          in_callback = true;
        }
        call.Received(message);
        const bool more = on_message(message);
        base::MutexLock lock(mu);
        in_callback = false;
        if (more || std::exchange(resume_wanted, false) || call.Ending()) {
          this->StartRead(&message);
        } else {
          resting = true;
        }
        return;
      }
      base::MutexLock lock(mu);
      ended = true;
      this->RemoveHold();
    }

    void OnDone(const grpc::Status& status) override {
      const threads::CallbackScope scope;
      std::shared_ptr<Reactor> keep;
      std::function<void(absl::Status)> done;
      absl::Status result;
      {
        base::MutexLock lock(mu);
        keep = std::move(self);
        done = std::move(on_done);
        result = call.Result(status);
      }
      call.Tell();
      done(std::move(result));
      done = nullptr;  // with all that it captured, before Close may go on
      call.Finish();
    }

    void Resume() {
      if (call.Forked()) return;
      base::MutexLock lock(mu);
      if (ended) return;
      if (resting) {
        resting = false;
        this->StartRead(&message);
      } else if (in_callback) {
        resume_wanted = true;  // between on_message deciding to rest and the resting itself
      }
    }

    void Cancel() {
      call.Cancel();
      Resume();  // a resting stream learns of its end by reading
    }

    CallState call;
    Request request;
    std::shared_ptr<typename Service::StubInterface> stub;
    std::function<bool(Response&)> on_message;
    std::function<void(absl::Status)> on_done;
    CancelRegistration wake;  // a resting stream must also notice its context's end
    CancelRegistration wake_close;
    base::Mutex mu;
    std::shared_ptr<Reactor> self ABSL_GUARDED_BY(mu);  // until OnDone
    Response message;                                   // gRPC's while it reads, then on_message's
    bool resting ABSL_GUARDED_BY(mu) = false;
    bool in_callback ABSL_GUARDED_BY(mu) = false;
    bool resume_wanted ABSL_GUARDED_BY(mu) = false;
    bool ended ABSL_GUARDED_BY(mu) = false;
  };

  if (absl::Status s = CheckText(request); !s.ok()) {
    on_done(std::move(s));
    return {};
  }
  auto stub = stubs.Get();
  if (!stub.ok()) {
    on_done(stub.status());
    return {};
  }
  auto reactor = std::make_shared<Reactor>(stubs.conn());
  const auto name = MethodName<tracing::CallKind::kServerStream, Service, Request, Response>;
  if (absl::Status s = reactor->call.Prepare(ctx, options, tracing::CallKind::kServerStream, name);
      !s.ok()) {
    reactor->call.Tell();
    on_done(std::move(s));
    return {};
  }
  reactor->call.Sent(request);
  {
    base::MutexLock lock(reactor->mu);
    reactor->request = std::move(request);
    reactor->stub = *std::move(stub);
    reactor->on_message = std::move(on_message);
    reactor->on_done = std::move(on_done);
    reactor->self = reactor;
  }
  const std::weak_ptr<Reactor> weak = reactor;
  auto resume = [weak] {
    if (auto live = weak.lock()) live->Resume();
  };
  {
    CancelRegistration on_cancel = ctx.OnCancel(resume);
    CancelRegistration on_close = stubs.conn()->closing().OnCancel(resume);
    base::MutexLock lock(reactor->mu);
    reactor->wake = std::move(on_cancel);
    reactor->wake_close = std::move(on_close);
  }
  {
    const threads::SignalsBlocked blocked;  // as in CallAsync
    (reactor->stub->async()->*method)(reactor->call.grpc_context(), &reactor->request,
                                      reactor.get());
    reactor->Run();
  }
  return StreamHandle(
      [weak] {
        if (auto live = weak.lock()) live->Cancel();
      },
      resume);
}

// A two-way stream with queues at both ends, so that neither side waits for the other message by
// message.
template <typename Request, typename Response>
class BidiStream final : public std::enable_shared_from_this<BidiStream<Request, Response>> {
 public:
  struct Limits {
    std::size_t queued_writes = 16;    // Write blocks while as many are not yet sent
    std::size_t unread_messages = 64;  // reading rests while as many wait for Read
  };

  // Starts the call `method` of the service's async_interface.
  template <typename Service, typename Async>
  static absl::StatusOr<std::shared_ptr<BidiStream>> Start(
      const Context& ctx, const Stubs<Service>& stubs,
      void (Async::*method)(grpc::ClientContext*, grpc::ClientBidiReactor<Request, Response>*),
      const CallOptions& options = {}, Limits limits = Limits()) {
    auto stub = stubs.Get();
    if (!stub.ok()) return stub.status();
    auto reactor = std::make_shared<Reactor>(stubs.conn(), limits);
    const auto name = MethodName<tracing::CallKind::kBidiStream, Service, Request, Response>;
    if (absl::Status s = reactor->call.Prepare(ctx, options, tracing::CallKind::kBidiStream, name);
        !s.ok()) {
      return s;
    }
    {
      base::MutexLock lock(reactor->mu);
      reactor->self = reactor;
      reactor->stub = std::shared_ptr<void>(*stub);
    }
    const std::weak_ptr<Reactor> weak = reactor;
    auto wake = [weak] {
      if (auto live = weak.lock()) live->ReadToTheEnd();
    };
    {
      const threads::SignalsBlocked blocked;  // as in CallAsync
      ((*stub)->async()->*method)(reactor->call.grpc_context(), reactor.get());
      reactor->Run();
    }
    reactor->SetWake(ctx.OnCancel(wake), stubs.conn()->closing().OnCancel(wake));
    return std::make_shared<BidiStream>(std::move(reactor));
  }

  // Cancels the stream unless it has ended or was released.
  ~BidiStream() {
    if (!released_) reactor_->Cancel();
  }
  BidiStream(const BidiStream&) = delete;
  BidiStream& operator=(const BidiStream&) = delete;

  // Queues a message; blocks while the queue is full. The stream's error once it has ended.
  // ErrInvalidArgument for a text that is not UTF-8.
  absl::Status Write(const Context& ctx, Request message) {
    if (absl::Status s = CheckText(message); !s.ok()) return s;
    return reactor_->Write(ctx, std::move(message));
  }

  // The next message, in order. When the server has ended the stream: its error, or ErrOutOfRange
  // ("end of stream") if it ended it well. `ctx` bounds this wait, not the stream.
  absl::StatusOr<Response> Read(const Context& ctx) { return reactor_->Read(ctx); }

  // The next message if one is there already; nullopt when none is. Errors as Read's.
  absl::StatusOr<std::optional<Response>> TryRead() { return reactor_->TryRead(); }

  // Tells the server that no more messages come, after those queued. Not waited for.
  void CloseSend() { reactor_->CloseSend(); }

  // Ends the stream; Read and Write then give Canceled.
  void Cancel() { reactor_->Cancel(); }

  // Lets the stream run to its end without this object: what is queued is sent, then sending is
  // closed, and messages that come are dropped. Its context and connection still end it.
  void Release() {
    released_ = true;
    reactor_->CloseSend();
    reactor_->ReadToTheEnd();
  }

  // Waits for the end of the stream, dropping messages that come till then; returns its status.
  absl::Status Finish(const Context& ctx) {
    reactor_->ReadToTheEnd();
    return reactor_->WaitDone(ctx);
  }

 private:
  // Owned by itself from Start until OnDone, whatever happens to the BidiStream.
  struct Reactor final : public grpc::ClientBidiReactor<Request, Response> {
    Reactor(const std::shared_ptr<Connection>& conn, Limits lim) : call(conn), limits(lim) {}

    void Run() {
      base::MutexLock lock(mu);
      this->AddHold();  // for what is started outside callbacks; given back when reading ends
      reading = true;
      this->StartRead(&incoming);
      this->StartCall();
    }

    void OnReadDone(bool ok) override {
      const threads::CallbackScope scope;
      base::MutexLock lock(mu);
      reading = false;
      if (!ok) {
        read_ended = true;
        changed.NotifyAll();
        this->RemoveHold();
        return;
      }
      call.Received(incoming);
      if (!discard) inbox.push_back(std::move(incoming));
      incoming = Response();
      ReadMore();
      changed.NotifyAll();
    }

    void OnWriteDone(bool ok) override {
      const threads::CallbackScope scope;
      base::MutexLock lock(mu);
      writing = false;
      if (!ok) {
        write_failed = true;  // the status comes with OnDone; read until then
        outbox.clear();
        ReadMore();
      } else {
        WriteMore();
      }
      changed.NotifyAll();
    }

    void OnWritesDoneDone(bool /*ok*/) override {}

    void OnDone(const grpc::Status& grpc_status) override {
      const threads::CallbackScope scope;
      absl::Status result = call.Result(grpc_status);
      call.Finish();
      std::shared_ptr<Reactor> keep;  // destroyed after the lock
      base::MutexLock lock(mu);
      keep = std::move(self);
      done = true;
      status = std::move(result);
      changed.NotifyAll();
    }

    void SetWake(CancelRegistration on_cancel, CancelRegistration on_close) {
      base::MutexLock lock(mu);
      wake = std::move(on_cancel);
      wake_close = std::move(on_close);
    }

    void ReadMore() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
      if (reading || read_ended) return;
      if (!discard && !write_failed && !call.Ending() && inbox.size() >= limits.unread_messages) {
        return;
      }
      reading = true;
      this->StartRead(&incoming);
    }

    void WriteMore() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
      if (writing || write_failed || read_ended) return;
      if (!outbox.empty()) {
        outgoing = std::move(outbox.front());
        outbox.pop_front();
        writing = true;
        call.Sent(outgoing);
        this->StartWrite(&outgoing);
      } else if (close_wanted && !closed) {
        closed = true;
        this->StartWritesDone();
      }
    }

    absl::Status EndStatus() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
      return status.ok() ? errdefs::OutOfRange("end of stream") : status;
    }

    // Waits until `ready()`, the stream's end, or the context's.
    template <typename Ready>
    absl::Status Wait(const Context& ctx, Ready ready) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
      return base::Await(ctx, mu, changed, ready);
    }

    // Entry points, mu not held.
    [[nodiscard]] CancelRegistration WakeOn(const Context& ctx) {
      return base::WakeOnCancel(ctx, mu, changed);
    }

    absl::Status Write(const Context& ctx, Request message) {
      if (absl::Status s = call.CheckProcess(); !s.ok()) return s;
      const CancelRegistration wake_me = WakeOn(ctx);
      base::MutexLock lock(mu);
      absl::Status s = Wait(ctx, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
        return done || (!write_failed && !read_ended && outbox.size() < limits.queued_writes);
      });
      if (!s.ok()) return s;
      if (done) return EndStatus();
      if (close_wanted) return errdefs::FailedPrecondition("write on a stream closed for sending");
      outbox.push_back(std::move(message));
      WriteMore();
      return absl::OkStatus();
    }

    absl::StatusOr<Response> Read(const Context& ctx) {
      if (absl::Status s = call.CheckProcess(); !s.ok()) return s;
      const CancelRegistration wake_me = WakeOn(ctx);
      base::MutexLock lock(mu);
      absl::Status s =
          Wait(ctx, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) { return done || !inbox.empty(); });
      if (!s.ok()) return s;
      if (inbox.empty()) return EndStatus();
      return Pop();
    }

    absl::StatusOr<std::optional<Response>> TryRead() {
      if (absl::Status s = call.CheckProcess(); !s.ok()) return s;
      base::MutexLock lock(mu);
      if (!inbox.empty()) return Pop();
      if (done) return EndStatus();
      return std::nullopt;
    }

    Response Pop() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
      Response message = std::move(inbox.front());
      inbox.pop_front();
      ReadMore();
      return message;
    }

    void CloseSend() {
      if (call.Forked()) return;
      base::MutexLock lock(mu);
      close_wanted = true;
      WriteMore();
    }

    void Cancel() {
      call.Cancel();
      ReadToTheEnd();
    }

    // A stream learns of its end only by reading, so one that rests has to be woken for it.
    void ReadToTheEnd() {
      if (call.Forked()) return;
      base::MutexLock lock(mu);
      discard = true;
      ReadMore();
    }

    absl::Status WaitDone(const Context& ctx) {
      if (absl::Status s = call.CheckProcess(); !s.ok()) return s;
      const CancelRegistration wake_me = WakeOn(ctx);
      base::MutexLock lock(mu);
      if (absl::Status s = Wait(ctx, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) { return done; });
          !s.ok())
        return s;
      return status;
    }

    CallState call;
    const Limits limits;
    base::Mutex mu;
    base::CondVar changed;
    std::shared_ptr<void> stub ABSL_GUARDED_BY(mu);
    std::shared_ptr<Reactor> self ABSL_GUARDED_BY(mu);
    CancelRegistration wake ABSL_GUARDED_BY(mu);
    CancelRegistration wake_close ABSL_GUARDED_BY(mu);
    Response incoming ABSL_GUARDED_BY(mu);  // gRPC's while `reading`
    Request outgoing ABSL_GUARDED_BY(mu);   // gRPC's while `writing`
    std::deque<Response> inbox ABSL_GUARDED_BY(mu);
    std::deque<Request> outbox ABSL_GUARDED_BY(mu);
    absl::Status status ABSL_GUARDED_BY(mu);
    bool reading ABSL_GUARDED_BY(mu) = false;
    bool writing ABSL_GUARDED_BY(mu) = false;
    bool read_ended ABSL_GUARDED_BY(mu) = false;
    bool write_failed ABSL_GUARDED_BY(mu) = false;
    bool discard ABSL_GUARDED_BY(mu) = false;
    bool close_wanted ABSL_GUARDED_BY(mu) = false;
    bool closed ABSL_GUARDED_BY(mu) = false;
    bool done ABSL_GUARDED_BY(mu) = false;
  };

 public:
  // For Start.
  explicit BidiStream(std::shared_ptr<Reactor> reactor) : reactor_(std::move(reactor)) {}

 private:
  const std::shared_ptr<Reactor> reactor_;
  std::atomic<bool> released_ = false;
};

}  // namespace containerd::rpc

#endif  // CONTAINERD_SRC_RPC_INTERNAL_STREAM_H_
