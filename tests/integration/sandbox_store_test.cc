// SPDX-License-Identifier: Apache-2.0
//
// The sandbox store and controller of a real daemon.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/sandbox/sandbox.h"
#include "containerd/specs/spec.h"
#include "containerd/typeurl/typeurl.h"

#include "harness.h"

namespace containerd {
namespace {

using ::testing::HasSubstr;

class SandboxTest : public ::testing::Test {
 protected:
  void SetUp() override { CONTAINERD_REQUIRE_PLUGIN("io.containerd.grpc.v1", "sandboxes"); }

  Context ctx() const { return WithTimeout(ns_.ctx(), absl::Minutes(1)); }

  static sandbox::Sandbox SomeSandbox(const std::string& id) {
    sandbox::Sandbox sandbox{.id = id,
                             .labels = {{"color", "blue"}},
                             .runtime = {.name = "io.containerd.runc.v2"},
                             .spec = *typeurl::MarshalAny(specs::Spec{})};
    sandbox.AddExtension("test.ext", {.type_url = "u", .value = "v"});
    return sandbox;
  }

  const std::shared_ptr<Client> client_ = testing::SharedClient();
  const testing::TestNamespace ns_{*client_};
  const std::shared_ptr<sandbox::Store> store_ = client_->SandboxStore();
};

// The shim of runc may be a controller, for sandboxes without a process of their own.
TEST_F(SandboxTest, Controller) {
  // 1.7's has another name, and fails to publish the sandboxes that it made.
  CONTAINERD_REQUIRE_PLUGIN("io.containerd.sandbox.controller.v1", "shim");
  const std::string id = testing::UniqueName("pod");
  const auto controller = client_->SandboxController("shim");
  auto pod = store_->Create(ctx(), SomeSandbox(id));
  ASSERT_TRUE(pod.ok()) << pod.status();
  absl::Status s = controller->Create(ctx(), *pod, {sandbox::WithAnnotations({{"a", "b"}})});
  if (errdefs::IsNotImplemented(s)) GTEST_SKIP() << "the runtime has no sandboxes: " << s;
  ASSERT_TRUE(s.ok()) << s;
  const auto instance = controller->Start(ctx(), id);
  ASSERT_TRUE(instance.ok()) << instance.status();
  EXPECT_EQ(instance->sandbox_id, id);
  EXPECT_THAT(instance->address, HasSubstr("unix:"));
  EXPECT_GT(instance->version, 0U);

  const auto platform = controller->Platform(ctx(), id);
  ASSERT_TRUE(platform.ok()) << platform.status();
  EXPECT_EQ(platform->os, "linux");
  const auto status = controller->Status(ctx(), id, /*verbose=*/true);
  EXPECT_TRUE(status.ok()) << status.status();

  Future<sandbox::ExitStatus> exit = controller->Wait(ctx(), id);
  s = controller->Stop(ctx(), id, {sandbox::WithTimeout(absl::Seconds(5))});
  EXPECT_TRUE(s.ok()) << s;
  const auto exited = exit.Get(ctx());
  EXPECT_TRUE(exited.ok()) << exited.status();
  s = controller->Shutdown(ctx(), id);
  EXPECT_TRUE(s.ok()) << s;
  EXPECT_TRUE(store_->Delete(ctx(), id).ok());
}

TEST_F(SandboxTest, ControllerDoesNotKnowTheSandbox) {
  const absl::Status s = client_->SandboxController("shim")->Start(ctx(), "missing").status();
  // The daemon gives this error no class.
  EXPECT_TRUE(errdefs::IsNotFound(s) || errdefs::IsUnknown(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("missing"));
}

TEST(Sandboxes, OldDaemonsSayThatTheyDoNotKnowThem) {
  if (testing::HasPlugin("io.containerd.grpc.v1", "sandboxes")) {
    GTEST_SKIP() << "the daemon has a sandbox store";
  }
  const auto client = testing::SharedClient();
  const Context ctx = WithNamespace(Context::Background(), "x");
  EXPECT_TRUE(errdefs::IsNotImplemented(client->SandboxStore()->List(ctx).status()));
  EXPECT_TRUE(
      errdefs::IsNotImplemented(client->SandboxController("shim")->Start(ctx, "x").status()));
}

}  // namespace
}  // namespace containerd
