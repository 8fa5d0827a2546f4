// SPDX-License-Identifier: Apache-2.0
#include "src/libcontainerd/monitor.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <absl/time/clock.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/events/task.pb.h"
#include "containerd/testing/mocks/events.h"
#include "containerd/testing/mocks/tasks.h"
#include "containerd/typeurl/proto.h"
#include "containerd/typeurl/typeurl.h"

namespace containerd::libcontainerd {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::NiceMock;

// Notes what it is told: "exit c/c/7 3", with "?" for an exit that is not known.
class Notes final : public Backend {
 public:
  absl::Status ProcessEvent(const std::string& id, EventType type, const EventInfo& info) override {
    const std::lock_guard lock(mu_);
    told_.push_back(fmt::format("{} {}/{}/{} {}{}", ToString(type), id, info.process_id, info.pid,
                                info.exit_code, info.error.ok() ? "" : "?"));
    return absl::OkStatus();
  }
  std::vector<std::string> Told() const {
    const std::lock_guard lock(mu_);
    return told_;
  }
  // Once there are so many.
  std::vector<std::string> Told(std::size_t n) const {
    for (int i = 0; i < 1000 && Told().size() < n; ++i) absl::SleepFor(absl::Milliseconds(10));
    return Told();
  }

 private:
  mutable std::mutex mu_;
  std::vector<std::string> told_;
};

// Is always in place, or never.
class FixedSubscription final : public events::CallbackSubscription {
 public:
  explicit FixedSubscription(absl::Status ready) : ready_(std::move(ready)) {}
  absl::Status WaitReady(const Context&) override { return ready_; }
  void Cancel() override {}

 private:
  const absl::Status ready_;
};

// A monitor of the namespace "ns", whose events the test gives it.
class MonitorTest : public ::testing::Test {
 protected:
  MonitorTest() {
    ON_CALL(*events_, Subscribe(_, _, _, _, _))
        .WillByDefault([this](const Context&, const std::vector<std::string>& filters,
                              std::function<void(const events::Item&)> on_item,
                              const std::function<void(const absl::Status&)>&,
                              const std::vector<events::SubscribeOpt>&) {
          filters_ = filters;
          on_item_ = std::move(on_item);
          return std::make_unique<FixedSubscription>(ready_);
        });
    ON_CALL(*tasks_, List(_, _)).WillByDefault([this](const Context&, std::string_view) {
      return listed_;
    });
  }

  std::unique_ptr<Monitor> Begin(const Patience& patience = kNone) {
    auto client = containerd::Client::New(
        "", {WithServices({WithTaskService(tasks_), WithEventService(events_)})});
    EXPECT_TRUE(client.ok()) << client.status();
    core_ = std::make_shared<Core>(*std::move(client), "/state", "ns");
    return std::make_unique<Monitor>(Context::Background(), core_, notes_, patience);
  }

  template <typename Event>
  void Publish(const std::string& topic, const Event& event) {
    on_item_(events::Envelope{.ns = "ns", .topic = topic, .event = *typeurl::MarshalAny(event)});
  }
  void Starts(const std::string& id, std::uint32_t pid) {
    events::TaskStart event;
    event.set_container_id(id);
    event.set_pid(pid);
    Publish(events::kTaskStartEventTopic, event);
  }
  void ExecStarts(const std::string& id, const std::string& exec, std::uint32_t pid) {
    events::TaskExecStarted event;
    event.set_container_id(id);
    event.set_exec_id(exec);
    event.set_pid(pid);
    Publish(events::kTaskExecStartedEventTopic, event);
  }
  void Exits(const std::string& id, std::uint32_t pid, std::uint32_t code) {
    events::TaskExit event;
    event.set_container_id(id);
    event.set_id(id);
    event.set_pid(pid);
    event.set_exit_status(code);
    Publish(events::kTaskExitEventTopic, event);
  }
  void Gap() { on_item_(events::Gap{.cause = errdefs::Unavailable("away")}); }

  static tasks::Process Process(const std::string& id, std::uint32_t pid,
                                tasks::Status status = tasks::Status::kRunning,
                                std::uint32_t code = 0) {
    return {.container_id = id, .id = id, .pid = pid, .status = status, .exit_status = code};
  }

