// SPDX-License-Identifier: Apache-2.0
//
// What every daemon's tasks do, those of runc's shim, and what stands in for one has to do as well.
// Used as store_conformance.h, of a subject that can run programs.
#ifndef CONTAINERD_TESTS_SUPPORT_TASK_CONFORMANCE_H_
#define CONTAINERD_TESTS_SUPPORT_TASK_CONFORMANCE_H_

#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <google/protobuf/timestamp.pb.h>
#include <gtest/gtest.h>

#include "containerd/cio/cio.h"
#include "containerd/client.h"
#include "containerd/container.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/events/events.h"
#include "containerd/events/task.pb.h"
#include "containerd/events/typed.h"
#include "containerd/process.h"
#include "containerd/specs/spec.h"
#include "containerd/task.h"
#include "containerd/tasks/tasks.h"
#include "containerd/testing/status.h"
#include "containerd/typeurl/typeurl.h"

#include "tests/support/conformance.h"

namespace containerd::testing {

// What a process does, so that a shell can do it, and a script can say it.
struct Program {
  std::string out{};  // what it writes first
  std::string err{};
  bool copies = false;  // then its stdin to its stdout, to the end
  bool stays = false;   // and then it stays until it is killed
  std::uint32_t exit_code = 0;
};

class TaskSubject : public Subject {
 public:
  // A container whose task runs the program, in the subject's namespace.
  virtual absl::StatusOr<Container> NewContainer(const std::string& id, const Program& program) = 0;
  // A process to add to it that does.
  virtual specs::Process NewExec(const std::string& container_id, const std::string& exec_id,
                                 const Program& program) = 0;
  // A folder for FIFOs.
  virtual std::string folder() = 0;
};

class Tasks : public ::testing::TestWithParam<std::unique_ptr<TaskSubject> (*)()> {
 protected:
  // What a container's task or an exec has written, once it is deleted.
  struct Output {
    const std::shared_ptr<cio::Buffer> out = std::make_shared<cio::Buffer>();
    const std::shared_ptr<cio::Buffer> err = std::make_shared<cio::Buffer>();
  };

  const Context& ctx() const { return ctx_; }

  Container NewContainer(const std::string& id, const Program& program) {
    absl::StatusOr<Container> container = subject_->NewContainer(id, program);
    EXPECT_OK(container);
    return *std::move(container);
  }

  cio::Creator Streams(const Output& output, cio::Source in = {}) {
    return cio::NewCreator({cio::WithFIFODir(subject_->folder()),
                            cio::WithStreams(std::move(in), output.out, output.err)});
  }

  // The task of a new container.
  Task Created(const std::string& id, const Program& program,
               const cio::Creator& creator = cio::NullIO) {
    absl::StatusOr<Task> task = NewContainer(id, program).NewTask(ctx(), creator);
    EXPECT_OK(task);
    return *std::move(task);
  }

  Task Started(const std::string& id, const Program& program) {
    Task task = Created(id, program);
    EXPECT_OK(task.Start(ctx()));
    return task;
  }

  absl::StatusOr<Process> Exec(Task& task, const std::string& id, const Program& program,
                               const cio::Creator& creator = cio::NullIO) {
    return task.Exec(ctx(), id, subject_->NewExec(task.ID(), id, program), creator);
  }

  ExitStatus ExitOf(Process process) {
    absl::StatusOr<ExitStatus> status = process.Wait(ctx()).Get(ctx());
    EXPECT_OK(status);
    return status.ok() ? *status : ExitStatus(999, absl::InfinitePast());
  }

  ProcessStatus StatusOf(Process process) {
    absl::StatusOr<containerd::Status> status = process.Status(ctx());
    EXPECT_OK(status);
    return status.ok() ? status->status : ProcessStatus::kUnknown;
  }

  static absl::Time TimeOf(const google::protobuf::Timestamp& time) {
    return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
  }

  // Of a call that does not suit the process's state; shims give the error no class.
  static auto Refused() { return StatusIs(errdefs::IsUnknown); }

