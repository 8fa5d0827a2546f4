// SPDX-License-Identifier: Apache-2.0
//
// Mounts, namespaces, cgroups and resources.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/oci.h"

namespace containerd::oci {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

TEST(WithMounts, AppendAndRemove) {
  Spec spec;
  ASSERT_TRUE(Apply(Compose({WithMounts({{.destination = "/dst1", .source = "/src1"},
                                         {.destination = "/x/../dst2/", .source = "/src2"},
                                         {.destination = "/dst3", .source = "/src3"}}),
                             WithoutMounts({"/dst2", "/dst3"}),
                             WithMounts({{.destination = "/dst4", .source = "/src4"}})}),
                    &spec)
                  .ok());
  EXPECT_THAT(spec.mounts, ElementsAre(specs::Mount{.destination = "/dst1", .source = "/src1"},
                                       specs::Mount{.destination = "/dst4", .source = "/src4"}));
}

TEST(WithoutRunMount, RemovesRunOnly) {
  containers::Container container{.id = "c"};
  auto spec = GenerateSpec(TestContext(), nullptr, &container, {WithoutRunMount});
  ASSERT_TRUE(spec.ok());
  EXPECT_THAT(spec->mounts, SizeIs(6));
  for (const specs::Mount& mount : spec->mounts) EXPECT_NE(mount.destination, "/run");
}

TEST(WithHostFiles, BindReadOnly) {
  Spec spec;
  ASSERT_TRUE(
      Apply(Compose({WithHostHostsFile, WithHostResolvconf, WithHostLocaltime}), &spec).ok());
  ASSERT_THAT(spec.mounts, SizeIs(3));
  const char* const paths[] = {"/etc/hosts", "/etc/resolv.conf", "/etc/localtime"};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(spec.mounts[i], (specs::Mount{.destination = paths[i],
                                            .type = "bind",
                                            .source = paths[i],
                                            .options = {"rbind", "ro"}}));
  }
}

TEST(WithRootFS, PathAndReadonly) {
  Spec spec;
  ASSERT_TRUE(Apply(Compose({WithRootFSPath("/r"), WithRootFSReadonly()}), &spec).ok());
  EXPECT_EQ(spec.root, (specs::Root{.path = "/r", .readonly = true}));
}

TEST(WithDevShmSize, ReplacesAllSizes) {
  const specs::Mount other{.destination = "/test/shm",
                           .type = "tmpfs",
                           .source = "shm",
                           .options = {"nosuid", "size=65536k"}};
  const specs::Mount shm{.destination = "/dev//shm/",
                         .type = "tmpfs",
                         .source = "shm",
                         .options = {"nosuid", "size=65536k", "mode=1777", "size=131072k"}};
  Spec spec{.mounts = {other, shm}};
  ASSERT_TRUE(Apply(WithDevShmSize(1024), &spec).ok());
  EXPECT_EQ(spec.mounts[0], other);
  EXPECT_THAT(spec.mounts[1].options, ElementsAre("nosuid", "mode=1777", "size=1024k"));

  Spec none{.mounts = {other}};
  const absl::Status s = Apply(WithDevShmSize(1024), &none);
  EXPECT_TRUE(IsErrNoShmMount(s));
  EXPECT_TRUE(IsErrNoShmMount(errdefs::Annotate(s, "x")));
  EXPECT_FALSE(IsErrNoShmMount(errdefs::NotFound("no /dev/shm mount specified")));
}

TEST(WithPrivileged, LiftsEverything) {
  containers::Container container{.id = "c"};
  auto spec = GenerateSpec(
      TestContext(), nullptr, &container,
      {WithCapabilities({}),
       WithMounts({{.destination = "/sys/fs/cgroup", .type = "cgroup", .options = {"ro", "x"}}}),
       WithSelinuxLabel("l"), WithApparmorProfile("a"), WithPrivileged});
  ASSERT_TRUE(spec.ok()) << spec.status();
  auto current = GenerateSpec(TestContext(), nullptr, &container, {WithAllCurrentCapabilities});
  ASSERT_TRUE(current.ok());
  EXPECT_EQ(spec->process->capabilities->bounding, current->process->capabilities->bounding);
  EXPECT_THAT(spec->linux_->masked_paths, IsEmpty());
  EXPECT_THAT(spec->linux_->readonly_paths, IsEmpty());
  EXPECT_EQ(spec->process->selinux_label, "");
  EXPECT_EQ(spec->process->apparmor_profile, "");
  EXPECT_FALSE(spec->linux_->seccomp.has_value());
  bool sysfs = false;
  for (const specs::Mount& mount : spec->mounts) {
    if (mount.type != "sysfs" && mount.type != "cgroup") continue;
    sysfs = sysfs || mount.type == "sysfs";
    EXPECT_THAT(mount.options, Not(::testing::Contains("ro")));
    EXPECT_THAT(mount.options, ::testing::Contains("rw"));
  }
  EXPECT_TRUE(sysfs);
}

TEST(WithLinuxNamespace, ReplacesInPlace) {
  containers::Container container{.id = "c"};
  const specs::LinuxNamespace ns{.type = specs::kNetworkNamespace, .path = "/var/run/netns/test"};
  auto spec = GenerateSpec(TestContext(), nullptr, &container,
                           {WithLinuxNamespace(ns), WithLinuxNamespace({.type = "time"}),
                            WithHostNamespace("pid"), WithHostNamespace("cgroup")});
  ASSERT_TRUE(spec.ok());
  EXPECT_THAT(spec->linux_->namespaces, ElementsAre(specs::LinuxNamespace{.type = "ipc"},
                                                    specs::LinuxNamespace{.type = "uts"},
                                                    specs::LinuxNamespace{.type = "mount"}, ns,
                                                    specs::LinuxNamespace{.type = "time"}));
}

