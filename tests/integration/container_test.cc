// SPDX-License-Identifier: Apache-2.0
//
// Containers, tasks and processes with runc. Tests of the client's own suite keep their names.
#include <cerrno>
#include <filesystem>
#include <signal.h>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/snapshots/snapshots.h"

#include "container_fixture.h"
#include "harness.h"

namespace containerd::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

TEST_F(ContainerTest, ContainerList) {
  auto containers = client_->Containers(ctx());
  ASSERT_TRUE(containers.ok()) << containers.status();
  EXPECT_TRUE(containers->empty());

  auto a = Make({"true"}, {}, {WithContainerLabels({{"tier", "a"}})});
  auto b = Make({"true"}, {}, {WithContainerLabels({{"tier", "b"}})});
  ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
  EXPECT_EQ(client_->Containers(ctx())->size(), 2U);
  auto filtered = client_->Containers(ctx(), {"labels.tier==b"});
  ASSERT_TRUE(filtered.ok()) << filtered.status();
  ASSERT_EQ(filtered->size(), 1U);
  EXPECT_EQ(filtered->front().ID(), b->ID());
}

TEST_F(ContainerTest, NewContainer) {
  const std::string id = Name();
  auto container = client_->NewContainer(ctx(), id, {WithNewSpec()});
  ASSERT_TRUE(container.ok()) << container.status();
  EXPECT_EQ(container->ID(), id);
  auto spec = container->Spec(ctx());
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->linux_->cgroups_path, "/" + ns_.name() + "/" + id);

  const auto again = client_->NewContainer(ctx(), id, {WithNewSpec()});
  EXPECT_TRUE(errdefs::IsAlreadyExists(again.status())) << again.status();
  EXPECT_THAT(Text(again.status()), HasSubstr(id));
  EXPECT_TRUE(container->Delete(ctx()).ok());
  EXPECT_TRUE(errdefs::IsNotFound(container->Delete(ctx())));
  EXPECT_TRUE(errdefs::IsNotFound(container->Info(ctx()).status()));

  const auto bad = client_->NewContainer(ctx(), "no/slash", {WithNewSpec()});
  EXPECT_TRUE(errdefs::IsInvalidArgument(bad.status())) << bad.status();
  EXPECT_THAT(Text(bad.status()), HasSubstr("no/slash"));
}

TEST_F(ContainerTest, ContainerStart) {
  auto container = Make({"sh", "-c", "exit 7"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  EXPECT_GT(task->Pid(), 0U);
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_TRUE(task->Start(ctx()).ok());
  auto status = exit.Get(ctx());
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->ExitCode(), 7U);
  auto deleted = task->Delete(ctx());
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->ExitCode(), 7U);
  EXPECT_TRUE(container->Delete(ctx(), {WithSnapshotCleanup}).ok());
}

TEST_F(ContainerTest, ContainerOutput) {
  auto outcome = Run({"sh", "-c", "echo kingkoye; echo hello from stderr >&2"});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->exit.ExitCode(), 0U);
  EXPECT_EQ(outcome->out, "kingkoye\n");
  EXPECT_EQ(outcome->err, "hello from stderr\n");
  EXPECT_TRUE(std::filesystem::is_empty(fifos_.path())) << "FIFOs were left behind";
}

TEST_F(ContainerTest, ContainerWait) {
  auto container = Make({"sleep", "30"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> one = task->Wait(ctx());
  ASSERT_TRUE(task->Start(ctx()).ok());
  auto ended = task->Wait(WithTimeout(ctx(), absl::Milliseconds(50))).Get(ctx());
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(ended.status())) << ended.status();
  const Future<ExitStatus> two = task->Wait(ctx());
  ASSERT_TRUE(task->Kill(ctx(), SIGKILL).ok());
  EXPECT_EQ(one.Get(ctx())->ExitCode(), 137U);
  EXPECT_EQ(two.Get(ctx())->ExitCode(), 137U);
  EXPECT_TRUE(task->Delete(ctx()).ok());
}

TEST_F(ContainerTest, ContainerExec) {
  auto container = Make({"sleep", "100"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Start(ctx()).ok());

  specs::Process process = *(*container->Spec(ctx())).process;
  process.args = {"sh", "-c", "echo from exec; exit 6"};
  auto out = std::make_shared<cio::Buffer>();
  auto exec = task->Exec(ctx(), "exec-1", process, Streams({}, out, {}));
  ASSERT_TRUE(exec.ok()) << exec.status();
  EXPECT_EQ(exec->ID(), "exec-1");
  EXPECT_EQ(exec->Pid(), 0U);
  const Future<ExitStatus> exit = exec->Wait(ctx());
  ASSERT_TRUE(exec->Start(ctx()).ok());
  EXPECT_GT(exec->Pid(), 0U);
  auto status = exit.Get(ctx());
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->ExitCode(), 6U);
  EXPECT_EQ(out->String(), "from exec\n");

  const auto taken = task->Exec(ctx(), "exec-1", process, Streams({}, {}, {}));
  EXPECT_TRUE(errdefs::IsAlreadyExists(taken.status())) << taken.status();
  EXPECT_TRUE(errdefs::IsInvalidArgument(task->Exec(ctx(), "", process, cio::NullIO).status()));

  auto deleted = exec->Delete(ctx());
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->ExitCode(), 6U);
  EXPECT_TRUE(errdefs::IsNotFound(exec->Status(ctx()).status()));
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
  EXPECT_TRUE(std::filesystem::is_empty(fifos_.path())) << "FIFOs were left behind";
}

