// SPDX-License-Identifier: Apache-2.0
//
// Descriptors and labels to and from the wire. For stores' proxies: it includes generated code.
#ifndef CONTAINERD_RPC_PROTO_DESCRIPTOR_H_
#define CONTAINERD_RPC_PROTO_DESCRIPTOR_H_

#include <google/protobuf/map.h>

#include "containerd/labels/labels.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/types/descriptor.pb.h"

namespace containerd::rpc {

inline Labels FromProto(const google::protobuf::Map<std::string, std::string>& map) {
  return {map.begin(), map.end()};
}

inline void ToProto(const Labels& labels, google::protobuf::Map<std::string, std::string>* map) {
  map->clear();
  map->insert(labels.begin(), labels.end());
}

// Source: oci.DescriptorFromProto.
inline ocispec::Descriptor FromProto(const types::Descriptor& proto) {
  return {.media_type = proto.media_type(),
          .digest = proto.digest(),
          .size = proto.size(),
          .annotations = FromProto(proto.annotations())};
}

// The wire has media type, digest, size and annotations only. Source: oci.DescriptorToProto.
inline types::Descriptor ToProto(const ocispec::Descriptor& desc) {
  types::Descriptor proto;
  proto.set_media_type(desc.media_type);
  proto.set_digest(desc.digest);
  proto.set_size(desc.size);
  ToProto(desc.annotations, proto.mutable_annotations());
  return proto;
}

}  // namespace containerd::rpc

#endif  // CONTAINERD_RPC_PROTO_DESCRIPTOR_H_
