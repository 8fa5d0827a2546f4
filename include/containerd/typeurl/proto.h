// SPDX-License-Identifier: Apache-2.0
//
// typeurl::Any to and from google.protobuf.Any, for code that speaks protobuf anyway.
#ifndef CONTAINERD_TYPEURL_PROTO_H_
#define CONTAINERD_TYPEURL_PROTO_H_

#include <utility>

#include <absl/status/statusor.h>
#include <google/protobuf/any.pb.h>

#include "containerd/export/export.h"
#include "containerd/typeurl/any.h"
#include "containerd/typeurl/typeurl.h"

namespace containerd::typeurl {

// The same URL and bytes as a message. Go's MarshalProto.
CONTAINERD_EXPORT google::protobuf::Any ToProto(Any any);

// The same URL and bytes as a value.
CONTAINERD_EXPORT Any FromProto(google::protobuf::Any any);

// Packs a value as MarshalAny does, into a message.
template <class T>
absl::StatusOr<google::protobuf::Any> MarshalAnyToProto(const T& value) {
  absl::StatusOr<Any> any = MarshalAny(value);
  if (!any.ok()) return any.status();
  return ToProto(*std::move(any));
}

}  // namespace containerd::typeurl

#endif  // CONTAINERD_TYPEURL_PROTO_H_
