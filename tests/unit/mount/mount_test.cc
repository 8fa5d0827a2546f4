// SPDX-License-Identifier: Apache-2.0
//
// Real mounts, in a mount namespace that the test program makes for itself: skipped without the
// privilege for that.
#include "containerd/mount/mount.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/mount/idmap.h"
#include "containerd/mount/info.h"
#include "containerd/mount/loop.h"
#include "containerd/mount/temp.h"

namespace containerd::mount {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

void WriteText(const fs::path& path, std::string_view text) { std::ofstream(path) << text; }

std::string ReadText(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

class MountTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (unshare(CLONE_NEWNS) != 0) return;
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return;
    isolated_ = true;
  }

  void SetUp() override {
    if (!isolated_) GTEST_SKIP() << "needs a mount namespace of its own (CAP_SYS_ADMIN)";
    char name[] = "/tmp/mount-test-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    root_ = name;
    // On a tmpfs: the file system of /tmp may not support all that is tested.
    ASSERT_EQ(::mount("tmpfs", name, "tmpfs", 0, nullptr), 0);
    ASSERT_TRUE(SetTempMountLocation(Dir("temp")).ok());
  }

  void TearDown() override {
    if (root_.empty()) return;
    EXPECT_TRUE(UnmountRecursive(root_.string(), MNT_DETACH).ok());
    EXPECT_TRUE(fs::remove(root_));
  }

  std::string Dir(std::string_view name) const {
    fs::create_directories(root_ / name);
    return (root_ / name).string();
  }

  static bool isolated_;
  fs::path root_;
};

bool MountTest::isolated_ = false;

// A bind mount, and another one on a directory in it.
std::vector<Mount> TwoMounts(const std::string& first, const std::string& second) {
  fs::create_directories(first + "/foo");
  WriteText(second + "/bar", "bar");
  return {{.type = "bind", .source = first, .options = {"ro", "rbind"}},
          {.type = "bind", .source = second, .target = "foo", .options = {"ro", "rbind"}}};
}

TEST_F(MountTest, AllAndUnmountMounts) {
  const auto mounts = TwoMounts(Dir("one"), Dir("two"));
  const std::string target = Dir("target");
  absl::Status s = All(mounts, target);
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_EQ(ReadText(target + "/foo/bar"), "bar");
  EXPECT_LT(open((target + "/foo/new").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600), 0);
  EXPECT_EQ(errno, EROFS);
  s = UnmountMounts(mounts, target, 0);
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_TRUE(fs::is_empty(target));
}

TEST_F(MountTest, UnmountRecursive) {
  const auto mounts = TwoMounts(Dir("one"), Dir("two"));
  const std::string target = Dir("target");
  Dir("target-not");
  ASSERT_TRUE(All(mounts, target).ok());
  ASSERT_TRUE(MountAt({.type = "tmpfs", .source = "tmpfs"}, Dir("target-not")).ok());
  absl::Status s = UnmountRecursive(target, 0);
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_TRUE(fs::is_empty(target));
  EXPECT_EQ(Lookup(Dir("target-not"))->mountpoint, Dir("target-not"));
  EXPECT_TRUE(UnmountRecursive((root_ / "missing").string(), 0).ok());
  EXPECT_TRUE(UnmountRecursive("", 0).ok());
}

TEST_F(MountTest, UnmountAllUndoesAStack) {
  const std::string target = Dir("target");
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(MountAt({.type = "tmpfs", .source = "tmpfs"}, target).ok());
    WriteText(target + "/file", "x");
  }
  ASSERT_TRUE(Unmount(target, 0).ok());
  EXPECT_TRUE(fs::exists(target + "/file"));
  ASSERT_TRUE(UnmountAll(target, 0).ok());
  EXPECT_TRUE(fs::is_empty(target));
  EXPECT_TRUE(Unmount(target, 0).ok()) << "not a mount point";
  EXPECT_TRUE(UnmountAll((root_ / "missing").string(), 0).ok());
  EXPECT_TRUE(UnmountAll("", 0).ok());
}

