// SPDX-License-Identifier: Apache-2.0
#include "containerd/sandbox/sandbox.h"

#include <atomic>
#include <memory>

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/rpc/connection.h"
#include "containerd/services/sandbox/v1/sandbox.grpc.pb.h"
#include "containerd/services/sandbox/v1/sandbox_mock.grpc.pb.h"

#include "src/sandbox/internal/proto.h"

namespace containerd::sandbox {

// On a stub of the test's: defined beside the proxy, and declared nowhere else.
std::shared_ptr<Store> NewSandboxStore(
    std::shared_ptr<services::sandbox::v1::Store::StubInterface> stub);

std::shared_ptr<Controller> NewSandboxController(
    std::shared_ptr<services::sandbox::v1::Controller::StubInterface> stub, std::string sandboxer);

namespace {

namespace pb = ::containerd::services::sandbox::v1;
using ::testing::_;
using ::testing::DoAll;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Return;
using ::testing::SaveArg;
using ::testing::SetArgPointee;

Sandbox SomeSandbox() {
  return {.id = "pod",
          .labels = {{"a", "b"}},
          .runtime = {.name = "runc", .options = {.type_url = "u", .value = "v"}},
          .spec = {.type_url = "spec", .value = "{}"},
          .sandboxer = "shim",
          .created_at = absl::FromUnixSeconds(1),
          .updated_at = absl::FromUnixSeconds(2),
          .extensions = {{"ext", {.type_url = "e", .value = "x"}}}};
}

TEST(Sandbox, LabelsAndExtensions) {
  Sandbox sandbox{.id = "pod"};
  EXPECT_TRUE(errdefs::IsNotFound(sandbox.GetLabel("test").status()));
  sandbox.AddLabel("test", "1");
  EXPECT_EQ(*sandbox.GetLabel("test"), "1");
  const absl::Status missing = sandbox.GetExtension("ext").status();
  EXPECT_TRUE(errdefs::IsNotFound(missing));
  EXPECT_THAT(std::string(errdefs::Message(missing)), HasSubstr("ext"));
  sandbox.AddExtension("ext", {.type_url = "u", .value = "v"});
  EXPECT_EQ(sandbox.GetExtension("ext")->value, "v");
}

TEST(Sandbox, RoundTrip) {
  EXPECT_EQ(FromProto(ToProto(SomeSandbox())), SomeSandbox());
  EXPECT_EQ(FromProto(ToProto({})), Sandbox{});
  const types::Sandbox bare = ToProto({.id = "x"});
  EXPECT_FALSE(bare.has_spec());
  EXPECT_FALSE(bare.has_created_at());
  EXPECT_FALSE(bare.runtime().has_options());
}

TEST(Store, Calls) {
  auto stub = std::make_shared<pb::MockStoreStub>();
  const auto store = NewSandboxStore(stub);
  const Context ctx;

  pb::StoreCreateRequest create;
  pb::StoreCreateResponse created;
  *created.mutable_sandbox() = ToProto(SomeSandbox());
  EXPECT_CALL(*stub, Create(_, _, _))
      .WillOnce(DoAll(SaveArg<1>(&create), SetArgPointee<2>(created), Return(grpc::Status::OK)));
  EXPECT_EQ(*store->Create(ctx, SomeSandbox()), SomeSandbox());
  EXPECT_EQ(FromProto(create.sandbox()), SomeSandbox());

  pb::StoreUpdateRequest update;
  EXPECT_CALL(*stub, Update(_, _, _))
      .WillOnce(DoAll(SaveArg<1>(&update), Return(grpc::Status::OK)));
  EXPECT_TRUE(store->Update(ctx, SomeSandbox(), {"labels.a", "spec"}).ok());
  EXPECT_THAT(update.fields(), ElementsAre("labels.a", "spec"));

  EXPECT_CALL(*stub, Get(_, _, _))
      .WillOnce(Return(grpc::Status(grpc::StatusCode::NOT_FOUND, "not found")));
  const absl::Status missing = store->Get(ctx, "pod-7").status();
  EXPECT_TRUE(errdefs::IsNotFound(missing));
  EXPECT_THAT(std::string(errdefs::Message(missing)), HasSubstr("pod-7"));

  pb::StoreListRequest list;
  pb::StoreListResponse listed;
  *listed.add_list() = ToProto(SomeSandbox());
  EXPECT_CALL(*stub, List(_, _, _))
      .WillOnce(DoAll(SaveArg<1>(&list), SetArgPointee<2>(listed), Return(grpc::Status::OK)));
  EXPECT_THAT(*store->List(ctx, {"id==pod"}), ElementsAre(SomeSandbox()));
  EXPECT_THAT(list.filters(), ElementsAre("id==pod"));

  EXPECT_CALL(*stub, Delete(_, _, _))
      .WillOnce(Return(grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "unknown service")));
  EXPECT_TRUE(errdefs::IsNotImplemented(store->Delete(ctx, "pod")));
}

TEST(Controller, Calls) {
  auto stub = std::make_shared<pb::MockControllerStub>();
  const auto controller = NewSandboxController(stub, "podsandbox");
  const Context ctx;

  pb::ControllerCreateRequest create;
  EXPECT_CALL(*stub, Create(_, _, _))
      .WillOnce(DoAll(SaveArg<1>(&create), Return(grpc::Status::OK)));
  EXPECT_TRUE(controller
                  ->Create(ctx, SomeSandbox(),
                           {WithRootFS({{.type = "bind", .source = "/r"}}),
                            WithOptions({.type_url = "u", .value = "v"}),
                            WithNetNSPath("/run/netns/x"), WithAnnotations({{"k", "v"}})})
                  .ok());
  EXPECT_EQ(create.sandbox_id(), "pod");
  EXPECT_EQ(create.sandboxer(), "podsandbox");
  EXPECT_EQ(create.rootfs(0).source(), "/r");
  EXPECT_EQ(create.options().value(), "v");
  EXPECT_EQ(create.netns_path(), "/run/netns/x");
  EXPECT_EQ(create.annotations().at("k"), "v");
  EXPECT_EQ(create.sandbox().spec().type_url(), "spec");
  EXPECT_TRUE(errdefs::IsInvalidArgument(controller->Create(
      ctx, {}, {[](CreateOptions&) { return errdefs::InvalidArgument("bad option"); }})));

  pb::ControllerStartResponse started;
  started.set_pid(7);
  started.set_address("unix:///x");
  started.set_version(3);
  started.mutable_created_at()->set_seconds(4);
  (*started.mutable_labels())["a"] = "b";
  EXPECT_CALL(*stub, Start(_, _, _))
      .WillOnce(DoAll(SetArgPointee<2>(started), Return(grpc::Status::OK)));
  EXPECT_EQ(*controller->Start(ctx, "pod"),
            (ControllerInstance{.sandbox_id = "pod",
                                .pid = 7,
                                .created_at = absl::FromUnixSeconds(4),
                                .address = "unix:///x",
                                .version = 3,
                                .labels = {{"a", "b"}}}));

  pb::ControllerStopRequest stop;
  EXPECT_CALL(*stub, Stop(_, _, _))
      .WillRepeatedly(DoAll(SaveArg<1>(&stop), Return(grpc::Status::OK)));
  EXPECT_TRUE(controller->Stop(ctx, "pod", {WithTimeout(absl::Milliseconds(2900))}).ok());
  EXPECT_EQ(stop.timeout_secs(), 2U);
  EXPECT_TRUE(controller->Stop(ctx, "pod", {WithTimeout(-absl::Seconds(1))}).ok());
  EXPECT_EQ(stop.timeout_secs(), 0U);

  pb::ControllerPlatformResponse platform;
  platform.mutable_platform()->set_os("linux");
  EXPECT_CALL(*stub, Platform(_, _, _))
      .WillOnce(DoAll(SetArgPointee<2>(platform), Return(grpc::Status::OK)));
  EXPECT_EQ(controller->Platform(ctx, "pod")->os, "linux");

  pb::ControllerStatusRequest status_request;
  pb::ControllerStatusResponse status;
  status.set_state("SANDBOX_READY");
  EXPECT_CALL(*stub, Status(_, _, _))
      .WillOnce(
          DoAll(SaveArg<1>(&status_request), SetArgPointee<2>(status), Return(grpc::Status::OK)));
  EXPECT_EQ(controller->Status(ctx, "pod", true)->state, "SANDBOX_READY");
  EXPECT_TRUE(status_request.verbose());

  pb::ControllerMetricsResponse metrics;
  metrics.mutable_metrics()->set_id("pod");
  EXPECT_CALL(*stub, Metrics(_, _, _))
      .WillOnce(DoAll(SetArgPointee<2>(metrics), Return(grpc::Status::OK)));
  EXPECT_EQ(controller->Metrics(ctx, "pod")->id, "pod");

  pb::ControllerUpdateRequest update;
  EXPECT_CALL(*stub, Update(_, _, _))
      .WillOnce(DoAll(SaveArg<1>(&update), Return(grpc::Status::OK)));
  EXPECT_TRUE(controller->Update(ctx, "pod", SomeSandbox(), {"labels"}).ok());
  EXPECT_EQ(update.sandboxer(), "podsandbox");
  EXPECT_THAT(update.fields(), ElementsAre("labels"));

  EXPECT_CALL(*stub, Shutdown(_, _, _))
      .WillOnce(Return(grpc::Status(grpc::StatusCode::NOT_FOUND, "sandbox \"pod\": not found")));
  EXPECT_TRUE(errdefs::IsNotFound(controller->Shutdown(ctx, "pod")));
}

// Its Wait fails as often as it is told to, then gives an exit.
class FlakyController final : public pb::Controller::Service {
 public:
  FlakyController() {
    grpc::ServerBuilder builder;
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    conn = std::make_shared<rpc::Connection>(server_->InProcessChannel({}));
  }
  ~FlakyController() override {
    conn->Close();
    server_->Shutdown(std::chrono::system_clock::now());
  }

