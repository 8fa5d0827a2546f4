// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/recover.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/time/time.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/cri/constants.h"
#include "containerd/cri/metadata.h"
#include "containerd/cri/names.h"
#include "containerd/cri/oom.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/testing/mocks/client.h"
#include "containerd/testing/status.h"
#include "containerd/typeurl/typeurl.h"

#include "io/containerd/cgroups/v1/metrics.pb.h"
#include "io/containerd/cgroups/v2/metrics.pb.h"
#include "src/testing/internal/temp_folder.h"

namespace containerd::cri {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::Return;
using testing::StatusIs;
using Processes = std::vector<tasks::Process>;

class RecoverTest : public ::testing::Test {
 protected:
  RecoverTest() {
    containers::Container sandbox{.id = "s1", .created_at = absl::FromUnixSeconds(9)};
    sandbox.extensions[kSandboxMetadataExtension] = MarshalSandboxInfo({.id = "s1"});
    ON_CALL(*daemon_.containers, List(_, ElementsAre(HasSubstr("\"sandbox\""))))
        .WillByDefault(Return(std::vector{sandbox}));
    containers::Container container{.id = "c1", .created_at = absl::FromUnixSeconds(10)};
    container.extensions[kContainerMetadataExtension] =
        MarshalContainerInfo({.id = "c1", .sandbox_id = "s1"});
    ON_CALL(*daemon_.containers, List(_, ElementsAre(HasSubstr("\"container\""))))
        .WillByDefault(Return(std::vector{container}));
    ON_CALL(*daemon_.tasks, List(_, _)).WillByDefault(Return(Processes{}));
  }

  void Checkpoint(const ContainerStatus& status) {
    const std::string root = *GetContainerRootDir(config_, "c1");
    std::filesystem::create_directories(root);
    EXPECT_THAT(StatusStorage::Store(root, status), IsOk());
  }

  absl::StatusOr<Recovery> Recover() {
    return cri::Recover(ctx_, daemon_.client, config_, sandboxes_, containers_);
  }
  ContainerStatus Status() const { return containers_.Get("c1")->status.Get(); }

