// SPDX-License-Identifier: Apache-2.0
#include "containerd/epoch/epoch.h"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::epoch {
namespace {

using ::testing::StartsWith;

TEST(Epoch, Parse) {
  for (const auto& [text, seconds] : std::vector<std::pair<std::string, std::int64_t>>{
           {"0", 0}, {"1642941296", 1642941296}, {"+7", 7}, {"0000012", 12}}) {
    EXPECT_EQ(*ParseSourceDateEpoch(text), absl::FromUnixSeconds(seconds)) << text;
  }
  EXPECT_EQ(ParseSourceDateEpoch("").status(), errdefs::InvalidArgument("value is empty"));
  for (const char* text : {"foo", "-1", "+", "-", "+-1", "++1", "1.5", " 1", "1 ", "0x10",
                           "9223372036854775808", "99999999999999999999999"}) {
    const absl::Status s = ParseSourceDateEpoch(text).status();
    EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << text;
    EXPECT_THAT(std::string(errdefs::Message(s)), StartsWith("invalid value:"));
  }
}

TEST(Epoch, Environment) {
  UnsetSourceDateEpoch();
  EXPECT_EQ(*SourceDateEpoch(), std::nullopt);
  ::setenv(kSourceDateEpochEnv, "", 1);  // NOLINT(concurrency-mt-unsafe)
  EXPECT_EQ(*SourceDateEpoch(), std::nullopt);
  const absl::Time time = absl::FromUnixSeconds(1642941296);
  SetSourceDateEpoch(time + absl::Milliseconds(5));
  EXPECT_EQ(*SourceDateEpoch(), time);
  ::setenv(kSourceDateEpochEnv, "foo", 1);  // NOLINT(concurrency-mt-unsafe)
  EXPECT_THAT(std::string(errdefs::Message(SourceDateEpoch().status())),
              StartsWith("invalid SOURCE_DATE_EPOCH value: "));
  UnsetSourceDateEpoch();
  EXPECT_EQ(*SourceDateEpoch(), std::nullopt);
}

TEST(Epoch, Context) {
  EXPECT_EQ(FromContext(Context()), std::nullopt);
  EXPECT_EQ(FromContext(WithSourceDateEpoch(Context(), absl::UnixEpoch())), absl::UnixEpoch());
}

}  // namespace
}  // namespace containerd::epoch
