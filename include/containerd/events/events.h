// SPDX-License-Identifier: Apache-2.0
//
// Package events: what happens in the daemon, as a stream of envelopes, and how to add to it.
//
//   auto subscription = client.Subscribe(ctx, {R"(topic~="^/tasks/")"}, {events::WithResume()});
//   for (;;) {
//     absl::StatusOr<events::Item> item = subscription->Next(ctx);
//     if (!item.ok()) return item.status();
//     if (const auto* gap = std::get_if<events::Gap>(&*item)) {
//       CompareWithTheDaemon(*gap);   // events may have been missed: list tasks again
//     } else if (const auto& envelope = std::get<events::Envelope>(*item);
//                envelope.topic == events::kTaskExitEventTopic) {
//       absl::StatusOr<events::TaskExit> exit = events::Decode<events::TaskExit>(envelope);
//     }
//   }
//
// The messages (events::TaskExit, …) are generated from proto/containerd/events; typed.h packs and
// unpacks them.
//
// Source: core/events.
#ifndef CONTAINERD_EVENTS_EVENTS_H_
#define CONTAINERD_EVENTS_EVENTS_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/option/option.h"
#include "containerd/option/pairs.h"
#include "containerd/typeurl/any.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::events {

// An event and what the daemon knows about it.
struct CONTAINERD_EXPORT Envelope {
  absl::Time timestamp = absl::InfinitePast();  // when it was published
  std::string ns{};                             // Go's Namespace
  std::string topic{};                          // "/tasks/exit", …
  typeurl::Any event{};

  // The value that filters see at a path, nullopt if there is none: {"namespace"}, {"topic"}, or
  // {"event", field, …} for the daemon's own kinds of events, as in `event.container_id==web`:
  // texts, yes-or-no values and labels have one, numbers and times have none. Source:
  // Envelope.Field.
  std::optional<std::string> Field(std::span<const std::string> fieldpath) const;

  friend bool operator==(const Envelope&, const Envelope&) = default;
};

// Says that a resuming subscription was cut off: events may have been missed that were published
// after `since` (the timestamp of the last event received, or when the subscription began) and
// before `until` (when the new subscription was in place). It is delivered once the new
// subscription is in place, so state that is asked for after it, together with the events after it,
// is complete.
struct Gap {
  absl::Time since = absl::InfinitePast();
  absl::Time until = absl::InfiniteFuture();
  absl::Status cause{};  // how the old subscription ended
};

using Item = std::variant<Envelope, Gap>;

struct SubscribeOptions {
  // Subscribe again by itself when the stream breaks, and deliver a Gap.
  bool resume = false;

  // How long to wait before subscribing again: `min_backoff` after the first failure, doubling up
  // to `max_backoff` while the daemon does not answer.
  absl::Duration min_backoff = absl::Milliseconds(100);
  absl::Duration max_backoff = absl::Seconds(5);

  // Most items that wait for Next. Then reading rests, and the daemon keeps what comes later.
  std::size_t queue_size = 256;

  // Of an option; the subscription ends with it.
  absl::Status error{};
};

using SubscribeOpt = option::Option<SubscribeOptions&>;

// The subscription lives until its context or connection ends, over any number of breaks and
// restarts of the daemon. Only an error that trying again cannot mend ends it earlier (a filter
// that does not parse, no permission, no such service).
CONTAINERD_EXPORT extern const option::Plain<SubscribeOpt> WithResume;

CONTAINERD_EXPORT SubscribeOpt WithBackoff(absl::Duration min, absl::Duration max);
CONTAINERD_EXPORT SubscribeOpt WithQueueSize(std::size_t items);

// A running subscription; destroying it ends it. Safe from any thread, but only one should call
// Next, TryNext and NextBatch if the order of items matters. It costs no thread.
class CONTAINERD_EXPORT Subscription {
 public:
  virtual ~Subscription() = default;

  // Waits for the next item. After the last one: the error that ended the subscription, Canceled if
  // its context was cancelled or Cancel called, ErrOutOfRange ("end of stream") if the daemon ended
  // it well. If `ctx` ends first, its error, and the subscription goes on.
  virtual absl::StatusOr<Item> Next(const Context& ctx) = 0;

  // The next item if it is there already, nullopt if not. Errors as Next's.
  virtual absl::StatusOr<std::optional<Item>> TryNext() = 0;

  // Waits as Next does, and gives what is there then in one go: at least one item, at most `max`
  // (0 counts as 1). For readers of many events: one lock for all of them. Errors as Next's.
  virtual absl::StatusOr<std::vector<Item>> NextBatch(const Context& ctx, std::size_t max = 256);

  // Waits until the subscription is in place, so that what is published from then on is delivered;
  // it publishes markers to know (see WithResume). The error that ended the subscription if it
  // could not begin; of `ctx` if that ends first. Subscribe itself waits for nothing, so what
  // happens just after it may be missed.
  virtual absl::Status WaitReady(const Context& ctx) = 0;

