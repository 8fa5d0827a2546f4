// SPDX-License-Identifier: Apache-2.0
//
// Images on the wire. For stores' proxies and servers: it includes generated code.
#ifndef CONTAINERD_SRC_IMAGES_INTERNAL_PROTO_H_
#define CONTAINERD_SRC_IMAGES_INTERNAL_PROTO_H_

#include "containerd/images/store.h"
#include "containerd/services/images/v1/images.pb.h"

#include "src/rpc/internal/proto_descriptor.h"
#include "src/rpc/internal/proto_time.h"

namespace containerd::images {

inline containerd::services::images::v1::Image ToProto(const Image& image) {
  containerd::services::images::v1::Image proto;
  proto.set_name(image.name);
  rpc::ToProto(image.labels, proto.mutable_labels());
  *proto.mutable_target() = rpc::ToProto(image.target);
  rpc::SetTime(image.created_at, &proto,
               &containerd::services::images::v1::Image::mutable_created_at);
  rpc::SetTime(image.updated_at, &proto,
               &containerd::services::images::v1::Image::mutable_updated_at);
  return proto;
}

inline Image FromProto(const containerd::services::images::v1::Image& proto) {
  using Proto = containerd::services::images::v1::Image;
  return {.name = proto.name(),
          .labels = rpc::FromProto(proto.labels()),
          .target = rpc::FromProto(proto.target()),
          .created_at = rpc::TimeOf(proto, &Proto::has_created_at, &Proto::created_at),
          .updated_at = rpc::TimeOf(proto, &Proto::has_updated_at, &Proto::updated_at)};
}

}  // namespace containerd::images

#endif  // CONTAINERD_SRC_IMAGES_INTERNAL_PROTO_H_
