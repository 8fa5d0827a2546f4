// SPDX-License-Identifier: Apache-2.0
//
// What cannot be done: the error names it, and nothing is left half made.
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/snapshots/snapshots.h"
#include "containerd/tasks/tasks.h"
#include "containerd/typeurl/typeurl.h"

#include "container_fixture.h"
#include "harness.h"

namespace containerd::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace fs = std::filesystem;

class BadInputTest : public ContainerTest {
 protected:
  std::vector<std::string> SnapshotKeys() {
    std::vector<std::string> keys;
    const absl::Status walked = client_->SnapshotService("overlayfs")
                                    ->Walk(ctx(), [&](const Context&, const snapshots::Info& info) {
                                      if (info.kind != snapshots::Kind::kCommitted)
                                        keys.push_back(info.name);
                                      return absl::OkStatus();
                                    });
    EXPECT_TRUE(walked.ok()) << walked;
    return keys;
  }

  // Neither container nor snapshot, task, FIFO or mount.
  void ExpectNothing() {
    EXPECT_EQ(client_->Containers(ctx())->size(), 0U);
    EXPECT_THAT(SnapshotKeys(), IsEmpty());
    ExpectNoTask();
  }

  void ExpectNoTask() {
    auto tasks = client_->TaskService()->List(ctx());
    ASSERT_TRUE(tasks.ok()) << tasks.status();
    EXPECT_EQ(tasks->size(), 0U);
    EXPECT_TRUE(fs::is_empty(fifos_.path())) << "FIFOs were left behind";
    std::ifstream mounts("/proc/self/mountinfo");
    const std::string table{std::istreambuf_iterator<char>(mounts), {}};
    EXPECT_EQ(table.find("/" + ns_.name() + "/"), std::string::npos) << "a mount was left behind";
  }

  // That no container is made with the option, and that the error names what is wrong.
  void ExpectNoContainer(const oci::SpecOpts& opt, const std::string& named) {
    SCOPED_TRACE(named);
    const auto container = Make({"true"}, {opt});
    ASSERT_FALSE(container.ok());
    EXPECT_THAT(Text(container.status()), HasSubstr(named));
    ExpectNothing();
  }

  // That the container can be made, but no task of it.
  void ExpectNoTaskWith(const std::vector<oci::SpecOpts>& opts,
                        const ::testing::Matcher<std::string>& named) {
    auto container = Make({"true"}, opts);
    ASSERT_TRUE(container.ok()) << container.status();
    const auto task = container->NewTask(
        ctx(), Streams(std::make_shared<cio::InputStream>(), std::make_shared<cio::Buffer>(),
                       std::make_shared<cio::Buffer>()));
    ASSERT_FALSE(task.ok());
    EXPECT_THAT(Text(task.status()), named);
    ExpectNoTask();
    EXPECT_TRUE(errdefs::IsNotFound(container->Task(ctx()).status()));
    EXPECT_TRUE(container->Delete(ctx(), {WithSnapshotCleanup}).ok());
    ExpectNothing();
  }
};

TEST_F(BadInputTest, AnUnknownUserOrGroup) {
  ExpectNoContainer(oci::WithUser("no-such-user"), "no-such-user");
  ExpectNoContainer(oci::WithUser("root:no-such-group"), "no-such-group");
  ExpectNoContainer(oci::WithUser("no-such-user:root"), "no-such-user");
  ExpectNoContainer(oci::WithUsername("no-such-user"), "no-such-user");
  ExpectNoContainer(oci::WithAppendAdditionalGroups({"no-such-group"}), "no-such-group");
  ExpectNoContainer(oci::WithUser("a:b:c"), "a:b:c");
}

TEST_F(BadInputTest, AMissingDevice) {
  ExpectNoContainer(oci::WithLinuxDevice("/dev/no-such-device", "rwm"), "/dev/no-such-device");
  ExpectNoContainer(oci::WithDevices("/dev/no-such-device", "", "rwm"), "/dev/no-such-device");
  ExpectNoContainer(oci::WithLinuxDeviceFollowSymlinks("/dev/no-such-device", "r"),
                    "/dev/no-such-device");
  ExpectNoContainer(oci::WithLinuxDevice("/etc", "rwm"), "/etc");
}

