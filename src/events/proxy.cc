// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "containerd/events/events.h"
#include "containerd/services/events/v1/events.grpc.pb.h"
#include "containerd/typeurl/proto.h"

#include "feed.h"
#include "src/base/options.h"
#include "src/rpc/internal/call.h"
#include "src/rpc/internal/describe.h"
#include "src/rpc/internal/proto_time.h"

namespace containerd::events {
namespace {

namespace pb = ::containerd::services::events::v1;

class ProxySubscription final : public Subscription {
 public:
  explicit ProxySubscription(std::shared_ptr<Feed> feed) : feed_(std::move(feed)) {}
  ~ProxySubscription() override { feed_->Cancel(); }

  absl::StatusOr<Item> Next(const Context& ctx) override { return feed_->Next(ctx); }
  absl::StatusOr<std::optional<Item>> TryNext() override { return feed_->TryNext(); }
  absl::StatusOr<std::vector<Item>> NextBatch(const Context& ctx, std::size_t max) override {
    return feed_->NextBatch(ctx, max);
  }
  absl::Status WaitReady(const Context& ctx) override { return feed_->WaitReady(ctx); }
  void Cancel() override { feed_->Cancel(); }

 private:
  const std::shared_ptr<Feed> feed_;
};

class ProxyCallbackSubscription final : public CallbackSubscription {
 public:
  explicit ProxyCallbackSubscription(std::shared_ptr<Feed> feed) : feed_(std::move(feed)) {}
  ~ProxyCallbackSubscription() override { feed_->Silence(); }

  absl::Status WaitReady(const Context& ctx) override { return feed_->WaitReady(ctx); }
  void Cancel() override { feed_->Cancel(); }

 private:
  const std::shared_ptr<Feed> feed_;
};

class ProxyEvents final : public EventService {
 public:
  template <typename ConnectionOrStub>
  explicit ProxyEvents(std::shared_ptr<ConnectionOrStub> to)
      : stubs_(std::make_shared<const EventsStubs>(std::move(to))) {}

  absl::Status Publish(const Context& ctx, std::string_view topic,
                       const typeurl::Any& event) override {
    pb::PublishRequest request;
    request.set_topic(std::string(topic));
    *request.mutable_event() = typeurl::ToProto(event);
    google::protobuf::Empty response;
    return rpc::Describe(rpc::Call(ctx, *stubs_, &Stub::Publish, request, &response),
                         "publish event", topic);
  }

  absl::Status Forward(const Context& ctx, const Envelope& envelope) override {
    pb::ForwardRequest request;
    types::Envelope* proto = request.mutable_envelope();
    rpc::SetTime(envelope.timestamp, proto, &types::Envelope::mutable_timestamp);
    proto->set_namespace_(envelope.ns);
    proto->set_topic(envelope.topic);
    *proto->mutable_event() = typeurl::ToProto(envelope.event);
    google::protobuf::Empty response;
    return rpc::Describe(rpc::Call(ctx, *stubs_, &Stub::Forward, request, &response),
                         "forward event", envelope.topic);
  }

  std::unique_ptr<Subscription> Subscribe(const Context& ctx,
                                          const std::vector<std::string>& filters,
                                          const std::vector<SubscribeOpt>& opts) override {
    auto feed = std::make_shared<Feed>(ctx, stubs_, filters, Apply(opts), std::nullopt);
    auto subscription = std::make_unique<ProxySubscription>(feed);
    feed->Start();
    return subscription;
  }

  std::unique_ptr<CallbackSubscription> Subscribe(const Context& ctx,
                                                  const std::vector<std::string>& filters,
                                                  std::function<void(const Item&)> on_item,
                                                  std::function<void(const absl::Status&)> on_end,
                                                  const std::vector<SubscribeOpt>& opts) override {
    auto feed = std::make_shared<Feed>(
        ctx, stubs_, filters, Apply(opts),
        Feed::Callbacks{.on_item = std::move(on_item), .on_end = std::move(on_end)});
    auto subscription = std::make_unique<ProxyCallbackSubscription>(feed);
    feed->Start();
    return subscription;
  }

 private:
  using Stub = pb::Events::StubInterface;

  static SubscribeOptions Apply(const std::vector<SubscribeOpt>& opts) {
    SubscribeOptions options;
    options.error = base::Apply(opts, options);
    options.queue_size = std::max<std::size_t>(options.queue_size, 1);
    options.min_backoff = std::max(options.min_backoff, absl::Milliseconds(1));
    options.max_backoff = std::max(options.max_backoff, options.min_backoff);
    return options;
  }

  const std::shared_ptr<const EventsStubs> stubs_;
};

}  // namespace

std::shared_ptr<EventService> NewEventService(std::shared_ptr<rpc::Connection> conn) {
  return std::make_shared<ProxyEvents>(std::move(conn));
}

std::shared_ptr<EventService> NewEventService(std::shared_ptr<pb::Events::StubInterface> stub) {
  return std::make_shared<ProxyEvents>(std::move(stub));
}

}  // namespace containerd::events
