// SPDX-License-Identifier: Apache-2.0
//
// Descriptors to and from the wire, which has media type, digest, size and annotations only.
//
//   #include "containerd/types/descriptor.pb.h"
//
//   types::Descriptor proto = oci::DescriptorToProto<types::Descriptor>(desc);
//
// `Message` is containerd.types.Descriptor of this library's stubs, or of the program's own.
#ifndef CONTAINERD_OCI_PROTO_H_
#define CONTAINERD_OCI_PROTO_H_

#include "containerd/ocispec/descriptor.h"

namespace containerd::oci {

template <class Message>
ocispec::Descriptor DescriptorFromProto(const Message& proto) {
  return {.media_type = proto.media_type(),
          .digest = proto.digest(),
          .size = proto.size(),
          .annotations = {proto.annotations().begin(), proto.annotations().end()}};
}

template <class Message>
Message DescriptorToProto(const ocispec::Descriptor& desc) {
  Message proto;
  proto.set_media_type(desc.media_type);
  proto.set_digest(desc.digest);
  proto.set_size(desc.size);
  for (const auto& [key, value] : desc.annotations) (*proto.mutable_annotations())[key] = value;
  return proto;
}

}  // namespace containerd::oci

#endif  // CONTAINERD_OCI_PROTO_H_
