// SPDX-License-Identifier: Apache-2.0
//
// Events as the messages that they are.
//
//   #include "containerd/events/task.pb.h"
//
//   if (envelope.topic == events::kTaskExitEventTopic) {
//     absl::StatusOr<events::TaskExit> exit = events::Decode<events::TaskExit>(envelope);
//   }
//
// Any type that package typeurl can pack will do, own ones too.
#ifndef CONTAINERD_EVENTS_TYPED_H_
#define CONTAINERD_EVENTS_TYPED_H_

#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/events/events.h"
#include "containerd/typeurl/typeurl.h"

namespace containerd::events {

// Whether the event is a T.
template <class T>
bool Is(const Envelope& envelope) {
  return typeurl::Is<T>(envelope.event);
}

// The event. ErrInvalidArgument if it is no T.
template <class T>
absl::StatusOr<T> Decode(const Envelope& envelope) {
  return typeurl::UnmarshalAny<T>(envelope.event);
}

// Packs and publishes an event. Source: proxy's Publish, typeurl.MarshalAny.
template <class T>
absl::Status Publish(const Context& ctx, Publisher& publisher, std::string_view topic,
                     const T& event) {
  absl::StatusOr<typeurl::Any> any = typeurl::MarshalAny(event);
  if (!any.ok()) return any.status();
  return publisher.Publish(ctx, topic, *any);
}

}  // namespace containerd::events

#endif  // CONTAINERD_EVENTS_TYPED_H_
