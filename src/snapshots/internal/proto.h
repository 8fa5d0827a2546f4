// SPDX-License-Identifier: Apache-2.0
//
// Snapshots on the wire. For stores' proxies and servers: it includes generated code.
#ifndef CONTAINERD_SRC_SNAPSHOTS_INTERNAL_PROTO_H_
#define CONTAINERD_SRC_SNAPSHOTS_INTERNAL_PROTO_H_

#include "containerd/services/snapshots/v1/snapshots.pb.h"
#include "containerd/snapshots/snapshots.h"

#include "src/rpc/internal/proto_descriptor.h"
#include "src/rpc/internal/proto_time.h"

namespace containerd::snapshots {

inline containerd::services::snapshots::v1::Kind ToProto(Kind kind) {
  switch (kind) {
    case Kind::kActive:
      return containerd::services::snapshots::v1::ACTIVE;
    case Kind::kView:
      return containerd::services::snapshots::v1::VIEW;
    case Kind::kCommitted:
    case Kind::kUnknown:
      break;
  }
  return containerd::services::snapshots::v1::COMMITTED;
}

inline Kind FromProto(containerd::services::snapshots::v1::Kind kind) {
  switch (kind) {
    case containerd::services::snapshots::v1::ACTIVE:
      return Kind::kActive;
    case containerd::services::snapshots::v1::VIEW:
      return Kind::kView;
    default:
      return Kind::kCommitted;
  }
}

inline containerd::services::snapshots::v1::Info ToProto(const Info& info) {
  containerd::services::snapshots::v1::Info proto;
  proto.set_name(info.name);
  proto.set_parent(info.parent);
  proto.set_kind(ToProto(info.kind));
  rpc::SetTime(info.created, &proto,
               &containerd::services::snapshots::v1::Info::mutable_created_at);
  rpc::SetTime(info.updated, &proto,
               &containerd::services::snapshots::v1::Info::mutable_updated_at);
  rpc::ToProto(info.labels, proto.mutable_labels());
  return proto;
}

inline Info FromProto(const containerd::services::snapshots::v1::Info& proto) {
  using Proto = containerd::services::snapshots::v1::Info;
  return {.kind = FromProto(proto.kind()),
          .name = proto.name(),
          .parent = proto.parent(),
          .labels = rpc::FromProto(proto.labels()),
          .created = rpc::TimeOf(proto, &Proto::has_created_at, &Proto::created_at),
          .updated = rpc::TimeOf(proto, &Proto::has_updated_at, &Proto::updated_at)};
}

}  // namespace containerd::snapshots

#endif  // CONTAINERD_SRC_SNAPSHOTS_INTERNAL_PROTO_H_