TEST_F(MountTest, TargetsStayInsideTheRoot) {
  const std::string target = Dir("target");
  Dir("target/etc");
  Dir("etc");
  fs::create_directory_symlink("/etc", target + "/link");
  const Mount m{.type = "tmpfs", .source = "tmpfs", .target = "../../link"};
  absl::Status s = MountAt(m, target);
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_EQ(Lookup(target + "/etc")->mountpoint, target + "/etc");
  EXPECT_TRUE(UnmountMounts({m}, target, 0).ok());
  EXPECT_NE(Lookup(target + "/etc")->mountpoint, target + "/etc");
}

TEST_F(MountTest, ErrorsNameTheMount) {
  absl::Status s = MountAt({.type = "nosuchfs", .source = "none"}, Dir("target"));
  EXPECT_FALSE(s.ok());
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("nosuchfs"));
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr(Dir("target")));
  s = MountAt({.type = "bind", .source = "/no/such", .options = {"rbind"}}, Dir("target"));
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
  s = MountAt({.type = "tmpfs", .source = "tmpfs", .target = "missing"}, Dir("target"));
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
  s = MountAt({.type = "tmpfs", .options = {std::string(5000, 'x')}}, Dir("target"));
  EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
  s = MountAt({.type = "fuse.none", .source = "none"}, Dir("target"));
  EXPECT_FALSE(s.ok());
}

TEST_F(MountTest, FlagsAndPropagation) {
  const std::string target = Dir("target");
  ASSERT_TRUE(
      MountAt({.type = "tmpfs", .source = "here", .options = {"noexec", "size=64k", "rshared"}},
              target)
          .ok());
  auto info = Lookup(target);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->source, "here");
  EXPECT_THAT(info->options, HasSubstr("noexec"));
  EXPECT_THAT(info->vfs_options, HasSubstr("size=64k"));
  EXPECT_THAT(info->optional, HasSubstr("shared:"));

  ASSERT_TRUE(MountAt({.type = "tmpfs", .options = {"remount", "size=128k"}}, target).ok());
  EXPECT_THAT(Lookup(target)->vfs_options, HasSubstr("size=128k"));
}

TEST_F(MountTest, OverlayOfMoreThanAPage) {
  const std::string cwd = fs::current_path().string();
  const std::string dir = Dir("snapshots-with-a-long-name-" + std::string(150, 'x'));
  std::string lower = "lowerdir=";
  constexpr int kLayers = 60;
  for (int i = 0; i < kLayers; ++i) {
    const std::string layer = fmt::format("{}/{}/fs", dir, i);
    fs::create_directories(layer);
    WriteText(fmt::format("{}/{}", layer, i), "x");
    if (i > 0) lower += ':';
    lower += layer;
  }
  ASSERT_GT(lower.size(), 4096U);
  const std::string target = Dir("target");
  absl::Status s =
      MountAt({.type = "overlay", .source = "overlay", .options = {"index=off", lower}}, target);
  ASSERT_TRUE(s.ok()) << s;
  for (int i = 0; i < kLayers; ++i) EXPECT_TRUE(fs::exists(fmt::format("{}/{}", target, i))) << i;
  EXPECT_EQ(fs::current_path().string(), cwd);
  EXPECT_TRUE(UnmountAll(target, 0).ok());
}

TEST_F(MountTest, Lookup) {
  const std::string target = Dir("target");
  ASSERT_TRUE(MountAt({.type = "tmpfs", .source = "first"}, target).ok());
  ASSERT_TRUE(MountAt({.type = "tmpfs", .source = "second"}, target).ok());
  fs::create_directories(target + "/a/b");
  fs::create_directory_symlink(target + "/a", root_ / "link");
  auto info = Lookup((root_ / "link/b").string());
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->mountpoint, target);
  EXPECT_EQ(info->source, "second");
  EXPECT_EQ(info->fs_type, "tmpfs");
  EXPECT_TRUE(errdefs::IsNotFound(Lookup("/no/such/path").status()));
  EXPECT_EQ(Lookup("/")->mountpoint, "/");
}

