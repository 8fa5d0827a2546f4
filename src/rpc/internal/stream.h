// SPDX-License-Identifier: Apache-2.0
//
// Streams that cost no thread each: StartServerStream for answers that keep coming, BidiStream for
// two-way talk. Both come back on the connection's thread and end with their context or connection.
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
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/support/async_stream.h>

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
// thread.
template <typename Response, typename Service, typename Request>
StreamHandle StartServerStream(const Context& ctx, const Stubs<Service>& stubs,
                               const Request& request, std::function<bool(Response&)> on_message,
                               // Moved on; the analysis of a template does not see where to.
                               // NOLINTNEXTLINE(performance-unnecessary-value-param)
                               std::function<void(absl::Status)> on_done,
                               const CallOptions& options = {}) {
  class Stream final {
   public:
    explicit Stream(const std::shared_ptr<Connection>& conn) : under_way(conn) {}

    void Started() {
      {
        base::MutexLock lock(mu);
        started = true;
        if (!finished) return;
      }
      Done();
    }

    void Read(bool ok) {
      if (ok) {
        {
          base::MutexLock lock(mu);  // orders gRPC's write of the message before our read of it
          in_callback = true;
        }
        under_way.call.Received(message);
        const bool more = on_message(message);
        base::MutexLock lock(mu);
        in_callback = false;
        if (more || std::exchange(resume_wanted, false) || under_way.call.Ending()) {
          reader->Read(&message, on_read.Armed());
        } else {
          resting = true;
        }
        return;
      }
      base::MutexLock lock(mu);
      ended = true;
      reader->Finish(&status, on_finish.Armed());
    }

    void Finished() {
      {
        base::MutexLock lock(mu);
        finished = true;
        if (!started) return;
      }
      Done();
    }

    void Done() {
      std::shared_ptr<Stream> keep;
      std::function<void(absl::Status)> done;
      absl::Status result;
      {
        base::MutexLock lock(mu);
        keep = std::move(self);
        done = std::move(on_done);
        result = under_way.call.Result(status);
      }
      under_way.call.Tell();
      done(std::move(result));
      // With all that they captured, before Close may go on.
      done = nullptr;
      on_message = nullptr;
      reader.reset();
      under_way.Finish();
    }

    void Resume() {
      if (under_way.call.Forked()) return;
      base::MutexLock lock(mu);
      if (ended || reader == nullptr) return;
      if (resting) {
        resting = false;
        reader->Read(&message, on_read.Armed());
      } else if (in_callback) {
        resume_wanted = true;  // between on_message deciding to rest and the resting itself
      }
    }

    void Cancel() {
      under_way.call.Cancel();
      Resume();  // a resting stream learns of its end by reading
    }

    UnderWay under_way;
    std::unique_ptr<grpc::ClientAsyncReader<Response>> reader;
    std::function<bool(Response&)> on_message;
    std::function<void(absl::Status)> on_done;
    CallQueue::Tag on_start{[this](bool) { Started(); }};
    CallQueue::Tag on_read{[this](bool ok) { Read(ok); }};
    CallQueue::Tag on_finish{[this](bool) { Finished(); }};
    CancelRegistration wake;  // a resting stream must also notice its context's end
    CancelRegistration wake_close;
    base::Mutex mu;
    std::shared_ptr<Stream> self ABSL_GUARDED_BY(mu);  // until Done
    Response message;                                  // gRPC's while it reads, then on_message's
    grpc::Status status;                               // gRPC's from Finish on
    bool started ABSL_GUARDED_BY(mu) = false;
    bool resting ABSL_GUARDED_BY(mu) = false;
    bool in_callback ABSL_GUARDED_BY(mu) = false;
    bool resume_wanted ABSL_GUARDED_BY(mu) = false;
    bool ended ABSL_GUARDED_BY(mu) = false;
    bool finished ABSL_GUARDED_BY(mu) = false;
  };

  if (absl::Status s = CheckText(request); !s.ok()) {
    on_done(std::move(s));
    return {};
  }
  auto stream = std::make_shared<Stream>(stubs.conn());
  const auto name = MethodName<tracing::CallKind::kServerStream, Service, Request, Response>;
  if (absl::Status s =
          stream->under_way.Begin(ctx, options, tracing::CallKind::kServerStream, name);
      !s.ok()) {
    on_done(std::move(s));
    return {};
  }
  stream->under_way.call.Sent(request);
  const std::weak_ptr<Stream> weak = stream;
  auto resume = [weak] {
    if (auto live = weak.lock()) live->Resume();
  };
  {
    const threads::SignalsBlocked blocked;  // as in CallPathAsync
    base::MutexLock lock(stream->mu);
    stream->self = stream;
    stream->on_message = std::move(on_message);
    stream->on_done = std::move(on_done);
    const grpc::internal::RpcMethod method(name().data(),
                                           grpc::internal::RpcMethod::SERVER_STREAMING);
    stream->reader.reset(grpc::internal::ClientAsyncReaderFactory<Response>::Create(
        stream->under_way.channel.get(), stream->under_way.use.queue(), method,
        stream->under_way.call.grpc_context(), request, true, stream->on_start.Armed()));
    stream->reader->Read(&stream->message, stream->on_read.Armed());
  }
  {
    CancelRegistration on_cancel = ctx.OnCancel(resume);
    CancelRegistration on_close = stubs.conn()->closing().OnCancel(resume);
    base::MutexLock lock(stream->mu);
    stream->wake = std::move(on_cancel);
    stream->wake_close = std::move(on_close);
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

  // Starts the service's only call with these messages.
  template <typename Service>
  static absl::StatusOr<std::shared_ptr<BidiStream>> Start(const Context& ctx,
                                                           const Stubs<Service>& stubs,
                                                           const CallOptions& options = {},
                                                           Limits limits = Limits()) {
    auto state = std::make_shared<State>(stubs.conn(), limits);
    const auto name = MethodName<tracing::CallKind::kBidiStream, Service, Request, Response>;
    if (absl::Status s = state->under_way.Begin(ctx, options, tracing::CallKind::kBidiStream, name);
        !s.ok()) {
      return s;
    }
    state->Run(name(), state);
    const std::weak_ptr<State> weak = state;
    auto wake = [weak] {
      if (auto live = weak.lock()) live->ReadToTheEnd();
    };
    state->SetWake(ctx.OnCancel(wake), stubs.conn()->closing().OnCancel(wake));
    return std::make_shared<BidiStream>(std::move(state));
  }

  // Cancels the stream unless it has ended or was released.
  ~BidiStream() {
    if (!released_) state_->Cancel();
  }
  BidiStream(const BidiStream&) = delete;
  BidiStream& operator=(const BidiStream&) = delete;

  // Queues a message; blocks while the queue is full. The stream's error once it has ended.
  // ErrInvalidArgument for a text that is not UTF-8.
  absl::Status Write(const Context& ctx, Request message) {
    if (absl::Status s = CheckText(message); !s.ok()) return s;
    return state_->Write(ctx, std::move(message));
  }

  // The next message, in order. When the server has ended the stream: its error, or ErrOutOfRange
  // ("end of stream") if it ended it well. `ctx` bounds this wait, not the stream.
  absl::StatusOr<Response> Read(const Context& ctx) { return state_->Read(ctx); }

  // The next message if one is there already; nullopt when none is. Errors as Read's.
  absl::StatusOr<std::optional<Response>> TryRead() { return state_->TryRead(); }

  // Tells the server that no more messages come, after those queued. Not waited for.
  void CloseSend() { state_->CloseSend(); }

  // Ends the stream; Read and Write then give Canceled.
  void Cancel() { state_->Cancel(); }

  // Lets the stream run to its end without this object: what is queued is sent, then sending is
  // closed, and messages that come are dropped. Its context and connection still end it.
  void Release() {
    released_ = true;
    state_->CloseSend();
    state_->ReadToTheEnd();
  }

  // Waits for the end of the stream, dropping messages that come till then; returns its status.
  absl::Status Finish(const Context& ctx) {
    state_->ReadToTheEnd();
    return state_->WaitDone(ctx);
  }

 private:
  // Owned by itself from Start until Done, whatever happens to the BidiStream.
  struct State {
    State(const std::shared_ptr<Connection>& conn, Limits lim) : under_way(conn), limits(lim) {}

    void Run(std::string_view method_name, std::shared_ptr<State> owner) {
      const threads::SignalsBlocked blocked;  // as in CallPathAsync
      const grpc::internal::RpcMethod method(method_name.data(),
                                             grpc::internal::RpcMethod::BIDI_STREAMING);
      base::MutexLock lock(mu);
      self = std::move(owner);
      stream.reset(grpc::internal::ClientAsyncReaderWriterFactory<Request, Response>::Create(
          under_way.channel.get(), under_way.use.queue(), method, under_way.call.grpc_context(),
          true, on_write.Armed()));
      writing = true;
      reading = true;
      stream->Read(&incoming, on_read.Armed());
    }

    void ReadDone(bool ok) {
      base::MutexLock lock(mu);
      reading = false;
      if (!ok) {
        read_ended = true;
        ++sending;
        stream->Finish(&grpc_status, on_finish.Armed());
        changed.NotifyAll();
        return;
      }
      under_way.call.Received(incoming);
      if (!discard) inbox.push_back(std::move(incoming));
      incoming = Response();
      ReadMore();
      changed.NotifyAll();
    }

    void WriteDone(bool ok) {
      {
        base::MutexLock lock(mu);
        writing = false;
        if (!ok) {
          write_failed = true;  // the status comes at the end; read until then
          outbox.clear();
          ReadMore();
        } else {
          WriteMore();
        }
        changed.NotifyAll();
      }
      Ended();
    }

    // After each operation but reads: the last one ends the stream.
    void Ended() {
      {
        base::MutexLock lock(mu);
        if (--sending > 0 || !read_ended) return;
      }
      Done();
    }

    void Done() {
      absl::Status result = under_way.call.Result(grpc_status);
      std::shared_ptr<State> keep;  // destroyed after the lock
      under_way.call.Tell();
      stream.reset();
      under_way.Finish();
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
      if (!discard && !write_failed && !under_way.call.Ending() &&
          inbox.size() >= limits.unread_messages) {
        return;
      }
      reading = true;
      stream->Read(&incoming, on_read.Armed());
    }

    void WriteMore() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
      if (writing || write_failed || read_ended) return;
      if (!outbox.empty()) {
        const Request outgoing = std::move(outbox.front());
        outbox.pop_front();
        writing = true;
        ++sending;
        under_way.call.Sent(outgoing);
        stream->Write(outgoing, on_write.Armed());
      } else if (close_wanted && !closed) {
        closed = true;
        ++sending;
        stream->WritesDone(on_writes_done.Armed());
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
      if (absl::Status s = under_way.call.CheckProcess(); !s.ok()) return s;
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
      if (absl::Status s = under_way.call.CheckProcess(); !s.ok()) return s;
      const CancelRegistration wake_me = WakeOn(ctx);
      base::MutexLock lock(mu);
      absl::Status s =
          Wait(ctx, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) { return done || !inbox.empty(); });
      if (!s.ok()) return s;
      if (inbox.empty()) return EndStatus();
      return Pop();
    }

    absl::StatusOr<std::optional<Response>> TryRead() {
      if (absl::Status s = under_way.call.CheckProcess(); !s.ok()) return s;
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
      if (under_way.call.Forked()) return;
      base::MutexLock lock(mu);
      close_wanted = true;
      WriteMore();
    }

    void Cancel() {
      under_way.call.Cancel();
      ReadToTheEnd();
    }

    // A stream learns of its end only by reading, so one that rests has to be woken for it.
    void ReadToTheEnd() {
      if (under_way.call.Forked()) return;
      base::MutexLock lock(mu);
      discard = true;
      ReadMore();
    }

    absl::Status WaitDone(const Context& ctx) {
      if (absl::Status s = under_way.call.CheckProcess(); !s.ok()) return s;
      const CancelRegistration wake_me = WakeOn(ctx);
      base::MutexLock lock(mu);
      if (absl::Status s = Wait(ctx, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) { return done; });
          !s.ok())
        return s;
      return status;
    }

    UnderWay under_way;
    const Limits limits;
    CallQueue::Tag on_read{[this](bool ok) { ReadDone(ok); }};
    CallQueue::Tag on_write{[this](bool ok) { WriteDone(ok); }};  // and of the start
    CallQueue::Tag on_writes_done{[this](bool) { Ended(); }};
    CallQueue::Tag on_finish{[this](bool) { Ended(); }};
    std::unique_ptr<grpc::ClientAsyncReaderWriter<Request, Response>> stream;
    grpc::Status grpc_status;  // gRPC's from Finish on
    base::Mutex mu;
    base::CondVar changed;
    std::shared_ptr<State> self ABSL_GUARDED_BY(mu);
    CancelRegistration wake ABSL_GUARDED_BY(mu);
    CancelRegistration wake_close ABSL_GUARDED_BY(mu);
    Response incoming ABSL_GUARDED_BY(mu);  // gRPC's while `reading`
    std::deque<Response> inbox ABSL_GUARDED_BY(mu);
    std::deque<Request> outbox ABSL_GUARDED_BY(mu);
    absl::Status status ABSL_GUARDED_BY(mu);
    int sending ABSL_GUARDED_BY(mu) =
        1;  // operations under way that read nothing; the start is one
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
  explicit BidiStream(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  const std::shared_ptr<State> state_;
  std::atomic<bool> released_ = false;
};

}  // namespace containerd::rpc

#endif  // CONTAINERD_SRC_RPC_INTERNAL_STREAM_H_