  // The next event, which is to be of that kind.
  template <typename Event>
  Event Next(events::Subscription& subscription, std::string_view topic) {
    absl::StatusOr<events::Item> item = subscription.Next(ctx());
    EXPECT_OK(item);
    if (!item.ok()) return {};
    const auto& envelope = std::get<events::Envelope>(*item);
    EXPECT_EQ(envelope.topic, topic);
    EXPECT_EQ(envelope.ns, *ctx().Namespace());
    absl::StatusOr<Event> event = events::Decode<Event>(envelope);
    EXPECT_OK(event);
    return event.ok() ? *event : Event();
  }

  const std::unique_ptr<TaskSubject> subject_ = GetParam()();
  const std::shared_ptr<Client> client_ = subject_->client();
  const Context ctx_ = WithTimeout(subject_->ctx(), absl::Minutes(2));
  const std::shared_ptr<tasks::Service> service_ = client_->TaskService();
};

TEST_P(Tasks, RunToTheirEnd) {
  const Output output;
  const absl::Time before = absl::Now() - absl::Minutes(1);
  Task task = Created("web", {.out = "hello\n", .err = "oh\n", .exit_code = 3}, Streams(output));
  EXPECT_GT(task.Pid(), 0U);
  EXPECT_EQ(StatusOf(task), ProcessStatus::kCreated);
  const Future<ExitStatus> exit = task.Wait(ctx());
  ASSERT_OK(task.Start(ctx()));
  const absl::StatusOr<ExitStatus> ended = exit.Get(ctx());
  ASSERT_OK(ended);
  EXPECT_EQ(ended->ExitCode(), 3U);
  EXPECT_GT(ended->ExitTime(), before);
  EXPECT_EQ(output.out->String(), "hello\n");
  EXPECT_EQ(output.err->String(), "oh\n");

  const absl::StatusOr<containerd::Status> status = task.Status(ctx());
  ASSERT_OK(status);
  EXPECT_EQ(status->status, ProcessStatus::kStopped);
  EXPECT_EQ(status->exit_status, 3U);
  EXPECT_EQ(status->exit_time, ended->ExitTime());
  EXPECT_EQ(ExitOf(task).ExitTime(), ended->ExitTime());
  const absl::StatusOr<ExitStatus> deleted = task.Delete(ctx());
  ASSERT_OK(deleted);
  EXPECT_EQ(deleted->ExitCode(), 3U);
  EXPECT_EQ(deleted->ExitTime(), ended->ExitTime());
  EXPECT_THAT(task.Status(ctx()), StatusIs(errdefs::IsNotFound));
  EXPECT_THAT(task.Delete(ctx()), StatusIs(errdefs::IsNotFound));
}

TEST_P(Tasks, RunUntilTheyAreKilled) {
  Container container = NewContainer("web", {.stays = true});
  absl::StatusOr<Task> task = container.NewTask(ctx(), cio::NullIO);
  ASSERT_OK(task);
  EXPECT_THAT(container.NewTask(ctx(), cio::NullIO), StatusIs(errdefs::IsAlreadyExists));
  ASSERT_OK(task->Start(ctx()));
  EXPECT_EQ(StatusOf(*task), ProcessStatus::kRunning);
  const Future<ExitStatus> exit = task->Wait(ctx());
  EXPECT_THAT(task->Start(ctx()), Refused());
  EXPECT_THAT(task->Delete(ctx()), StatusIs(errdefs::IsFailedPrecondition));
  EXPECT_THAT(service_->Delete(ctx(), "web"), Refused());
  EXPECT_THAT(container.Delete(ctx()), StatusIs(errdefs::IsFailedPrecondition));
  absl::StatusOr<Task> loaded = container.Task(ctx());
  ASSERT_OK(loaded);
  EXPECT_EQ(loaded->Pid(), task->Pid());
  EXPECT_FALSE(exit.IsReady());

  EXPECT_OK(task->Kill(ctx(), 0));
  ASSERT_OK(loaded->Kill(ctx(), SIGKILL));
  const absl::StatusOr<ExitStatus> ended = exit.Get(ctx());
  ASSERT_OK(ended);
  EXPECT_EQ(ended->ExitCode(), 128U + SIGKILL);
  EXPECT_THAT(task->Kill(ctx(), SIGKILL), StatusIs(errdefs::IsNotFound));
  EXPECT_THAT(task->Start(ctx()), Refused());
  EXPECT_THAT(Exec(*task, "late", {}), Refused());
  EXPECT_THAT(task->Pause(ctx()), Refused());
  EXPECT_THAT(task->Resume(ctx()), Refused());
  EXPECT_EQ(StatusOf(*task), ProcessStatus::kStopped);
  EXPECT_OK(task->Delete(ctx()));
  EXPECT_THAT(container.Task(ctx()), StatusIs(errdefs::IsNotFound));
  EXPECT_OK(container.Delete(ctx()));
}

TEST_P(Tasks, ThatAreOnlyCreated) {
  Task task = Created("web", {.stays = true});
  EXPECT_THAT(task.Pause(ctx()), Refused());
  EXPECT_THAT(task.Resume(ctx()), Refused());
  // The container is there, and others may run in it before its own process does.
  absl::StatusOr<Process> exec = Exec(task, "early", {.exit_code = 4});
  ASSERT_OK(exec);
  ASSERT_OK(exec->Start(ctx()));
  EXPECT_EQ(ExitOf(*exec).ExitCode(), 4U);
  EXPECT_OK(exec->Delete(ctx()));
  EXPECT_EQ(StatusOf(task), ProcessStatus::kCreated);
  EXPECT_THAT(task.Delete(ctx()), StatusIs(errdefs::IsFailedPrecondition));
  EXPECT_OK(service_->Delete(ctx(), "web"));
  EXPECT_THAT(task.Status(ctx()), StatusIs(errdefs::IsNotFound));

  Task killed = Created("killed", {.stays = true});
  EXPECT_OK(killed.Kill(ctx(), SIGKILL));
  EXPECT_EQ(ExitOf(killed).ExitCode(), 128U + SIGKILL);
  EXPECT_EQ(StatusOf(killed), ProcessStatus::kStopped);
  EXPECT_OK(killed.Delete(ctx()));
}

TEST_P(Tasks, ProcessesAreAdded) {
  Task task = Started("web", {.stays = true});
  const Output output;
  absl::StatusOr<Process> exec =
      Exec(task, "e", {.out = "exec\n", .err = "err\n", .exit_code = 7}, Streams(output));
  ASSERT_OK(exec);
  EXPECT_EQ(StatusOf(*exec), ProcessStatus::kCreated);
  EXPECT_EQ(exec->Pid(), 0U);
  EXPECT_EQ(service_->Get(ctx(), "web", "e")->pid, 0U);
  EXPECT_THAT(Exec(task, "e", {}), StatusIs(errdefs::IsAlreadyExists));
  EXPECT_THAT(exec->Kill(ctx(), SIGKILL), StatusIs(errdefs::IsFailedPrecondition));
  ASSERT_OK(exec->Start(ctx()));
  EXPECT_GT(exec->Pid(), 0U);
  EXPECT_NE(exec->Pid(), task.Pid());
  const ExitStatus ended = ExitOf(*exec);
  EXPECT_EQ(ended.ExitCode(), 7U);
  EXPECT_EQ(output.out->String(), "exec\n");
  EXPECT_EQ(output.err->String(), "err\n");
  EXPECT_EQ(StatusOf(*exec), ProcessStatus::kStopped);
  EXPECT_THAT(exec->Start(ctx()), Refused());
  EXPECT_THAT(exec->Kill(ctx(), SIGKILL), StatusIs(errdefs::IsNotFound));
  const absl::StatusOr<ExitStatus> deleted = exec->Delete(ctx());
  ASSERT_OK(deleted);
  EXPECT_EQ(deleted->ExitCode(), 7U);
  EXPECT_EQ(deleted->ExitTime(), ended.ExitTime());
  EXPECT_THAT(exec->Status(ctx()), StatusIs(errdefs::IsNotFound));
  EXPECT_THAT(task.LoadProcess(ctx(), "e"), StatusIs(errdefs::IsNotFound));

  // The id is free again; what is never started can be deleted.
  exec = Exec(task, "e", {});
  ASSERT_OK(exec);
  EXPECT_OK(exec->Delete(ctx()));

  exec = Exec(task, "stays", {.stays = true});
  ASSERT_OK(exec);
  ASSERT_OK(exec->Start(ctx()));
  EXPECT_EQ(StatusOf(*exec), ProcessStatus::kRunning);
  // That it is not started again goes untested: the shims of 1.7 and 2.1 end when it exits then.
  EXPECT_THAT(exec->Delete(ctx()), StatusIs(errdefs::IsFailedPrecondition));
  EXPECT_THAT(service_->DeleteProcess(ctx(), "web", "stays"), Refused());
  absl::StatusOr<Process> loaded = task.LoadProcess(ctx(), "stays");
  ASSERT_OK(loaded);
  EXPECT_EQ(loaded->Pid(), exec->Pid());
  ASSERT_OK(loaded->Kill(ctx(), SIGTERM));
  EXPECT_EQ(ExitOf(*exec).ExitCode(), 128U + SIGTERM);
  EXPECT_OK(exec->Delete(ctx()));
  EXPECT_EQ(StatusOf(task), ProcessStatus::kRunning);
  EXPECT_OK(task.Delete(ctx(), {WithProcessKill}));
}

TEST_P(Tasks, TakeTheirProcessesAlong) {
  Task task = Started("web", {.stays = true});
  absl::StatusOr<Process> exec = Exec(task, "e", {.stays = true});
  ASSERT_OK(exec);
  ASSERT_OK(exec->Start(ctx()));
  const Future<ExitStatus> exit = exec->Wait(ctx());
  ASSERT_OK(task.Kill(ctx(), SIGKILL));
  EXPECT_EQ(ExitOf(task).ExitCode(), 128U + SIGKILL);
  const absl::StatusOr<ExitStatus> ended = exit.Get(ctx());
  ASSERT_OK(ended);
  EXPECT_EQ(ended->ExitCode(), 128U + SIGKILL);
  EXPECT_OK(task.Delete(ctx()));
  EXPECT_THAT(exec->Status(ctx()), StatusIs(errdefs::IsNotFound));
}

TEST_P(Tasks, TellTheirPids) {
  Task task = Started("web", {.stays = true});
  absl::StatusOr<Process> exec = Exec(task, "e", {.stays = true});
  ASSERT_OK(exec);
  const auto pids = [&] {
    std::vector<std::uint32_t> found;
    const absl::StatusOr<std::vector<ProcessInfo>> all = task.Pids(ctx());
    EXPECT_OK(all);
    if (all.ok()) {
      for (const ProcessInfo& info : *all) found.push_back(info.pid);
    }
    return found;
  };
  EXPECT_THAT(pids(), ::testing::ElementsAre(task.Pid()));
  ASSERT_OK(exec->Start(ctx()));
  EXPECT_THAT(pids(), ::testing::UnorderedElementsAre(task.Pid(), exec->Pid()));
  ASSERT_OK(exec->Kill(ctx(), SIGKILL));
  ExitOf(*exec);
  EXPECT_THAT(pids(), ::testing::ElementsAre(task.Pid()));

  const auto all = service_->List(ctx());
  ASSERT_OK(all);
  ASSERT_EQ(all->size(), 1U);
  EXPECT_EQ(all->front().id, "web");
  EXPECT_EQ(all->front().pid, task.Pid());
  EXPECT_EQ(all->front().status, ProcessStatus::kRunning);
  EXPECT_OK(task.Delete(ctx(), {WithProcessKill}));
  EXPECT_THAT(service_->List(ctx()), IsOkAndHolds(::testing::IsEmpty()));
}

TEST_P(Tasks, ArePausedAndResumed) {
  Task task = Started("web", {.stays = true});
  ASSERT_OK(task.Pause(ctx()));
  EXPECT_EQ(StatusOf(task), ProcessStatus::kPaused);
  EXPECT_THAT(task.Pause(ctx()), Refused());
  EXPECT_THAT(task.Start(ctx()), Refused());
  EXPECT_THAT(task.Delete(ctx()), StatusIs(errdefs::IsFailedPrecondition));
  EXPECT_THAT(service_->Delete(ctx(), "web"), Refused());
  EXPECT_THAT(Exec(task, "e", {}), Refused());
  ASSERT_OK(task.Resume(ctx()));
  EXPECT_EQ(StatusOf(task), ProcessStatus::kRunning);
  EXPECT_THAT(task.Resume(ctx()), Refused());
  EXPECT_OK(task.Delete(ctx(), {WithProcessKill}));
}

TEST_P(Tasks, ReadTheirInputToItsEnd) {
  const Output output;
  const auto input = std::make_shared<cio::InputStream>();
  Task task = Created("web", {.copies = true, .exit_code = 5}, Streams(output, input));
  const Future<ExitStatus> exit = task.Wait(ctx());
  ASSERT_OK(task.Start(ctx()));
  ASSERT_OK(input->Write("typed\n"));
  EXPECT_OK(input->Flushed().Get(ctx()));
  EXPECT_FALSE(exit.IsReady());
  input->Close();
  EXPECT_OK(task.CloseIO(ctx(), {WithStdinCloser}));
  const absl::StatusOr<ExitStatus> ended = exit.Get(ctx());
  ASSERT_OK(ended);
  EXPECT_EQ(ended->ExitCode(), 5U);
  EXPECT_EQ(output.out->String(), "typed\n");
  EXPECT_OK(task.Delete(ctx()));
}

TEST_P(Tasks, AreToldOf) {
  const auto subscription = client_->Subscribe(
      ctx(), {fmt::format(R"(topic~="^/tasks/",namespace=={})", *ctx().Namespace())});
  ASSERT_OK(subscription->WaitReady(ctx()));
  const Output output;
  Task task = Created("web", {.stays = true}, Streams(output));
  const auto create = Next<events::TaskCreate>(*subscription, "/tasks/create");
  EXPECT_EQ(create.container_id(), "web");
  EXPECT_EQ(create.pid(), task.Pid());
  EXPECT_THAT(create.bundle(), ::testing::EndsWith(fmt::format("/{}/web", *ctx().Namespace())));
  EXPECT_THAT(create.io().stdout(), ::testing::StartsWith(subject_->folder()));
  EXPECT_THAT(create.io().stderr(), ::testing::StartsWith(subject_->folder()));
  EXPECT_EQ(create.io().stdin(), "");
  EXPECT_FALSE(create.io().terminal());
  EXPECT_EQ(create.checkpoint(), "");

  ASSERT_OK(task.Start(ctx()));
  const auto start = Next<events::TaskStart>(*subscription, "/tasks/start");
  EXPECT_EQ(start.container_id(), "web");
  EXPECT_EQ(start.pid(), task.Pid());

  absl::StatusOr<Process> exec = Exec(task, "e", {.exit_code = 6});
  ASSERT_OK(exec);
  const auto added = Next<events::TaskExecAdded>(*subscription, "/tasks/exec-added");
  EXPECT_EQ(added.container_id(), "web");
  EXPECT_EQ(added.exec_id(), "e");
  ASSERT_OK(exec->Start(ctx()));
  const auto started = Next<events::TaskExecStarted>(*subscription, "/tasks/exec-started");
  EXPECT_EQ(started.container_id(), "web");
  EXPECT_EQ(started.exec_id(), "e");
  EXPECT_EQ(started.pid(), exec->Pid());
  const ExitStatus ended = ExitOf(*exec);
  auto exit = Next<events::TaskExit>(*subscription, "/tasks/exit");
  EXPECT_EQ(exit.container_id(), "web");
  EXPECT_EQ(exit.id(), "e");
  EXPECT_EQ(exit.pid(), exec->Pid());
  EXPECT_EQ(exit.exit_status(), 6U);
  EXPECT_EQ(TimeOf(exit.exited_at()), ended.ExitTime());
  ASSERT_OK(exec->Delete(ctx()));  // of which nobody is told

  ASSERT_OK(task.Pause(ctx()));
  EXPECT_EQ(Next<events::TaskPaused>(*subscription, "/tasks/paused").container_id(), "web");
  ASSERT_OK(task.Resume(ctx()));
  EXPECT_EQ(Next<events::TaskResumed>(*subscription, "/tasks/resumed").container_id(), "web");

  ASSERT_OK(task.Kill(ctx(), SIGKILL));
  exit = Next<events::TaskExit>(*subscription, "/tasks/exit");
  EXPECT_EQ(exit.container_id(), "web");
  EXPECT_EQ(exit.id(), "web");
  EXPECT_EQ(exit.pid(), task.Pid());
  EXPECT_EQ(exit.exit_status(), 128U + SIGKILL);
  const absl::StatusOr<ExitStatus> deleted = task.Delete(ctx());
  ASSERT_OK(deleted);
  EXPECT_EQ(TimeOf(exit.exited_at()), deleted->ExitTime());
  const auto gone = Next<events::TaskDelete>(*subscription, "/tasks/delete");
  EXPECT_EQ(gone.container_id(), "web");
  EXPECT_EQ(gone.id(), "");
  EXPECT_EQ(gone.pid(), task.Pid());
  EXPECT_EQ(gone.exit_status(), 128U + SIGKILL);
  EXPECT_EQ(TimeOf(gone.exited_at()), deleted->ExitTime());
}

TEST_P(Tasks, WhatDoesNotExistIsNotFound) {
  const auto no_task = StatusIs(errdefs::IsNotFound, ::testing::HasSubstr("web"));
  EXPECT_THAT(service_->Create(ctx(), {.container_id = "web"}), no_task);
  Container container = NewContainer("web", {.stays = true});
  EXPECT_THAT(container.Task(ctx()), no_task);
  const typeurl::Any spec = *typeurl::MarshalAny(subject_->NewExec("web", "e", {}));
  const auto check = [&](const std::string& exec) {
    EXPECT_THAT(service_->Get(ctx(), "web", exec), StatusIs(errdefs::IsNotFound));
    EXPECT_THAT(service_->Start(ctx(), "web", exec), StatusIs(errdefs::IsNotFound));
    EXPECT_THAT(service_->Kill(ctx(), {.container_id = "web", .exec_id = exec, .signal = SIGKILL}),
                StatusIs(errdefs::IsNotFound));
    EXPECT_THAT(service_->Wait(ctx(), "web", exec).Get(ctx()), StatusIs(errdefs::IsNotFound));
    EXPECT_THAT(service_->CloseIO(ctx(), "web", exec, true), StatusIs(errdefs::IsNotFound));
    EXPECT_THAT(service_->ResizePty(ctx(), "web", exec, 80, 25), StatusIs(errdefs::IsNotFound));
  };
  check("");
  EXPECT_THAT(service_->Exec(ctx(), {.container_id = "web", .exec_id = "e", .spec = spec}),
              no_task);
  EXPECT_THAT(service_->Delete(ctx(), "web"), no_task);
  EXPECT_THAT(service_->Pause(ctx(), "web"), no_task);
  EXPECT_THAT(service_->Resume(ctx(), "web"), no_task);
  EXPECT_THAT(service_->ListPids(ctx(), "web"), no_task);

  absl::StatusOr<Task> task = container.NewTask(ctx(), cio::NullIO);
  ASSERT_OK(task);
  ASSERT_OK(task->Start(ctx()));
  check("no-such-exec");
  EXPECT_THAT(service_->DeleteProcess(ctx(), "web", "no-such-exec"), StatusIs(errdefs::IsNotFound));
  const Context other = WithNamespace(ctx(), "no-such-namespace");
  EXPECT_THAT(service_->Get(other, "web", ""), StatusIs(errdefs::IsNotFound));
  EXPECT_THAT(service_->Kill(other, {.container_id = "web", .signal = SIGKILL}),
              StatusIs(errdefs::IsNotFound));
  EXPECT_OK(task->Delete(ctx(), {WithProcessKill}));
}

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_SUPPORT_TASK_CONFORMANCE_H_
