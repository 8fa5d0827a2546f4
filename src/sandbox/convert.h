// SPDX-License-Identifier: Apache-2.0
//
// Sandboxes on the wire.
#ifndef CONTAINERD_SRC_SANDBOX_CONVERT_H_
#define CONTAINERD_SRC_SANDBOX_CONVERT_H_

#include "containerd/sandbox/sandbox.h"
#include "containerd/types/sandbox.pb.h"
#include "containerd/typeurl/proto.h"

namespace containerd::sandbox {

// An Any that is empty stays unset, as Go's nil does.
template <typename Message>
void SetAny(const typeurl::Any& any, Message* message,
            google::protobuf::Any* (Message::*mutable_field)()) {
  if (!any.empty()) *(message->*mutable_field)() = typeurl::ToProto(any);
}

// Source: sandbox.ToProto.
types::Sandbox ToProto(const Sandbox& sandbox);

// Source: sandbox.FromProto.
Sandbox FromProto(const types::Sandbox& proto);

}  // namespace containerd::sandbox

#endif  // CONTAINERD_SRC_SANDBOX_CONVERT_H_
