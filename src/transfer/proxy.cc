// SPDX-License-Identifier: Apache-2.0
#include "containerd/transfer/proxy.h"

#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/future/future.h"
#include "containerd/log/log.h"
#include "containerd/rpc/call.h"
#include "containerd/rpc/proto_descriptor.h"
#include "containerd/transfer/byte_stream.h"
#include "containerd/types/transfer/progress.pb.h"
#include "containerd/typeurl/proto.h"

#include "proxy.h"

namespace containerd::transfer {
namespace {

namespace pb = ::containerd::services::transfer::v1;

// How long the daemon gets, after its answer, to end the stream of progress.
constexpr absl::Duration kLateProgress = absl::Seconds(10);

void Report(const typeurl::Any& message, const ProgressFunc& report) {
  const auto proto = typeurl::UnmarshalAny<types::transfer::Progress>(message);
  if (!proto.ok()) {
    log::Warn(fmt::format("progress of a transfer that is no progress: {}",
                          errdefs::Message(proto.status())));
    return;
  }
  Progress progress{.event = proto->event(),
                    .name = proto->name(),
                    .parents = {proto->parents().begin(), proto->parents().end()},
                    .progress = proto->progress(),
                    .total = proto->total(),
                    .desc = std::nullopt};
  if (proto->has_desc()) progress.desc = rpc::FromProto(proto->desc());
  report(progress);
}

class ProxyTransferrer final : public Transferrer {
 public:
  template <typename ConnectionOrStub>
  ProxyTransferrer(std::shared_ptr<ConnectionOrStub> to,
                   std::shared_ptr<streaming::StreamCreator> streams)
      : stubs_(std::move(to)), streams_(std::move(streams)) {}

  absl::Status Transfer(const Context& ctx, const typeurl::Any& source,
                        const typeurl::Any& destination, const std::vector<Opt>& opts) override {
    Config config;
    for (const Opt& opt : opts) opt(config);
    pb::TransferRequest request;
    *request.mutable_source() = typeurl::ToProto(source);
    *request.mutable_destination() = typeurl::ToProto(destination);
    request.mutable_options();
    absl::Status s;
    if (config.progress) {
      s = TransferWithProgress(ctx, std::move(request), config.progress);
    } else {
      google::protobuf::Empty response;
      s = rpc::Call(ctx, stubs_, &Stub::Transfer, request, &response);
    }
    return errdefs::Annotate(
        s, fmt::format("transfer from {} to {}", source.type_url, destination.type_url));
  }

 private:
  using Stub = pb::Transfer::StubInterface;
  using Empty = google::protobuf::Empty;

  // This thread reads the progress while the call is under way.
  absl::Status TransferWithProgress(const Context& ctx, pb::TransferRequest request,
                                    const ProgressFunc& report) {
    // Ends the stream if this returns early.
    auto [stream_ctx, end_stream] = WithCancel(ctx);
    const std::string id = GenerateID("progress");
    auto stream = streams_->Create(stream_ctx, id);
    if (!stream.ok()) return stream.status();
    request.mutable_options()->set_progress_stream(id);

    auto [reading, answered] = WithCancel(ctx);
    Promise<Empty> promise;
    rpc::CallAsync<pb::Transfer, Stub::async_interface, pb::TransferRequest, Empty>(
        ctx, stubs_, &Stub::async_interface::Transfer, std::move(request),
        [promise, wake = answered](const absl::StatusOr<Empty>& response) {
          promise.Set(response);
          wake();
        });
    for (bool late = false;;) {
      const auto message =
          (*stream)->Recv(late ? WithTimeout(WithoutCancel(ctx), kLateProgress) : reading);
      if (message.ok()) {
        Report(*message, report);
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
