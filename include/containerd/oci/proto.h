// SPDX-License-Identifier: Apache-2.0
//
// Descriptors to and from the wire, which has media type, digest, size and annotations only.
#ifndef CONTAINERD_OCI_PROTO_H_
#define CONTAINERD_OCI_PROTO_H_

#include "containerd/ocispec/descriptor.h"

namespace containerd::types {
class Descriptor;
}

namespace containerd::oci {

ocispec::Descriptor DescriptorFromProto(const types::Descriptor& proto);
types::Descriptor DescriptorToProto(const ocispec::Descriptor& desc);

}  // namespace containerd::oci

#endif  // CONTAINERD_OCI_PROTO_H_
