// SPDX-License-Identifier: Apache-2.0
//
// Mounts on the wire. For stores' proxies: it includes generated code.
#ifndef CONTAINERD_SRC_MOUNT_INTERNAL_PROTO_H_
#define CONTAINERD_SRC_MOUNT_INTERNAL_PROTO_H_

#include <string>
#include <vector>

#include "containerd/mount/mount.h"
#include "containerd/types/mount.pb.h"

namespace containerd::mount {

// Source: mount.ToProto.
inline containerd::types::Mount ToProto(const Mount& mount) {
  containerd::types::Mount proto;
  proto.set_type(mount.type);
  proto.set_source(mount.source);
  proto.set_target(mount.target);
  proto.mutable_options()->Assign(mount.options.begin(), mount.options.end());
  return proto;
}

// Source: mount.FromProto.
inline Mount FromProto(const containerd::types::Mount& proto) {
  return {.type = proto.type(),
          .source = proto.source(),
          .target = proto.target(),
          .options = {proto.options().begin(), proto.options().end()}};
}

inline std::vector<Mount> FromProto(
    const google::protobuf::RepeatedPtrField<containerd::types::Mount>& protos) {
  std::vector<Mount> mounts;
  mounts.reserve(static_cast<std::size_t>(protos.size()));
  for (const auto& proto : protos) mounts.push_back(FromProto(proto));
  return mounts;
}

// Fills a repeated field: ToProto(mounts, request.mutable_rootfs()).
inline void ToProto(const std::vector<Mount>& mounts,
                    google::protobuf::RepeatedPtrField<containerd::types::Mount>* protos) {
  protos->Clear();
  for (const Mount& mount : mounts) *protos->Add() = ToProto(mount);
}

}  // namespace containerd::mount

#endif  // CONTAINERD_SRC_MOUNT_INTERNAL_PROTO_H_
