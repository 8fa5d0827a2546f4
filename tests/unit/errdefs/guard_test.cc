// SPDX-License-Identifier: Apache-2.0
#include "src/errdefs/internal/guard.h"

#include <new>
#include <stdexcept>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd {
namespace {

using ::testing::HasSubstr;

TEST(Guard, PassesOnWhatIsReturned) {
  EXPECT_TRUE(errdefs::Guard("a test", [] {}).ok());
  EXPECT_TRUE(
      errdefs::IsNotFound(errdefs::Guard("a test", [] { return errdefs::NotFound("gone"); })));
  EXPECT_EQ(*errdefs::Guard(
                "a test", [](int a, int b) { return a + b; }, 1, 2),
            3);
  EXPECT_EQ(*errdefs::Guard("a test", [] { return absl::StatusOr<std::string>("text"); }), "text");
}

TEST(Guard, AnExceptionBecomesAnErrorThatSaysWhatItSays) {
  const absl::Status s =
      errdefs::Guard("a filter", [] { throw std::runtime_error("no such colour"); });
  EXPECT_TRUE(errdefs::IsInternal(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("a filter"));
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("no such colour"));

  const absl::StatusOr<int> odd = errdefs::Guard("a filter", []() -> int { throw 7; });
  EXPECT_TRUE(errdefs::IsInternal(odd.status())) << odd.status();
  const absl::StatusOr<int> full =
      errdefs::Guard("a filter", []() -> int { throw std::bad_alloc(); });
  EXPECT_TRUE(errdefs::IsResourceExhausted(full.status())) << full.status();
}

}  // namespace
}  // namespace containerd
