// SPDX-License-Identifier: Apache-2.0
#include "src/rpc/internal/outcome.h"

#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::rpc {
namespace {

TEST(IsOutcomeOpen, AnswersAreNot) {
  EXPECT_FALSE(IsOutcomeOpen(absl::OkStatus()));
  EXPECT_FALSE(IsOutcomeOpen(errdefs::NotFound("x")));
  EXPECT_FALSE(IsOutcomeOpen(errdefs::AlreadyExists("x")));
  EXPECT_FALSE(IsOutcomeOpen(errdefs::InvalidArgument("x")));
  EXPECT_FALSE(IsOutcomeOpen(errdefs::FailedPrecondition("x")));
  EXPECT_FALSE(IsOutcomeOpen(errdefs::NotImplemented("x")));
}

TEST(IsOutcomeOpen, LostAnswersAre) {
  EXPECT_TRUE(IsOutcomeOpen(absl::DeadlineExceededError("x")));
  EXPECT_TRUE(IsOutcomeOpen(absl::CancelledError("x")));
  EXPECT_TRUE(IsOutcomeOpen(errdefs::Unavailable("x")));
  EXPECT_TRUE(IsOutcomeOpen(errdefs::Unknown("x")));
  EXPECT_TRUE(IsOutcomeOpen(errdefs::Internal("x")));
}

}  // namespace
}  // namespace containerd::rpc
