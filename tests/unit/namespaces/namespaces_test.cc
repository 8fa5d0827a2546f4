// SPDX-License-Identifier: Apache-2.0
#include "containerd/namespaces/namespaces.h"

#include <cstdlib>
#include <optional>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/context/context.h"
#include "containerd/errdefs/errdefs.h"

namespace containerd::namespaces {
namespace {

using ::testing::StartsWith;

TEST(NamespacesTest, Context) {
  const Context ctx = Context::Background();
  EXPECT_EQ(Namespace(ctx), std::nullopt);
  EXPECT_EQ(Namespace(WithNamespace(ctx, "test")), "test");
  EXPECT_EQ(Namespace(WithNamespace(WithNamespace(ctx, "outer"), "inner")), "inner");
}

TEST(NamespacesTest, NamespaceFromEnv) {
  const struct {
    const char* value;
    const char* want;
  } kCases[] = {{"test-namespace", "test-namespace"}, {"", kDefault}, {nullptr, kDefault}};
  for (const auto& c : kCases) {
    if (c.value == nullptr) {
      unsetenv(kNamespaceEnvVar);  // NOLINT(concurrency-mt-unsafe)
    } else {
      setenv(kNamespaceEnvVar, c.value, 1);  // NOLINT(concurrency-mt-unsafe)
    }
    EXPECT_EQ(Namespace(NamespaceFromEnv(Context::Background())), c.want);
  }
}

TEST(NamespacesTest, NamespaceRequired) {
  const Context ctx = Context::Background();
  const absl::Status absent = NamespaceRequired(ctx).status();
  EXPECT_TRUE(errdefs::IsFailedPrecondition(absent)) << absent;
  EXPECT_EQ(absent.message(), "namespace is required");
  EXPECT_TRUE(errdefs::IsFailedPrecondition(NamespaceRequired(WithNamespace(ctx, "")).status()));

  const absl::Status invalid = NamespaceRequired(WithNamespace(ctx, "a/b")).status();
  EXPECT_TRUE(errdefs::IsInvalidArgument(invalid)) << invalid;
  EXPECT_THAT(std::string(invalid.message()),
              StartsWith("namespace validation: identifier \"a/b\" must match"));

  const absl::StatusOr<std::string> ns = NamespaceRequired(WithNamespace(ctx, "k8s.io"));
  ASSERT_TRUE(ns.ok()) << ns.status();
  EXPECT_EQ(*ns, "k8s.io");
}

}  // namespace
}  // namespace containerd::namespaces
