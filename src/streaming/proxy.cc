// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <string>
#include <utility>

#include "containerd/services/streaming/v1/streaming.grpc.pb.h"
#include "containerd/streaming/streaming.h"
#include "containerd/typeurl/proto.h"

#include "src/rpc/internal/call.h"
#include "src/rpc/internal/describe.h"
#include "src/rpc/internal/stream.h"

namespace containerd::streaming {
namespace {

namespace pb = ::containerd::services::streaming::v1;
using ProtoAny = google::protobuf::Any;
using Bidi = rpc::BidiStream<ProtoAny, ProtoAny>;

class ClientStream final : public Stream {
 public:
  explicit ClientStream(std::shared_ptr<Bidi> stream) : stream_(std::move(stream)) {}

  // What was sent before Close still gets there.
  ~ClientStream() override {
    if (closed_) stream_->Release();
  }

  absl::Status Send(const Context& ctx, const typeurl::Any& message) override {
    return stream_->Write(ctx, typeurl::ToProto(message));
  }

  absl::StatusOr<typeurl::Any> Recv(const Context& ctx) override {
    absl::StatusOr<ProtoAny> message = stream_->Read(ctx);
    if (!message.ok()) return message.status();
    return typeurl::FromProto(*std::move(message));
  }

  absl::StatusOr<std::optional<typeurl::Any>> TryRecv() override {
    absl::StatusOr<std::optional<ProtoAny>> message = stream_->TryRead();
    if (!message.ok()) return message.status();
    if (!message->has_value()) return std::nullopt;
    return typeurl::FromProto(**std::move(message));
  }

  absl::Status Close() override {
    closed_ = true;
    stream_->CloseSend();
    return absl::OkStatus();
  }

 private:
  const std::shared_ptr<Bidi> stream_;
  std::atomic<bool> closed_ = false;
};

class ProxyCreator final : public StreamCreator {
 public:
  template <typename ConnectionOrStub>
  explicit ProxyCreator(std::shared_ptr<ConnectionOrStub> to) : stubs_(std::move(to)) {}

  absl::StatusOr<std::shared_ptr<Stream>> Create(const Context& ctx, std::string_view id) override {
    auto stream = Bidi::Start(ctx, stubs_);
    if (!stream.ok()) return rpc::Describe(stream.status(), "create stream", id);

    pb::StreamInit init;
    init.set_id(std::string(id));
    ProtoAny first;
    first.set_type_url(*typeurl::TypeURL<pb::StreamInit>());
    first.set_value(init.SerializeAsString());
    // If the daemon has ended the stream, reading says why.
    static_cast<void>((*stream)->Write(ctx, std::move(first)));
    // The daemon answers once it has registered the stream.
    if (auto ack = (*stream)->Read(ctx); !ack.ok()) {
      return rpc::Describe(ack.status(), "create stream", id);
    }
    return std::make_shared<ClientStream>(*std::move(stream));
  }

 private:
  const rpc::Stubs<pb::Streaming> stubs_;
};

}  // namespace

std::shared_ptr<StreamCreator> NewStreamCreator(std::shared_ptr<rpc::Connection> conn) {
  return std::make_shared<ProxyCreator>(std::move(conn));
}

std::shared_ptr<StreamCreator> NewStreamCreator(
    std::shared_ptr<pb::Streaming::StubInterface> stub) {
  return std::make_shared<ProxyCreator>(std::move(stub));
}

}  // namespace containerd::streaming