  const testing::internal::TempFolder dir_;
  const Config config_{.root_dir = dir_.path()};
  const Context ctx_ = WithNamespace(Context::Background(), kNamespace);
  testing::MockDaemon daemon_;
  SandboxStore sandboxes_;
  ContainerStore containers_;
};

ContainerStatus Times(std::int64_t created, std::int64_t started = 0, std::int64_t finished = 0) {
  ContainerStatus status;
  status.created_at = created;
  status.started_at = started;
  status.finished_at = finished;
  return status;
}

tasks::Process Task(tasks::Status status) { return {.id = "c1", .pid = 7, .status = status}; }

TEST_F(RecoverTest, AContainerThatWasStartedAfterTheTasksWereListed) {
  Checkpoint(Times(1, 2));
  EXPECT_CALL(*daemon_.tasks, Get(_, "c1", "")).WillOnce(Return(Task(tasks::Status::kRunning)));
  const auto recovered = Recover();
  ASSERT_THAT(recovered, IsOk());
  EXPECT_THAT(recovered->unknown, IsEmpty());
  EXPECT_EQ(Status().State(), ContainerState::kRunning);
  EXPECT_EQ(Status().pid, 7U);
  EXPECT_EQ(sandboxes_.Get("s1")->status.state, SandboxState::kNotReady);
}

TEST_F(RecoverTest, AContainerThatEndedAfterTheTasksWereListed) {
  Checkpoint(Times(1, 2, 3));
  ON_CALL(*daemon_.tasks, List(_, _))
      .WillByDefault(Return(Processes{Task(tasks::Status::kRunning)}));
  EXPECT_CALL(*daemon_.tasks, Get(_, "c1", ""))
      .WillOnce(Return(errdefs::NotFound("no running task found")));
  const auto recovered = Recover();
  ASSERT_THAT(recovered, IsOk());
  EXPECT_THAT(recovered->unknown, IsEmpty());
  EXPECT_EQ(Status().State(), ContainerState::kExited);
  EXPECT_EQ(Status().finished_at, 3);
}

TEST_F(RecoverTest, TheCheckpointOfAnExitComesAfterTheTaskIsGone) {
  Checkpoint(Times(1, 2));
  EXPECT_CALL(*daemon_.tasks, Get(_, "c1", ""))
      .WillOnce([this](auto&&...) -> absl::StatusOr<tasks::Process> {
        ContainerStatus exited = Times(1, 2, 3);
        exited.exit_code = 4;
        Checkpoint(exited);
        return errdefs::NotFound("no running task found");
      });
  ASSERT_THAT(Recover(), IsOk());
  EXPECT_EQ(Status().exit_code, 4);
  EXPECT_EQ(Status().reason, "");
}

TEST_F(RecoverTest, WhatCannotBeIsUnknown) {
  Checkpoint(Times(1, 2, 3));
  ON_CALL(*daemon_.tasks, List(_, _))
      .WillByDefault(Return(Processes{Task(tasks::Status::kRunning)}));
  ON_CALL(*daemon_.tasks, Get(_, "c1", "")).WillByDefault(Return(Task(tasks::Status::kRunning)));
  const auto recovered = Recover();
  ASSERT_THAT(recovered, IsOk());
  EXPECT_THAT(recovered->left_out, IsEmpty());
  EXPECT_THAT(recovered->unknown, ElementsAre(StatusIs(errdefs::IsFailedPrecondition,
                                                       HasSubstr("\"c1\" has a running task"))));
  EXPECT_EQ(Status().State(), ContainerState::kUnknown);
  EXPECT_EQ(Status().finished_at, 3);  // as the checkpoint has it
}

TEST_F(RecoverTest, AnErrorLeavesTheStoresAsTheyWere) {
  ASSERT_THAT(Recover(), IsOk());
  EXPECT_EQ(Status().State(), ContainerState::kUnknown);  // no checkpoint, no task
  Checkpoint(Times(1, 2));
  const absl::Status gone = errdefs::Unavailable("gone");
  EXPECT_CALL(*daemon_.tasks, Get(_, "c1", "")).WillOnce(Return(gone));
  EXPECT_THAT(Recover(), StatusIs(errdefs::IsUnavailable));
  EXPECT_CALL(*daemon_.tasks, List(_, _))
      .WillOnce(Return(gone))
      .WillRepeatedly(Return(Processes{}));
  EXPECT_THAT(Recover(), StatusIs(errdefs::IsUnavailable));
  EXPECT_CALL(*daemon_.containers, List(_, _))
      .WillOnce(Return(gone))
      .WillOnce(Return(std::vector<containers::Container>{}))
      .WillOnce(Return(gone))
      .WillRepeatedly(Return(std::vector<containers::Container>{}));
  EXPECT_THAT(Recover(), StatusIs(errdefs::IsUnavailable));
  EXPECT_THAT(Recover(), StatusIs(errdefs::IsUnavailable));
  EXPECT_EQ(Status().State(), ContainerState::kUnknown);
  EXPECT_EQ(sandboxes_.List().size(), 1U);
  // What is gone leaves them.
  ASSERT_THAT(Recover(), IsOk());
  EXPECT_THAT(containers_.List(), IsEmpty());
  EXPECT_THAT(sandboxes_.List(), IsEmpty());
}

TEST_F(RecoverTest, EndsWithItsContext) {
  Checkpoint(Times(1, 2));
  auto [ctx, cancel] = WithCancel(ctx_);
  ON_CALL(*daemon_.tasks, Get(_, "c1", ""))
      .WillByDefault([cancel = cancel](auto&&...) -> absl::StatusOr<tasks::Process> {
        cancel();
        return errdefs::NotFound("no running task found");
      });
  EXPECT_THAT(cri::Recover(ctx, daemon_.client, config_, sandboxes_, containers_),
              StatusIs(errdefs::IsCanceled));
  EXPECT_THAT(containers_.List(), IsEmpty());
}

TEST(RecoveredStatusTest, FromCheckpointAndTask) {
  const containers::Container record{.id = "c1", .created_at = absl::FromUnixNanos(5)};
  const absl::Time now = absl::FromUnixNanos(100);
  // A container that ran and has no task any more.
  auto status = RecoveredStatus(record, Times(1, 2), std::nullopt, now);
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->finished_at, 100);
  EXPECT_EQ(status->exit_code, kUnknownExitCode);
  EXPECT_EQ(status->reason, kUnknownExitReason);
  // One that was only created stays so.
  EXPECT_EQ(RecoveredStatus(record, Times(1), std::nullopt, now)->State(),
            ContainerState::kCreated);
  EXPECT_EQ(RecoveredStatus(record, std::nullopt, std::nullopt, now)->State(),
            ContainerState::kUnknown);
  // Started, but the checkpoint does not know it yet.
  status = RecoveredStatus(record, Times(1), Task(tasks::Status::kRunning), now);
  EXPECT_EQ(status->started_at, 100);
  EXPECT_EQ(status->pid, 7U);
  EXPECT_EQ(
      RecoveredStatus(record, UnknownContainerStatus(), Task(tasks::Status::kPaused), now)->State(),
      ContainerState::kRunning);
  EXPECT_EQ(RecoveredStatus(record, std::nullopt, Task(tasks::Status::kRunning), now)->started_at,
            5);
  // Stopped: as the task says, but at some time.
  tasks::Process stopped = Task(tasks::Status::kStopped);
  stopped.exit_status = 3;
  stopped.exited_at = absl::FromUnixNanos(50);
  status = RecoveredStatus(record, Times(1, 2), stopped, now);
  EXPECT_EQ(status->finished_at, 50);
  EXPECT_EQ(status->exit_code, 3);
  stopped.exited_at = absl::UnixEpoch();
  status = RecoveredStatus(record, Times(1, 2), stopped, now);
  EXPECT_EQ(status->finished_at, 100);
  EXPECT_EQ(status->State(), ContainerState::kExited);
  EXPECT_EQ(RecoveredStatus(record, Times(1, 2, 40), stopped, now)->finished_at, 40);
  // What cannot be.
  for (const auto& [checkpoint, task] : std::vector<std::pair<ContainerStatus, tasks::Status>>{
           {Times(1, 2), tasks::Status::kCreated},
           {Times(1, 2, 3), tasks::Status::kCreated},
           {Times(1, 2, 3), tasks::Status::kRunning},
           {Times(1, 2), tasks::Status::kUnknown}}) {
    EXPECT_THAT(RecoveredStatus(record, checkpoint, Task(task), now),
                StatusIs(errdefs::IsFailedPrecondition, HasSubstr("\"c1\"")));
  }
}

