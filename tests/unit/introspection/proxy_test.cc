// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/introspection/introspection.h"
#include "containerd/services/introspection/v1/introspection.grpc.pb.h"
#include "containerd/services/introspection/v1/introspection_mock.grpc.pb.h"

#include "tests/support/proto.h"

namespace containerd::introspection {

// On a stub of the test's: defined beside the proxy, and declared nowhere else.
std::shared_ptr<Service> NewIntrospectionService(
    std::shared_ptr<services::introspection::v1::Introspection::StubInterface> stub);

namespace {

namespace pb = ::containerd::services::introspection::v1;
using ::containerd::testing::Answer;
using ::containerd::testing::EqualsProto;
using ::containerd::testing::Fail;
using ::containerd::testing::Unset;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StrictMock;

constexpr char kPluginFields[] = R"({
    type: "io.containerd.snapshotter.v1"
    id: "zfs"
    requires: "a"
    requires: "b"
    platforms {
      os: "linux" architecture: "arm64" variant: "v8" os_version: "6" os_features: "f"
    }
    exports { key: "root" value: "/r" }
    capabilities: "rebase"
    init_err { code: 2 message: "skip plugin" details { type_url: "t" } }
  })";

class IntrospectionRemoteTest : public ::testing::Test {
 protected:
  const Context ctx_ = Context::Background();
  const std::shared_ptr<StrictMock<pb::MockIntrospectionStub>> stub_ =
      std::make_shared<StrictMock<pb::MockIntrospectionStub>>();
  const std::shared_ptr<Service> service_ = NewIntrospectionService(stub_);
  const Plugin zfs_{.type = "io.containerd.snapshotter.v1",
                    .id = "zfs",
                    .requires_ = {"a", "b"},
                    .platforms = {{.architecture = "arm64",
                                   .os = "linux",
                                   .os_version = "6",
                                   .os_features = {"f"},
                                   .variant = "v8"}},
                    .exports = {{"root", "/r"}},
                    .capabilities = {"rebase"},
                    .init_err = errdefs::Unknown("skip plugin")};
};

TEST_F(IntrospectionRemoteTest, Plugins) {
  const std::string response = "plugins " + std::string(kPluginFields);
  ASSERT_THAT(Unset<pb::PluginsResponse>(response), IsEmpty());
  EXPECT_CALL(*stub_, Plugins(_, EqualsProto(R"pb(filters: "id==zfs" filters: "id==x")pb"), _))
      .WillOnce(Answer<pb::PluginsResponse>(response + R"(plugins { id: "x" })"));
  EXPECT_THAT(*service_->Plugins(ctx_, {"id==zfs", "id==x"}), ElementsAre(zfs_, Plugin{.id = "x"}));
}

TEST_F(IntrospectionRemoteTest, Server) {
  const std::string response = R"(
      uuid: "u" pid: 12 pidns: 4026531836
      deprecations { id: "d" message: "m" last_occurrence { seconds: 7 nanos: 8 } })";
  ASSERT_THAT(Unset<pb::ServerResponse>(response), IsEmpty());
  EXPECT_CALL(*stub_, Server).WillOnce(Answer<pb::ServerResponse>(response));
  EXPECT_EQ(*service_->Server(ctx_),
            (ServerResponse{.uuid = "u",
                            .pid = 12,
                            .pidns = 4026531836,
                            .deprecations = {{.id = "d",
                                              .message = "m",
                                              .last_occurrence = absl::FromUnixSeconds(7) +
                                                                 absl::Nanoseconds(8)}}}));
}

TEST_F(IntrospectionRemoteTest, PluginInfo) {
  const std::string request =
      R"(type: "t" id: "i" options { type_url: "containerd.types.RuntimeRequest" value: "x" })";
  const std::string response =
      "plugin " + std::string(kPluginFields) + R"( extra { type_url: "e" value: "y" })";
  ASSERT_THAT(Unset<pb::PluginInfoRequest>(request), IsEmpty());
  ASSERT_THAT(Unset<pb::PluginInfoResponse>(response), IsEmpty());
  EXPECT_CALL(*stub_, PluginInfo(_, EqualsProto(request), _))
      .WillOnce(Answer<pb::PluginInfoResponse>(response));
  EXPECT_EQ(*service_->PluginInfo(ctx_, "t", "i",
                                  {.type_url = "containerd.types.RuntimeRequest", .value = "x"}),
            (PluginInfoResponse{.plugin = zfs_, .extra = {.type_url = "e", .value = "y"}}));
  EXPECT_CALL(*stub_, PluginInfo(_, EqualsProto(R"pb(type: "t" id: "i")pb"), _))
      .WillOnce(Answer<pb::PluginInfoResponse>());
  EXPECT_EQ(*service_->PluginInfo(ctx_, "t", "i"), PluginInfoResponse());
}

TEST_F(IntrospectionRemoteTest, Errors) {
  const auto gone = Fail(grpc::StatusCode::UNAVAILABLE, "refused");
  EXPECT_CALL(*stub_, Plugins).WillOnce(gone);
  EXPECT_CALL(*stub_, Server).WillOnce(gone);
  EXPECT_CALL(*stub_, PluginInfo).WillOnce(Fail(grpc::StatusCode::UNIMPLEMENTED, "unknown method"));
  EXPECT_EQ(service_->Plugins(ctx_).status(), errdefs::Unavailable("list plugins: refused"));
  EXPECT_EQ(service_->Server(ctx_).status(), errdefs::Unavailable("server information: refused"));
  EXPECT_EQ(service_->PluginInfo(ctx_, "t", "i").status(),
            errdefs::NotImplemented("information on plugin \"t.i\": unknown method"));
}

}  // namespace
}  // namespace containerd::introspection
