// SPDX-License-Identifier: Apache-2.0
//
// What a daemon's configuration promises, seen through the client.
#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"
#include "containerd/runc/v1/options.pb.h"
#include "containerd/runtime/restart.h"
#include "containerd/supervisor/supervisor.h"

#include "container_fixture.h"
#include "harness.h"

namespace containerd {
namespace {

namespace fs = std::filesystem;
namespace restart = runtime::restart;
using testing::Eventually;

// A daemon of the test's own, which outlives all that the fixture has.
struct ConfiguredDaemon {
  explicit ConfiguredDaemon(std::vector<supervisor::DaemonOpt> opts) : private_(std::move(opts)) {}

  testing::PrivateDaemon private_;
};

class DaemonConfigTest : protected ConfiguredDaemon, public testing::ContainerTest {
 protected:
  explicit DaemonConfigTest(std::vector<supervisor::DaemonOpt> opts = {})
      : ConfiguredDaemon(std::move(opts)), ContainerTest(private_.client()) {}

  // A container whose task runs.
  absl::StatusOr<Task> Started(const std::vector<std::string>& args,
                               std::vector<NewContainerOpt> opts) {
    auto container = Make(args, {}, std::move(opts));
    if (!container.ok()) return container.status();
    container_ = std::make_unique<Container>(*container);
    auto task = container->NewTask(ctx(), cio::NullIO);
    if (!task.ok()) return task.status();
    if (absl::Status s = task->Start(ctx()); !s.ok()) return s;
    return task;
  }

  std::unique_ptr<Container> container_;
};

TEST_F(DaemonConfigTest, DaemonRuntimeRoot) {
  const testing::TestDir root;
  runc::v1::Options options;
  options.set_root(root.path());
  auto task = Started({"top"}, {WithRuntime(client_->Runtime(), options)});
  ASSERT_OK(task);
  EXPECT_TRUE(fs::exists(fmt::format("{}/{}/{}/state.json", root.path(), ns_.name(), task->ID())));
  EXPECT_OK(task->Delete(ctx(), {WithProcessKill}));
}

class DaemonCgroupTest : public ::testing::Test {};

TEST_F(DaemonCgroupTest, DaemonCustomCgroup) {
  if (fs::exists("/sys/fs/cgroup/cgroup.controllers")) {
    GTEST_SKIP() << "the daemon's cgroup is set in version 1 of cgroups only";
  }
  const std::string name = testing::UniqueName("cgroup");
  std::vector<fs::path> groups;
  for (const char* controller : {"devices", "memory", "cpu", "blkio"}) {
    const fs::path top = fs::path("/sys/fs/cgroup") / controller;
    if (fs::is_directory(top)) groups.push_back(top / name);
  }
  if (groups.empty()) GTEST_SKIP() << "no cgroups are mounted";
  {
    const testing::PrivateDaemon daemon(
        {supervisor::WithConfig(fmt::format("[cgroup]\n  path = \"/{}\"\n", name))});
    EXPECT_OK(daemon.client()->Version(Context::Background()));
    for (const fs::path& group : groups) EXPECT_TRUE(fs::exists(group / "cgroup.procs")) << group;
  }
  for (const fs::path& group : groups) {
    EXPECT_TRUE(Eventually([&] {
      std::error_code error;
      return fs::remove(group, error) || !fs::exists(group);
    })) << group;
  }
}

class RestartMonitorTest : public DaemonConfigTest {
 protected:
  RestartMonitorTest()
      : DaemonConfigTest({supervisor::WithConfig(
            "[plugins.\"io.containerd.internal.v1.restart\"]\n  interval = \"1s\"\n")}) {}

  // Ends what the monitor keeps, so that it stays ended.
  void TearDown() override {
    if (container_) ASSERT_OK(container_->Update(ctx(), {restart::WithNoRestarts}));
  }

  // The task is handed to the monitor once it runs: before that the monitor would start another.
  absl::StatusOr<Task> Kept(const std::vector<std::string>& args,
                            const std::vector<NewContainerOpt>& labels) {
    auto task = Started(args, {});
    if (!task.ok()) return task;
    if (absl::Status s = container_->Update(ctx(), labels); !s.ok()) return s;
    return task;
  }

  // The pid of the container's task when it runs, or 0.
  std::uint32_t Running() {
    auto task = container_->Task(ctx());
    if (!task.ok()) return 0;
    const auto status = task->Status(ctx());
    return status.ok() && status->status == ProcessStatus::kRunning ? task->Pid() : 0;
  }
};

TEST_F(RestartMonitorTest, RestartMonitor) {
  auto task = Kept({"sleep", "1000"}, {restart::WithStatus(ProcessStatus::kRunning)});
  ASSERT_OK(task);
  const std::uint32_t first = task->Pid();
  ASSERT_OK(task->Kill(ctx(), SIGKILL));
  EXPECT_TRUE(Eventually([&] {
    const std::uint32_t pid = Running();
    return pid != 0 && pid != first;
  }));
}

TEST_F(RestartMonitorTest, KeepsItStopped) {
  auto task = Kept({"sleep", "1000"}, {restart::WithStatus(ProcessStatus::kStopped)});
  ASSERT_OK(task);
  EXPECT_TRUE(Eventually([&] { return Running() == 0; }));
}

TEST_F(RestartMonitorTest, OnFailureAsOftenAsThePolicySays) {
  // The first to know policies is 1.7.
  const auto version = client_->Version(ctx());
  ASSERT_OK(version);
  if (version->version.find("1.6.") != std::string::npos) {
    GTEST_SKIP() << "the daemon's restart monitor knows no policies";
  }
  const testing::TestDir dir;
  const std::string log = dir.path() + "/log";
  auto task = Kept({"sh", "-c", "echo run; exit 7"},
                   {restart::WithStatus(ProcessStatus::kRunning),
                    restart::WithPolicy(*restart::NewPolicy("on-failure:2")),
                    restart::WithLogURI("file://" + log)});
  ASSERT_OK(task);
  const auto count = [&] {
    const auto labels = container_->Labels(ctx());
    if (!labels.ok() || !labels->contains(restart::kCountLabel)) return std::string();
    return labels->at(restart::kCountLabel);
  };
  EXPECT_TRUE(Eventually([&] { return count() == "2"; })) << count();
  absl::SleepFor(absl::Seconds(3));  // some rounds of the monitor's
  EXPECT_EQ(count(), "2");
  EXPECT_EQ(testing::ReadFile(log), "run\nrun\n");  // the first run's output went elsewhere
}

}  // namespace
}  // namespace containerd