TEST_F(MountTest, WithTempMount) {
  const std::string source = Dir("source");
  const std::vector<Mount> mounts = {{.type = "bind", .source = source, .options = {"rbind"}}};
  std::string seen;
  absl::Status s = WithTempMount(Context::Background(), mounts, [&](const std::string& root) {
    seen = root;
    WriteText(root + "/file", "text");
    return absl::OkStatus();
  });
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_THAT(seen, HasSubstr(Dir("temp") + "/containerd-mount"));
  EXPECT_EQ(ReadText(source + "/file"), "text");
  EXPECT_TRUE(fs::is_empty(Dir("temp")));

  s = WithReadonlyTempMount(Context::Background(), mounts, [&](const std::string& root) {
    EXPECT_EQ(ReadText(root + "/file"), "text");
    std::ofstream file(root + "/other");
    EXPECT_FALSE(file.is_open());
    return errdefs::NotFound("what it wants");
  });
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("what it wants"));
  EXPECT_TRUE(fs::is_empty(Dir("temp")));

  auto [ctx, cancel] = WithCancel(Context::Background());
  cancel();
  s = WithTempMount(ctx, mounts, [](const std::string&) -> absl::Status {
    ADD_FAILURE() << "called with a cancelled context";
    return absl::OkStatus();
  });
  EXPECT_TRUE(errdefs::IsCanceled(s)) << s;
}

TEST_F(MountTest, FailedTempMountLeavesNothing) {
  absl::Status s = WithTempMount(
      Context::Background(),
      {{.type = "bind", .source = Dir("source"), .options = {"rbind"}}, {.type = "nosuchfs"}},
      [](const std::string&) { return absl::OkStatus(); });
  EXPECT_FALSE(s.ok());
  EXPECT_TRUE(fs::is_empty(Dir("temp")));
}

TEST_F(MountTest, ReadonlyTempMountOfAnOverlay) {
  const std::string upper = Dir("upper");
  WriteText(upper + "/top", "x");
  WriteText(Dir("lower") + "/bottom", "x");
  absl::Status s =
      WithReadonlyTempMount(Context::Background(),
                            {{.type = "overlay",
                              .source = "overlay",
                              .options = {"volatile", "workdir=" + Dir("work"), "upperdir=" + upper,
                                          "lowerdir=" + Dir("lower")}}},
                            [&](const std::string& root) {
                              EXPECT_TRUE(fs::exists(root + "/top"));
                              EXPECT_TRUE(fs::exists(root + "/bottom"));
                              return absl::OkStatus();
                            });
  EXPECT_TRUE(s.ok()) << s;
}

TEST_F(MountTest, CleanupTempMounts) {
  std::vector<Mount> mounts = {{.type = "tmpfs", .source = "tmpfs"}};
  auto left = TempMount::New(mounts);
  ASSERT_TRUE(left.ok()) << left.status();
  const std::string root = left->root();
  fs::create_directory(root + "/sub");
  ASSERT_TRUE(MountAt(mounts[0], root + "/sub").ok());
  const auto warnings = CleanupTempMounts(0);
  ASSERT_TRUE(warnings.ok()) << warnings.status();
  EXPECT_THAT(*warnings, IsEmpty());
  EXPECT_TRUE(fs::is_empty(Dir("temp")));
  TempMount moved = *std::move(left);
  EXPECT_TRUE(moved.Unmount().ok()) << "there is nothing left to undo";
  EXPECT_EQ(moved.root(), "");
}

