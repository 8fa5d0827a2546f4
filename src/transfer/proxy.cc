// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <absl/cleanup/cleanup.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/future/future.h"
#include "containerd/log/log.h"
#include "containerd/services/transfer/v1/transfer.grpc.pb.h"
#include "containerd/transfer/byte_stream.h"
#include "containerd/transfer/transfer.h"
#include "containerd/types/transfer/progress.pb.h"
#include "containerd/typeurl/proto.h"

#include "src/base/options.h"
#include "src/errdefs/internal/guard.h"
#include "src/rpc/internal/call.h"
#include "src/rpc/internal/proto_descriptor.h"
#include "src/threads/internal/start.h"

namespace containerd::transfer {
namespace {

namespace pb = ::containerd::services::transfer::v1;

// How long the daemon gets, after its answer, to end the stream of progress.
constexpr absl::Duration kLateProgress = absl::Seconds(10);

absl::Status Report(const typeurl::Any& message, const ProgressFunc& report) {
  const auto proto = typeurl::UnmarshalAny<types::transfer::Progress>(message);
  if (!proto.ok()) {
    log::Warn(fmt::format("progress of a transfer that is no progress: {}",
                          errdefs::Message(proto.status())));
    return absl::OkStatus();
  }
  Progress progress{.event = proto->event(),
                    .name = proto->name(),
                    .parents = {proto->parents().begin(), proto->parents().end()},
                    .progress = proto->progress(),
                    .total = proto->total(),
                    .desc = std::nullopt};
  if (proto->has_desc()) progress.desc = rpc::FromProto(proto->desc());
  return errdefs::Guard("the progress callback", report, progress);
}

// Runs each pump on a thread, and combines their results.
class PumpRunner {
 public:
  PumpRunner(const Context& ctx, CancelFunc cancel) : ctx_(ctx), cancel_(std::move(cancel)) {
    std::tie(transferring_, answered_) = WithCancel(ctx_);
  }
  PumpRunner(const PumpRunner&) = delete;
  PumpRunner& operator=(const PumpRunner&) = delete;
  ~PumpRunner() {
    cancel_();
    Join();
  }

  absl::Status Start(std::vector<Pump> pumps) {
    results_.resize(pumps.size());
    for (std::size_t i = 0; i < pumps.size(); ++i) {
      absl::StatusOr<std::thread> thread =
          threads::Start("pump a stream", [this, i, pump = std::move(pumps[i])] {
            absl::StatusOr<PumpResult> result =
                errdefs::Guard("the pump of a stream", pump, ctx_, transferring_);
            results_[i] = result.ok() ? *std::move(result) : PumpResult{.own = result.status()};
            if (!results_[i].own.ok()) cancel_();
          });
      if (!thread.ok()) return thread.status();
      threads_.push_back(*std::move(thread));
    }
    return absl::OkStatus();
  }

  // To be called with the daemon's answer.
  absl::Status Finish(const absl::Status& answer) {
    answered_();
    if (!answer.ok()) cancel_();
    Join();
    for (const PumpResult& result : results_) {
      if (!result.own.ok()) return result.own;
    }
    if (!answer.ok()) return answer;
    for (const PumpResult& result : results_) {
      if (!result.stream.ok()) return result.stream;
    }
    return absl::OkStatus();
  }

 private:
  void Join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  const Context ctx_;
  const CancelFunc cancel_;
  Context transferring_;
  CancelFunc answered_;
  std::vector<PumpResult> results_;  // Written by the thread of the same place.
  std::vector<std::thread> threads_;
};

class ProxyTransferrer final : public Transferrer {
 public:
  template <typename ConnectionOrStub>
  ProxyTransferrer(std::shared_ptr<ConnectionOrStub> to,
                   std::shared_ptr<streaming::StreamCreator> streams)
      : stubs_(std::move(to)), streams_(std::move(streams)) {}

  using Transferrer::Transfer;

  absl::Status Transfer(const Context& ctx, const Object& source, const Object& destination,
                        const std::vector<Opt>& opts) override {
    return errdefs::Annotate(
        errdefs::Guard("what a transfer calls",
                       [&] { return TransferObjects(ctx, source, destination, opts); }),
        fmt::format("transfer from {} to {}", NameOf(source), NameOf(destination)));
  }

 private:
  using Stub = pb::Transfer::StubInterface;

