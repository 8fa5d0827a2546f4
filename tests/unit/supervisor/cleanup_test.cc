// SPDX-License-Identifier: Apache-2.0
#include "../../../src/supervisor/cleanup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace containerd::supervisor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view kMountInfo =
    "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    "23 22 0:5 / /run/app rw,nosuid shared:2 - tmpfs tmpfs rw\n"
    "30 23 0:50 / /run/app/daemon/task/ns/a/rootfs rw - overlay overlay rw\n"
    "31 30 0:51 / /run/app/daemon/task/ns/a/rootfs/proc rw - proc proc rw\n"
    "32 22 0:52 / /run/application rw - tmpfs tmpfs rw\n"
    "33 23 0:53 / /run/app/with\\040blank\\134and\\011tab rw - tmpfs tmpfs rw\n"
    "34 23 0:54 / /run/app/twice rw - tmpfs one rw\n"
    "35 34 0:55 / /run/app/twice rw - tmpfs two rw\n"
    "broken line\n";

TEST(MountsUnder, InnermostFirstAndNoNeighbours) {
  EXPECT_THAT(
      MountsUnder(kMountInfo, "/run/app"),
      ElementsAre("/run/app/daemon/task/ns/a/rootfs/proc", "/run/app/daemon/task/ns/a/rootfs",
                  "/run/app/twice", "/run/app/twice", "/run/app/with blank\\and\ttab", "/run/app"));
  EXPECT_THAT(MountsUnder(kMountInfo, "/run/app/twice"),
              ElementsAre("/run/app/twice", "/run/app/twice"));
  EXPECT_THAT(MountsUnder(kMountInfo, "/run/ap"), IsEmpty());
  EXPECT_THAT(MountsUnder("", "/"), IsEmpty());
}

TEST(RemoveTree, RefusesWhileSomethingIsMountedBelow) {
  // /proc is mounted wherever the tests run; nothing there could be removed anyway.
  EXPECT_EQ(RemoveTree("/proc").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(RemoveTree("/nonexistent/folder").ok());
}

}  // namespace
}  // namespace containerd::supervisor