template <typename Metrics>
tasks::Metric MetricOf(const std::string& id, const Metrics& metrics) {
  return {.id = id, .data = *typeurl::MarshalAny(metrics)};
}

TEST(OOMTest, MetricsOfBothKinds) {
  ::io::containerd::cgroups::v1::Metrics one;
  EXPECT_EQ(*HasOOMKill(MetricOf("c1", one)), false);
  one.mutable_memory_oom_control()->set_oom_kill(1);
  EXPECT_EQ(*HasOOMKill(MetricOf("c1", one)), true);
  ::io::containerd::cgroups::v2::Metrics two;
  two.mutable_memory_events()->set_oom(1);  // not yet a kill
  EXPECT_EQ(*HasOOMKill(MetricOf("c1", two)), false);
  two.mutable_memory_events()->set_oom_kill(1);
  EXPECT_EQ(*HasOOMKill(MetricOf("c1", two)), true);
  tasks::Metric broken = MetricOf("c1", one);
  broken.data.value = "\xff";
  EXPECT_THAT(HasOOMKill(broken), StatusIs(errdefs::IsInvalidArgument));
  EXPECT_FALSE(HasOOMKill({.id = "c1", .data = {"types.example/Metrics", ""}}).ok());
  EXPECT_FALSE(HasOOMKill({}).ok());
}

class ReportExitTest : public ::testing::Test {
 protected:
  void Report(std::int32_t code, ContainerStatus& status, absl::Time at = absl::FromUnixNanos(50)) {
    ReportExit(ctx_, daemon_.client, "c1", code, at, status);
  }
  void HasNoMemory() {
    ::io::containerd::cgroups::v2::Metrics metrics;
    metrics.mutable_memory_events()->set_oom_kill(1);
    EXPECT_CALL(*daemon_.tasks, Metrics(_, _))
        .WillOnce(Return(std::vector{MetricOf("c1", metrics)}));
  }

  const Context ctx_ = WithNamespace(Context::Background(), kNamespace);
  testing::MockDaemon daemon_;
};

TEST_F(ReportExitTest, TheMetricsAreAskedAfterSIGKILLOnly) {
  EXPECT_CALL(*daemon_.tasks, Metrics(_, _)).Times(0);
  ContainerStatus status = Times(1, 2);
  status.pid = 7;
  Report(1, status);
  EXPECT_EQ(status.pid, 0U);
  EXPECT_EQ(status.finished_at, 50);
  EXPECT_EQ(ExitReason(status), "Error");
  ::testing::Mock::VerifyAndClearExpectations(daemon_.tasks.get());
  HasNoMemory();
  ContainerStatus killed = Times(1, 2);
  Report(137, killed);
  EXPECT_EQ(ExitReason(killed), "OOMKilled");
  // The same exit once more, as an event: nothing is asked, nothing changes.
  const ContainerStatus before = killed;
  Report(0, killed, absl::FromUnixNanos(60));
  EXPECT_EQ(killed, before);
}

TEST_F(ReportExitTest, AnUnknownStatusIsKnownThen) {
  ContainerStatus status = UnknownContainerStatus();
  status.created_at = 1;
  Report(0, status);
  EXPECT_EQ(status.State(), ContainerState::kExited);
  EXPECT_EQ(status.exit_code, 0);
  EXPECT_EQ(ExitReason(status), "Completed");
  HasNoMemory();
  ContainerStatus killed = UnknownContainerStatus();
  Report(137, killed);
  EXPECT_EQ(killed.State(), ContainerState::kExited);
  EXPECT_EQ(ExitReason(killed), "OOMKilled");
}

TEST_F(ReportExitTest, WithoutMetricsOrTime) {
  EXPECT_CALL(*daemon_.tasks, Metrics(_, _)).WillOnce(Return(errdefs::Unavailable("gone")));
  ContainerStatus status = Times(1, 2);
  Report(137, status, absl::UnixEpoch());
  EXPECT_EQ(status.State(), ContainerState::kExited);
  EXPECT_EQ(ExitReason(status), "Error");
}

}  // namespace
}  // namespace containerd::cri
