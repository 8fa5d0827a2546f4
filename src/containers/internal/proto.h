// SPDX-License-Identifier: Apache-2.0
//
// Containers on the wire. For stores' proxies and servers: it includes generated code.
#ifndef CONTAINERD_SRC_CONTAINERS_INTERNAL_PROTO_H_
#define CONTAINERD_SRC_CONTAINERS_INTERNAL_PROTO_H_

#include "containerd/containers/containers.h"
#include "containerd/services/containers/v1/containers.pb.h"
#include "containerd/typeurl/proto.h"

#include "src/rpc/internal/proto_descriptor.h"
#include "src/rpc/internal/proto_time.h"

namespace containerd::containers {

inline containerd::services::containers::v1::Container ToProto(const Container& container) {
  containerd::services::containers::v1::Container proto;
  proto.set_id(container.id);
  rpc::ToProto(container.labels, proto.mutable_labels());
  proto.set_image(container.image);
  proto.mutable_runtime()->set_name(container.runtime.name);
  if (!container.runtime.options.empty()) {
    *proto.mutable_runtime()->mutable_options() = typeurl::ToProto(container.runtime.options);
  }
  if (!container.spec.empty()) *proto.mutable_spec() = typeurl::ToProto(container.spec);
  proto.set_snapshotter(container.snapshotter);
  proto.set_snapshot_key(container.snapshot_key);
  for (const auto& [key, value] : container.extensions) {
    (*proto.mutable_extensions())[key] = typeurl::ToProto(value);
  }
  proto.set_sandbox(container.sandbox_id);
  return proto;
}

inline Container FromProto(const containerd::services::containers::v1::Container& proto) {
  using Proto = containerd::services::containers::v1::Container;
  Container container{.id = proto.id(),
                      .labels = rpc::FromProto(proto.labels()),
                      .image = proto.image(),
                      .runtime = {.name = proto.runtime().name(),
                                  .options = typeurl::FromProto(proto.runtime().options())},
                      .spec = typeurl::FromProto(proto.spec()),
                      .snapshot_key = proto.snapshot_key(),
                      .snapshotter = proto.snapshotter(),
                      .created_at = rpc::TimeOf(proto, &Proto::has_created_at, &Proto::created_at),
                      .updated_at = rpc::TimeOf(proto, &Proto::has_updated_at, &Proto::updated_at),
                      .sandbox_id = proto.sandbox()};
  for (const auto& [key, value] : proto.extensions()) {
    container.extensions.emplace(key, typeurl::FromProto(value));
  }
  return container;
}

}  // namespace containerd::containers

#endif  // CONTAINERD_SRC_CONTAINERS_INTERNAL_PROTO_H_
