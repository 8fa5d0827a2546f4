// SPDX-License-Identifier: Apache-2.0
#include "src/oci/root_view.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/oci.h"

namespace containerd::oci {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t kLimit = 1024;

absl::StatusOr<RootView> Overlay(const std::string& lower, const std::string& upper = "") {
  mount::Mount mount{.type = "overlay", .source = "overlay", .options = {"lowerdir=" + lower}};
  if (!upper.empty()) mount.options.push_back("upperdir=" + upper);
  return RootView::OfMounts({mount});
}

// Each case is read in two ways: through openat2(2), and by walking, as an overlay of one layer.
class SymlinkTest : public ::testing::Test {
 protected:
  void Expect(const std::string& path, const std::string& content) {
    for (auto& view : {RootView::OfDirectory(dir_.path()), Overlay(dir_.path())}) {
      ASSERT_TRUE(view.ok()) << view.status();
      auto read = view->ReadFile(path, kLimit);
      ASSERT_TRUE(read.ok()) << path << ": " << read.status();
      EXPECT_EQ(*read, content) << path;
    }
  }
  void ExpectError(const std::string& path, const std::string& error) {
    for (auto& view : {RootView::OfDirectory(dir_.path()), Overlay(dir_.path())}) {
      ASSERT_TRUE(view.ok()) << view.status();
      const absl::Status s = view->ReadFile(path, kLimit).status();
      EXPECT_FALSE(s.ok()) << path;
      EXPECT_THAT(MessageOf(s), HasSubstr(error)) << path;
      EXPECT_THAT(MessageOf(s), HasSubstr(path));
    }
  }

  const TempDir dir_;
};

TEST_F(SymlinkTest, AbsoluteOnesStartAtTheRoot) {
  dir_.Write("nix/store/abcd/passwd", "v1");
  dir_.Link("/nix/store/abcd/passwd", "etc/passwd");
  Expect("etc/passwd", "v1");
  Expect("/etc/passwd", "v1");
}

TEST_F(SymlinkTest, DirectoriesToo) {
  dir_.Write("system/etc/passwd", "v2");
  dir_.Link("/system/etc", "etc");
  Expect("etc/passwd", "v2");
}

TEST_F(SymlinkTest, RelativeOnesStayInTheRoot) {
  dir_.Write("system/etc/passwd", "v3");
  dir_.Link("../system/etc", "etc");
  dir_.Link("..", "up");
  dir_.Write("passwd", "v4");
  dir_.Dir("dir");
  dir_.Link("../../../../../../system", "dir/link");
  Expect("etc/passwd", "v3");
  Expect("up/passwd", "v4");
  Expect("dir/link/etc/passwd", "v3");
  Expect("../../passwd", "v4");
}

TEST_F(SymlinkTest, DotDotFollowsTheLink) {
  dir_.Dir("dir/l1/l2");
  dir_.Write("dir/l1/file", "here");
  dir_.Link("l1/l2", "dir/link");
  Expect("dir/link/../file", "here");
}

TEST_F(SymlinkTest, FortyAreFollowed) {
  dir_.Write("dir/file", "end");
  dir_.Link("/dir/file", "dir/link1");
  for (int i = 1; i <= 40; ++i) {
    dir_.Link(fmt::format("link{}", i), fmt::format("dir/link{}", i + 1));
  }
  Expect("dir/link40", "end");
  ExpectError("dir/link41", "Too many levels of symbolic links");
}

TEST_F(SymlinkTest, Loops) {
  dir_.Link("b", "dir/a");
  dir_.Link("/dir/c", "dir/b");
  dir_.Link("a", "dir/c");
  dir_.Link("loop", "dir/loop");
  dir_.Link("loops/..", "dir/loops");
  for (const char* path : {"dir/a", "dir/loop", "dir/loops"}) {
    ExpectError(path, "Too many levels of symbolic links");
  }
}

TEST_F(SymlinkTest, Errors) {
  dir_.Write("f", "");
  dir_.Link("f", "link");
  dir_.Link("f/", "slash");
  dir_.Link("link2/", "link1");
  dir_.Link("f", "link2");
  dir_.Link(std::string(256, 'a'), "long");
  dir_.Link("/proc/self/environ", "outside");
  ExpectError("f/", "Not a directory");
  ExpectError("link/", "Not a directory");
  ExpectError("slash", "Not a directory");
  ExpectError("link1", "Not a directory");
  ExpectError("f/x", "Not a directory");
  ExpectError("long", "File name too long");
  ExpectError("none", "No such file or directory");
  ExpectError("outside", "No such file or directory");
  ExpectError(".", "not a regular file");
}

TEST_F(SymlinkTest, Limit) {
  dir_.Write("fits", std::string(kLimit, 'x'));
  dir_.Write("not", std::string(kLimit + 1, 'x'));
  Expect("fits", std::string(kLimit, 'x'));
  ExpectError("not", "1024 bytes");
}

class OverlayTest : public ::testing::Test {
 protected:
  std::string Read(const std::string& path) {
    auto view = Overlay(middle_.path() + ":" + lower_.path(), upper_.path());
    EXPECT_TRUE(view.ok()) << view.status();
    auto read = view->ReadFile(path, kLimit);
    return read.ok() ? *read : fmt::format("<{}>", absl::StatusCodeToString(read.status().code()));
  }
  static bool Whiteout(const std::string& path) {
    return mknod(path.c_str(), S_IFCHR, makedev(0, 0)) == 0;
  }
  static bool SetAttribute(const std::string& path, const char* name, const char* value) {
    return setxattr(path.c_str(), name, value, std::string_view(value).size(), 0) == 0;
  }