TEST_F(ContainerTest, ContainerPids) {
  auto container = Make({"sleep", "100"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Start(ctx()).ok());
  auto pids = task->Pids(ctx());
  ASSERT_TRUE(pids.ok()) << pids.status();
  ASSERT_EQ(pids->size(), 1U);
  EXPECT_EQ(pids->front().pid, task->Pid());
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
  EXPECT_TRUE(errdefs::IsNotFound(task->Pids(ctx()).status()));
}

TEST_F(ContainerTest, ContainerCloseIO) {
  auto container = Make({"cat"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto in = std::make_shared<cio::InputStream>();
  auto out = std::make_shared<cio::Buffer>();
  auto task = container->NewTask(ctx(), Streams(in, out, {}));
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_TRUE(task->Start(ctx()).ok());
  ASSERT_TRUE(in->Write("fed to cat\n").ok());
  in->Close();
  ASSERT_TRUE(task->IO()->InputDone().Get(ctx()).ok());
  ASSERT_TRUE(task->CloseIO(ctx(), {WithStdinCloser}).ok());
  auto status = exit.Get(WithTimeout(ctx(), absl::Seconds(30)));
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->ExitCode(), 0U);
  EXPECT_EQ(out->String(), "fed to cat\n");
  EXPECT_TRUE(task->Delete(ctx()).ok());
}

TEST_F(ContainerTest, ContainerKill) {
  auto container = Make({"sleep", "100"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_TRUE(task->Start(ctx()).ok());
  ASSERT_TRUE(task->Kill(ctx(), SIGKILL).ok());
  EXPECT_EQ(exit.Get(ctx())->ExitCode(), 137U);
  const absl::Status again = task->Kill(ctx(), SIGTERM);
  EXPECT_TRUE(errdefs::IsNotFound(again)) << again;
  EXPECT_TRUE(errdefs::IsInvalidArgument(task->Kill(ctx(), 12345)));
  EXPECT_TRUE(task->Delete(ctx()).ok());
}

TEST_F(ContainerTest, ContainerNoBinaryExists) {
  auto container = Make({"nothing"});
  ASSERT_TRUE(container.ok()) << container.status();
  const auto task = container->NewTask(ctx(), Streams({}, std::make_shared<cio::Buffer>(), {}));
  // runc finds out when it creates the container's process, some other runtimes when it starts.
  ASSERT_FALSE(task.ok());
  EXPECT_THAT(Text(task.status()), HasSubstr("nothing"));
  EXPECT_TRUE(std::filesystem::is_empty(fifos_.path())) << "FIFOs were left behind";
  EXPECT_TRUE(errdefs::IsNotFound(container->Task(ctx()).status()));
  EXPECT_TRUE(container->Delete(ctx(), {WithSnapshotCleanup}).ok());
}

TEST_F(ContainerTest, ContainerExecNoBinaryExists) {
  auto container = Make({"sleep", "100"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Start(ctx()).ok());
  specs::Process process = *(*container->Spec(ctx())).process;
  process.args = {"nothing"};
  auto exec =
      task->Exec(ctx(), "exec-1", process, Streams({}, std::make_shared<cio::Buffer>(), {}));
  ASSERT_TRUE(exec.ok()) << exec.status();
  const absl::Status started = exec->Start(ctx());
  EXPECT_FALSE(started.ok());
  EXPECT_THAT(Text(started), HasSubstr("nothing"));
  EXPECT_TRUE(std::filesystem::is_empty(fifos_.path())) << "FIFOs were left behind";
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
}

TEST_F(ContainerTest, WaitStoppedTask) {
  auto container = Make({"sh", "-c", "exit 7"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> first = task->Wait(ctx());
  ASSERT_TRUE(task->Start(ctx()).ok());
  ASSERT_TRUE(first.Get(ctx()).ok());
  auto late = task->Wait(ctx()).Get(ctx());
  ASSERT_TRUE(late.ok()) << late.status();
  EXPECT_EQ(late->ExitCode(), 7U);
  EXPECT_EQ(late->ExitTime(), first.Get(ctx())->ExitTime());
  EXPECT_TRUE(task->Delete(ctx()).ok());
}

TEST_F(ContainerTest, WaitStoppedProcess) {
  auto container = Make({"sleep", "100"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Start(ctx()).ok());
  specs::Process process = *(*container->Spec(ctx())).process;
  process.args = {"sh", "-c", "exit 6"};
  auto exec = task->Exec(ctx(), "exec-1", process, cio::NullIO);
  ASSERT_TRUE(exec.ok()) << exec.status();
  const Future<ExitStatus> first = exec->Wait(ctx());
  ASSERT_TRUE(exec->Start(ctx()).ok());
  ASSERT_TRUE(first.Get(ctx()).ok());
  EXPECT_EQ(exec->Wait(ctx()).Get(ctx())->ExitCode(), 6U);
  EXPECT_TRUE(exec->Delete(ctx()).ok());
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
}

TEST_F(ContainerTest, DeleteRunningContainer) {
  auto container = Make({"sleep", "100"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Start(ctx()).ok());
  const absl::Status deleted = container->Delete(ctx(), {WithSnapshotCleanup});
  EXPECT_TRUE(errdefs::IsFailedPrecondition(deleted)) << deleted;
  EXPECT_THAT(Text(deleted), HasSubstr(container->ID()));
  EXPECT_TRUE(errdefs::IsFailedPrecondition(task->Delete(ctx()).status()));
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
  EXPECT_TRUE(container->Delete(ctx(), {WithSnapshotCleanup}).ok());
}

TEST_F(ContainerTest, TaskForceDelete) {
  auto container = Make({"sleep", "100"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Start(ctx()).ok());
  auto exit = task->Delete(ctx(), {WithProcessKill});
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->ExitCode(), 137U);
}

TEST_F(ContainerTest, ASecondTaskIsRefused) {
  auto container = Make({"sleep", "100"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  const auto second = container->NewTask(ctx(), Streams({}, std::make_shared<cio::Buffer>(), {}));
  EXPECT_TRUE(errdefs::IsAlreadyExists(second.status())) << second.status();
  EXPECT_THAT(Text(second.status()), HasSubstr(container->ID()));
  EXPECT_TRUE(std::filesystem::is_empty(fifos_.path())) << "FIFOs were left behind";
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
}

TEST_F(ContainerTest, ContainerExitedAtSet) {
  const absl::Time before = absl::Now();
  auto outcome = Run({"true"});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->exit.ExitCode(), 0U);
  EXPECT_GE(outcome->exit.ExitTime(), before);
  EXPECT_LE(outcome->exit.ExitTime(), absl::Now());
}

TEST_F(ContainerTest, ContainerLabels) {
  auto container = Make({"true"});
  ASSERT_TRUE(container.ok()) << container.status();
  EXPECT_TRUE(container->Labels(ctx())->empty());
  auto set = container->SetLabels(ctx(), {{"test", "hello"}});
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_THAT(*set, ElementsAre(Pair("test", "hello")));
  set = container->SetLabels(ctx(), {{"another.dotted/key", "1"}});
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_THAT(*set, UnorderedElementsAre(Pair("test", "hello"), Pair("another.dotted/key", "1")));
  set = container->SetLabels(ctx(), {{"test", ""}});
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_THAT(*container->Labels(ctx()), Not(Contains(Pair("test", "hello"))));

  const auto endless = container->SetLabels(ctx(), {{"big", std::string(5000, 'x')}});
  EXPECT_TRUE(errdefs::IsInvalidArgument(endless.status())) << endless.status();
  EXPECT_THAT(Text(endless.status()), HasSubstr("big"));
}

TEST_F(ContainerTest, ContainerInfo) {
  auto container = Make({"true"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto info = container->Info(ctx());
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->id, container->ID());
  EXPECT_EQ(info->runtime.name, client_->Runtime());
  EXPECT_EQ(info->image, image_->Name());
  EXPECT_EQ(info->snapshot_key, container->ID());
  EXPECT_EQ(info->snapshotter, "overlayfs");
  EXPECT_GT(info->created_at, absl::Now() - absl::Minutes(5));

  ASSERT_TRUE(client_->LoadContainer(ctx(), container->ID())->SetLabels(ctx(), {{"k", "v"}}).ok());
  EXPECT_TRUE(container->Info(ctx(), {WithoutRefreshedMetadata})->labels.empty());
  EXPECT_THAT(container->Info(ctx())->labels, ElementsAre(Pair("k", "v")));
  EXPECT_THAT(container->Info(ctx(), {WithoutRefreshedMetadata})->labels,
              ElementsAre(Pair("k", "v")));
}

TEST_F(ContainerTest, ContainerImage) {
  auto container = Make({"true"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto image = container->Image(ctx());
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->Name(), image_->Name());
}

TEST_F(ContainerTest, ContainerNoImage) {
  auto container = client_->NewContainer(ctx(), Name(), {WithNewSpec()});
  ASSERT_TRUE(container.ok()) << container.status();
  const auto image = container->Image(ctx());
  EXPECT_TRUE(errdefs::IsNotFound(image.status())) << image.status();
  EXPECT_THAT(Text(image.status()), HasSubstr(container->ID()));
}

TEST_F(ContainerTest, ContainerUpdate) {
  auto container = Make({"true"});
  ASSERT_TRUE(container.ok()) << container.status();
  const absl::Status updated =
      container->Update(ctx(), {[](const Context&, Client&, containers::Container* c) {
                          c->labels["updated"] = "yes";
                          c->image = "another";
                          return absl::OkStatus();
                        }});
  ASSERT_TRUE(updated.ok()) << updated;
  auto info = container->Info(ctx());
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->image, "another");
  EXPECT_THAT(info->labels, ElementsAre(Pair("updated", "yes")));
}

TEST_F(ContainerTest, ContainerHostname) {
  auto outcome = Run({"hostname"}, {oci::WithHostname("itest-host")});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->out, "itest-host\n");
}

TEST_F(ContainerTest, ContainerPauseAndResume) {
  auto container = Make({"sleep", "100"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  EXPECT_EQ(task->Status(ctx())->status, ProcessStatus::kCreated);
  ASSERT_TRUE(task->Start(ctx()).ok());
  EXPECT_EQ(task->Status(ctx())->status, ProcessStatus::kRunning);
  ASSERT_TRUE(task->Pause(ctx()).ok());
  EXPECT_EQ(task->Status(ctx())->status, ProcessStatus::kPaused);
  ASSERT_TRUE(task->Resume(ctx()).ok());
  EXPECT_EQ(task->Status(ctx())->status, ProcessStatus::kRunning);
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
}

TEST_F(ContainerTest, ContainerMetrics) {
  auto container = Make({"sleep", "100"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Start(ctx()).ok());
  auto metric = task->Metrics(ctx());
  ASSERT_TRUE(metric.ok()) << metric.status();
  EXPECT_EQ(metric->id, container->ID());
  EXPECT_THAT(metric->data.type_url, HasSubstr("io.containerd.cgroups."));
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
  EXPECT_TRUE(errdefs::IsNotFound(task->Metrics(ctx()).status()));
}

TEST_F(ContainerTest, ContainerAttach) {
  auto container = Make({"cat"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto out = std::make_shared<cio::Buffer>();
  auto task = container->NewTask(
      ctx(), Streams(std::make_shared<cio::InputStream>(), std::make_shared<cio::Buffer>(), {}));
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Start(ctx()).ok());
  task->IO()->Cancel();  // as if this program had ended

  auto in = std::make_shared<cio::InputStream>();
  auto attached = client_->LoadContainer(ctx(), container->ID())
                      ->Task(ctx(), cio::NewAttach({cio::WithStreams(in, out, {})}));
  ASSERT_TRUE(attached.ok()) << attached.status();
  EXPECT_EQ(attached->Pid(), task->Pid());
  const Future<ExitStatus> exit = attached->Wait(ctx());
  ASSERT_TRUE(in->Write("hello again\n").ok());
  in->Close();
  ASSERT_TRUE(attached->IO()->InputDone().Get(ctx()).ok());
  ASSERT_TRUE(attached->CloseIO(ctx(), {WithStdinCloser}).ok());
  ASSERT_TRUE(exit.Get(WithTimeout(ctx(), absl::Seconds(30))).ok());
  EXPECT_EQ(out->String(), "hello again\n");
  EXPECT_TRUE(attached->Delete(ctx()).ok());
  EXPECT_TRUE(std::filesystem::is_empty(fifos_.path())) << "FIFOs were left behind";
}

TEST_F(ContainerTest, ContainerLoadUnexistingProcess) {
  auto container = Make({"sleep", "100"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  const auto process = task->LoadProcess(ctx(), "this-process-does-not-exist");
  EXPECT_TRUE(errdefs::IsNotFound(process.status())) << process.status();
  EXPECT_THAT(Text(process.status()), HasSubstr("this-process-does-not-exist"));
  EXPECT_EQ(task->LoadProcess(ctx(), container->ID())->Pid(), task->Pid());
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
}

TEST_F(ContainerTest, AFailedContainerLeavesNoSnapshot) {
  const std::string id = Name();
  const auto container = client_->NewContainer(
      ctx(), id,
      {WithNewSnapshot(id, *image_), [](const Context&, Client&, containers::Container*) {
         return errdefs::Aborted("on purpose");
       }});
  EXPECT_TRUE(errdefs::IsAborted(container.status())) << container.status();
  EXPECT_TRUE(errdefs::IsNotFound(client_->SnapshotService("overlayfs")->Stat(ctx(), id).status()));
}

TEST_F(ContainerTest, WhatDoesNotExistIsNamed) {
  const auto snapshotter = client_->NewContainer(
      ctx(), Name(), {WithSnapshotter("nosuch"), WithNewSnapshot(Name(), *image_), WithNewSpec()});
  EXPECT_FALSE(snapshotter.ok());
  EXPECT_THAT(Text(snapshotter.status()), HasSubstr("nosuch"));

  const auto snapshot = client_->NewContainer(ctx(), Name(), {WithSnapshot("missing-key")});
  EXPECT_TRUE(errdefs::IsNotFound(snapshot.status())) << snapshot.status();
  EXPECT_THAT(Text(snapshot.status()), HasSubstr("missing-key"));

  auto container = Make({"true"}, {}, {WithRuntime("io.containerd.nosuch.v9")});
  ASSERT_TRUE(container.ok()) << container.status();
  const auto task = container->NewTask(ctx(), cio::NullIO);
  EXPECT_FALSE(task.ok());
  EXPECT_THAT(Text(task.status()), HasSubstr("nosuch"));
}

TEST_F(ContainerTest, LogsGoToAFile) {
  auto container = Make({"echo", "to the log"});
  ASSERT_TRUE(container.ok()) << container.status();
  const TestDir dir;
  const std::string path = dir.path() + "/task.log";
  auto task = container->NewTask(ctx(), cio::LogFile(path));
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_TRUE(task->Start(ctx()).ok());
  ASSERT_TRUE(exit.Get(ctx()).ok());
  ASSERT_TRUE(task->Delete(ctx()).ok());
  std::string text(64, '\0');
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  text.resize(static_cast<std::size_t>(::read(fd, text.data(), text.size())));
  ::close(fd);
  EXPECT_EQ(text, "to the log\n");
}

TEST_F(ContainerTest, TerminalOutputIsOneStream) {
  auto container = Make({"sh", "-c", "tty; echo err >&2"}, {oci::WithTTY});
  ASSERT_TRUE(container.ok()) << container.status();
  auto out = std::make_shared<cio::Buffer>();
  auto task =
      container->NewTask(ctx(), cio::NewCreator({cio::WithStreams({}, out, {}), cio::WithTerminal(),
                                                 cio::WithFIFODir(fifos_.path())}));
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_TRUE(task->Start(ctx()).ok());
  ASSERT_TRUE(exit.Get(WithTimeout(ctx(), absl::Seconds(30))).ok());
  EXPECT_EQ(out->String(), "/dev/pts/0\r\nerr\r\n");
  EXPECT_TRUE(task->Delete(ctx()).ok());
}

TEST_F(ContainerTest, AKilledTaskLeavesNoProcess) {
  auto container = Make({"sh", "-c", "sleep 1000 & sleep 1000 & wait"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Start(ctx()).ok());
  std::vector<ProcessInfo> pids;
  while (pids.size() < 3) {
    auto listed = task->Pids(ctx());
    ASSERT_TRUE(listed.ok()) << listed.status();
    pids = *std::move(listed);
  }
  ASSERT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
  for (const ProcessInfo& info : pids) EXPECT_FALSE(Alive(info.pid)) << info.pid;
}

}  // namespace
}  // namespace containerd::testing