  std::shared_ptr<rpc::Connection> conn;
  std::atomic<int> failures = 0;
  std::atomic<int> calls = 0;

 private:
  grpc::Status Wait(grpc::ServerContext* /*ctx*/, const pb::ControllerWaitRequest* request,
                    pb::ControllerWaitResponse* response) override {
    ++calls;
    if (request->sandbox_id() == "missing") return {grpc::StatusCode::NOT_FOUND, "not found"};
    if (failures-- > 0) return {grpc::StatusCode::UNAVAILABLE, "restarting"};
    response->set_exit_status(5);
    return grpc::Status::OK;
  }

  std::unique_ptr<grpc::Server> server_;
};

TEST(Controller, WaitAsksAgain) {
  FlakyController daemon;
  const auto controller = NewSandboxController(daemon.conn, "");
  daemon.failures = 2;
  const auto exit = controller->Wait({}, "pod").Get({});
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->exit_status, 5U);
  EXPECT_EQ(daemon.calls, 3);

  const absl::Status missing = controller->Wait({}, "missing").Get({}).status();
  EXPECT_TRUE(errdefs::IsNotFound(missing)) << missing;
  EXPECT_EQ(daemon.calls, 4);
}

TEST(Controller, WaitEndsWithItsContext) {
  FlakyController daemon;
  const auto controller = NewSandboxController(daemon.conn, "");
  daemon.failures = 1'000'000;
  auto [ctx, cancel] = WithCancel(Context::Background());
  Future<ExitStatus> exit = controller->Wait(ctx, "pod");
  while (daemon.calls == 0) std::this_thread::yield();
  cancel();
  EXPECT_TRUE(errdefs::IsCanceled(exit.Get({}).status()));

  exit = controller->Wait(containerd::WithTimeout({}, absl::Milliseconds(50)), "pod");
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(exit.Get({}).status()));

  exit = controller->Wait({}, "pod");
  daemon.conn->Close();
  EXPECT_FALSE(exit.Get({}).ok());
}

}  // namespace
}  // namespace containerd::sandbox
