// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/userns/userns.h"

namespace containerd::userns {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class MkdirAllAndChownTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string dir = (std::filesystem::temp_directory_path() / "mkdirXXXXXX").string();
    ASSERT_NE(::mkdtemp(dir.data()), nullptr);
    dir_ = dir;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  const User self_{::geteuid(), ::getegid()};
  std::string dir_;
};

TEST_F(MkdirAllAndChownTest, MakesWhatIsMissingWithModeAndOwner) {
  const mode_t mask = ::umask(077);
  const User owner = self_.uid == 0 ? User{1234, 5678} : self_;
  EXPECT_THAT(*MkdirAllAndChown(dir_ + "/a//b/", 0751, owner),
              ElementsAre(dir_ + "/a", dir_ + "/a//b"));
  ::umask(mask);
  for (const char* path : {"/a", "/a/b"}) {
    struct stat st = {};
    ASSERT_EQ(::stat((dir_ + path).c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777, 0751U);
    EXPECT_EQ(st.st_uid, owner.uid);
    EXPECT_EQ(st.st_gid, owner.gid);
  }
  EXPECT_THAT(*MkdirAllAndChown(dir_ + "/a/b", 0700, self_), IsEmpty());
  struct stat st = {};
  ASSERT_EQ(::stat((dir_ + "/a/b").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0751U) << "it was there";
}

TEST_F(MkdirAllAndChownTest, WhatIsInTheWayIsNamedAndNothingIsLeft) {
  std::ofstream(dir_ + "/file") << "x";
  std::filesystem::create_directory_symlink(dir_, dir_ + "/link");
  for (const char* path : {"/file", "/link", "/file/x"}) {
    const auto made = MkdirAllAndChown(dir_ + path, 0700, self_);
    EXPECT_TRUE(errdefs::IsFailedPrecondition(made.status())) << made.status();
    EXPECT_THAT(std::string(errdefs::Message(made.status())), HasSubstr(dir_ + "/"));
  }
  EXPECT_TRUE(errdefs::IsInvalidArgument(MkdirAllAndChown("a/b", 0700, self_).status()));
  const auto far = MkdirAllAndChown(dir_ + "/new/" + std::string(300, 'x'), 0700, self_);
  EXPECT_FALSE(far.ok());
  EXPECT_FALSE(std::filesystem::exists(dir_ + "/new"));
  EXPECT_EQ(MkdirAllAndChown(dir_ + "/link/through", 0700, self_)->size(), 1U);
}

}  // namespace
}  // namespace containerd::userns
