// SPDX-License-Identifier: Apache-2.0
//
// Waiting for a moment without a thread, as between two attempts of a call.
#ifndef CONTAINERD_SRC_RPC_INTERNAL_SLEEP_H_
#define CONTAINERD_SRC_RPC_INTERNAL_SLEEP_H_

#include <functional>
#include <memory>

#include <absl/status/status.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"
#include "containerd/rpc/connection.h"

namespace containerd::rpc {

// Runs `done` once, on one of gRPC's threads: with OK after `delay`, with the context's error at
// its end if that comes first, with Canceled when the connection closes. Close waits for it.
void SleepAsync(const Context& ctx, const std::shared_ptr<Connection>& conn, absl::Duration delay,
                std::function<void(absl::Status)> done);

}  // namespace containerd::rpc

#endif  // CONTAINERD_SRC_RPC_INTERNAL_SLEEP_H_