TEST_F(BadInputTest, ASpecThatIsNoJSON) {
  const TestDir dir;
  const std::string path = dir.path() + "/spec.json";
  std::ofstream(path) << "{\"process\": ";
  ExpectNoContainer(oci::WithSpecFromFile(path), path);
  ExpectNoContainer(oci::WithSpecFromFile(dir.path() + "/no-such-file"), "no-such-file");
  ExpectNoContainer(oci::WithSpecFromBytes("no JSON"), "json");

  // One that is in the container's record already.
  const std::string id = Name();
  auto container = client_->NewContainer(
      ctx(), id,
      {WithNewSnapshot(id, *image_), WithNewSpec({oci::WithImageConfig(*image_)}),
       [](const Context&, Client&, containers::Container* c) {
         c->spec.value = "no JSON";
         return absl::OkStatus();
       }});
  ASSERT_TRUE(container.ok()) << container.status();
  const auto spec = container->Spec(ctx());
  EXPECT_FALSE(spec.ok());
  EXPECT_THAT(Text(spec.status()), HasSubstr(id));
  const auto task = container->NewTask(ctx(), Streams({}, std::make_shared<cio::Buffer>(), {}));
  EXPECT_FALSE(task.ok());
  EXPECT_THAT(Text(task.status()), HasSubstr(id));
  ExpectNoTask();
  EXPECT_TRUE(container->Delete(ctx(), {WithSnapshotCleanup}).ok());
  ExpectNothing();
}

TEST_F(BadInputTest, AMountWithNoSource) {
  ExpectNoContainer(
      oci::WithMounts(
          {{.destination = "/nothing-here", .type = "bind", .options = {"rbind", "ro"}}}),
      "/nothing-here");
  ExpectNoContainer(oci::WithMounts({{.destination = "/nothing-here", .options = {"rbind"}}}),
                    "/nothing-here");
  ExpectNoTaskWith({oci::WithMounts({{.destination = "/in",
                                      .type = "bind",
                                      .source = "/no/such/source",
                                      .options = {"rbind"}}})},
                   HasSubstr("/no/such/source"));
  ExpectNoTaskWith(
      {oci::WithMounts({{.destination = "/in", .type = "no-such-fs", .source = "none"}})},
      HasSubstr("/in"));

  // As root file system of a task.
  auto container = Make({"true"});
  ASSERT_TRUE(container.ok()) << container.status();
  const auto task =
      container->NewTask(ctx(), Streams({}, std::make_shared<cio::Buffer>(), {}),
                         {WithRootFS({{.type = "bind", .source = "", .options = {"rbind"}}})});
  EXPECT_FALSE(task.ok());
  EXPECT_THAT(Text(task.status()), HasSubstr(container->ID()));
  ExpectNoTask();
}

