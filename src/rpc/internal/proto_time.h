// SPDX-License-Identifier: Apache-2.0
//
// absl::Time to and from google.protobuf.Timestamp. A timestamp that is not set reads as
// absl::InfinitePast(), and the other way round.
#ifndef CONTAINERD_SRC_RPC_INTERNAL_PROTO_TIME_H_
#define CONTAINERD_SRC_RPC_INTERNAL_PROTO_TIME_H_

#include <cstdint>

#include <absl/time/time.h>
#include <google/protobuf/timestamp.pb.h>

namespace containerd::rpc {

inline absl::Time ToTime(const google::protobuf::Timestamp& ts) {
  return absl::FromUnixSeconds(ts.seconds()) + absl::Nanoseconds(ts.nanos());
}

// The time in `message`'s field, e.g. TimeOf(container, &Container::has_created_at,
// &Container::created_at), minding whether it is set.
template <typename Message>
absl::Time TimeOf(const Message& message, bool (Message::*has)() const,
                  const google::protobuf::Timestamp& (Message::*get)() const) {
  return (message.*has)() ? ToTime((message.*get)()) : absl::InfinitePast();
}

inline google::protobuf::Timestamp ToProto(absl::Time time) {
  google::protobuf::Timestamp ts;
  const std::int64_t seconds = absl::ToUnixSeconds(time);
  ts.set_seconds(seconds);
  ts.set_nanos(
      static_cast<std::int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return ts;
}

// Fills `field` unless the time is absl::InfinitePast(), for which the field stays unset.
template <typename Message>
void SetTime(absl::Time time, Message* message,
             google::protobuf::Timestamp* (Message::*mutable_field)()) {
  if (time != absl::InfinitePast()) *(message->*mutable_field)() = ToProto(time);
}

}  // namespace containerd::rpc

#endif  // CONTAINERD_SRC_RPC_INTERNAL_PROTO_TIME_H_
