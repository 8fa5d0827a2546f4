// SPDX-License-Identifier: Apache-2.0
//
// What the copies of a Container share.
#ifndef CONTAINERD_SRC_CLIENT_CONTAINER_STATE_H_
#define CONTAINERD_SRC_CLIENT_CONTAINER_STATE_H_

#include <memory>
#include <string>
#include <utility>

#include "containerd/client.h"
#include "containerd/container.h"
#include "containerd/containers/containers.h"

#include "src/base/mutex.h"

namespace containerd {

struct Container::State {
  State(const Client& client_handle, containers::Container known)
      : client(client_handle), id(known.id), record(std::move(known)) {}

  Client client;
  const std::string id;
  base::Mutex mu;
  containers::Container record ABSL_GUARDED_BY(mu);  // as last seen
};

}  // namespace containerd

#endif  // CONTAINERD_SRC_CLIENT_CONTAINER_STATE_H_