TEST_F(BadInputTest, AnExecIdThatIsTaken) {
  auto container = Make({"sleep", "1000"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Start(ctx()).ok());
  specs::Process spec = *(*container->Spec(ctx())).process;
  auto exec = task->Exec(ctx(), "taken", spec, cio::NullIO);
  ASSERT_TRUE(exec.ok()) << exec.status();
  ASSERT_TRUE(exec->Start(ctx()).ok());
  const auto second =
      task->Exec(ctx(), "taken", spec, Streams({}, std::make_shared<cio::Buffer>(), {}));
  EXPECT_TRUE(errdefs::IsAlreadyExists(second.status())) << second.status();
  EXPECT_THAT(Text(second.status()), HasSubstr("taken"));
  EXPECT_TRUE(fs::is_empty(fifos_.path())) << "FIFOs were left behind";
  // The first is as it was.
  EXPECT_EQ(exec->Status(ctx())->status, ProcessStatus::kRunning);

  const auto no_name =
      task->Exec(ctx(), "no/name", spec, Streams({}, std::make_shared<cio::Buffer>(), {}));
  EXPECT_TRUE(errdefs::IsInvalidArgument(no_name.status())) << no_name.status();
  EXPECT_THAT(Text(no_name.status()), HasSubstr("no/name"));
  EXPECT_TRUE(fs::is_empty(fifos_.path())) << "FIFOs were left behind";

  // A process that the task cannot have.
  spec.args = {"/no/such/program"};
  auto hopeless =
      task->Exec(ctx(), "hopeless", spec, Streams({}, std::make_shared<cio::Buffer>(), {}));
  ASSERT_TRUE(hopeless.ok()) << hopeless.status();
  const absl::Status started = hopeless->Start(ctx());
  EXPECT_THAT(Text(started), HasSubstr("/no/such/program"));
  EXPECT_TRUE(fs::is_empty(fifos_.path())) << "FIFOs were left behind";
  EXPECT_TRUE(hopeless->Delete(ctx()).ok());
  EXPECT_TRUE(errdefs::IsNotFound(task->LoadProcess(ctx(), "hopeless").status()));

  EXPECT_TRUE(exec->Delete(ctx(), {WithProcessKill}).ok());
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
  EXPECT_TRUE(container->Delete(ctx(), {WithSnapshotCleanup}).ok());
  ExpectNothing();
}

TEST_F(BadInputTest, ASignalThatDoesNotExist) {
  EXPECT_THAT(Text(ParseSignal("SIGNOSUCH").status()), HasSubstr("SIGNOSUCH"));
  EXPECT_THAT(Text(ParseSignal("4711").status()), HasSubstr("4711"));
  auto container = Make({"sleep", "1000"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Start(ctx()).ok());
  for (const int signal : {4711, 65, -1}) {
    const absl::Status killed = task->Kill(ctx(), signal);
    EXPECT_TRUE(errdefs::IsInvalidArgument(killed)) << killed;
    EXPECT_THAT(Text(killed), HasSubstr(std::to_string(signal)));
    EXPECT_THAT(Text(killed), HasSubstr(task->ID()));
  }
  EXPECT_EQ(task->Status(ctx())->status, ProcessStatus::kRunning);
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());

  // As stop signal of a container.
  auto odd = Make({"true"}, {}, {WithContainerLabels({{kStopSignalLabel, "SIGNOSUCH"}})});
  ASSERT_TRUE(odd.ok()) << odd.status();
  const auto stop = GetStopSignal(ctx(), *odd, SIGTERM);
  EXPECT_TRUE(errdefs::IsInvalidArgument(stop.status())) << stop.status();
  EXPECT_THAT(Text(stop.status()), HasSubstr("SIGNOSUCH"));
  EXPECT_THAT(Text(stop.status()), HasSubstr(odd->ID()));
}

TEST_F(BadInputTest, ATaskOfAnotherNamespace) {
  auto container = Make({"sleep", "1000"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Start(ctx()).ok());
  const TestNamespace other(*client_);
  specs::Process spec = *(*container->Spec(ctx())).process;
  const absl::Status errors[] = {
      client_->LoadContainer(other.ctx(), container->ID()).status(),
      container->Task(other.ctx()).status(),
      task->Kill(other.ctx(), SIGKILL),
      task->Pause(other.ctx()),
      task->Resize(other.ctx(), 1, 1),
      task->Pids(other.ctx()).status(),
      task->Metrics(other.ctx()).status(),
      task->Status(other.ctx()).status(),
      task->Delete(other.ctx()).status(),
      task->Exec(other.ctx(), "exec", spec, Streams({}, std::make_shared<cio::Buffer>(), {}))
          .status(),
      task->Wait(other.ctx()).Get(WithTimeout(ctx(), absl::Minutes(1))).status(),
      task->Checkpoint(other.ctx()).status(),
  };
  for (const absl::Status& error : errors) {
    EXPECT_TRUE(errdefs::IsNotFound(error)) << error;
    EXPECT_THAT(Text(error), HasSubstr(container->ID()));
  }
  EXPECT_TRUE(fs::is_empty(fifos_.path())) << "FIFOs were left behind";
  EXPECT_EQ(task->Status(ctx())->status, ProcessStatus::kRunning);
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
}

TEST_F(BadInputTest, ResourcesThatTheKernelRefuses) {
  // Less memory than the first process takes; processors that the machine does not have.
  ExpectNoTaskWith({oci::WithCPUs("4000-4001")}, HasSubstr("cpuset"));
  ExpectNoTaskWith({oci::WithHostname("host"), oci::WithHostNamespace("uts")},
                   HasSubstr("hostname"));
  ExpectNoTaskWith({oci::WithRlimit({.type = "RLIMIT_NOSUCH", .hard = 1, .soft = 1})},
                   HasSubstr("RLIMIT_NOSUCH"));
  ExpectNoTaskWith({oci::WithLinuxNamespace({.type = "network", .path = "/no/such/namespace"})},
                   HasSubstr("/no/such/namespace"));

  auto container = Make({"sleep", "1000"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Start(ctx()).ok());
  specs::LinuxResources resources;
  resources.cpu.emplace();
  resources.cpu->cpus = "4000-4001";
  const absl::Status updated = task->Update(ctx(), {WithResources(resources)});
  EXPECT_FALSE(updated.ok());
  EXPECT_THAT(Text(updated), HasSubstr("cpuset"));
  EXPECT_THAT(Text(updated), HasSubstr(task->ID()));
  EXPECT_EQ(task->Status(ctx())->status, ProcessStatus::kRunning);
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
  EXPECT_TRUE(container->Delete(ctx(), {WithSnapshotCleanup}).ok());
  ExpectNothing();
}

TEST_F(BadInputTest, ASnapshotThatIsThereAlready) {
  auto first = Make({"true"});
  ASSERT_TRUE(first.ok()) << first.status();
  // Of another container: it stays that one's.
  const std::string id = Name();
  const auto second =
      client_->NewContainer(ctx(), id, {WithNewSnapshot(first->ID(), *image_), WithNewSpec()});
  EXPECT_TRUE(errdefs::IsAlreadyExists(second.status())) << second.status();
  EXPECT_THAT(Text(second.status()), HasSubstr(first->ID()));
  EXPECT_THAT(SnapshotKeys(), ::testing::ElementsAre(first->ID()));

  // A container of that name is there: the new one's snapshot goes again.
  const auto taken =
      client_->NewContainer(ctx(), first->ID(), {WithNewSnapshot(id, *image_), WithNewSpec()});
  EXPECT_TRUE(errdefs::IsAlreadyExists(taken.status())) << taken.status();
  EXPECT_THAT(SnapshotKeys(), ::testing::ElementsAre(first->ID()));
}

TEST_F(BadInputTest, ManyThreadsMakeTheSameContainer) {
  for (int round = 0; round < 5; ++round) {
    const std::string id = Name();
    std::atomic<int> made{0};
    std::vector<std::thread> threads;
    threads.reserve(8);
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        const auto container = client_->NewContainer(
            ctx(), id,
            {WithNewSnapshot(id, *image_),
             WithNewSpec({oci::WithImageConfig(*image_), oci::WithProcessArgs({"true"})})});
        if (container.ok()) {
          ++made;
        } else {
          EXPECT_TRUE(errdefs::IsAlreadyExists(container.status())) << container.status();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(made, 1);
    // Who came too late has not taken the snapshot away.
    auto container = client_->LoadContainer(ctx(), id);
    ASSERT_TRUE(container.ok()) << container.status();
    auto outcome = RunTask(*container);
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_TRUE(container->Delete(ctx(), {WithSnapshotCleanup}).ok());
  }
  ExpectNothing();
}

TEST_F(BadInputTest, AContextThatHasEnded) {
  auto [canceled, cancel] = WithCancel(ctx());
  cancel();
  const std::string id = Name();
  const auto container =
      client_->NewContainer(canceled, id, {WithNewSnapshot(id, *image_), WithNewSpec()});
  EXPECT_TRUE(errdefs::IsCanceled(container.status())) << container.status();
  ExpectNothing();

  auto real = Make({"sleep", "1000"});
  ASSERT_TRUE(real.ok()) << real.status();
  const auto task = real->NewTask(canceled, Streams({}, std::make_shared<cio::Buffer>(), {}));
  EXPECT_TRUE(errdefs::IsCanceled(task.status())) << task.status();
  ExpectNoTask();
  EXPECT_TRUE(errdefs::IsCanceled(real->Delete(canceled, {WithSnapshotCleanup})));
  EXPECT_TRUE(real->Delete(ctx(), {WithSnapshotCleanup}).ok());
  ExpectNothing();
}

}  // namespace
}  // namespace containerd::testing