TEST_F(MountTest, LoopDevices) {
  if (access("/dev/loop-control", R_OK | W_OK) != 0) GTEST_SKIP() << "no loop devices here";
  const std::string file = (root_ / "image").string();
  WriteText(file, std::string(512, '\0'));

  auto readonly = SetupLoop(file, {.readonly = true, .autoclear = true});
  ASSERT_TRUE(readonly.ok()) << readonly.status();
  EXPECT_LT(write(readonly->fd(), "data", 4), 0);

  auto writable = SetupLoop(file, {.autoclear = true});
  ASSERT_TRUE(writable.ok()) << writable.status();
  EXPECT_EQ(write(writable->fd(), "data", 4), 4);
  EXPECT_NE(readonly->path(), writable->path());

  auto attached = AttachLoopDevice(file);
  ASSERT_TRUE(attached.ok()) << attached.status();
  absl::Status s = DetachLoopDevice({*attached});
  EXPECT_TRUE(s.ok()) << s;

  const auto missing = SetupLoop("/no/such/file", {});
  EXPECT_TRUE(errdefs::IsNotFound(missing.status())) << missing.status();
  EXPECT_FALSE(DetachLoopDevice({"/dev/loop-none"}).ok());
}

TEST_F(MountTest, LoopOption) {
  if (access("/dev/loop-control", R_OK | W_OK) != 0) GTEST_SKIP() << "no loop devices here";
  const std::string image = (root_ / "image").string();
  WriteText(image, "");
  fs::resize_file(image, 4 << 20);
  const std::string command = "mkfs.ext4 -q " + image + " 2>/dev/null";
  if (std::system(command.c_str()) != 0) GTEST_SKIP() << "no mkfs.ext4";  // NOLINT
  const std::string target = Dir("target");
  absl::Status s = MountAt({.type = "ext4", .source = image, .options = {"loop", "ro"}}, target);
  ASSERT_TRUE(s.ok()) << s;
  const auto info = Lookup(target);
  EXPECT_EQ(info->fs_type, "ext4");
  EXPECT_THAT(info->source, HasSubstr("/dev/loop"));
  EXPECT_TRUE(fs::exists(target + "/lost+found"));
  EXPECT_TRUE(UnmountAll(target, 0).ok());
}

TEST_F(MountTest, IDMapMount) {
  const std::string source = Dir("source");
  WriteText(source + "/file", "x");
  ASSERT_EQ(chown((source + "/file").c_str(), 5, 6), 0);
  auto userns = GetUsernsFD("0:1000:100,100:5000:10", "0:2000:100");
  ASSERT_TRUE(userns.ok()) << userns.status();

  const std::string target = Dir("target");
  absl::Status s = IDMapMountWithAttrs(source, target, userns->fd(), MOUNT_ATTR_RDONLY, 0);
  if (errdefs::IsInvalidArgument(s)) GTEST_SKIP() << "no id-mapped mounts here: " << s;
  ASSERT_TRUE(s.ok()) << s;
  struct stat st;
  ASSERT_EQ(stat((target + "/file").c_str(), &st), 0);
  EXPECT_EQ(st.st_uid, 1005U);
  EXPECT_EQ(st.st_gid, 2006U);
  EXPECT_FALSE(std::ofstream(target + "/new").is_open());
  ASSERT_TRUE(UnmountAll(target, 0).ok());

  // The same by options, read-only too.
  s = MountAt({.type = "bind",
               .source = source,
               .options = {"rbind", "ro", "uidmap=0:1000:100", "gidmap=0:2000:100"}},
              target);
  ASSERT_TRUE(s.ok()) << s;
  ASSERT_EQ(stat((target + "/file").c_str(), &st), 0);
  EXPECT_EQ(st.st_uid, 1005U);
  struct statvfs vfs;
  ASSERT_EQ(statvfs(target.c_str(), &vfs), 0);
  EXPECT_NE(vfs.f_flag & ST_RDONLY, 0U);
}

