// SPDX-License-Identifier: Apache-2.0
#include "containerd/task_opts.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/linux/runc/runc.pb.h"
#include "containerd/runc/v1/options.pb.h"
#include "containerd/testing/mocks/client.h"
#include "containerd/typeurl/typeurl.h"

#include "io/containerd/cgroups/v1/metrics.pb.h"
#include "io/containerd/cgroups/v2/metrics.pb.h"

namespace containerd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

using V1 = ::containerd::linux::runc::CreateOptions;  // of io.containerd.runtime.v1.linux
using V2 = ::containerd::runc::v1::Options;

constexpr char kRuncV2[] = "io.containerd.runc.v2";
constexpr char kLinuxV1[] = "io.containerd.runtime.v1.linux";

TaskInfo Info(std::string runtime, typeurl::Any options = {}, typeurl::Any runtime_options = {}) {
  TaskInfo info;
  info.runtime = std::move(runtime);
  info.options = std::move(options);
  info.runtime_options = std::move(runtime_options);
  return info;
}

class TaskOptsTest : public ::testing::Test {
 protected:
  absl::Status Apply(const NewTaskOpts& opt, TaskInfo* info) {
    return opt(Context::Background(), daemon_.client, info);
  }

  testing::MockDaemon daemon_;
};

struct Row {
  const char* name;
  NewTaskOpts opt;
  std::function<void(V2&)> v2;
  std::function<void(V1&)> v1;
};

// Each option sets one field, for both kinds of runc's options.
std::vector<Row> Rows() {
  return {
      {"keyring", WithNoNewKeyring, [](V2& o) { o.set_no_new_keyring(true); },
       [](V1& o) { o.set_no_new_keyring(true); }},
      {"pivot root", WithNoPivotRoot, [](V2& o) { o.set_no_pivot_root(true); },
       [](V1& o) { o.set_no_pivot_root(true); }},
      {"shim cgroup", WithShimCgroup("/c"), [](V2& o) { o.set_shim_cgroup("/c"); },
       [](V1& o) { o.set_shim_cgroup("/c"); }},
      {"uid", WithUIDOwner(7), [](V2& o) { o.set_io_uid(7); }, [](V1& o) { o.set_io_uid(7); }},
      {"gid", WithGIDOwner(8), [](V2& o) { o.set_io_gid(8); }, [](V1& o) { o.set_io_gid(8); }},
      {"image path", WithRestoreImagePath("/i"), [](V2& o) { o.set_criu_image_path("/i"); },
       [](V1& o) { o.set_criu_image_path("/i"); }},
      {"work path", WithRestoreWorkPath("/w"), [](V2& o) { o.set_criu_work_path("/w"); },
       [](V1& o) { o.set_criu_work_path("/w"); }},
  };
}

TEST_F(TaskOptsTest, RuncOptions) {
  for (const Row& row : Rows()) {
    SCOPED_TRACE(row.name);
    TaskInfo info = Info(kRuncV2);
    ASSERT_TRUE(Apply(row.opt, &info).ok());
    V2 want;
    row.v2(want);
    auto got = typeurl::UnmarshalAny<V2>(info.options);
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(got->SerializeAsString(), want.SerializeAsString());

    // Those of the container are kept.
    want.set_binary_name("crun");
    want.set_systemd_cgroup(true);
    V2 containers;
    containers.set_binary_name("crun");
    containers.set_systemd_cgroup(true);
    info = Info(kRuncV2, {}, *typeurl::MarshalAny(containers));
    ASSERT_TRUE(Apply(row.opt, &info).ok());
    EXPECT_EQ(typeurl::UnmarshalAny<V2>(info.options)->SerializeAsString(),
              want.SerializeAsString());

    info = Info(kLinuxV1);
    ASSERT_TRUE(Apply(row.opt, &info).ok());
    V1 want_v1;
    row.v1(want_v1);
    auto got_v1 = typeurl::UnmarshalAny<V1>(info.options);
    ASSERT_TRUE(got_v1.ok()) << got_v1.status();
    EXPECT_EQ(got_v1->SerializeAsString(), want_v1.SerializeAsString());
  }
}

TEST_F(TaskOptsTest, OneAddsToTheOther) {
  for (const char* runtime : {kRuncV2, kLinuxV1}) {
    TaskInfo info = Info(runtime);
    for (const Row& row : Rows()) ASSERT_TRUE(Apply(row.opt, &info).ok()) << row.name;
    if (runtime == kRuncV2) {
      V2 want;
      for (const Row& row : Rows()) row.v2(want);
      EXPECT_EQ(typeurl::UnmarshalAny<V2>(info.options)->SerializeAsString(),
                want.SerializeAsString());
    } else {
      V1 want;
      for (const Row& row : Rows()) row.v1(want);
      EXPECT_EQ(typeurl::UnmarshalAny<V1>(info.options)->SerializeAsString(),
                want.SerializeAsString());
    }
  }
}

