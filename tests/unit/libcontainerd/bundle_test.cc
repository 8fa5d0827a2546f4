// SPDX-License-Identifier: Apache-2.0
#include "containerd/libcontainerd/bundle.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

#include "src/libcontainerd/bundle_dir.h"
#include "src/libcontainerd/wrap_error.h"

namespace containerd::libcontainerd {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;

class BundleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string dir = (fs::temp_directory_path() / "bundleXXXXXX").string();
    ASSERT_NE(::mkdtemp(dir.data()), nullptr);
    dir_ = dir;
    ASSERT_EQ(::chmod(dir.c_str(), 0711), 0);
  }
  void TearDown() override { fs::remove_all(dir_); }

  std::string dir_;
  const userns::User user_{100'000, 200'000};
};

specs::Spec WithMappings(std::vector<specs::LinuxIDMapping> map) {
  specs::Spec spec;
  spec.linux_.emplace();
  spec.linux_->namespaces.push_back({.type = specs::kUserNamespace});
  spec.linux_->uid_mappings = map;
  spec.linux_->gid_mappings = std::move(map);
  return spec;
}

TEST(HostRoot, IsTheHostsUnlessThereIsAUserNamespace) {
  EXPECT_EQ(*HostRoot({}), userns::User{});
  specs::Spec spec = WithMappings({{.container_id = 0, .host_id = 7, .size = 2}});
  EXPECT_EQ(*HostRoot(spec), (userns::User{7, 7}));
  spec.linux_->namespaces.clear();
  EXPECT_EQ(*HostRoot(spec), userns::User{}) << "mappings alone";
  const auto none = HostRoot(WithMappings({{.container_id = 1, .host_id = 7, .size = 2}}));
  EXPECT_TRUE(errdefs::IsInvalidArgument(none.status())) << none.status();
}

TEST_F(BundleTest, OfTheHostsRoot) {
  const auto bundle = MakeBundle(dir_ + "/state/id", {});
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  EXPECT_EQ(bundle->path, dir_ + "/state/id");
  EXPECT_EQ(bundle->made.size(), 2U);
  UnmakeBundle(*bundle);
  EXPECT_FALSE(fs::exists(dir_ + "/state"));
}

TEST_F(BundleTest, OfAUserNamespace) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  fs::create_directories(dir_ + "/state");
  const std::string want = dir_ + "/state/id.100000.200000";
  const auto bundle = MakeBundle(dir_ + "/state/id", user_);
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  EXPECT_EQ(bundle->path, want);
  struct stat st = {};
  ASSERT_EQ(::stat(want.c_str(), &st), 0);
  EXPECT_EQ(st.st_uid, user_.uid);
  EXPECT_EQ(st.st_gid, user_.gid);
  EXPECT_EQ(st.st_mode & 07777, 0700U);
  EXPECT_EQ(MakeBundle(dir_ + "/state/id", user_)->path, want) << "again";
  // A state folder that nobody may pass through is replaced as well.
  fs::create_directories(dir_ + "/closed");
  ::chmod((dir_ + "/closed").c_str(), 0700);
  EXPECT_EQ(MakeBundle(dir_ + "/closed/id", user_)->path,
            dir_ + "/closed.100000.200000/id.100000.200000");
  // Somebody else's folder of that name is not believed.
  fs::create_directories(dir_ + "/state/other.100000.200000");
  const auto others = MakeBundle(dir_ + "/state/other", user_);
  EXPECT_TRUE(errdefs::IsFailedPrecondition(others.status())) << others.status();
  EXPECT_THAT(std::string(errdefs::Message(others.status())), HasSubstr("other.100000.200000"));
}

