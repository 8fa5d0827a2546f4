// SPDX-License-Identifier: Apache-2.0
//
// What package oci sees of a client.
#ifndef CONTAINERD_SRC_CLIENT_OCI_CLIENT_H_
#define CONTAINERD_SRC_CLIENT_OCI_CLIENT_H_

#include <memory>
#include <string_view>
#include <utility>

#include "containerd/client.h"
#include "containerd/oci/oci.h"

namespace containerd::internal {

class OciClient final : public oci::Client {
 public:
  explicit OciClient(containerd::Client client) : client_(std::move(client)) {}

  std::shared_ptr<snapshots::Snapshotter> SnapshotService(std::string_view name) override {
    return client_.SnapshotService(name);
  }
  std::shared_ptr<mount::Manager> MountManager() override { return client_.MountManager(); }

 private:
  containerd::Client client_;
};

}  // namespace containerd::internal

#endif  // CONTAINERD_SRC_CLIENT_OCI_CLIENT_H_
