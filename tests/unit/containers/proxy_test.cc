// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containers/containers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/services/containers/v1/containers.grpc.pb.h"
#include "containerd/services/containers/v1/containers_mock.grpc.pb.h"

#include "tests/support/proto.h"

namespace containerd::containers {

// On a stub of the test's: defined beside the proxy, and declared nowhere else.
std::shared_ptr<Store> NewContainerStore(
    std::shared_ptr<services::containers::v1::Containers::StubInterface> stub);

namespace {

namespace pb = ::containerd::services::containers::v1;
using ::containerd::testing::Answer;
using ::containerd::testing::EqualsProto;
using ::containerd::testing::Fail;
using ::containerd::testing::Stream;
using ::containerd::testing::Unset;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Return;
using ::testing::StrictMock;

// What a client says of a container, and what the daemon adds to it.
constexpr char kOurs[] = R"(
    id: "web"
    labels { key: "l" value: "1" }
    image: "docker.io/library/a:1"
    runtime {
      name: "io.containerd.runc.v2"
      options { type_url: "containerd.runc.v1.Options" value: "\010\001" }
    }
    spec { type_url: "types.containerd.io/spec" value: "{}" }
    snapshotter: "overlayfs"
    snapshot_key: "web-rootfs"
    extensions { key: "e" value { type_url: "t/E" value: "\000x" } }
    sandbox: "pod")";
constexpr char kDaemons[] = R"(
    created_at { seconds: 7 nanos: 8 }
    updated_at { seconds: 9 nanos: 10 })";

std::string Message(const std::string& fields) { return "container {" + fields + "}"; }

class RemoteContainersTest : public ::testing::Test {
 protected:
  const Context ctx_ = Context::Background();
  const std::shared_ptr<StrictMock<pb::MockContainersStub>> stub_ =
      std::make_shared<StrictMock<pb::MockContainersStub>>();
  const std::shared_ptr<Store> store_ = NewContainerStore(stub_);
  const std::string stored_ = Message(std::string(kOurs) + kDaemons);
  const Container web_{
      .id = "web",
      .labels = {{"l", "1"}},
      .image = "docker.io/library/a:1",
      .runtime = {.name = "io.containerd.runc.v2",
                  .options = {.type_url = "containerd.runc.v1.Options", .value = "\x08\x01"}},
      .spec = {.type_url = "types.containerd.io/spec", .value = "{}"},
      .snapshot_key = "web-rootfs",
      .snapshotter = "overlayfs",
      .created_at = absl::FromUnixSeconds(7) + absl::Nanoseconds(8),
      .updated_at = absl::FromUnixSeconds(9) + absl::Nanoseconds(10),
      .extensions = {{"e", {.type_url = "t/E", .value = std::string("\0x", 2)}}},
      .sandbox_id = "pod"};
};

TEST_F(RemoteContainersTest, Get) {
  ASSERT_THAT(Unset<pb::GetContainerResponse>(stored_), IsEmpty());
  EXPECT_CALL(*stub_, Get(_, EqualsProto(R"pb(id: "web")pb"), _))
      .WillOnce(Answer<pb::GetContainerResponse>(stored_));
  EXPECT_EQ(*store_->Get(ctx_, "web"), web_);
}

TEST_F(RemoteContainersTest, AnEmptyAnswerIsAnEmptyContainer) {
  EXPECT_CALL(*stub_, Get).WillOnce(Answer<pb::GetContainerResponse>());
  EXPECT_EQ(*store_->Get(ctx_, "web"), Container());
}

TEST_F(RemoteContainersTest, Create) {
  EXPECT_CALL(*stub_, Create(_, EqualsProto(Message(kOurs)), _))
      .WillOnce(Answer<pb::CreateContainerResponse>(stored_));
  EXPECT_EQ(*store_->Create(ctx_, web_), web_);
  // What is not there is not sent, rather than sent empty.
  EXPECT_CALL(*stub_, Create(_, EqualsProto(Message(R"(id: "min" runtime {})")), _))
      .WillOnce(Answer<pb::CreateContainerResponse>());
  EXPECT_TRUE(store_->Create(ctx_, {.id = "min"}).ok());
}

