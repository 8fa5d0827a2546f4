// SPDX-License-Identifier: Apache-2.0
#include "src/rpc/internal/outcome.h"

#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::rpc {
namespace {

TEST(OutcomeOpen, AnswersAreNot) {
  EXPECT_FALSE(OutcomeOpen(absl::OkStatus()));
  EXPECT_FALSE(OutcomeOpen(errdefs::NotFound("x")));
  EXPECT_FALSE(OutcomeOpen(errdefs::AlreadyExists("x")));
  EXPECT_FALSE(OutcomeOpen(errdefs::InvalidArgument("x")));
  EXPECT_FALSE(OutcomeOpen(errdefs::FailedPrecondition("x")));
  EXPECT_FALSE(OutcomeOpen(errdefs::NotImplemented("x")));
}

TEST(OutcomeOpen, LostAnswersAre) {
  EXPECT_TRUE(OutcomeOpen(absl::DeadlineExceededError("x")));
  EXPECT_TRUE(OutcomeOpen(absl::CancelledError("x")));
  EXPECT_TRUE(OutcomeOpen(errdefs::Unavailable("x")));
  EXPECT_TRUE(OutcomeOpen(errdefs::Unknown("x")));
  EXPECT_TRUE(OutcomeOpen(errdefs::Internal("x")));
}

}  // namespace
}  // namespace containerd::rpc
