// SPDX-License-Identifier: Apache-2.0
//
// The digest of an image, once by a raw stub and once by the store.
#include <iostream>

#include <grpcpp/grpcpp.h>

#include "containerd/containerd.h"
#include "containerd/services/images/v1/images.grpc.pb.h"
#include "containerd/stubs.h"

#include "example.h"

using namespace containerd;  // NOLINT: an example is short

// The call as it was, on the client's connection: the context brings the namespace and the
// deadline.
absl::StatusOr<std::string> DigestByStub(const Context& ctx, const Client& client,
                                         const std::string& name) {
  namespace pb = containerd::services::images::v1;
  std::unique_ptr<pb::Images::Stub> stub = NewStub<pb::Images>(client);
  grpc::ClientContext grpc_ctx;
  if (absl::Status s = PrepareCall(ctx, client, &grpc_ctx); !s.ok()) return s;
  pb::GetImageRequest request;
  request.set_name(name);
  pb::GetImageResponse response;
  if (absl::Status s = FromGrpc(stub->Get(&grpc_ctx, request, &response)); !s.ok()) return s;
  return response.image().target().digest();
}

// The same from the store.
absl::StatusOr<std::string> DigestByStore(const Context& ctx, const Client& client,
                                          const std::string& name) {
  absl::StatusOr<images::Image> image = client.ImageService()->Get(ctx, name);
  if (!image.ok()) return image.status();
  return image->target.digest;
}

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: raw_stubs IMAGE\n";
    return 2;
  }
  const Context ctx = namespaces::NamespaceFromEnv(Context::Background());
  const std::string address = example::Env("CONTAINERD_ADDRESS", "/run/containerd/containerd.sock");
  absl::StatusOr<Client> client = Client::NewWithConn(
      grpc::CreateChannel("unix://" + address, grpc::InsecureChannelCredentials()));
  if (!client.ok()) {
    std::cerr << client.status() << "\n";
    return 1;
  }
  for (const auto& digest :
       {DigestByStub(ctx, *client, argv[1]), DigestByStore(ctx, *client, argv[1])}) {
    if (digest.ok()) {
      std::cout << *digest << "\n";
    } else if (errdefs::IsNotFound(digest.status())) {
      std::cout << "no such image\n";
    } else {
      std::cerr << digest.status() << "\n";
      return 1;
    }
  }
  return 0;
}
