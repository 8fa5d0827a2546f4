// SPDX-License-Identifier: Apache-2.0
#include "src/oci/devices.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/oci/spec_opts_devices.h"

#include "tests/support/oci.h"

namespace containerd::oci {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

bool MakeDevice(const std::string& path, mode_t type, unsigned dev_major, unsigned dev_minor) {
  return mknod(path.c_str(), type | 0600, makedev(dev_major, dev_minor)) == 0;
}

std::vector<std::string> PathsOf(const std::vector<specs::LinuxDevice>& devices) {
  std::vector<std::string> paths;
  for (const auto& device : devices) paths.push_back(device.path);
  return paths;
}

TEST(DeviceFromPath, HasNumbersModeAndOwner) {
  auto null = DeviceFromPath("/dev/null");
  ASSERT_TRUE(null.ok()) << null.status();
  struct stat st;
  ASSERT_EQ(stat("/dev/null", &st), 0);
  EXPECT_EQ(*null, (specs::LinuxDevice{.path = "/dev/null",
                                       .type = "c",
                                       .major = 1,
                                       .minor = 3,
                                       .file_mode = st.st_mode & 07777U,
                                       .uid = st.st_uid,
                                       .gid = st.st_gid}));
}

TEST(DeviceFromPath, ErrorsNameThePath) {
  const TempDir dir;
  dir.Write("file", "");
  dir.Link("/dev/null", "link");
  for (const std::string& path : {dir / "file", dir / "link", dir.path()}) {
    const absl::Status s = DeviceFromPath(path).status();
    EXPECT_TRUE(IsErrNotADevice(s)) << path;
    EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << path;
    EXPECT_THAT(MessageOf(s), HasSubstr(path));
  }
  const absl::Status s = DeviceFromPath(dir / "none").status();
  EXPECT_TRUE(errdefs::IsNotFound(s));
  EXPECT_THAT(MessageOf(s), HasSubstr(dir / "none"));
  ASSERT_EQ(mkfifo((dir / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(DeviceFromPath(dir / "fifo")->type, "p");
}

TEST(HostDevices, AreRealDevices) {
  auto devices = HostDevices();
  ASSERT_TRUE(devices.ok()) << devices.status();
  EXPECT_THAT(PathsOf(*devices), ::testing::IsSupersetOf({"/dev/null", "/dev/zero"}));
  for (const specs::LinuxDevice& device : *devices) {
    EXPECT_NE(device.major, 0) << device.path;
    EXPECT_TRUE(device.type == "b" || device.type == "c") << device.path;
    EXPECT_FALSE(device.path.starts_with("/dev/pts/")) << device.path;
    EXPECT_NE(device.path, "/dev/console");
  }
}

TEST(WithDevices, WalksADirectory) {
  const TempDir dir;
  for (const char* name : {"b", "sub/deep", "pts", "shm", "fd", "mqueue", ".udev"}) dir.Dir(name);
  if (!MakeDevice(dir / "zero", S_IFCHR, 1, 5)) GTEST_SKIP() << "takes CAP_MKNOD";
  ASSERT_TRUE(MakeDevice(dir / "b/loop", S_IFBLK, 7, 300));
  ASSERT_TRUE(MakeDevice(dir / "sub/deep/null", S_IFCHR, 1, 3));
  ASSERT_TRUE(MakeDevice(dir / "sub/console", S_IFCHR, 5, 1));
  for (const char* name : {"pts/0", "shm/x", "fd/x", "mqueue/x", ".udev/x"}) {
    ASSERT_TRUE(MakeDevice(dir / name, S_IFCHR, 1, 3));
  }
  dir.Write("file", "hello");
  dir.Link("/dev/zero", "link");
  ASSERT_EQ(mkfifo((dir / "fifo").c_str(), 0600), 0);

  Spec spec;
  ASSERT_TRUE(Apply(WithDevices(dir.path(), "", "rw"), &spec).ok());
  EXPECT_THAT(PathsOf(spec.linux_->devices),
              ElementsAre(dir / "b/loop", dir / "sub/deep/null", dir / "zero"));
  EXPECT_EQ(spec.linux_->devices[0].minor, 300);
  EXPECT_EQ(spec.linux_->devices[0].file_mode, 0600U);
  EXPECT_THAT(spec.linux_->resources->devices,
              ElementsAre(
                  specs::LinuxDeviceCgroup{
                      .allow = true, .type = "b", .major = 7, .minor = 300, .access = "rw"},
                  specs::LinuxDeviceCgroup{
                      .allow = true, .type = "c", .major = 1, .minor = 3, .access = "rw"},
                  specs::LinuxDeviceCgroup{
                      .allow = true, .type = "c", .major = 1, .minor = 5, .access = "rw"}));

  Spec moved;
  ASSERT_TRUE(Apply(WithDevices(dir.path(), "/dev/new/", "rwm"), &moved).ok());
  EXPECT_THAT(PathsOf(moved.linux_->devices),
              ElementsAre("/dev/new/b/loop", "/dev/new/sub/deep/null", "/dev/new/zero"));
  Spec single;
  ASSERT_TRUE(Apply(WithDevices(dir / "zero", "/dev/z", "m"), &single).ok());
  EXPECT_THAT(PathsOf(single.linux_->devices), ElementsAre("/dev/z"));

  Spec bad;
  EXPECT_TRUE(errdefs::IsNotFound(Apply(WithDevices(dir / "none", "", "r"), &bad)));
  EXPECT_TRUE(IsErrNotADevice(Apply(WithDevices(dir / "file", "", "r"), &bad)));
  EXPECT_TRUE(IsErrNotADevice(Apply(WithDevices(dir / "link", "", "r"), &bad)));
  EXPECT_EQ(bad, Spec{});
}

TEST(WithDevices, ADirectoryWithoutDevicesGivesNone) {
  const TempDir dir;
  dir.Write("file", "hello");
  Spec spec;
  ASSERT_TRUE(Apply(WithDevices(dir.path(), "", "rw"), &spec).ok());
  EXPECT_FALSE(spec.linux_.has_value());
}

// What may not be read is an error, except in a user namespace.
TEST(DeviceTree, PermissionDenied) {
  const auto denied = [](const std::string&) { return errdefs::PermissionDenied("no"); };
  const auto sub_denied =
      [](const std::string& path) -> absl::StatusOr<std::vector<DeviceTree::Entry>> {
    if (path != "/dev") return errdefs::PermissionDenied("no");
    return std::vector<DeviceTree::Entry>{{.name = "dir", .directory = true}, {.name = "null"}};
  };
  const auto null_only = [](const std::string& path) -> absl::StatusOr<specs::LinuxDevice> {
    if (path != "/dev/null") return errdefs::PermissionDenied("no");
    return DeviceFromPath(path);
  };
  EXPECT_TRUE(
      errdefs::IsPermissionDenied(DeviceTree(false, denied, DeviceFromPath).Get("/dev").status()));
  EXPECT_TRUE(errdefs::IsPermissionDenied(
      DeviceTree(false, sub_denied, DeviceFromPath).Get("/dev").status()));
  EXPECT_TRUE(errdefs::IsPermissionDenied(
      DeviceTree(false, DeviceTree::ReadDirectory, null_only).Get("/dev").status()));

  auto without_dir = DeviceTree(true, sub_denied, DeviceFromPath).Get("/dev");
  ASSERT_TRUE(without_dir.ok()) << without_dir.status();
  EXPECT_THAT(PathsOf(*without_dir), ElementsAre("/dev/null"));
  auto null = DeviceTree(true, DeviceTree::ReadDirectory, null_only).Get("/dev");
  ASSERT_TRUE(null.ok()) << null.status();
  EXPECT_THAT(PathsOf(*null), ElementsAre("/dev/null"));
}

TEST(WithLinuxDevice, FollowsLinksWhenTold) {
  const TempDir dir;
  dir.Link("/dev/zero", "zero");
  Spec spec;
  ASSERT_TRUE(Apply(WithLinuxDevice("/dev/zero", "rwm"), &spec).ok());
  ASSERT_TRUE(Apply(WithLinuxDeviceFollowSymlinks(dir / "zero", "r"), &spec).ok());
  EXPECT_THAT(PathsOf(spec.linux_->devices), ElementsAre("/dev/zero", "/dev/zero"));
  EXPECT_EQ(spec.linux_->resources->devices[1],
            (specs::LinuxDeviceCgroup{
                .allow = true, .type = "c", .major = 1, .minor = 5, .access = "r"}));
  EXPECT_TRUE(IsErrNotADevice(Apply(WithLinuxDevice(dir / "zero", "r"), &spec)));
  const absl::Status s = Apply(WithLinuxDeviceFollowSymlinks("/fake/path", ""), &spec);
  EXPECT_TRUE(errdefs::IsNotFound(s));
  EXPECT_THAT(MessageOf(s), HasSubstr("/fake/path"));
}

TEST(Devices, NodesAndRules) {
  Spec spec;
  ASSERT_TRUE(Apply(WithLinuxDevices({{.path = "/dev/x", .type = "c", .major = 1}}), &spec).ok());
  ASSERT_TRUE(Apply(WithHostDevices, &spec).ok());
  EXPECT_EQ(spec.linux_->devices.front().path, "/dev/x");
  EXPECT_GT(spec.linux_->devices.size(), 2U);
  EXPECT_FALSE(spec.linux_->resources.has_value());

  ASSERT_TRUE(Apply(WithDefaultUnixDevices, &spec).ok());
  const auto& rules = spec.linux_->resources->devices;
  ASSERT_THAT(rules, SizeIs(9));
  EXPECT_EQ(rules[0], (specs::LinuxDeviceCgroup{
                          .allow = true, .type = "c", .major = 1, .minor = 3, .access = "rwm"}));
  EXPECT_EQ(rules[7],
            (specs::LinuxDeviceCgroup{.allow = true, .type = "c", .major = 136, .access = "rwm"}));
  ASSERT_TRUE(Apply(WithAllDevicesAllowed, &spec).ok());
  EXPECT_THAT(rules, ElementsAre(specs::LinuxDeviceCgroup{.allow = true, .access = "rwm"}));
  ASSERT_TRUE(Apply(WithParentCgroupDevices, &spec).ok());
  EXPECT_THAT(rules, IsEmpty());
  Spec empty;
  ASSERT_TRUE(Apply(WithParentCgroupDevices, &empty).ok());
  EXPECT_TRUE(empty.linux_->resources.has_value());
}

}  // namespace
}  // namespace containerd::oci
