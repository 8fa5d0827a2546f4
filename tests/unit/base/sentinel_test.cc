// SPDX-License-Identifier: Apache-2.0
#include "src/base/sentinel.h"

#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::base {
namespace {

constexpr auto kCode = absl::StatusCode::kNotFound;

TEST(SentinelTest, SaysWholeWords) {
  EXPECT_TRUE(Says(errdefs::NotFound("no users"), kCode, "no users"));
  EXPECT_TRUE(Says(errdefs::NotFound("no users: of that id"), kCode, "no users"));
  EXPECT_TRUE(Says(errdefs::NotFound("no users of that id"), kCode, "no users"));
  EXPECT_TRUE(
      Says(errdefs::Annotate(errdefs::NotFound("no users"), "user \"x\""), kCode, "no users"));
  EXPECT_FALSE(Says(errdefs::InvalidArgument("no users"), kCode, "no users"));
  EXPECT_FALSE(Says(absl::OkStatus(), kCode, "no users"));
  EXPECT_FALSE(Says(errdefs::NotFound("no userspace"), kCode, "no users"));
  EXPECT_FALSE(Says(errdefs::NotFound("there are no users"), kCode, "no users"));
  EXPECT_FALSE(Says(errdefs::NotFound("file \"no users\""), kCode, "no users"));
}

}  // namespace
}  // namespace containerd::base
