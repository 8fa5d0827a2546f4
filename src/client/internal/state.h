// SPDX-License-Identifier: Apache-2.0
//
// What the copies of a Client share.
#ifndef CONTAINERD_SRC_CLIENT_INTERNAL_STATE_H_
#define CONTAINERD_SRC_CLIENT_INTERNAL_STATE_H_

#include <functional>
#include <memory>
#include <string>

#include <absl/status/statusor.h>

#include "containerd/client_opts.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/rpc/connection.h"
#include "containerd/services.h"
#include "containerd/unpack/keyed_locker.h"

#include "src/base/mutex.h"

namespace containerd::internal {

struct ClientState {
  ~ClientState() { conn->Close(); }

  ClientOptions options;
  // There is always one; without an address it has no channel.
  std::shared_ptr<rpc::Connection> conn;
  std::function<absl::StatusOr<std::shared_ptr<grpc::Channel>>(const Context&)> connector;
  // What WithServices put in the daemon's place.
  Services given;

  // What keeps concurrent pulls from doing the same thing.
  const std::shared_ptr<unpack::KeyedLocker> pulls = unpack::NewKeyedLocker();

  base::Mutex mu;
  Services made ABSL_GUARDED_BY(mu);          // the daemon's, each once it was asked for
  std::string runtime ABSL_GUARDED_BY(mu);    // once known
  std::string sandboxer ABSL_GUARDED_BY(mu);  // likewise
};

// ErrUnavailable once the connection is closed: for what would not ask the daemon.
CONTAINERD_SIBLING absl::Status CheckOpen(const rpc::Connection& conn);

}  // namespace containerd::internal

#endif  // CONTAINERD_SRC_CLIENT_INTERNAL_STATE_H_
