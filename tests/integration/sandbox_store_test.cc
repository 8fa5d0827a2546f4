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

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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

TEST_F(SandboxTest, Store) {
  const sandbox::Sandbox made = SomeSandbox("one");
  auto stored = store_->Create(ctx(), made);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->id, "one");
  EXPECT_EQ(stored->labels, made.labels);
  EXPECT_EQ(stored->runtime.name, made.runtime.name);
  EXPECT_EQ(stored->spec, made.spec);
  EXPECT_EQ(stored->extensions, made.extensions);
  EXPECT_GT(stored->created_at, absl::InfinitePast());
  EXPECT_EQ(stored->created_at, stored->updated_at);

  auto again = store_->Create(ctx(), made);
  EXPECT_TRUE(errdefs::IsAlreadyExists(again.status())) << again.status();

  sandbox::Sandbox changed = made;
  changed.labels = {{"color", "red"}, {"size", "big"}};
  changed.spec = {.type_url = "other", .value = "x"};
  auto updated = store_->Update(ctx(), changed, {"labels.color"});
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(updated->labels, (Labels{{"color", "red"}}));
  EXPECT_EQ(updated->spec, made.spec);
  EXPECT_GE(updated->updated_at, stored->updated_at);

  auto got = store_->Get(ctx(), "one");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(*got, *updated);
  ASSERT_TRUE(store_->Create(ctx(), SomeSandbox("two")).ok());
  auto list = store_->List(ctx(), {"id==two"});
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->size(), 1U);
  EXPECT_EQ((*list)[0].id, "two");
  EXPECT_EQ(store_->List(ctx())->size(), 2U);

  EXPECT_TRUE(store_->Delete(ctx(), "one").ok());
  EXPECT_TRUE(store_->Delete(ctx(), "two").ok());
  const auto left = store_->List(ctx());
  ASSERT_TRUE(left.ok()) << left.status();
  EXPECT_THAT(*left, IsEmpty());
}

TEST_F(SandboxTest, StoreRefusesBadInput) {
  EXPECT_FALSE(store_->Create(ctx(), SomeSandbox("")).ok());
  const absl::Status invalid = store_->Create(ctx(), SomeSandbox("not/valid")).status();
  EXPECT_TRUE(errdefs::IsInvalidArgument(invalid)) << invalid;
  EXPECT_THAT(std::string(errdefs::Message(invalid)), HasSubstr("not/valid"));
  for (const absl::Status& s :
       {store_->Get(ctx(), "missing").status(),
        store_->Update(ctx(), SomeSandbox("missing")).status(), store_->Delete(ctx(), "missing")}) {
    EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
    EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("missing"));
  }
  EXPECT_FALSE(store_->List(ctx(), {"not a filter=="}).ok());
}

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
