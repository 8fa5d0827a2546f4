// SPDX-License-Identifier: Apache-2.0
#include "src/base/overlay.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace containerd::base {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

OverlayDirs Parse(const std::vector<std::string>& options) { return ParseOverlay(options); }

TEST(OverlayTest, FindsDirectories) {
  const OverlayDirs dirs = Parse({"index=off", "workdir=/w", "upperdir=/u", "lowerdir=/b:/a"});
  EXPECT_EQ(dirs.upper, "/u");
  EXPECT_THAT(dirs.lower, ElementsAre("/b", "/a"));
  EXPECT_EQ(dirs.lower_option, 3U);
  EXPECT_FALSE(dirs.more);
}

TEST(OverlayTest, NothingThere) {
  const OverlayDirs dirs = Parse({"ro", "lowerdir"});
  EXPECT_EQ(dirs.upper, "");
  EXPECT_THAT(dirs.lower, IsEmpty());
  EXPECT_EQ(dirs.lower_option, std::nullopt);
}

TEST(OverlayTest, TheLastCounts) {
  const OverlayDirs dirs = Parse({"lowerdir=/a:/b", "upperdir=/u", "lowerdir=/c", "upperdir=/v"});
  EXPECT_EQ(dirs.upper, "/v");
  EXPECT_THAT(dirs.lower, ElementsAre("/c"));
  EXPECT_EQ(dirs.lower_option, 2U);
}

TEST(OverlayTest, LayersOfOtherOptions) {
  EXPECT_TRUE(Parse({"lowerdir+=/a"}).more);
  EXPECT_TRUE(Parse({"datadir+=/a"}).more);
  // The kernel's way to say that layers have data only.
  EXPECT_THAT(Parse({"lowerdir=/a::/b"}).lower, ElementsAre("/a", "", "/b"));
}

}  // namespace
}  // namespace containerd::base
