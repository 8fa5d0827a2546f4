// SPDX-License-Identifier: Apache-2.0
#include "containerd/testing/status.h"

#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace containerd::testing {
namespace {

using ::testing::DescribeMatcher;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pointee;

template <typename T, typename M>
std::string Explain(const T& value, const M& matcher) {
  ::testing::StringMatchResultListener listener;
  ::testing::ExplainMatchResult(matcher, value, &listener);
  return listener.str();
}

TEST(StatusMatchers, IsOk) {
  EXPECT_THAT(absl::OkStatus(), IsOk());
  EXPECT_THAT(absl::StatusOr<int>(3), IsOk());
  EXPECT_THAT(errdefs::NotFound("image \"a\""), Not(IsOk()));
  EXPECT_THAT(absl::StatusOr<int>(errdefs::NotFound("image \"a\"")), Not(IsOk()));
  EXPECT_THAT(Explain(errdefs::NotFound("image \"a\""), IsOk()), HasSubstr("image \"a\""));
}

TEST(StatusMatchers, IsOkAndHolds) {
  EXPECT_THAT(absl::StatusOr<int>(3), IsOkAndHolds(3));
  EXPECT_THAT(absl::StatusOr<int>(3), Not(IsOkAndHolds(4)));
  EXPECT_THAT(absl::StatusOr<std::string>("abc"), IsOkAndHolds(HasSubstr("b")));
  EXPECT_THAT(absl::StatusOr<std::string>("abc"), IsOkAndHolds("abc"));
  // What can't be copied is held, too.
  EXPECT_THAT(absl::StatusOr<std::unique_ptr<int>>(std::make_unique<int>(5)),
              IsOkAndHolds(Pointee(5)));
  const absl::StatusOr<int> error = errdefs::Unavailable("the daemon is down");
  EXPECT_THAT(error, Not(IsOkAndHolds(3)));
  EXPECT_THAT(Explain(error, IsOkAndHolds(3)), HasSubstr("the daemon is down"));
}

TEST(StatusMatchers, StatusIs) {
  const absl::Status none = errdefs::NotFound("image \"a\"");
  EXPECT_THAT(none, StatusIs(errdefs::IsNotFound));
  EXPECT_THAT(absl::StatusOr<int>(none), StatusIs(errdefs::IsNotFound));
  EXPECT_THAT(none, Not(StatusIs(errdefs::IsAlreadyExists)));
  EXPECT_THAT(none, StatusIs(errdefs::IsNotFound, HasSubstr("\"a\"")));
  EXPECT_THAT(none, Not(StatusIs(errdefs::IsNotFound, HasSubstr("\"b\""))));
  EXPECT_THAT(absl::OkStatus(), Not(StatusIs(errdefs::IsNotFound)));
  EXPECT_THAT(Explain(none, StatusIs(errdefs::IsAlreadyExists)), HasSubstr("image \"a\""));
  EXPECT_THAT(DescribeMatcher<absl::Status>(StatusIs(errdefs::IsNotFound, Eq(std::string("x")))),
              HasSubstr("is equal to \"x\""));
}

}  // namespace
}  // namespace containerd::testing
