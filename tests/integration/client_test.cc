// SPDX-License-Identifier: Apache-2.0
//
// The client against a daemon: connecting, its defaults, what the daemon says of itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/defaults/defaults.h"
#include "containerd/health/health.h"
#include "containerd/leases/leases.h"
#include "containerd/namespaces/store.h"
#include "containerd/platforms/platforms.h"
#include "containerd/specs/features.h"
#include "containerd/typeurl/typeurl.h"

#include "container_fixture.h"

namespace containerd::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

class ClientTest : public ::testing::Test {
 protected:
  const Context& ctx() const { return ns_.ctx(); }

  const std::shared_ptr<Client> client_ = SharedClient();
  const TestNamespace ns_{*client_};
};

TEST_F(ClientTest, NewClient) {
  auto client = Client::New(SharedAddress());
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_TRUE(*client->IsServing(ctx()));
  auto version = client->Version(ctx());
  ASSERT_TRUE(version.ok()) << version.status();
  EXPECT_THAT(version->version, Not(::testing::IsEmpty()));
  auto server = client->Server(ctx());
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(server->uuid.size(), 36U) << server->uuid;
  auto containers = client->Containers(ctx());
  ASSERT_TRUE(containers.ok()) << containers.status();
  EXPECT_TRUE(containers->empty());
  EXPECT_TRUE(client->Close().ok());
  EXPECT_TRUE(errdefs::IsUnavailable(client->Containers(ctx()).status()));
}

TEST_F(ClientTest, ClientReconnect) {
  auto client = Client::New(SharedAddress());
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_TRUE(client->Version(ctx()).ok());
  ASSERT_TRUE(client->Reconnect().ok());
  EXPECT_TRUE(client->Version(ctx()).ok());
  EXPECT_TRUE(client->Close().ok());
}

TEST_F(ClientTest, DefaultRuntimeWithNamespaceLabels) {
  ASSERT_TRUE(client_->NamespaceService()
                  ->Create(ctx(), ns_.name(), {{defaults::kDefaultRuntimeNSLabel, "testRuntime"}})
                  .ok());
  auto client = Client::New(SharedAddress(), {WithDefaultNamespace(ns_.name())});
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_EQ(client->Runtime(), "testRuntime");
  EXPECT_EQ(*client->GetLabel(ctx(), defaults::kDefaultRuntimeNSLabel), "testRuntime");
  EXPECT_EQ(*client->GetLabel(ctx(), "no/such"), "");

  auto told =
      Client::New(SharedAddress(), {WithDefaultNamespace(ns_.name()), WithDefaultRuntime("mine")});
  ASSERT_TRUE(told.ok());
  EXPECT_EQ(told->Runtime(), "mine");
  EXPECT_EQ(SharedClient()->Runtime(), defaults::kDefaultRuntime);
}

TEST_F(ClientTest, DefaultSnapshotterWithNamespaceLabels) {
  EXPECT_EQ(*client_->ResolveSnapshotterName(ctx(), ""), "overlayfs")
      << "a namespace that does not exist yet has no labels";
  ASSERT_TRUE(client_->NamespaceService()
                  ->Create(ctx(), ns_.name(), {{defaults::kDefaultSnapshotterNSLabel, "native"}})
                  .ok());
  EXPECT_EQ(*client_->ResolveSnapshotterName(ctx(), ""), "native");
  EXPECT_EQ(*client_->ResolveSnapshotterName(ctx(), "overlayfs"), "overlayfs");
}

TEST_F(ClientTest, RuntimeInfo) {
  auto info = client_->RuntimeInfo(ctx());
  if (errdefs::IsNotImplemented(info.status())) {
    GTEST_SKIP() << "the daemon does not tell of its runtimes: " << info.status();
  }
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->name, defaults::kDefaultRuntime);
  EXPECT_THAT(info->version.version, Not(::testing::IsEmpty()));
  auto features = typeurl::UnmarshalAny<specs::features::Features>(info->features);
  ASSERT_TRUE(features.ok()) << features.status();
  EXPECT_THAT(features->hooks, IsSupersetOf({"prestart", "poststart"}));

  EXPECT_FALSE(client_->RuntimeInfo(ctx(), "io.containerd.nosuch.v1").ok());
}

TEST_F(ClientTest, SnapshotterPlugins) {
  auto platforms = client_->GetSnapshotterSupportedPlatforms(ctx(), "overlayfs");
  ASSERT_TRUE(platforms.ok()) << platforms.status();
  EXPECT_TRUE((*platforms)->Match(platforms::DefaultSpec()));
  EXPECT_TRUE(client_->GetSnapshotterCapabilities(ctx(), "overlayfs").ok());
  const auto none = client_->GetSnapshotterCapabilities(ctx(), "nosuch");
  EXPECT_TRUE(errdefs::IsNotFound(none.status())) << none.status();
  EXPECT_THAT(std::string(errdefs::Message(none.status())), HasSubstr("nosuch"));
}

TEST_F(ClientTest, LeasesHoldForTheGuardsLife) {
  std::string id;
  {
    auto guard = client_->WithLease(ctx());
    ASSERT_TRUE(guard.ok()) << guard.status();
    ASSERT_TRUE(guard->lease().has_value());
    id = guard->lease()->id;
    EXPECT_EQ(guard->context().Lease(), id);
    auto inner = client_->WithLease(guard->context());
    ASSERT_TRUE(inner.ok());
    EXPECT_FALSE(inner->lease().has_value()) << "a context that has a lease keeps it";
    auto listed = client_->LeasesService()->List(ctx());
    ASSERT_TRUE(listed.ok());
    ASSERT_EQ(listed->size(), 1U);
    EXPECT_EQ(listed->front().id, id);
    EXPECT_TRUE(listed->front().labels.contains(leases::kLabelGCExpire));
  }
  EXPECT_TRUE(client_->LeasesService()->List(ctx())->empty());
}

TEST_F(ClientTest, InvalidNamesAreRefusedByName) {
  const Context bad = WithNamespace(Context::Background(), "not/valid");
  const auto containers = client_->Containers(bad);
  EXPECT_TRUE(errdefs::IsInvalidArgument(containers.status())) << containers.status();
  EXPECT_THAT(std::string(errdefs::Message(containers.status())), HasSubstr("not/valid"));

  const auto none = client_->Containers(Context::Background());
  EXPECT_TRUE(errdefs::IsFailedPrecondition(none.status())) << none.status();

  const auto filter = client_->Containers(ctx(), {"id=="});
  EXPECT_TRUE(errdefs::IsInvalidArgument(filter.status())) << filter.status();

  const auto missing = client_->LoadContainer(ctx(), "nosuch");
  EXPECT_TRUE(errdefs::IsNotFound(missing.status()));
  EXPECT_THAT(std::string(errdefs::Message(missing.status())), HasSubstr("nosuch"));

  const auto image = client_->GetImage(ctx(), "docker.io/library/nosuch:latest");
  EXPECT_TRUE(errdefs::IsNotFound(image.status()));
  EXPECT_THAT(std::string(errdefs::Message(image.status())), HasSubstr("nosuch"));
}

}  // namespace
}  // namespace containerd::testing
