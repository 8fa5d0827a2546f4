// SPDX-License-Identifier: Apache-2.0
//
// The program's stubs and the library's in one process: a server of the program's classes answers
// the library's calls, and events go to and fro.
#include <iostream>
#include <memory>
#include <string>

#include <grpcpp/grpcpp.h>

#include "containerd/context/context.h"
#include "containerd/events/events.h"
#include "containerd/events/task.pb.h"
#include "containerd/rpc/connection.h"
#include "containerd/services/events/v1/events.grpc.pb.h"
#include "containerd/services/version/v1/version.grpc.pb.h"
#include "containerd/typeurl/typeurl.h"
#include "containerd/version/version.h"

#include "library.h"

namespace {

namespace version_pb = containerd::services::version::v1;
namespace events_pb = containerd::services::events::v1;

class VersionServer final : public version_pb::Version::Service {
  grpc::Status Version(grpc::ServerContext*, const google::protobuf::Empty*,
                       version_pb::VersionResponse* response) override {
    response->set_version("9.9");
    return grpc::Status::OK;
  }
};

class EventsServer final : public events_pb::Events::Service {
 public:
  google::protobuf::Any published;

 private:
  grpc::Status Publish(grpc::ServerContext*, const events_pb::PublishRequest* request,
                       google::protobuf::Empty*) override {
    published = request->event();
    return grpc::Status::OK;
  }
};

int Fail(const std::string& what) {
  std::cerr << what << "\n";
  return 1;
}

}  // namespace

int main() {
  VersionServer version;
  EventsServer events;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&version);
  builder.RegisterService(&events);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server || port == 0) return Fail("no server");
  const auto channel =
      grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials());
  const auto conn = std::make_shared<containerd::rpc::Connection>(channel, "program");
  const containerd::Context ctx;

  // The same call by the program's stub and by the library's.
  grpc::ClientContext grpc_ctx;
  grpc_ctx.set_wait_for_ready(true);
  version_pb::VersionResponse response;
  const grpc::Status own = version_pb::Version::NewStub(channel)->Version(&grpc_ctx, {}, &response);
  if (!own.ok() || response.version() != "9.9") return Fail("the program's stub");
  const auto info = containerd::version::NewVersionService(conn)->Version(ctx);
  if (!info.ok()) return Fail(info.status().ToString());
  if (info->version != "9.9") return Fail("the library reads another version");

  // A message of the library's goes by containerd's name, and is the program's at the other end.
  const auto packed = PackExit("c1");
  if (!packed.ok()) return Fail(packed.status().ToString());
  if (NameOfExit() != "containerd.events.own.TaskExit") return Fail("it is " + NameOfExit());
  const absl::Status published =
      containerd::events::NewEventService(conn)->Publish(ctx, "/tasks/exit", *packed);
  if (!published.ok()) return Fail(published.ToString());
  if (events.published.type_url() != "containerd.events.TaskExit") {
    return Fail("published as " + events.published.type_url());
  }
  containerd::events::TaskExit exit;
  if (!exit.ParseFromString(events.published.value()) || exit.container_id() != "c1") {
    return Fail("the program reads another exit");
  }

  // And the other way round.
  exit.set_container_id("c2");
  const auto any = containerd::typeurl::MarshalAny(exit);
  if (!any.ok()) return Fail(any.status().ToString());
  if (any->type_url != "containerd.events.TaskExit") return Fail("packed as " + any->type_url);
  const auto id = UnpackExit(*any);
  if (!id.ok()) return Fail(id.status().ToString());
  if (*id != "c2") return Fail("the library reads another exit");
  const auto back = containerd::typeurl::UnmarshalAny<containerd::events::TaskExit>(*packed);
  if (!back.ok() || back->container_id() != "c1") return Fail("the program cannot unpack");

  conn->Close();
  server->Shutdown();
  std::cout << "both stubs at once\n";
  return 0;
}