TEST_F(BundleTest, OfAUserNamespaceWhereSomethingElseIs) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  fs::create_directories(dir_ + "/state");
  fs::create_directories(dir_ + "/elsewhere");
  // Anybody may pass through both, as it were.
  std::ofstream(dir_ + "/state/program") << "x";
  ::chmod((dir_ + "/state/program").c_str(), 0755);
  fs::create_directory_symlink(dir_ + "/elsewhere", dir_ + "/state/link");
  for (const std::string name : {"program", "link"}) {
    const auto bundle = MakeBundle(dir_ + "/state/" + name, user_);
    EXPECT_TRUE(errdefs::IsFailedPrecondition(bundle.status())) << bundle.status();
    EXPECT_THAT(std::string(errdefs::Message(bundle.status())), HasSubstr(dir_ + "/state/" + name));
  }
  // The folder of a container without user namespaces will do.
  fs::create_directories(dir_ + "/state/there");
  EXPECT_EQ(MakeBundle(dir_ + "/state/there", user_)->path, dir_ + "/state/there");
}

TEST(IsBundleOf, TakesTheContainersOwnOnly) {
  EXPECT_TRUE(IsBundleOf("/run/state/id", "/run/state/id"));
  EXPECT_TRUE(IsBundleOf("/run/state/id.1.2", "/run/state/id"));
  EXPECT_TRUE(IsBundleOf("/run/state.1.2/id.1.2", "/run/state/id"));
  for (const char* path :
       {"", "/", "/run", "/run/state", "/run/state/other", "/run/state/id/x", "/run/state/id.1",
        "/run/state/id.1.", "/run/state/id.1.x", "/run/state/../id", "/run/state/id/../id",
        "run/state/id", "/run/state/id/", "/run/state/id.1.2.3"}) {
    EXPECT_FALSE(IsBundleOf(path, "/run/state/id")) << path;
  }
  EXPECT_FALSE(IsBundleOf("/", "/"));
}

TEST_F(BundleTest, RemovalStaysInItsPlace) {
  fs::create_directories(dir_ + "/precious");
  std::ofstream(dir_ + "/precious/file") << "x";
  fs::create_directories(dir_ + "/state/id/sub");
  fs::create_directory_symlink(dir_ + "/precious", dir_ + "/state/id/link");
  EXPECT_TRUE(RemoveBundle(dir_ + "/state/id", dir_ + "/state/id").ok());
  EXPECT_FALSE(fs::exists(dir_ + "/state/id"));
  // A link in place of the bundle goes itself, one in place of a user's state folder stops it.
  fs::create_directory_symlink(dir_ + "/precious", dir_ + "/state/id");
  EXPECT_TRUE(RemoveBundle(dir_ + "/state/id", dir_ + "/state/id").ok());
  fs::create_directories(dir_ + "/precious/id.1.2");
  fs::create_directory_symlink(dir_ + "/precious", dir_ + "/state.1.2");
  EXPECT_FALSE(RemoveBundle(dir_ + "/state.1.2/id.1.2", dir_ + "/state/id").ok());
  EXPECT_TRUE(fs::exists(dir_ + "/precious/id.1.2"));
  EXPECT_TRUE(fs::exists(dir_ + "/precious/file"));
  EXPECT_TRUE(errdefs::IsInvalidArgument(RemoveBundle(dir_ + "/precious", dir_ + "/state/id")));
  EXPECT_TRUE(RemoveBundle(dir_ + "/none/id", dir_ + "/none/id").ok()) << "gone already";
}

TEST(WrapError, TakesWordsOnlyWhereThereIsNoClass) {
  EXPECT_TRUE(WrapError(absl::OkStatus()).ok());
  EXPECT_TRUE(errdefs::IsNotFound(WrapError(errdefs::NotFound("x"))));
  EXPECT_TRUE(errdefs::IsNotFound(WrapError(errdefs::Unknown("container does not exist"))));
  EXPECT_TRUE(errdefs::IsNotFound(WrapError(errdefs::Unknown("runc: no such container"))));
  EXPECT_TRUE(errdefs::IsUnknown(
      WrapError(errdefs::Unknown("exec: \"x\": executable file not found in $PATH"))));
  EXPECT_TRUE(errdefs::IsInternal(WrapError(errdefs::Internal("no such container"))));
}

}  // namespace
}  // namespace containerd::libcontainerd