TEST_F(TaskOptsTest, OptionsOfAnotherRuntimeAreNamed) {
  for (const Row& row : Rows()) {
    TaskInfo info = Info("io.containerd.runsc.v1", {}, {"runsc.Options", "bytes"});
    const absl::Status applied = Apply(row.opt, &info);
    EXPECT_TRUE(errdefs::IsInvalidArgument(applied)) << row.name;
    EXPECT_THAT(std::string(errdefs::Message(applied)), HasSubstr("runsc.Options"));
    EXPECT_THAT(std::string(errdefs::Message(applied)), HasSubstr("io.containerd.runsc.v1"));
    EXPECT_TRUE(info.options.empty());
  }
}

TEST_F(TaskOptsTest, TaskAPIEndpoint) {
  TaskInfo info = Info(kRuncV2);
  ASSERT_TRUE(Apply(WithTaskAPIEndpoint("unix:///run/vm.sock", 3), &info).ok());
  EXPECT_EQ(info.task_api_address, "unix:///run/vm.sock");
  EXPECT_EQ(info.task_api_version, 3U);
  auto got = typeurl::UnmarshalAny<V2>(info.options);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->task_api_address(), "unix:///run/vm.sock");
  EXPECT_EQ(got->task_api_version(), 3U);

  // Another runtime's options stay as they are.
  info = Info("io.containerd.kata.v2", {"kata.Options", "bytes"});
  ASSERT_TRUE(Apply(WithTaskAPIEndpoint("vsock://3:1024", 2), &info).ok());
  EXPECT_EQ(info.task_api_address, "vsock://3:1024");
  EXPECT_EQ(info.options, (typeurl::Any{"kata.Options", "bytes"}));
}

TEST_F(TaskOptsTest, TheRest) {
  TaskInfo info = Info(kRuncV2);
  ASSERT_TRUE(Apply(WithRuntimePath("/opt/shim"), &info).ok());
  ASSERT_TRUE(Apply(WithRootFS({{.type = "bind", .source = "/r"}}), &info).ok());
  EXPECT_EQ(info.runtime_path, "/opt/shim");
  ASSERT_EQ(info.rootfs.size(), 1U);
  EXPECT_EQ(info.rootfs.front().source, "/r");

  UpdateTaskInfo update;
  specs::LinuxResources resources;
  resources.pids.emplace().limit = 9;
  const Context ctx = Context::Background();
  ASSERT_TRUE(WithResources(resources)(ctx, daemon_.client, &update).ok());
  ASSERT_TRUE(WithAnnotations({{"a", "b"}})(ctx, daemon_.client, &update).ok());
  EXPECT_EQ(update.resources.value, R"({"pids":{"limit":9}})");
  EXPECT_THAT(update.annotations, ElementsAre(Pair("a", "b")));
}

// What Task::Metrics gives, by the names that daemons use.
TEST(Metrics, AreDecodedForBothKindsOfCgroups) {
  ::io::containerd::cgroups::v1::Metrics v1;
  v1.mutable_pids()->set_current(3);
  v1.mutable_memory()->mutable_usage()->set_usage(4096);
  auto got_v1 = typeurl::UnmarshalAny<::io::containerd::cgroups::v1::Metrics>(
      {"io.containerd.cgroups.v1.Metrics", v1.SerializeAsString()});
  ASSERT_TRUE(got_v1.ok()) << got_v1.status();
  EXPECT_EQ(got_v1->pids().current(), 3U);
  EXPECT_EQ(got_v1->memory().usage().usage(), 4096U);

  ::io::containerd::cgroups::v2::Metrics v2;
  v2.mutable_pids()->set_current(5);
  v2.mutable_cpu()->set_usage_usec(77);
  v2.mutable_memory()->set_usage(8192);
  auto got_v2 = typeurl::UnmarshalAny<::io::containerd::cgroups::v2::Metrics>(
      {"type.googleapis.com/io.containerd.cgroups.v2.Metrics", v2.SerializeAsString()});
  ASSERT_TRUE(got_v2.ok()) << got_v2.status();
  EXPECT_EQ(got_v2->pids().current(), 5U);
  EXPECT_EQ(got_v2->cpu().usage_usec(), 77U);
  EXPECT_EQ(got_v2->memory().usage(), 8192U);

  EXPECT_FALSE(typeurl::UnmarshalAny<::io::containerd::cgroups::v2::Metrics>(
                   {"io.containerd.cgroups.v1.Metrics", v1.SerializeAsString()})
                   .ok());
}

}  // namespace
}  // namespace containerd
