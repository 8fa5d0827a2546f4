// SPDX-License-Identifier: Apache-2.0
#include "events.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/identifiers/identifiers.h"
#include "containerd/namespaces/namespaces.h"
#include "containerd/services/events/v1/events.pb.h"
#include "containerd/types/event.pb.h"
#include "containerd/typeurl/proto.h"

#include "src/rpc/internal/proto_time.h"

namespace containerd::testing::fake {
namespace {

namespace pb_events = ::containerd::services::events::v1;
constexpr char kEvents[] = "/containerd.services.events.v1.Events/";

// Source: core/events/exchange.validateTopic.
absl::Status CheckTopic(std::string_view topic) {
  if (topic.size() < 2 || topic[0] != '/') {
    return errdefs::InvalidArgument(fmt::format("topic \"{}\" must begin with '/'", topic));
  }
  for (std::string_view rest = topic;;) {
    rest.remove_prefix(1);
    const std::size_t end = std::min(rest.find('/'), rest.size());
    if (absl::Status s = identifiers::Validate(rest.substr(0, end)); !s.ok()) {
      return errdefs::Annotate(s, fmt::format("topic \"{}\"", topic));
    }
    rest.remove_prefix(end);
    if (rest.empty()) return absl::OkStatus();
  }
}

}  // namespace

void Exchange::Publish(std::string_view ns, std::string_view topic, typeurl::Any event) {
  const base::MutexLock lock(mu_);
  // As later as they come, so that who looks for a gap by their times sees none.
  last_ = std::max(absl::Now(), last_ + absl::Nanoseconds(1));
  Deliver({.timestamp = last_,
           .ns = std::string(ns),
           .topic = std::string(topic),
           .event = std::move(event)});
}

void Exchange::Forward(const events::Envelope& envelope) {
  const base::MutexLock lock(mu_);
  Deliver(envelope);
}

void Exchange::Deliver(const events::Envelope& envelope) {
  std::erase_if(subscribers_, [](const Subscriber& s) { return s.stream->finished(); });
  if (lose_) return;
  types::Envelope message;
  rpc::SetTime(envelope.timestamp, &message, &types::Envelope::mutable_timestamp);
  message.set_namespace_(envelope.ns);
  message.set_topic(envelope.topic);
  *message.mutable_event() = typeurl::ToProto(envelope.event);
  for (const Subscriber& subscriber : subscribers_) {
    const auto field = [&envelope](std::span<const std::string> path) {
      return envelope.Field(path);
    };
    if (subscriber.filter->Match(filters::AdapterFunc(field))) {
      subscriber.stream->Send(Pack(message));
    }
  }
}

absl::Status Exchange::Subscribe(const std::vector<std::string>& filters, const StreamPtr& stream) {
  absl::StatusOr<filters::FilterPtr> filter = filters::ParseAll(filters);
  if (!filter.ok()) return filter.status();
  const base::MutexLock lock(mu_);
  subscribers_.push_back({.filter = *std::move(filter), .stream = stream});
  stream->Open();
  return absl::OkStatus();
}

void Exchange::Lose(bool on) {
  const base::MutexLock lock(mu_);
  lose_ = on;
}

void ServeEvents(Server& server, Exchange& exchange) {
  const std::string at = kEvents;
  using google::protobuf::Empty;
  server.Unary<pb_events::PublishRequest, Empty>(
      at + "Publish",
      [&exchange](const Context& ctx, const pb_events::PublishRequest& request,
                  Empty&) -> absl::Status {
        absl::StatusOr<std::string> ns = namespaces::NamespaceRequired(ctx);
        if (!ns.ok()) return ns.status();
        if (absl::Status s = CheckTopic(request.topic()); !s.ok()) return s;
        exchange.Publish(*ns, request.topic(), typeurl::FromProto(request.event()));
        return absl::OkStatus();
      });
  server.Unary<pb_events::ForwardRequest, Empty>(
      at + "Forward",
      [&exchange](const Context&, const pb_events::ForwardRequest& request,
                  Empty&) -> absl::Status {
        const types::Envelope& envelope = request.envelope();
        if (absl::Status s = identifiers::Validate(envelope.namespace_()); !s.ok()) return s;
        if (absl::Status s = CheckTopic(envelope.topic()); !s.ok()) return s;
        exchange.Forward({.timestamp = rpc::TimeOf(envelope, &types::Envelope::has_timestamp,
                                                   &types::Envelope::timestamp),
                          .ns = envelope.namespace_(),
                          .topic = envelope.topic(),
                          .event = typeurl::FromProto(envelope.event())});
        return absl::OkStatus();
      });
  server.Streaming<pb_events::SubscribeRequest>(
      at + "Subscribe",
      [&exchange](const Context&, const pb_events::SubscribeRequest& request,
                  const StreamPtr& stream) -> std::optional<absl::Status> {
        absl::Status s =
            exchange.Subscribe({request.filters().begin(), request.filters().end()}, stream);
        if (!s.ok()) return s;
        return std::nullopt;
      });
}

}  // namespace containerd::testing::fake