  // Get answers these, one after the other, and the last one from then on.
  void Answer(std::vector<absl::StatusOr<tasks::Process>> answers) {
    ON_CALL(*tasks_, Get(_, _, _))
        .WillByDefault([this, answers = std::move(answers)](const Context&, std::string_view,
                                                            std::string_view) {
          return answers[std::min(static_cast<std::size_t>(asked_++), answers.size() - 1)];
        });
  }
  void AwaitQuestions(int n) {
    for (int i = 0; i < 1000 && asked_ < n; ++i) absl::SleepFor(absl::Milliseconds(10));
    EXPECT_GE(asked_, n);
  }

  static constexpr Patience kNone{.late_exit = absl::Milliseconds(1),
                                  .first_pause = absl::Milliseconds(1),
                                  .last_pause = absl::Milliseconds(5)};
  const std::shared_ptr<NiceMock<testing::MockTaskService>> tasks_ =
      std::make_shared<NiceMock<testing::MockTaskService>>();
  const std::shared_ptr<NiceMock<testing::MockEventService>> events_ =
      std::make_shared<NiceMock<testing::MockEventService>>();
  const std::shared_ptr<Notes> notes_ = std::make_shared<Notes>();
  absl::Status ready_;
  std::vector<tasks::Process> listed_;
  std::atomic<int> asked_ = 0;
  std::shared_ptr<Core> core_;
  std::vector<std::string> filters_;
  std::function<void(const events::Item&)> on_item_;
};

TEST_F(MonitorTest, AsksForBothInOneFilter) {
  const auto monitor = Begin();
  EXPECT_THAT(filters_, ElementsAre("namespace==ns,topic~=|^/tasks/|"));
}

TEST_F(MonitorTest, ADaemonThatIsAwayIsNoErrorAndWhatItRefusesIs) {
  for (const absl::Status& s : {errdefs::DeadlineExceeded("x"), errdefs::Unavailable("x")}) {
    ready_ = s;
    EXPECT_TRUE(Begin()->WaitReady(Context::Background()).ok()) << s;
  }
  ready_ = errdefs::PermissionDenied("x");
  EXPECT_TRUE(errdefs::IsPermissionDenied(Begin()->WaitReady(Context::Background())));
  ready_ = errdefs::Canceled("x");
  auto [ended, cancel] = WithCancel(Context::Background());
  cancel();
  EXPECT_TRUE(errdefs::IsCanceled(Begin()->WaitReady(ended)));
}

TEST_F(MonitorTest, WhatNobodyCanReadIsLeftOutAndTheNextIsTold) {
  const auto monitor = Begin();
  for (const char* type : {"containerd.events.TaskExit", "containerd.events.TaskStart",
                           "containerd.events.TaskOOM", "no.such.Type", ""}) {
    on_item_(events::Envelope{
        .ns = "ns", .topic = "/tasks/exit", .event = {.type_url = type, .value = "\xff\xff\xff"}});
  }
  Exits("", 3, 1);  // of nobody
  events::TaskCheckpointed checkpointed;
  checkpointed.set_container_id("c");
  Publish(events::kTaskCheckpointedEventTopic, checkpointed);
  Exits("c", 7, 3);
  EXPECT_THAT(notes_->Told(1), ElementsAre("exit c/c/7 3"));
}

TEST_F(MonitorTest, EachEventAsItIs) {
  const auto monitor = Begin();
  events::TaskCreate create;
  create.set_container_id("c");
  create.set_pid(7);
  Publish(events::kTaskCreateEventTopic, create);
  Starts("c", 7);
  events::TaskExecAdded added;
  added.set_container_id("c");
  added.set_exec_id("e");
  Publish(events::kTaskExecAddedEventTopic, added);
  ExecStarts("c", "e", 8);
  events::TaskPaused paused;
  paused.set_container_id("c");
  Publish(events::kTaskPausedEventTopic, paused);
  events::TaskResumed resumed;
  resumed.set_container_id("c");
  Publish(events::kTaskResumedEventTopic, resumed);
  events::TaskOOM oom;
  oom.set_container_id("c");
  Publish(events::kTaskOOMEventTopic, oom);
  events::TaskDelete gone;
  gone.set_container_id("c");
  gone.set_id("c");
  gone.set_pid(7);
  gone.set_exit_status(137);
  Publish(events::kTaskDeleteEventTopic, gone);
  EXPECT_THAT(notes_->Told(9),
              ElementsAre("create c/c/7 0", "start c/c/7 0", "exec-added c/e/0 0",
                          "exec-started c/e/8 0", "paused c//0 0", "resumed c//0 0", "oom c//0 0",
                          "exit c/e/8 255?", "exit c/c/7 137"));
}

// A daemon lists no task whose shim is slow to answer.
TEST_F(MonitorTest, ATaskThatTheListLeavesOutHasNotEnded) {
  const auto monitor = Begin();
  Starts("c", 7);
  Answer(
      {errdefs::DeadlineExceeded("the shim is slow"), errdefs::Unknown("still"), Process("c", 7)});
  Gap();
  AwaitQuestions(3);
  Exits("c", 7, 3);
  EXPECT_THAT(notes_->Told(2), ElementsAre("start c/c/7 0", "exit c/c/7 3"));
}

TEST_F(MonitorTest, IsAskedForUntilItIsKnownHowItEnded) {
  const auto monitor = Begin();
  Starts("c", 7);
  Answer({errdefs::Unavailable("the daemon is away again"),
          Process("c", 7, tasks::Status::kStopped, 3)});
  Gap();
  EXPECT_THAT(notes_->Told(2), ElementsAre("start c/c/7 0", "exit c/c/7 3"));
  Exits("c", 7, 3);
  Starts("d", 9);
  EXPECT_THAT(notes_->Told(3), ElementsAre("start c/c/7 0", "exit c/c/7 3", "start d/d/9 0"));
}

TEST_F(MonitorTest, OrThatItIsGone) {
  const auto monitor = Begin();
  Starts("c", 7);
  ExecStarts("c", "e", 8);
  Starts("d", 9);
  listed_ = {Process("d", 10)};  // of another run
  Answer({errdefs::Unavailable("away"), errdefs::NotFound("gone")});
  Gap();
  EXPECT_THAT(notes_->Told(6), ::testing::UnorderedElementsAre(
                                   "start c/c/7 0", "exec-started c/e/8 0", "start d/d/9 0",
                                   "exit c/c/7 255?", "exit c/e/8 255?", "exit d/d/9 255?"));
}

TEST_F(MonitorTest, AnExecThatIsNotAnsweredForHoldsUpNobody) {
  const auto monitor = Begin({.late_exit = absl::Hours(1),
                              .first_pause = absl::Milliseconds(1),
                              .last_pause = absl::Milliseconds(1)});
  Starts("c", 7);
  for (std::uint32_t pid = 10; pid < 20; ++pid) ExecStarts("c", fmt::format("e{}", pid), pid);
  Starts("d", 8);
  listed_ = {Process("c", 7), Process("d", 8, tasks::Status::kStopped, 4)};
  // Does better once all have been asked for again and again.
  std::vector<absl::StatusOr<tasks::Process>> answers(30, errdefs::Unknown("the shim hangs"));
  answers.emplace_back(errdefs::NotFound("gone"));
  Answer(std::move(answers));
  Gap();
  EXPECT_EQ(asked_, 1) << "the others are in the same container";
  const auto told = notes_->Told(13);
  EXPECT_EQ(told.size(), 13U);
  EXPECT_THAT(told, ::testing::Contains("exit d/d/8 4"));
}

TEST_F(MonitorTest, NothingIsAskedAfterItsEnd) {
  auto monitor = Begin({.late_exit = absl::Milliseconds(30)});
  Starts("c", 7);
  Answer({errdefs::NotFound("gone")});
  Gap();
  monitor.reset();
  absl::SleepFor(absl::Milliseconds(60));
  EXPECT_EQ(asked_, 0);
  EXPECT_THAT(notes_->Told(), ::testing::Not(::testing::Contains("exit c/c/7 255?")));
}

TEST_F(MonitorTest, AnExitWithoutAPidIsOfWhatRunsNoMore) {
  const auto monitor = Begin();
  Starts("c", 7);
  Answer({Process("c", 7), errdefs::NotFound("gone")});
  Exits("c", 0, 255);
  EXPECT_EQ(asked_, 1);
  Exits("c", 0, 255);
  EXPECT_THAT(notes_->Told(2), ElementsAre("start c/c/7 0", "exit c/c/7 255"));
}

}  // namespace
}  // namespace containerd::libcontainerd
