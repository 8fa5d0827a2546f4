// SPDX-License-Identifier: Apache-2.0
#include "containerd/mount/manager.h"

#include <memory>

#include <gmock/gmock.h>
#include <grpcpp/test/mock_stream.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/services/mounts/v1/mounts.grpc.pb.h"
#include "containerd/services/mounts/v1/mounts_mock.grpc.pb.h"

namespace containerd::mount {

// On a stub of the test's: defined beside the proxy, and declared nowhere else.
std::shared_ptr<Manager> NewMountManager(
    std::shared_ptr<services::mounts::v1::Mounts::StubInterface> stub);

namespace {

namespace pb = ::containerd::services::mounts::v1;
using ::testing::_;
using ::testing::DoAll;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Return;
using ::testing::SaveArg;
using ::testing::SetArgPointee;

class ManagerTest : public testing::Test {
 protected:
  std::shared_ptr<pb::MockMountsStub> stub_ = std::make_shared<pb::MockMountsStub>();
  std::shared_ptr<Manager> manager_ = NewMountManager(stub_);
  Context ctx_ = WithNamespace(Context::Background(), "test");
};

types::ActivationInfo SomeInfo() {
  types::ActivationInfo info;
  info.set_name("one");
  types::ActiveMount* active = info.add_active();
  active->mutable_mount()->set_type("loop");
  active->mutable_mounted_at()->set_seconds(5);
  active->set_mount_point("/run/1");
  (*active->mutable_data())["k"] = "v";
  info.add_active()->mutable_mount()->set_source("x");
  info.add_system()->set_type("bind");
  (*info.mutable_labels())["a"] = "b";
  return info;
}

TEST_F(ManagerTest, Activate) {
  pb::ActivateRequest request;
  pb::ActivateResponse response;
  *response.mutable_info() = SomeInfo();
  EXPECT_CALL(*stub_, Activate(_, _, _))
      .WillOnce(DoAll(SaveArg<1>(&request), SetArgPointee<2>(response), Return(grpc::Status::OK)));
  const auto info =
      manager_->Activate(ctx_, "one", {{.type = "loop", .source = "/image", .options = {"ro"}}},
                         {WithTemporary, WithLabels({{"a", "b"}}), WithAllowMountType("x/*")});
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(request.name(), "one");
  EXPECT_TRUE(request.temporary());
  EXPECT_EQ(request.labels().at("a"), "b");
  ASSERT_EQ(request.mounts_size(), 1);
  EXPECT_EQ(request.mounts(0).source(), "/image");
  EXPECT_THAT(request.mounts(0).options(), ElementsAre("ro"));
  EXPECT_EQ(*info, (ActivationInfo{
                       .name = "one",
                       .active = {{.mount = {.type = "loop"},
                                   .mounted_at = absl::FromUnixSeconds(5),
                                   .mount_point = "/run/1",
                                   .mount_data = {{"k", "v"}}},
                                  {.mount = {.source = "x"}}},
                       .system = {{.type = "bind"}},
                       .labels = {{"a", "b"}},
                   }));
}

TEST_F(ManagerTest, UpdateSendsBackWhatItGot) {
  pb::InfoResponse got;
  *got.mutable_info() = SomeInfo();
  EXPECT_CALL(*stub_, Info(_, _, _))
      .WillOnce(DoAll(SetArgPointee<2>(got), Return(grpc::Status::OK)));
  const auto info = manager_->Info(ctx_, "one");
  ASSERT_TRUE(info.ok());

  pb::UpdateRequest request;
  EXPECT_CALL(*stub_, Update(_, _, _))
      .WillOnce(DoAll(SaveArg<1>(&request), Return(grpc::Status::OK)));
  ASSERT_TRUE(manager_->Update(ctx_, *info, {"labels"}).ok());
  EXPECT_THAT(request.update_mask().paths(), ElementsAre("labels"));
  EXPECT_EQ(request.info().SerializeAsString(), SomeInfo().SerializeAsString());
}

TEST_F(ManagerTest, ErrorsNameTheActivation) {
  EXPECT_CALL(*stub_, Deactivate(_, _, _))
      .WillOnce(Return(grpc::Status(grpc::StatusCode::NOT_FOUND, "not found")));
  const absl::Status s = manager_->Deactivate(ctx_, "one");
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("one"));
}

TEST_F(ManagerTest, List) {
  auto* reader = new grpc::testing::MockClientReader<pb::ListMessage>;
  pb::ListMessage message;
  *message.mutable_info() = SomeInfo();
  EXPECT_CALL(*reader, Read(_))
      .WillOnce(DoAll(SetArgPointee<0>(message), Return(true)))
      .WillOnce(Return(false));
  EXPECT_CALL(*reader, Finish()).WillOnce(Return(grpc::Status::OK));
  pb::ListRequest request;
  EXPECT_CALL(*stub_, ListRaw(_, _)).WillOnce(DoAll(SaveArg<1>(&request), Return(reader)));
  const auto list = manager_->List(ctx_, {"name==one"});
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->size(), 1U);
  EXPECT_EQ((*list)[0].name, "one");
  EXPECT_THAT(request.filters(), ElementsAre("name==one"));

  auto* refused = new grpc::testing::MockClientReader<pb::ListMessage>;
  EXPECT_CALL(*refused, Read(_)).WillOnce(Return(false));
  EXPECT_CALL(*refused, Finish())
      .WillOnce(Return(grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "unknown service")));
  EXPECT_CALL(*stub_, ListRaw(_, _)).WillOnce(Return(refused));
  EXPECT_TRUE(errdefs::IsNotImplemented(manager_->List(ctx_).status()));
}

}  // namespace
}  // namespace containerd::mount
