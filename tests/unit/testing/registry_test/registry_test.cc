// SPDX-License-Identifier: Apache-2.0
#include "containerd/testing/registry_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/context/context.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/remotes/docker/resolver.h"
#include "containerd/testing/status.h"

namespace containerd::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ARegistry : public RegistryTest {};

TEST_F(ARegistry, ServesAndIsEmpty) {
  EXPECT_THAT(Ref("web:1"), StartsWith("127.0.0.1:"));
  const auto resolver = remotes::docker::NewResolver({});
  EXPECT_THAT(resolver->Resolve(Context::Background(), Ref("web:1")),
              StatusIs(errdefs::IsNotFound));
}

TEST_F(ARegistry, IsSharedButItsRepositoriesAreNot) {
  EXPECT_THAT(TestRegistry::Shared(), IsOkAndHolds(&registry()));
  struct Other final : RegistryTest {
    void TestBody() override {}
    using RegistryTest::Ref;
    using RegistryTest::SetUp;
  } other;
  other.SetUp();
  EXPECT_NE(other.Ref("web:1"), Ref("web:1"));
}

TEST_F(ARegistry, ThatDoesNotServeSaysWhy) {
  EXPECT_THAT(TestRegistry::Start({.http = "  secret: [\n"}),
              StatusIs(errdefs::IsUnavailable, HasSubstr("configuration error")));
}

}  // namespace
}  // namespace containerd::testing
