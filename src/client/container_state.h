// SPDX-License-Identifier: Apache-2.0
//
// What the copies of a Container share.
#ifndef CONTAINERD_SRC_CLIENT_CONTAINER_STATE_H_
#define CONTAINERD_SRC_CLIENT_CONTAINER_STATE_H_

#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "containerd/cio/cio.h"
#include "containerd/client.h"
#include "containerd/container.h"
#include "containerd/containers/containers.h"

namespace containerd {

struct Container::State {
  State(Client client_handle, containers::Container known)
      : client(std::move(client_handle)), id(known.id), record(std::move(known)) {}

  Client client;
  const std::string id;
  std::mutex mu;
  containers::Container record;          // as last seen
  std::shared_ptr<cio::IO> restored_io;  // of the task that Restore created
};

}  // namespace containerd

#endif  // CONTAINERD_SRC_CLIENT_CONTAINER_STATE_H_