TEST(WithUserNamespace, AddsMappings) {
  const specs::LinuxIDMapping uid{.container_id = 1, .host_id = 2, .size = 10000};
  const specs::LinuxIDMapping gid{.container_id = 2, .host_id = 3, .size = 20000};
  Spec spec;
  ASSERT_TRUE(Apply(WithUserNamespace({uid}, {gid}), &spec).ok());
  EXPECT_THAT(spec.linux_->uid_mappings, ElementsAre(uid));
  EXPECT_THAT(spec.linux_->gid_mappings, ElementsAre(gid));
  ASSERT_TRUE(Apply(WithUserNamespace({gid}, {}), &spec).ok());
  EXPECT_THAT(spec.linux_->uid_mappings, ElementsAre(uid, gid));
  EXPECT_THAT(spec.linux_->namespaces, ElementsAre(specs::LinuxNamespace{.type = "user"}));
}

TEST(Linux, NamesPathsAndCgroups) {
  Spec spec;
  containers::Container container{.id = "c/../d"};
  ASSERT_TRUE(ApplyOpts(TestContext(), nullptr, &container, &spec,
                        {WithHostname("h"), WithDomainname("d"), WithMaskedPaths({"/m"}),
                         WithReadonlyPaths({"/r"}), WithNamespacedCgroup()})
                  .ok());
  EXPECT_EQ(spec.hostname, "h");
  EXPECT_EQ(spec.domainname, "d");
  EXPECT_THAT(spec.linux_->masked_paths, ElementsAre("/m"));
  EXPECT_THAT(spec.linux_->readonly_paths, ElementsAre("/r"));
  EXPECT_EQ(spec.linux_->cgroups_path, "/testing/d");
  ASSERT_TRUE(Apply(WithCgroup("a.slice:b:c"), &spec).ok());
  EXPECT_EQ(spec.linux_->cgroups_path, "a.slice:b:c");
  EXPECT_TRUE(errdefs::IsFailedPrecondition(Apply(WithNamespacedCgroup(), &spec)));
  spec.linux_->seccomp.emplace();
  ASSERT_TRUE(Apply(WithSeccompUnconfined, &spec).ok());
  EXPECT_FALSE(spec.linux_->seccomp.has_value());
}

TEST(Resources, OnlyWhereThereIsALinuxSection) {
  const specs::LinuxBlockIO blockio{.weight = std::uint16_t{123}, .leaf_weight = std::uint16_t{7}};
  const SpecOpts all = Compose({WithMemorySwap(1), WithPidsLimit(2), WithBlockIO(blockio),
                                WithCPUShares(3), WithCPUs("0,1"), WithCPUsMems("0"),
                                WithCPUBurst(4), WithCPURT(5, 6), WithCPUCFS(-1, 8)});
  Spec empty;
  ASSERT_TRUE(Apply(all, &empty).ok());
  EXPECT_EQ(empty, Spec{});
  Spec windows{.windows = specs::Windows{}};
  ASSERT_TRUE(Apply(all, &windows).ok());
  EXPECT_EQ(windows, Spec{.windows = specs::Windows{}});

  Spec spec{.linux_ = specs::Linux{}};
  ASSERT_TRUE(Apply(all, &spec).ok());
  const specs::LinuxResources& r = *spec.linux_->resources;
  EXPECT_EQ(r.memory->swap, 1);
  EXPECT_EQ(r.pids->limit, 2);
  EXPECT_EQ(r.block_io, blockio);
  EXPECT_EQ(r.cpu, (specs::LinuxCPU{.shares = 3,
                                    .quota = -1,
                                    .burst = 4,
                                    .period = 8,
                                    .realtime_runtime = 5,
                                    .realtime_period = 6,
                                    .cpus = "0,1",
                                    .mems = "0"}));
  ASSERT_TRUE(Apply(WithBlockIO(std::nullopt), &spec).ok());
  EXPECT_FALSE(spec.linux_->resources->block_io.has_value());
}

TEST(Resources, MemoryLimitIsForBoth) {
  containers::Container container{.id = "c"};
  const SpecOpts opt = WithMemoryLimit(768U << 20);
  auto on_linux =
      GenerateSpecWithPlatform(TestContext(), nullptr, "linux/amd64", &container, {opt});
  ASSERT_TRUE(on_linux.ok());
  EXPECT_EQ(on_linux->linux_->resources->memory->limit, 768 << 20);
  EXPECT_FALSE(on_linux->windows.has_value());
  auto windows =
      GenerateSpecWithPlatform(TestContext(), nullptr, "windows/amd64", &container, {opt});
  ASSERT_TRUE(windows.ok());
  EXPECT_EQ(windows->windows->resources->memory->limit, 768U << 20);
  EXPECT_FALSE(windows->linux_.has_value());
}

TEST(Resources, Rdt) {
  Spec spec;
  ASSERT_TRUE(Apply(WithRdt("c", "L3:0=f", "MB:0=20"), &spec).ok());
  EXPECT_EQ(spec.linux_->intel_rdt,
            (specs::LinuxIntelRdt{
                .clos_id = "c", .l3_cache_schema = "L3:0=f", .mem_bw_schema = "MB:0=20"}));
}

}  // namespace
}  // namespace containerd::oci