  // Ends the subscription. Items that were received stay for Next.
  virtual void Cancel() = 0;
};

// What keeps callbacks coming. Destroying it ends the subscription, and waits for a callback that
// is running on another thread (but not in a callback that must not block); no callback comes
// afterwards, not even the one for the end.
class CONTAINERD_EXPORT CallbackSubscription {
 public:
  virtual ~CallbackSubscription() = default;

  // As Subscription's.
  virtual absl::Status WaitReady(const Context& ctx) = 0;

  // Ends the subscription; `on_end` still comes.
  virtual void Cancel() = 0;
};

// Posts events. Source: events.Publisher.
class CONTAINERD_EXPORT Publisher {
 public:
  virtual ~Publisher() = default;

  // Publishes an event in the context's namespace, timestamped by the daemon. A topic is a path of
  // identifiers, such as "/orders/shipped"; ErrInvalidArgument for others.
  virtual absl::Status Publish(const Context& ctx, std::string_view topic,
                               const typeurl::Any& event) = 0;
};

// Passes on events that were published elsewhere. Source: events.Forwarder.
class CONTAINERD_EXPORT Forwarder {
 public:
  virtual ~Forwarder() = default;

  // ErrInvalidArgument if the envelope lacks a namespace or a topic; without a time it is of 1970.
  virtual absl::Status Forward(const Context& ctx, const Envelope& envelope) = 0;
};

// Delivers events. Source: events.Subscriber.
class CONTAINERD_EXPORT Subscriber {
 public:
  virtual ~Subscriber() = default;

  // Events that match any of the filters (filters/filters.h); all events of all namespaces if there
  // are none. Errors come out of Next. The subscription ends with `ctx`.
  virtual std::unique_ptr<Subscription> Subscribe(const Context& ctx,
                                                  const std::vector<std::string>& filters,
                                                  const std::vector<SubscribeOpt>& opts = {}) = 0;
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void Subscribe(const Context&, option::BracedTexts<N, M>,
                 const std::vector<SubscribeOpt>& = {}) = delete;

  // The same with callbacks, one at a time, on threads of the DefaultExecutor: they may block and
  // call the library, and meanwhile reading rests as with Next. `on_end` comes once, last, with the
  // status that Next would give. Either may destroy the returned object. An exception that leaves
  // `on_item` ends the subscription with ErrInternal.
  virtual std::unique_ptr<CallbackSubscription> Subscribe(
      const Context& ctx, const std::vector<std::string>& filters,
      std::function<void(const Item&)> on_item, std::function<void(const absl::Status&)> on_end,
      const std::vector<SubscribeOpt>& opts = {}) = 0;
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void Subscribe(const Context&, option::BracedTexts<N, M>, std::function<void(const Item&)>,
                 std::function<void(const absl::Status&)>,
                 const std::vector<SubscribeOpt>& = {}) = delete;
};

// Source: proxy.EventService.
class EventService : public Publisher, public Forwarder, public Subscriber {};

// Topics of the daemon's events. Source: core/runtime, plugins of containerd.
inline constexpr char kTaskCreateEventTopic[] = "/tasks/create";
inline constexpr char kTaskStartEventTopic[] = "/tasks/start";
inline constexpr char kTaskOOMEventTopic[] = "/tasks/oom";
inline constexpr char kTaskExitEventTopic[] = "/tasks/exit";
inline constexpr char kTaskDeleteEventTopic[] = "/tasks/delete";
inline constexpr char kTaskExecAddedEventTopic[] = "/tasks/exec-added";
inline constexpr char kTaskExecStartedEventTopic[] = "/tasks/exec-started";
inline constexpr char kTaskPausedEventTopic[] = "/tasks/paused";
inline constexpr char kTaskResumedEventTopic[] = "/tasks/resumed";
inline constexpr char kTaskCheckpointedEventTopic[] = "/tasks/checkpointed";
inline constexpr char kTaskUnknownTopic[] = "/tasks/?";

// The daemon's.
CONTAINERD_EXPORT std::shared_ptr<EventService> NewEventService(
    std::shared_ptr<rpc::Connection> conn);

// The same under Go's name. Source: proxy.NewRemoteEvents.
inline std::shared_ptr<EventService> NewRemoteEvents(std::shared_ptr<rpc::Connection> conn) {
  return NewEventService(std::move(conn));
}

// The same under Go's name. Source: client.NewEventServiceFromClient.
inline std::shared_ptr<EventService> NewEventServiceFromClient(
    std::shared_ptr<rpc::Connection> conn) {
  return NewEventService(std::move(conn));
}

}  // namespace containerd::events

#endif  // CONTAINERD_EVENTS_EVENTS_H_
