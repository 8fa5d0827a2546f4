// SPDX-License-Identifier: Apache-2.0
//
// What daemons say that know no sandbox, or no sandboxes at all. Of those that do, see
// stores_test.cc and tests/support/sandbox_conformance.h.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/sandbox/sandbox.h"

#include "harness.h"

namespace containerd {
namespace {

TEST(SandboxServices, TheControllerDoesNotKnowTheSandbox) {
  CONTAINERD_REQUIRE_PLUGIN("io.containerd.grpc.v1", "sandboxes");
  const auto client = testing::SharedClient();
  const testing::TestNamespace ns(*client);
  const absl::Status s = client->SandboxController("shim")->Start(ns.ctx(), "missing").status();
  // The daemon gives this error no class.
  EXPECT_TRUE(errdefs::IsNotFound(s) || errdefs::IsUnknown(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), ::testing::HasSubstr("missing"));
}

TEST(SandboxServices, OldDaemonsSayThatTheyDoNotKnowThem) {
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
