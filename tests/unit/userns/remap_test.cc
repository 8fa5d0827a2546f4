// SPDX-License-Identifier: Apache-2.0
//
// Moving owners. What changes an owner for real needs root and is skipped without.
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/userns/userns.h"

namespace containerd::userns {
namespace {

using ::testing::HasSubstr;

const IDMap kShift{{{.container_id = 0, .host_id = 1000, .size = 100}},
                   {{.container_id = 0, .host_id = 2000, .size = 100}}};

class RemapTest : public ::testing::Test {
 protected:
  RemapTest() {
    std::string name = ::testing::TempDir() + "/remap-XXXXXX";
    base_ = ::mkdtemp(name.data());
    root_ = base_ + "/root";
    std::filesystem::create_directory(root_);
  }
  ~RemapTest() override { std::filesystem::remove_all(base_); }

  std::string Path(const std::string& name) const { return root_ + "/" + name; }

  void File(const std::string& name, mode_t mode = 0644) const {
    const int fd = ::open(Path(name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(::fchmod(fd, mode), 0);
    ::close(fd);
  }

  static struct stat Stat(const std::string& path) {
    struct stat st {};
    EXPECT_EQ(::lstat(path.c_str(), &st), 0) << path;
    return st;
  }

  static std::string Owner(const std::string& path) {
    const struct stat st = Stat(path);
    return std::to_string(st.st_uid) + ":" + std::to_string(st.st_gid);
  }

  std::string base_;
  std::string root_;
};

#define REQUIRE_ROOT() \
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to change owners"

TEST_F(RemapTest, MovesEverything) {
  REQUIRE_ROOT();
  std::filesystem::create_directories(Path("a/b/c"));
  File("a/file");
  File("a/b/c/deep");
  ASSERT_EQ(::lchown(Path("a/file").c_str(), 5, 6), 0);
  ASSERT_EQ(::mkfifo(Path("a/fifo").c_str(), 0600), 0);
  const absl::Status s = Remap(Context::Background(), root_, kShift);
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_EQ(Owner(root_), "1000:2000");
  EXPECT_EQ(Owner(Path("a")), "1000:2000");
  EXPECT_EQ(Owner(Path("a/file")), "1005:2006");
  EXPECT_EQ(Owner(Path("a/fifo")), "1000:2000");
  EXPECT_EQ(Owner(Path("a/b/c/deep")), "1000:2000");
}

TEST_F(RemapTest, LinksAreMovedAndNotFollowed) {
  REQUIRE_ROOT();
  const std::string outside = base_ + "/outside";
  std::filesystem::create_directory(outside);
  std::filesystem::create_symlink(outside, Path("dir"));
  std::filesystem::create_symlink("../outside", Path("relative"));
  std::filesystem::create_symlink("/nowhere", Path("dangling"));
  const absl::Status s = Remap(Context::Background(), root_, kShift);
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_EQ(Owner(outside), "0:0");
  for (const char* name : {"dir", "relative", "dangling"}) {
    EXPECT_EQ(Owner(Path(name)), "1000:2000") << name;
  }
}

TEST_F(RemapTest, SpecialBitsAndCapabilitiesStay) {
  REQUIRE_ROOT();
  File("suid", 04755);
  File("sgid", 02755);
  File("both", 06711);
  std::filesystem::create_directory(Path("tmp"));
  ASSERT_EQ(::chmod(Path("tmp").c_str(), 01777), 0);
  File("ping", 0755);
  // cap_net_raw=ep, as version 2 of the attribute.
  const std::string caps(
      "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20);
  const bool has_caps =
      ::setxattr(Path("ping").c_str(), "security.capability", caps.data(), caps.size(), 0) == 0;
  const absl::Status s = Remap(Context::Background(), root_, kShift);
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_EQ(Stat(Path("suid")).st_mode & 07777U, 04755U);
  EXPECT_EQ(Stat(Path("sgid")).st_mode & 07777U, 02755U);
  EXPECT_EQ(Stat(Path("both")).st_mode & 07777U, 06711U);
  EXPECT_EQ(Stat(Path("tmp")).st_mode & 07777U, 01777U);
  EXPECT_EQ(Owner(Path("ping")), "1000:2000");
  if (has_caps) {
    std::string now(64, '\0');
    const ssize_t size =
        ::getxattr(Path("ping").c_str(), "security.capability", now.data(), now.size());
    ASSERT_GT(size, 0);
    now.resize(static_cast<std::size_t>(size));
    EXPECT_EQ(now, caps);
  }
}

TEST_F(RemapTest, AFileOfSeveralNamesIsMovedOnce) {
  REQUIRE_ROOT();
  std::filesystem::create_directory(Path("bin"));
  File("bin/busybox", 04755);
  for (int i = 0; i < 50; ++i) {
    std::filesystem::create_hard_link(Path("bin/busybox"), Path("bin/" + std::to_string(i)));
  }
  const IDMap chained{{{.container_id = 0, .host_id = 1, .size = 100}}, {}};
  const absl::Status s = Remap(Context::Background(), root_, chained);
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_EQ(Owner(Path("bin/busybox")), "1:0");
  EXPECT_EQ(Stat(Path("bin/busybox")).st_mode & 07777U, 04755U);
}

TEST_F(RemapTest, NamesTheFileThatCannotBeMapped) {
  REQUIRE_ROOT();
  std::filesystem::create_directories(Path("a/b"));
  File("a/b/odd");
  ASSERT_EQ(::lchown(Path("a/b/odd").c_str(), 0, 4000), 0);
  const absl::Status s = Remap(Context::Background(), root_, kShift);
  EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("\"/a/b/odd\""));
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("4000"));
}

TEST_F(RemapTest, NoNumberOfLevelsIsTooMany) {
  // Deeper than a path can name, and than descriptors there are.
  int dir = ::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  for (int i = 0; i < 1200; ++i) {
    ASSERT_EQ(::mkdirat(dir, "deep", 0755), 0);
    const int next = ::openat(dir, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT_GE(next, 0);
    ::close(dir);
    dir = next;
  }
  const bool root = ::geteuid() == 0;
  const absl::Status s = Remap(Context::Background(), root_, root ? kShift : IDMap{});
  EXPECT_TRUE(s.ok()) << s;
  struct stat st {};
  ASSERT_EQ(::fstat(dir, &st), 0);
  ::close(dir);
  EXPECT_EQ(st.st_uid, root ? 1000U : ::geteuid());
}

TEST_F(RemapTest, StopsWithTheContext) {
  auto [ctx, cancel] = WithCancel(Context::Background());
  cancel();
  EXPECT_TRUE(errdefs::IsCanceled(Remap(ctx, root_, IDMap{})));
}

TEST_F(RemapTest, ARootThatIsNotThere) {
  const absl::Status s = Remap(Context::Background(), Path("missing"), IDMap{});
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("missing"));
}

}  // namespace
}  // namespace containerd::userns
