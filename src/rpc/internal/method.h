// SPDX-License-Identifier: Apache-2.0
//
// The name of a call, and how long its messages are.
#ifndef CONTAINERD_SRC_RPC_INTERNAL_METHOD_H_
#define CONTAINERD_SRC_RPC_INTERNAL_METHOD_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "containerd/export/export.h"
#include "containerd/tracing/call_observer.h"

namespace google::protobuf {
class Descriptor;
class MessageLite;
}  // namespace google::protobuf

namespace containerd::rpc {

// "/<service>/<method>" of the first method of that kind with these messages; "/<service>/" if
// there is none.
CONTAINERD_SIBLING std::string FindMethod(std::string_view service, tracing::CallKind kind,
                                          const google::protobuf::Descriptor* request,
                                          const google::protobuf::Descriptor* response);

// "/<service>/<method>" of the only unary method of the service with these messages; "" if there is
// none, or more than one.
CONTAINERD_SIBLING std::string UnaryPath(std::string_view service,
                                         const google::protobuf::Descriptor* request,
                                         const google::protobuf::Descriptor* response);

// FindMethod of a generated service, or what a service with messages of its own says.
template <tracing::CallKind kind, typename Service, typename Request, typename Response>
std::string_view MethodName() {
  if constexpr (requires { Service::MethodName(kind); }) {
    return Service::MethodName(kind);
  } else {
    static const auto& name = *new std::string(FindMethod(
        Service::service_full_name(), kind, Request::descriptor(), Response::descriptor()));
    return name;
  }
}

// Bytes of a message as it is encoded. Messages that are none of protobuf's have such a function
// in their own namespace.
CONTAINERD_SIBLING std::int64_t WireSize(const google::protobuf::MessageLite& message);

}  // namespace containerd::rpc

#endif  // CONTAINERD_SRC_RPC_INTERNAL_METHOD_H_
