// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/namespaces/store.h"
#include "containerd/services/namespaces/v1/namespaces.grpc.pb.h"
#include "containerd/services/namespaces/v1/namespaces_mock.grpc.pb.h"

#include "tests/support/proto.h"

namespace containerd::namespaces {

// On a stub of the test's: defined beside the proxy, and declared nowhere else.
std::shared_ptr<Store> NewNamespaceStore(
    std::shared_ptr<services::namespaces::v1::Namespaces::StubInterface> stub);

namespace {

namespace pb = ::containerd::services::namespaces::v1;
using ::containerd::testing::Answer;
using ::containerd::testing::EqualsProto;
using ::containerd::testing::Fail;
using ::containerd::testing::Unset;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StrictMock;

class RemoteNamespacesTest : public ::testing::Test {
 protected:
  const Context ctx_ = Context::Background();
  const std::shared_ptr<StrictMock<pb::MockNamespacesStub>> stub_ =
      std::make_shared<StrictMock<pb::MockNamespacesStub>>();
  const std::shared_ptr<Store> store_ = NewNamespaceStore(stub_);
};

TEST_F(RemoteNamespacesTest, CreateAndLabels) {
  const std::string ns = R"(namespace { name: "a" labels { key: "l" value: "1" } })";
  ASSERT_THAT(Unset<pb::CreateNamespaceRequest>(ns), IsEmpty());
  EXPECT_CALL(*stub_, Create(_, EqualsProto(ns), _))
      .WillOnce(Answer<pb::CreateNamespaceResponse>(ns));
  EXPECT_TRUE(store_->Create(ctx_, "a", {{"l", "1"}}).ok());
  EXPECT_CALL(*stub_, Create(_, EqualsProto(R"pb(namespace { name: "b" })pb"), _))
      .WillOnce(Answer<pb::CreateNamespaceResponse>(ns));
  EXPECT_TRUE(store_->Create(ctx_, "b").ok());
  EXPECT_CALL(*stub_, Get(_, EqualsProto(R"pb(name: "a")pb"), _))
      .WillOnce(Answer<pb::GetNamespaceResponse>(ns));
  EXPECT_EQ(*store_->Labels(ctx_, "a"), (containerd::Labels{{"l", "1"}}));
}

TEST_F(RemoteNamespacesTest, SetLabel) {
  const std::string request =
      R"(namespace { name: "a" labels { key: "x.y/z" value: "1" } }
         update_mask { paths: "labels.x.y/z" })";
  ASSERT_THAT(Unset<pb::UpdateNamespaceRequest>(request), IsEmpty());
  EXPECT_CALL(*stub_, Update(_, EqualsProto(request), _))
      .WillOnce(Answer<pb::UpdateNamespaceResponse>());
  EXPECT_TRUE(store_->SetLabel(ctx_, "a", "x.y/z", "1").ok());
}

TEST_F(RemoteNamespacesTest, List) {
  EXPECT_CALL(*stub_, List(_, EqualsProto(""), _))
      .WillOnce(Answer<pb::ListNamespacesResponse>(
          R"(namespaces { name: "a" labels { key: "l" value: "1" } } namespaces { name: "b" })"));
  EXPECT_THAT(*store_->List(ctx_), ElementsAre("a", "b"));
}

TEST_F(RemoteNamespacesTest, Delete) {
  std::vector<std::string> seen;
  const DeleteOpts note = [&](const Context&, DeleteInfo* info) {
    seen.push_back(info->name);
    return absl::OkStatus();
  };
  EXPECT_CALL(*stub_, Delete(_, EqualsProto(R"pb(name: "a")pb"), _))
      .WillOnce(Answer<google::protobuf::Empty>());
  EXPECT_TRUE(store_->Delete(ctx_, "a", {note}).ok());
  EXPECT_EQ(
      store_->Delete(ctx_, "b",
                     {note, [](const Context&, DeleteInfo*) { return errdefs::Aborted("no"); }}),
      errdefs::Aborted("no"));
  EXPECT_THAT(seen, ElementsAre("a", "b"));
}

TEST_F(RemoteNamespacesTest, ErrorsKeepTheirClassAndNameTheNamespace) {
  const auto gone = Fail(grpc::StatusCode::UNAVAILABLE, "refused");
  EXPECT_CALL(*stub_, Create)
      .WillOnce(Fail(grpc::StatusCode::ALREADY_EXISTS, "namespace \"a\": already exists"));
  EXPECT_CALL(*stub_, Get).WillOnce(gone);
  EXPECT_CALL(*stub_, Update).WillOnce(gone);
  EXPECT_CALL(*stub_, List).WillOnce(gone);
  EXPECT_CALL(*stub_, Delete).WillOnce(gone);
  EXPECT_EQ(store_->Create(ctx_, "a"), errdefs::AlreadyExists("namespace \"a\""));
  EXPECT_EQ(store_->Labels(ctx_, "a").status(),
            errdefs::Unavailable("labels of namespace \"a\": refused"));
  EXPECT_EQ(store_->SetLabel(ctx_, "a", "k", "v"),
            errdefs::Unavailable("label namespace \"a\": refused"));
  EXPECT_EQ(store_->List(ctx_).status(), errdefs::Unavailable("list namespaces: refused"));
  EXPECT_EQ(store_->Delete(ctx_, "a"), errdefs::Unavailable("delete namespace \"a\": refused"));
}

}  // namespace
}  // namespace containerd::namespaces
