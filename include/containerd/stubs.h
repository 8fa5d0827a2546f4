// SPDX-License-Identifier: Apache-2.0
//
// Raw gRPC stubs on a client's connection, for what the library has no function for.
//
//   #include "containerd/services/version/v1/version.grpc.pb.h"
//   using containerd::services::version::v1::Version;
//
//   std::unique_ptr<Version::Stub> stub = containerd::NewStub<Version>(client);
//   grpc::ClientContext grpc_ctx;
//   containerd::services::version::v1::VersionResponse response;
//   absl::Status s = containerd::PrepareCall(ctx, client, &grpc_ctx);
//   if (s.ok()) s = containerd::FromGrpc(stub->Version(&grpc_ctx, {}, &response));
//
// This header includes gRPC's; the generated ones are named after proto/.
#ifndef CONTAINERD_STUBS_H_
#define CONTAINERD_STUBS_H_

#include <memory>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include "containerd/client.h"
#include "containerd/export/export.h"

namespace containerd {

// A stub of `Service` on the client's current channel; nullptr after Close, and in a forked child.
// After a Reconnect, make a new one.
template <typename Service>
std::unique_ptr<typename Service::Stub> NewStub(const Client& client) {
  auto channel = client.Conn();
  return channel ? Service::NewStub(channel) : nullptr;
}

// Puts the context's deadline, namespace, lease and metadata into gRPC's context. Cancelling `ctx`
// does not reach the call: the caller holds `grpc_ctx` and has TryCancel.
CONTAINERD_EXPORT absl::Status PrepareCall(const Context& ctx, const Client& client,
                                           grpc::ClientContext* grpc_ctx);

// containerd's error for gRPC's.
CONTAINERD_EXPORT absl::Status FromGrpc(const grpc::Status& status);

}  // namespace containerd

#endif  // CONTAINERD_STUBS_H_