TEST_F(RemoteContainersTest, Update) {
  EXPECT_CALL(*stub_, Update(_, EqualsProto(Message(kOurs)), _))
      .WillOnce(Answer<pb::UpdateContainerResponse>(stored_));
  EXPECT_EQ(*store_->Update(ctx_, web_), web_);
  const std::string mask = R"(update_mask { paths: "labels.l" paths: "spec" })";
  EXPECT_CALL(*stub_, Update(_, EqualsProto(Message(kOurs) + mask), _))
      .WillOnce(Answer<pb::UpdateContainerResponse>(stored_));
  EXPECT_EQ(*store_->Update(ctx_, web_, {"labels.l", "spec"}), web_);
}

TEST_F(RemoteContainersTest, Delete) {
  EXPECT_CALL(*stub_, Delete(_, EqualsProto(R"pb(id: "web")pb"), _))
      .WillOnce(Answer<google::protobuf::Empty>());
  EXPECT_TRUE(store_->Delete(ctx_, "web").ok());
}

TEST_F(RemoteContainersTest, ListStreams) {
  EXPECT_CALL(*stub_, ListStreamRaw(_, EqualsProto(R"pb(filters: "id==web" filters: "id==b")pb")))
      .WillOnce(Return(Stream<pb::ListContainerMessage>({stored_, Message(R"(id: "b")")})));
  EXPECT_THAT(*store_->List(ctx_, {"id==web", "id==b"}), ElementsAre(web_, Container{.id = "b"}));
}

TEST_F(RemoteContainersTest, ListAsksWithoutAStreamWhereThereIsNone) {
  EXPECT_CALL(*stub_, ListStreamRaw)
      .WillOnce(Return(Stream<pb::ListContainerMessage>(
          {Message(R"(id: "dropped")")},
          grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "unknown method ListStream"))));
  EXPECT_CALL(*stub_, List(_, EqualsProto(R"pb(filters: "id==web")pb"), _))
      .WillOnce(
          Answer<pb::ListContainersResponse>("containers {" + std::string(kOurs) + kDaemons + "}"));
  EXPECT_THAT(*store_->List(ctx_, {"id==web"}), ElementsAre(web_));
}

TEST_F(RemoteContainersTest, ListReportsAStreamThatBreaks) {
  EXPECT_CALL(*stub_, ListStreamRaw)
      .WillOnce(Return(Stream<pb::ListContainerMessage>(
          {stored_}, grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone"))));
  EXPECT_EQ(store_->List(ctx_).status(), errdefs::Unavailable("list containers: gone"));
}

TEST_F(RemoteContainersTest, ErrorsKeepTheirClassAndNameTheContainer) {
  const auto gone = Fail(grpc::StatusCode::UNAVAILABLE, "refused");
  EXPECT_CALL(*stub_, Get)
      .WillOnce(Fail(grpc::StatusCode::NOT_FOUND,
                     "container \"web\" in namespace \"default\": not found"));
  EXPECT_CALL(*stub_, Create).WillOnce(gone);
  EXPECT_CALL(*stub_, Update).WillOnce(gone);
  EXPECT_CALL(*stub_, Delete).WillOnce(gone);
  EXPECT_EQ(store_->Get(ctx_, "web").status(),
            errdefs::NotFound("container \"web\" in namespace \"default\""));
  EXPECT_EQ(store_->Create(ctx_, web_).status(),
            errdefs::Unavailable("create container \"web\": refused"));
  EXPECT_EQ(store_->Update(ctx_, web_).status(),
            errdefs::Unavailable("update container \"web\": refused"));
  EXPECT_EQ(store_->Delete(ctx_, "web"), errdefs::Unavailable("delete container \"web\": refused"));
}

}  // namespace
}  // namespace containerd::containers
