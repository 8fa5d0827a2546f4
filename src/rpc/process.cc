// SPDX-License-Identifier: Apache-2.0
#include "src/rpc/internal/process.h"

#include "src/threads/internal/forked.h"

namespace containerd::rpc {

absl::Status ClaimGrpc() {
  static const threads::Owner first;
  return first.Check("gRPC, which a client was made with,");
}

}  // namespace containerd::rpc
