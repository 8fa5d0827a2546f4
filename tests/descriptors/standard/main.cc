// SPDX-License-Identifier: Apache-2.0
//
// Starts with two definitions that the library has, too, under names of its own, and uses both: the
// program's health service answers the library's check, and its google.rpc.Status reads what the
// library's messages carry.
#include <iostream>
#include <memory>
#include <string>

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/error_details.h>

#include "containerd/context/context.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/health/health.h"
#include "containerd/rpc/connection.h"
#include "containerd/services/introspection/v1/introspection.pb.h"

#include "google/rpc/status.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace {

namespace pb = grpc::health::v1;

class Serving final : public pb::Health::Service {
  grpc::Status Check(grpc::ServerContext*, const pb::HealthCheckRequest* request,
                     pb::HealthCheckResponse* response) override {
    if (request->service() == "none") return {grpc::StatusCode::NOT_FOUND, "unknown service"};
    response->set_status(pb::HealthCheckResponse::SERVING);
    return grpc::Status::OK;
  }
};

int Fail(const std::string& what) {
  std::cerr << what << "\n";
  return 1;
}

}  // namespace

int main() {
  namespace health = containerd::health;
  Serving service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server || port == 0) return Fail("no server");
  const auto channel =
      grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials());

  grpc::ClientContext grpc_ctx;
  pb::HealthCheckResponse response;
  const grpc::Status own = pb::Health::NewStub(channel)->Check(&grpc_ctx, {}, &response);
  if (!own.ok() || response.status() != pb::HealthCheckResponse::SERVING) {
    return Fail("the program's stub: " + own.error_message());
  }

  const auto conn = std::make_shared<containerd::rpc::Connection>(channel);
  const auto checker = health::NewHealthService(conn);
  const containerd::Context ctx;
  const auto status = checker->Check(ctx, {.wait_for_ready = true});
  if (!status.ok()) return Fail(status.status().ToString());
  if (*status != health::ServingStatus::kServing) return Fail("the library reads another status");
  if (!containerd::errdefs::IsNotFound(checker->Check(ctx, {.service = "none"}).status())) {
    return Fail("an unknown service is not ErrNotFound");
  }

  // A status of the library's message in gRPC's error details, read as the program's.
  containerd::services::introspection::v1::Plugin plugin;
  plugin.mutable_init_err()->set_code(grpc::StatusCode::NOT_FOUND);
  plugin.mutable_init_err()->set_message("no such device");
  plugin.mutable_init_err()->add_details()->set_type_url("a.B");
  grpc::Status with_details;
  google::rpc::Status theirs;
  if (!grpc::SetErrorDetails(plugin.init_err(), &with_details).ok() ||
      !grpc::ExtractErrorDetails(with_details, &theirs).ok()) {
    return Fail("error details");
  }
  if (theirs.code() != grpc::StatusCode::NOT_FOUND || theirs.message() != "no such device" ||
      theirs.details_size() != 1 || theirs.details(0).type_url() != "a.B") {
    return Fail("google.rpc.Status reads: " + theirs.ShortDebugString());
  }
  conn->Close();
  server->Shutdown();
  std::cout << "both at once\n";
  return 0;
}
