// SPDX-License-Identifier: Apache-2.0
//
// Containers in sandboxes, with the runc shim's own, which has no process. Of the sandboxes
// themselves, see tests/support/sandbox_conformance.h.
#include "containerd/sandbox/sandbox.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/typeurl/typeurl.h"

#include "container_fixture.h"
#include "harness.h"

namespace containerd::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kRuncV2[] = "io.containerd.runc.v2";

class PodTest : public ContainerTest {
 protected:
  absl::StatusOr<Sandbox> NewPod(const std::string& id, std::vector<NewSandboxOpts> opts = {}) {
    const Context spec_ctx = ctx();
    containers::Container container{.id = id};
    auto spec = oci::GenerateSpec(spec_ctx, nullptr, &container);
    if (!spec.ok()) return spec.status();
    opts.insert(opts.begin(), {WithSandboxRuntime(kRuncV2), WithSandboxSpec(*spec)});
    return client_->NewSandbox(ctx(), id, opts);
  }
};

// Of 1.7 there is a controller by another name, which fails to publish the sandboxes that it made,
// and leaves their shims behind.
#define REQUIRE_SANDBOXES() CONTAINERD_REQUIRE_PLUGIN("io.containerd.sandbox.controller.v1", "shim")

// The daemon knows sandboxes, but the runtime's shim has to know them too.
#define REQUIRE_POD(pod)                                                          \
  if (errdefs::IsNotImplemented((pod).status())) {                                \
    GTEST_SKIP() << "no sandboxes of " << kRuncV2 << " here: " << (pod).status(); \
  }                                                                               \
  ASSERT_TRUE((pod).ok()) << (pod).status()

TEST_F(PodTest, ContainersRunInIt) {
  REQUIRE_SANDBOXES();
  auto pod = NewPod(UniqueName("pod"));
  REQUIRE_POD(pod);
  const absl::Status started = pod->Start(ctx());
  ASSERT_TRUE(started.ok()) << started;

  const std::string id = Name();
  auto container = pod->NewContainer(
      ctx(), id,
      {WithNewSnapshot(id, *image_),
       WithNewSpec({oci::WithImageConfig(*image_), oci::WithProcessArgs({"echo", "in a pod"})})});
  ASSERT_TRUE(container.ok()) << container.status();
  EXPECT_EQ(container->Info(ctx())->sandbox_id, pod->ID());
  auto outcome = RunTask(*container);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->exit.ExitCode(), 0U);
  EXPECT_EQ(outcome->out, "in a pod\n");
  EXPECT_TRUE(container->Delete(ctx(), {WithSnapshotCleanup}).ok());
  EXPECT_TRUE(pod->Stop(ctx()).ok());
  EXPECT_TRUE(pod->Shutdown(ctx()).ok());
}

TEST_F(PodTest, OneThatCannotBeCreatedLeavesNoRecord) {
  REQUIRE_SANDBOXES();
  const std::string id = UniqueName("pod");
  const auto pod = NewPod(id, {WithSandboxRuntime("io.containerd.nosuch.v9")});
  ASSERT_FALSE(pod.ok());
  EXPECT_THAT(Text(pod.status()), HasSubstr(id));
  EXPECT_THAT(Text(pod.status()), HasSubstr("nosuch"));
  EXPECT_TRUE(errdefs::IsNotFound(client_->LoadSandbox(ctx(), id).status()));
}

TEST_F(PodTest, ADaemonWithoutSandboxesSaysSo) {
  if (HasPlugin("io.containerd.grpc.v1", "sandboxes")) GTEST_SKIP() << "the daemon has them";
  EXPECT_TRUE(errdefs::IsNotImplemented(NewPod("pod").status())) << NewPod("pod").status();
  EXPECT_TRUE(errdefs::IsNotImplemented(client_->LoadSandbox(ctx(), "pod").status()));
}

}  // namespace
}  // namespace containerd::testing
