// SPDX-License-Identifier: Apache-2.0
//
//   bench_raw <address> [callers calls]
//
// The floor: the generated stub alone, with gRPC's synchronous calls.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "containerd/services/version/v1/version.grpc.pb.h"

int main(int argc, char** argv) {
  namespace pb = containerd::services::version::v1;
  grpc::ChannelArguments args;
  args.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
  const auto stub = pb::Version::NewStub(
      grpc::CreateCustomChannel(std::string("unix://") + (argc > 1 ? argv[1] : ""),
                                grpc::InsecureChannelCredentials(), args));
  const auto call = [&stub] {
    grpc::ClientContext ctx;
    pb::VersionResponse response;
    const grpc::Status status = stub->Version(&ctx, google::protobuf::Empty(), &response);
    if (!status.ok()) std::_Exit(1);
    return response.version();
  };
  if (argc < 4) {
    std::cout << call() << "\n" << std::ifstream("/proc/self/status").rdbuf();
    return 0;
  }
  const int callers = std::atoi(argv[2]);
  const int calls = std::atoi(argv[3]) / callers;
  std::vector<std::thread> threads;
  for (int i = 0; i < callers; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < calls; ++j) call();
    });
  }
  for (std::thread& thread : threads) thread.join();
  return 0;
}
