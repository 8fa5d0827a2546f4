// SPDX-License-Identifier: Apache-2.0
//
// Sandboxes on the wire. For stores' proxies and servers: it includes generated code.
#ifndef CONTAINERD_SRC_SANDBOX_INTERNAL_PROTO_H_
#define CONTAINERD_SRC_SANDBOX_INTERNAL_PROTO_H_

#include "containerd/sandbox/sandbox.h"
#include "containerd/types/sandbox.pb.h"
#include "containerd/typeurl/proto.h"

#include "src/rpc/internal/proto_descriptor.h"
#include "src/rpc/internal/proto_time.h"

namespace containerd::sandbox {

// An Any that is empty stays unset, as Go's nil does.
template <typename Message>
void SetAny(const typeurl::Any& any, Message* message,
            google::protobuf::Any* (Message::*mutable_field)()) {
  if (!any.empty()) *(message->*mutable_field)() = typeurl::ToProto(any);
}

// Source: sandbox.ToProto.
inline types::Sandbox ToProto(const Sandbox& sandbox) {
  using P = types::Sandbox;
  P proto;
  proto.set_sandbox_id(sandbox.id);
  proto.mutable_runtime()->set_name(sandbox.runtime.name);
  SetAny(sandbox.runtime.options, proto.mutable_runtime(), &P::Runtime::mutable_options);
  SetAny(sandbox.spec, &proto, &P::mutable_spec);
  rpc::ToProto(sandbox.labels, proto.mutable_labels());
  rpc::SetTime(sandbox.created_at, &proto, &P::mutable_created_at);
  rpc::SetTime(sandbox.updated_at, &proto, &P::mutable_updated_at);
  for (const auto& [name, any] : sandbox.extensions) {
    (*proto.mutable_extensions())[name] = typeurl::ToProto(any);
  }
  proto.set_sandboxer(sandbox.sandboxer);
  return proto;
}

// Source: sandbox.FromProto.
inline Sandbox FromProto(const types::Sandbox& proto) {
  using P = types::Sandbox;
  Sandbox sandbox{.id = proto.sandbox_id(),
                  .labels = rpc::FromProto(proto.labels()),
                  .runtime = {.name = proto.runtime().name(),
                              .options = typeurl::FromProto(proto.runtime().options())},
                  .spec = typeurl::FromProto(proto.spec()),
                  .sandboxer = proto.sandboxer(),
                  .created_at = rpc::TimeOf(proto, &P::has_created_at, &P::created_at),
                  .updated_at = rpc::TimeOf(proto, &P::has_updated_at, &P::updated_at),
                  .extensions = {}};
  for (const auto& [name, any] : proto.extensions()) {
    sandbox.extensions[name] = typeurl::FromProto(any);
  }
  return sandbox;
}

}  // namespace containerd::sandbox

#endif  // CONTAINERD_SRC_SANDBOX_INTERNAL_PROTO_H_