  const TempDir upper_;
  const TempDir middle_;
  const TempDir lower_;
};

TEST_F(OverlayTest, UpperLayersCover) {
  lower_.Write("etc/a", "lower");
  lower_.Write("etc/b", "lower");
  lower_.Write("etc/c", "lower");
  middle_.Write("etc/b", "middle");
  middle_.Write("etc/c", "middle");
  upper_.Write("etc/c", "upper");
  EXPECT_EQ(Read("etc/a"), "lower");
  EXPECT_EQ(Read("etc/b"), "middle");
  EXPECT_EQ(Read("etc/c"), "upper");
}

TEST_F(OverlayTest, AFileCoversADirectoryAndTheReverse) {
  lower_.Write("etc/a", "lower");
  middle_.Write("etc", "a file");
  EXPECT_EQ(Read("etc"), "a file");
  EXPECT_NE(Read("etc/a"), "lower");
  upper_.Dir("etc");
  EXPECT_EQ(Read("etc/a"), "<NOT_FOUND>");
}

TEST_F(OverlayTest, LinksGoThroughAllLayers) {
  lower_.Write("usr/etc/a", "lower");
  middle_.Link("usr/etc", "etc");
  upper_.Link("/etc/a", "b");
  EXPECT_EQ(Read("b"), "lower");
  upper_.Write("usr/etc/a", "upper");
  EXPECT_EQ(Read("etc/../etc/a"), "upper");
}

TEST_F(OverlayTest, WhiteoutsHide) {
  lower_.Write("etc/a", "lower");
  lower_.Write("dir/a", "lower");
  middle_.Dir("etc");
  if (!Whiteout(middle_ / "etc/a")) GTEST_SKIP() << "takes CAP_MKNOD";
  ASSERT_TRUE(Whiteout(middle_ / "dir"));
  EXPECT_EQ(Read("etc/a"), "<NOT_FOUND>");
  EXPECT_EQ(Read("dir/a"), "<NOT_FOUND>");
  upper_.Write("dir/b", "upper");
  EXPECT_EQ(Read("dir/b"), "upper");
  EXPECT_EQ(Read("dir/a"), "<NOT_FOUND>");
  // In one directory that is no overlay it is just a device.
  auto view = RootView::OfDirectory(middle_.path());
  EXPECT_TRUE(errdefs::IsInvalidArgument(view->ReadFile("etc/a", kLimit).status()));
}

TEST_F(OverlayTest, OpaqueDirectoriesHide) {
  lower_.Write("etc/a", "lower");
  lower_.Write("etc/sub/b", "lower");
  middle_.Write("etc/sub/c", "middle");
  if (!SetAttribute(middle_ / "etc", "trusted.overlay.opaque", "y") &&
      !SetAttribute(middle_ / "etc", "user.overlay.opaque", "y")) {
    GTEST_SKIP() << "no extended attributes";
  }
  EXPECT_EQ(Read("etc/a"), "<NOT_FOUND>");
  EXPECT_EQ(Read("etc/sub/b"), "<NOT_FOUND>");
  EXPECT_EQ(Read("etc/sub/c"), "middle");
  upper_.Write("etc/a", "upper");
  EXPECT_EQ(Read("etc/a"), "upper");
}

TEST_F(OverlayTest, WhatTakesTheKernelIsSaidSo) {
  lower_.Write("old/a", "lower");
  middle_.Dir("new");
  middle_.Write("meta", "");
  if (!SetAttribute(middle_ / "new", "trusted.overlay.redirect", "/old")) {
    GTEST_SKIP() << "takes CAP_SYS_ADMIN";
  }
  ASSERT_EQ(setxattr((middle_ / "meta").c_str(), "trusted.overlay.metacopy", "", 0, 0), 0);
  EXPECT_EQ(Read("new/a"), "<UNIMPLEMENTED>");
  EXPECT_EQ(Read("meta"), "<UNIMPLEMENTED>");
  EXPECT_EQ(Read("old/a"), "lower");
}

TEST(OfMounts, TakesBindsAndOverlaysOnly) {
  const TempDir dir;
  const mount::Mount bind{.type = "bind", .source = dir.path(), .options = {"rbind"}};
  EXPECT_TRUE(RootView::OfMounts({bind}).ok());
  for (const std::vector<mount::Mount>& mounts : std::vector<std::vector<mount::Mount>>{
           {},
           {bind, bind},
           {{.type = "bind", .source = dir.path(), .target = "etc"}},
           {{.type = "ext4", .source = "/dev/sda1"}},
           {{.type = "format/overlay", .options = {"lowerdir={{ mount 0 }}"}}},
           {{.type = "overlay"}},
           {{.type = "overlay", .options = {"lowerdir=a:b"}}},
           {{.type = "overlay", .options = {"lowerdir=" + dir.path() + "::/data"}}},
           {{.type = "overlay", .options = {"lowerdir=/a\\:b"}}},
           {{.type = "overlay", .options = {"lowerdir+=" + dir.path()}}}}) {
    EXPECT_TRUE(errdefs::IsNotImplemented(RootView::OfMounts(mounts).status()));
  }
  const absl::Status s = Overlay(dir.path() + ":" + (dir / "none")).status();
  EXPECT_TRUE(errdefs::IsNotFound(s));
  EXPECT_THAT(MessageOf(s), HasSubstr(dir / "none"));
}

}  // namespace
}  // namespace containerd::oci
