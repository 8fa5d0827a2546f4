// SPDX-License-Identifier: Apache-2.0
//
// Descriptors, platforms and labels to and from the wire. For stores' proxies: it includes
// generated code.
#ifndef CONTAINERD_SRC_RPC_INTERNAL_PROTO_DESCRIPTOR_H_
#define CONTAINERD_SRC_RPC_INTERNAL_PROTO_DESCRIPTOR_H_

#include <string>

#include <google/protobuf/map.h>

#include "containerd/labels/labels.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/types/descriptor.pb.h"
#include "containerd/types/platform.pb.h"

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

inline ocispec::Platform FromProto(const types::Platform& proto) {
  return {.architecture = proto.architecture(),
          .os = proto.os(),
          .os_version = proto.os_version(),
          .os_features = {proto.os_features().begin(), proto.os_features().end()},
          .variant = proto.variant()};
}

inline types::Platform ToProto(const ocispec::Platform& platform) {
  types::Platform proto;
  proto.set_os(platform.os);
  proto.set_architecture(platform.architecture);
  proto.set_variant(platform.variant);
  proto.set_os_version(platform.os_version);
  proto.mutable_os_features()->Assign(platform.os_features.begin(), platform.os_features.end());
  return proto;
}

}  // namespace containerd::rpc

#endif  // CONTAINERD_SRC_RPC_INTERNAL_PROTO_DESCRIPTOR_H_