  static std::string NameOf(const Object& object) {
    return errdefs::Guard("an object of a transfer", &Object::String, object)
        .value_or("an object without a name");
  }

  using Empty = google::protobuf::Empty;

  absl::Status TransferObjects(const Context& ctx, const Object& source, const Object& destination,
                               const std::vector<Opt>& opts) {
    Config config;
    if (absl::Status s = base::Apply(opts, config); !s.ok()) return s;
    // Streams and pumps end with this, whatever comes.
    auto [inner, cancel] = WithCancel(ctx);
    const absl::Cleanup end = [cancel_it = cancel] { cancel_it(); };
    std::vector<Pump> pumps;
    const auto marshal = [&](const Object& object) {
      return errdefs::Guard("an object of a transfer", &Object::MarshalAny, object, inner,
                            *streams_, pumps);
    };
    absl::StatusOr<typeurl::Any> from = marshal(source);
    if (!from.ok()) return from.status();
    absl::StatusOr<typeurl::Any> to = marshal(destination);
    if (!to.ok()) return to.status();

    PumpRunner runner(inner, cancel);
    if (absl::Status s = runner.Start(std::move(pumps)); !s.ok()) return s;
    const absl::Status s = Ask(inner, *from, *to, config);
    return runner.Finish(s);
  }

  absl::Status Ask(const Context& ctx, const typeurl::Any& source, const typeurl::Any& destination,
                   const Config& config) {
    pb::TransferRequest request;
    *request.mutable_source() = typeurl::ToProto(source);
    *request.mutable_destination() = typeurl::ToProto(destination);
    request.mutable_options();
    if (config.progress) return TransferWithProgress(ctx, std::move(request), config.progress);
    Empty response;
    return rpc::Call(ctx, stubs_, &Stub::Transfer, request, &response);
  }

  // This thread reads the progress while the call is under way.
  absl::Status TransferWithProgress(const Context& ctx, pb::TransferRequest request,
                                    const ProgressFunc& report) {
    // Ends the stream if this returns early.
    auto [stream_ctx, end_stream] = WithCancel(ctx);
    const std::string id = GenerateID("progress");
    auto stream = streams_->Create(stream_ctx, id);
    if (!stream.ok()) return stream.status();
    request.mutable_options()->set_progress_stream(id);

    auto [call_ctx, cancel_call] = WithCancel(ctx);
    auto [reading, answered] = WithCancel(ctx);
    Promise<Empty> promise;
    rpc::CallAsync<pb::Transfer, Empty>(
        call_ctx, stubs_, request,
        [promise, wake = answered](const absl::StatusOr<Empty>& response) {
          promise.Set(response);
          wake();
        });
    for (bool late = false;;) {
      const auto message =
          (*stream)->Recv(late ? WithTimeout(WithoutCancel(ctx), kLateProgress) : reading);
      if (message.ok()) {
        if (absl::Status s = Report(*message, report); !s.ok()) {
          cancel_call();
          static_cast<void>(promise.GetFuture().Get(Context::Background()));
          end_stream();
          return s;
        }
      } else if (!late && reading.Done()) {
        // The call has ended, or is ending with the context.
        absl::StatusOr<Empty> response = promise.GetFuture().Get(Context::Background());
        if (!response.ok()) {
          end_stream();
          return response.status();
        }
        late = true;
      } else {
        if (!errdefs::IsOutOfRange(message.status())) {
          log::Warn(fmt::format("progress of a transfer ended early: {}",
                                errdefs::Message(message.status())));
        }
        break;
      }
    }
    return promise.GetFuture().Get(Context::Background()).status();
  }

  const rpc::Stubs<pb::Transfer> stubs_;
  const std::shared_ptr<streaming::StreamCreator> streams_;
};

}  // namespace

Opt WithProgress(ProgressFunc progress) {
  return [progress = std::move(progress)](Config& config) { config.progress = progress; };
}

std::shared_ptr<Transferrer> NewTransferrer(std::shared_ptr<rpc::Connection> conn,
                                            std::shared_ptr<streaming::StreamCreator> streams) {
  return std::make_shared<ProxyTransferrer>(std::move(conn), std::move(streams));
}

std::shared_ptr<Transferrer> NewTransferrer(std::shared_ptr<pb::Transfer::StubInterface> stub,
                                            std::shared_ptr<streaming::StreamCreator> streams) {
  return std::make_shared<ProxyTransferrer>(std::move(stub), std::move(streams));
}

}  // namespace containerd::transfer
