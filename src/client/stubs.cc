// SPDX-License-Identifier: Apache-2.0
#include "containerd/stubs.h"

#include "src/rpc/internal/call.h"

namespace containerd {

absl::Status PrepareCall(const Context& ctx, const Client& client, grpc::ClientContext* grpc_ctx) {
  return rpc::Prepare(ctx, client.Connection().get(), {}, grpc_ctx);
}

absl::Status FromGrpc(const grpc::Status& status) { return rpc::FromGrpc(status); }

}  // namespace containerd
