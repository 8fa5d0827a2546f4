// SPDX-License-Identifier: Apache-2.0
//
// Values of any type to and from typeurl::Any, which is how specs, runtime options, events and
// container extensions travel.
//
//   absl::StatusOr<typeurl::Any> any = typeurl::MarshalAny(spec);   // specs::Spec: JSON.
//   if (!any.ok()) return any.status();
//   any = typeurl::MarshalAny(runc_options);                        // A message: protobuf.
//
//   if (typeurl::Is<specs::Spec>(*any)) { … }
//   absl::StatusOr<specs::Spec> spec = typeurl::UnmarshalAny<specs::Spec>(*any);
//
// A type is either a generated protobuf message, whose URL is its full name ("x.v1.Y", and when
// reading also "type.googleapis.com/x.v1.Y"), or one that is registered here with a URL of its own
// and travels as JSON. Registered from the start, as "types.containerd.io/opencontainers/
// runtime-spec/1/…", are specs::Spec, Process, LinuxResources, WindowsResources and
// features::Features.
//
// All functions are thread-safe. Source: github.com/containerd/typeurl/v2.
#ifndef CONTAINERD_TYPEURL_TYPEURL_H_
#define CONTAINERD_TYPEURL_TYPEURL_H_

#include <any>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeindex>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/export/export.h"
#include "containerd/typeurl/any.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace containerd::typeurl {

// A generated protobuf message. (No protobuf header is needed to ask.)
template <class T>
concept ProtoMessage = std::is_base_of_v<google::protobuf::Message, T>;

namespace internal {

// What Register was told about a type, with the type itself forgotten.
struct Codec {
  std::function<std::string(const void* value)> marshal;
  std::function<absl::StatusOr<std::any>(std::string_view json)> unmarshal;
};

CONTAINERD_EXPORT absl::Status RegisterCodec(std::type_index type, std::string url, Codec codec);
CONTAINERD_EXPORT absl::StatusOr<std::string> RegisteredURL(std::type_index type);
CONTAINERD_EXPORT absl::StatusOr<Any> MarshalRegistered(std::type_index type, const void* value);
CONTAINERD_EXPORT absl::StatusOr<std::any> UnmarshalRegistered(std::type_index type,
                                                               const Any& any);

CONTAINERD_EXPORT std::string MessageURL(const google::protobuf::Message& message);
CONTAINERD_EXPORT bool IsMessage(const Any& any, const google::protobuf::Message& message);
CONTAINERD_EXPORT absl::StatusOr<Any> MarshalMessage(const google::protobuf::Message& message);
CONTAINERD_EXPORT absl::Status UnmarshalMessage(const Any& any, google::protobuf::Message& out);

}  // namespace internal

// Makes T travel as JSON under `url`, written and read by the two functions (of package gojson, for
// one: gojson::Marshal<T>, gojson::Unmarshal<T>). Doing it again with the same URL changes nothing;
// ErrAlreadyExists if T has another URL or `url` another type.
template <class T>
requires(!ProtoMessage<T>) absl::Status
    Register(std::string url, std::function<std::string(const T&)> marshal,
             std::function<absl::StatusOr<T>(std::string_view)> unmarshal) {
  internal::Codec codec;
  codec.marshal = [marshal = std::move(marshal)](const void* value) {
    return marshal(*static_cast<const T*>(value));
  };
  codec.unmarshal = [unmarshal =
                         std::move(unmarshal)](std::string_view json) -> absl::StatusOr<std::any> {
    absl::StatusOr<T> value = unmarshal(json);
    if (!value.ok()) return value.status();
    return std::any(*std::move(value));
  };
  return internal::RegisterCodec(typeid(T), std::move(url), std::move(codec));
}

// The URL under which a T travels. ErrNotFound if T is neither a message nor registered.
template <class T>
absl::StatusOr<std::string> TypeURL() {
  if constexpr (ProtoMessage<T>) {
    return internal::MessageURL(T::default_instance());
  } else {
    return internal::RegisteredURL(typeid(T));
  }
}

// Whether `any` holds a T. False, too, if T has no URL.
template <class T>
bool Is(const Any& any) {
  if constexpr (ProtoMessage<T>) {
    return internal::IsMessage(any, T::default_instance());
  } else {
    const absl::StatusOr<std::string> url = TypeURL<T>();
    return url.ok() && any.type_url == *url;
  }
}

// Packs a value. A google.protobuf.Any is taken over rather than packed once more. ErrNotFound if T
// is neither a message nor registered.
template <class T>
absl::StatusOr<Any> MarshalAny(const T& value) {
  if constexpr (std::is_same_v<T, Any>) {
    return value;
  } else if constexpr (ProtoMessage<T>) {
    return internal::MarshalMessage(value);
  } else {
    return internal::MarshalRegistered(typeid(T), &value);
  }
}

// Unpacks a T. ErrInvalidArgument if `any` holds something else or bytes that are no T; ErrNotFound
// if its type is not known at all.
template <class T>
absl::StatusOr<T> UnmarshalAny(const Any& any) {
  if constexpr (ProtoMessage<T>) {
    T message;
    absl::Status status = internal::UnmarshalMessage(any, message);
    if (!status.ok()) return status;
    return message;
  } else {
    absl::StatusOr<std::any> value = internal::UnmarshalRegistered(typeid(T), any);
    if (!value.ok()) return value.status();
    return std::any_cast<T>(*std::move(value));
  }
}

// Unpacks into `out`, which keeps its value if there is an error. Errors as for UnmarshalAny<T>.
template <class T>
absl::Status UnmarshalTo(const Any& any, T& out) {
  absl::StatusOr<T> value = UnmarshalAny<T>(any);
  if (!value.ok()) return value.status();
  out = *std::move(value);
  return absl::OkStatus();
}

// UnmarshalTo for a type URL and a value that are not in an Any.
template <class T>
absl::Status UnmarshalToByTypeURL(std::string_view type_url, std::string_view value, T& out) {
  return UnmarshalTo(Any{std::string(type_url), std::string(value)}, out);
}

// Unpacks a value of whichever type the URL says: of a registered type the result holds a T, of a
// message a std::shared_ptr<google::protobuf::Message>. ErrNotFound if the type is not known: not
// registered, and not among the messages that are linked into this program.
CONTAINERD_EXPORT absl::StatusOr<std::any> UnmarshalByTypeURL(std::string_view type_url,
                                                              std::string_view value);

// The same for an Any.
CONTAINERD_EXPORT absl::StatusOr<std::any> UnmarshalAny(const Any& any);

}  // namespace containerd::typeurl

#endif  // CONTAINERD_TYPEURL_TYPEURL_H_
