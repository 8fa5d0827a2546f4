// SPDX-License-Identifier: Apache-2.0
//
// gRPC in a process that forks: it works in the one that began to use it, and in no child of that.
#ifndef CONTAINERD_SRC_RPC_INTERNAL_PROCESS_H_
#define CONTAINERD_SRC_RPC_INTERNAL_PROCESS_H_

#include <absl/status/status.h>

#include "containerd/export/export.h"

namespace containerd::rpc {

// To be asked before a channel is made. ErrFailedPrecondition if a process that this one was forked
// from has asked already.
CONTAINERD_SIBLING absl::Status ClaimGrpc();

}  // namespace containerd::rpc

#endif  // CONTAINERD_SRC_RPC_INTERNAL_PROCESS_H_