TEST_F(MountTest, IDMappedOverlay) {
  for (const char* layer : {"layers/1", "layers/2"}) {
    WriteText(fs::path(Dir(layer)) / fs::path(layer).filename(), "x");
  }
  ASSERT_EQ(chown((root_ / "layers/1/1").c_str(), 5, 6), 0);
  const std::string target = Dir("target");
  absl::Status s =
      MountAt({.type = "overlay",
               .source = "overlay",
               .options = {"uidmap=0:1000:100", "gidmap=0:2000:100",
                           fmt::format("lowerdir={0}/layers/1:{0}/layers/2", root_.string())}},
              target);
  if (errdefs::IsInvalidArgument(s)) GTEST_SKIP() << "no id-mapped mounts here: " << s;
  ASSERT_TRUE(s.ok()) << s;
  struct stat st;
  ASSERT_EQ(stat((target + "/1").c_str(), &st), 0);
  EXPECT_EQ(st.st_uid, 1005U);
  EXPECT_TRUE(fs::exists(target + "/2"));
  EXPECT_TRUE(fs::is_empty(Dir("temp"))) << "the mount of the lower directories is undone";
}

TEST(IDMap, ParseMappings) {
  const auto parsed = ParseIDMappings("0:1000:100,100:5000:10");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_THAT(*parsed, testing::ElementsAre(IDMapping{0, 1000, 100}, IDMapping{100, 5000, 10}));
  for (const char* bad :
       {"", ":", "::", "1:2", "1:2:3:4", "a:1:1", "1:a:1", "1:1:a", "0:-1:100", "-1:0:100",
        "0:0:-1", "0:0:1,", ",0:0:1", "0:0:4294967296", " 0:0:1", "0:0:1 "}) {
    const auto status = ParseIDMappings(bad).status();
    EXPECT_TRUE(errdefs::IsInvalidArgument(status)) << "\"" << bad << "\"";
  }
}

TEST(MountInfo, Parse) {
  const auto infos = ParseMountInfo(
      "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=x\n"
      "\n"
      "37 35 0:5 / /a\\134b\\x rw - tmpfs  rw");
  ASSERT_TRUE(infos.ok()) << infos.status();
  ASSERT_EQ(infos->size(), 2U);
  EXPECT_EQ((*infos)[0], (Info{.id = 36,
                               .parent = 35,
                               .major = 98,
                               .minor = 0,
                               .root = "/mnt1",
                               .mountpoint = "/mnt 2",
                               .options = "rw,noatime",
                               .optional = "master:1 shared:7",
                               .fs_type = "ext3",
                               .source = "/dev/root",
                               .vfs_options = "rw,errors=x"}));
  EXPECT_EQ((*infos)[1].mountpoint, "/a\\b\\x");
  EXPECT_EQ((*infos)[1].source, "");
  EXPECT_EQ((*infos)[1].vfs_options, "rw");

  for (const char* bad :
       {"x", "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1", "a 35 98:0 / / rw - t s o",
        "36 35 980 / / rw - t s o", "36 35 98:0 / / rw - t s"}) {
    const auto status = ParseMountInfo(bad).status();
    EXPECT_TRUE(errdefs::IsInvalidArgument(status)) << bad;
    EXPECT_THAT(std::string(errdefs::Message(status)), HasSubstr(bad));
  }
}

TEST(MountInfo, OfThisProcess) {
  const auto infos = GetMounts();
  ASSERT_TRUE(infos.ok()) << infos.status();
  EXPECT_FALSE(infos->empty());
}

TEST(Mount, CanonicalizePath) {
  EXPECT_EQ(*CanonicalizePath("/usr/../usr/."), "/usr");
  EXPECT_EQ(*CanonicalizePath(""), fs::current_path().string());
  EXPECT_TRUE(errdefs::IsNotFound(CanonicalizePath("/no/such").status()));
}

}  // namespace
}  // namespace containerd::mount
