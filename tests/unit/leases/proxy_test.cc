// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/leases/leases.h"
#include "containerd/services/leases/v1/leases.grpc.pb.h"
#include "containerd/services/leases/v1/leases_mock.grpc.pb.h"

#include "tests/support/proto.h"

namespace containerd::leases {

// On a stub of the test's: defined beside the proxy, and declared nowhere else.
std::shared_ptr<Manager> NewLeaseManager(
    std::shared_ptr<services::leases::v1::Leases::StubInterface> stub);

namespace {

namespace pb = ::containerd::services::leases::v1;
using ::containerd::testing::Answer;
using ::containerd::testing::EqualsProto;
using ::containerd::testing::Fail;
using ::containerd::testing::Unset;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StrictMock;

class ProxyManagerTest : public ::testing::Test {
 protected:
  const Context ctx_ = Context::Background();
  const std::shared_ptr<StrictMock<pb::MockLeasesStub>> stub_ =
      std::make_shared<StrictMock<pb::MockLeasesStub>>();
  const std::shared_ptr<Manager> manager_ = NewLeaseManager(stub_);
  const Lease one_{.id = "one",
                   .created_at = absl::FromUnixSeconds(7) + absl::Nanoseconds(8),
                   .labels = {{"a", "b"}}};
};

TEST_F(ProxyManagerTest, Create) {
  const std::string request = R"(id: "one" labels { key: "a" value: "b" })";
  const std::string lease =
      R"(lease { id: "one" created_at { seconds: 7 nanos: 8 } labels { key: "a" value: "b" } })";
  ASSERT_THAT(Unset<pb::CreateRequest>(request), IsEmpty());
  ASSERT_THAT(Unset<pb::CreateResponse>(lease), IsEmpty());
  EXPECT_CALL(*stub_, Create(_, EqualsProto(request), _))
      .WillOnce(Answer<pb::CreateResponse>(lease));
  EXPECT_EQ(*manager_->Create(ctx_, {WithID("one"), WithLabel("a", "b")}), one_);
}

TEST_F(ProxyManagerTest, AFailingOptionEndsCreateBeforeTheCall) {
  const absl::Status s =
      manager_->Create(ctx_, {[](Lease*) { return errdefs::Aborted("no"); }}).status();
  EXPECT_EQ(s, errdefs::Aborted("no"));
}

TEST_F(ProxyManagerTest, Delete) {
  EXPECT_CALL(*stub_, Delete(_, EqualsProto(R"pb(id: "one")pb"), _))
      .WillOnce(Answer<google::protobuf::Empty>());
  EXPECT_TRUE(manager_->Delete(ctx_, one_).ok());
  EXPECT_CALL(*stub_, Delete(_, EqualsProto(R"pb(id: "one" sync: true)pb"), _))
      .WillOnce(Answer<google::protobuf::Empty>());
  EXPECT_TRUE(manager_->Delete(ctx_, one_, {SynchronousDelete}).ok());
  EXPECT_EQ(manager_->Delete(ctx_, one_, {[](const Context&, DeleteOptions*) {
                               return errdefs::Aborted("no");
                             }}),
            errdefs::Aborted("no"));
}

TEST_F(ProxyManagerTest, List) {
  EXPECT_CALL(*stub_, List(_, EqualsProto(R"pb(filters: "id==one" filters: "id==two")pb"), _))
      .WillOnce(Answer<pb::ListResponse>(
          R"(leases { id: "one" created_at { seconds: 7 nanos: 8 } labels { key: "a" value: "b" } }
             leases { id: "two" })"));
  EXPECT_THAT(*manager_->List(ctx_, {"id==one", "id==two"}),
              ElementsAre(one_, Lease{.id = "two", .created_at = absl::InfinitePast()}));
}

TEST_F(ProxyManagerTest, Resources) {
  const Resource resource{.id = "sha256:12", .type = "content"};
  const std::string request = R"(id: "one" resource { id: "sha256:12" type: "content" })";
  ASSERT_THAT(Unset<pb::AddResourceRequest>(request), IsEmpty());
  ASSERT_THAT(Unset<pb::DeleteResourceRequest>(request), IsEmpty());
  EXPECT_CALL(*stub_, AddResource(_, EqualsProto(request), _))
      .WillOnce(Answer<google::protobuf::Empty>());
  EXPECT_CALL(*stub_, DeleteResource(_, EqualsProto(request), _))
      .WillOnce(Answer<google::protobuf::Empty>());
  EXPECT_CALL(*stub_, ListResources(_, EqualsProto(R"pb(id: "one")pb"), _))
      .WillOnce(Answer<pb::ListResourcesResponse>(
          R"(resources { id: "sha256:12" type: "content" } resources { id: "k" type: "ingests" })"));
  EXPECT_TRUE(manager_->AddResource(ctx_, one_, resource).ok());
  EXPECT_TRUE(manager_->DeleteResource(ctx_, one_, resource).ok());
  EXPECT_THAT(*manager_->ListResources(ctx_, one_),
              ElementsAre(resource, Resource{.id = "k", .type = "ingests"}));
}

TEST_F(ProxyManagerTest, ErrorsKeepTheirClassAndNameTheLease) {
  const auto gone = Fail(grpc::StatusCode::UNAVAILABLE, "connection refused");
  EXPECT_CALL(*stub_, Create).WillOnce(gone);
  EXPECT_CALL(*stub_, Delete)
      .WillOnce(Fail(grpc::StatusCode::NOT_FOUND, "lease \"one\": not found"));
  EXPECT_CALL(*stub_, List).WillOnce(gone);
  EXPECT_CALL(*stub_, AddResource).WillOnce(gone);
  EXPECT_CALL(*stub_, DeleteResource).WillOnce(gone);
  EXPECT_CALL(*stub_, ListResources).WillOnce(gone);
  EXPECT_EQ(manager_->Create(ctx_, {WithID("one")}).status(),
            errdefs::Unavailable("create lease \"one\": connection refused"));
  EXPECT_EQ(manager_->Delete(ctx_, one_), errdefs::NotFound("lease \"one\""));
  EXPECT_EQ(manager_->List(ctx_).status(), errdefs::Unavailable("list leases: connection refused"));
  EXPECT_EQ(manager_->AddResource(ctx_, one_, {}),
            errdefs::Unavailable("add resource to lease \"one\": connection refused"));
  EXPECT_EQ(manager_->DeleteResource(ctx_, one_, {}),
            errdefs::Unavailable("delete resource from lease \"one\": connection refused"));
  EXPECT_EQ(manager_->ListResources(ctx_, one_).status(),
            errdefs::Unavailable("list resources of lease \"one\": connection refused"));
}

}  // namespace
}  // namespace containerd::leases
