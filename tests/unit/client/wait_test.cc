// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/client.h"
#include "containerd/container.h"
#include "containerd/containers/containers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/tasks/tasks.h"

namespace containerd {
namespace {

using ::testing::HasSubstr;

// One container, "web", with a task.
class FakeContainers final : public containers::Store {
 public:
  absl::StatusOr<containers::Container> Get(const Context& /*ctx*/, std::string_view id) override {
    containers::Container container;
    container.id = std::string(id);
    return container;
  }
  absl::StatusOr<std::vector<containers::Container>> List(
      const Context& /*ctx*/, const std::vector<std::string>& /*filters*/) override {
    return std::vector<containers::Container>{};
  }
  absl::StatusOr<containers::Container> Create(const Context& /*ctx*/,
                                               const containers::Container& c) override {
    return c;
  }
  absl::StatusOr<containers::Container> Update(
      const Context& /*ctx*/, const containers::Container& c,
      const std::vector<std::string>& /*fieldpaths*/) override {
    return c;
  }
  absl::Status Delete(const Context& /*ctx*/, std::string_view /*id*/) override {
    return absl::OkStatus();
  }
};

// Waits are answered from a list; the last answer is to be given by hand.
class FakeTasks : public tasks::Service {
 public:
  using Answer = absl::StatusOr<tasks::WaitResponse>;
  std::deque<Answer> answers;
  Promise<tasks::WaitResponse> last;
  std::atomic<bool> throws = false;  // in Wait, Create and Exec
  int waits = 0;
  int deletes = 0;

  Future<tasks::WaitResponse> Wait(const Context& /*ctx*/, std::string_view /*container_id*/,
                                   std::string_view /*exec_id*/) override {
    const std::lock_guard lock(mu_);
    if (throws) throw std::runtime_error("boom");
    ++waits;
    if (answers.empty()) return last.GetFuture();
    Answer answer = std::move(answers.front());
    answers.pop_front();
    return Future<tasks::WaitResponse>::Ready(std::move(answer));
  }

  absl::StatusOr<std::uint32_t> Create(const Context&, const tasks::CreateTaskRequest&) override {
    if (throws) throw std::runtime_error("boom");
    return created;
  }
  absl::StatusOr<std::uint32_t> Start(const Context&, std::string_view, std::string_view) override {
    return started;
  }
  absl::StatusOr<tasks::DeleteResponse> Delete(const Context&, std::string_view) override {
    ++deletes;
    return tasks::DeleteResponse{};
  }
  absl::StatusOr<tasks::DeleteResponse> DeleteProcess(const Context&, std::string_view,
                                                      std::string_view) override {
    return tasks::DeleteResponse{};
  }
  absl::StatusOr<tasks::Process> Get(const Context& ctx, std::string_view,
                                     std::string_view) override {
    if (absl::Status ended = ctx.Err(); !ended.ok()) return ended;
    return known;
  }
  absl::StatusOr<std::vector<tasks::Process>> List(const Context&, std::string_view) override {
    return std::vector<tasks::Process>{};
  }
  absl::Status Kill(const Context&, const tasks::KillRequest& request) override {
    killed.push_back(request);
    return kill_result;
  }
  absl::Status Exec(const Context&, const tasks::ExecProcessRequest&) override {
    if (throws) throw std::runtime_error("boom");
    return created.status();
  }
  absl::Status ResizePty(const Context&, std::string_view, std::string_view, std::uint32_t,
                         std::uint32_t) override {
    return absl::OkStatus();
  }
  absl::Status CloseIO(const Context&, std::string_view, std::string_view exec_id,
                       bool stdin) override {
    EXPECT_TRUE(stdin);
    stdin_closed.emplace_back(exec_id);
    return absl::OkStatus();
  }
  absl::Status Pause(const Context&, std::string_view) override { return absl::OkStatus(); }
  absl::Status Resume(const Context&, std::string_view) override { return absl::OkStatus(); }
  absl::StatusOr<std::vector<tasks::ProcessInfo>> ListPids(const Context&,
                                                           std::string_view) override {
    return std::vector<tasks::ProcessInfo>{};
  }
  absl::StatusOr<std::vector<ocispec::Descriptor>> Checkpoint(const Context&, std::string_view,
                                                              std::string_view,
                                                              const typeurl::Any&) override {
    return std::vector<ocispec::Descriptor>{};
  }
  absl::Status Update(const Context&, const tasks::UpdateTaskRequest&) override {
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<tasks::Metric>> Metrics(const Context&,
                                                     const std::vector<std::string>&) override {
    return std::vector<tasks::Metric>{};
  }

  std::vector<tasks::KillRequest> killed;
  absl::Status kill_result;
  absl::StatusOr<std::uint32_t> created = 7U;
  absl::StatusOr<std::uint32_t> started = 7U;
  absl::StatusOr<tasks::Process> known =
      tasks::Process{.pid = 7, .status = tasks::Status::kRunning};
  std::vector<std::string> stdin_closed;  // of which execs; "" is the task

 private:
  std::mutex mu_;
};

class WaitTest : public ::testing::Test {
 protected:
  WaitTest()
      : client_(*Client::New(
            "", {WithServices({WithTaskService(tasks_),
                               WithContainerStore(std::make_shared<FakeContainers>())})})) {}

  Task LoadTask() { return *client_.LoadContainer(background_, "web")->Task(background_); }

  const std::shared_ptr<FakeTasks> tasks_ = std::make_shared<FakeTasks>();
  Client client_;
  const Context background_;
};

const tasks::WaitResponse kExit{.exit_status = 3, .exited_at = absl::FromUnixSeconds(100)};

TEST_F(WaitTest, GivesTheExit) {
  tasks_->answers.push_back(kExit);
  const auto exit = LoadTask().Wait(background_).Get(background_);
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->ExitCode(), 3U);
  EXPECT_EQ(exit->ExitTime(), absl::FromUnixSeconds(100));
}

TEST_F(WaitTest, AsksAgainWhenItWasCutOff) {
  tasks_->answers.push_back(errdefs::Unavailable("Socket closed"));
  tasks_->answers.push_back(errdefs::Canceled("context canceled"));
  tasks_->answers.push_back(errdefs::Unknown("ttrpc: closed"));
  tasks_->answers.push_back(kExit);
  const auto exit = LoadTask().Wait(background_).Get(background_);
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->ExitCode(), 3U);
  EXPECT_EQ(tasks_->waits, 4);
}

TEST_F(WaitTest, EndsWithAnAnswerThatAskingAgainWouldNotChange) {
  tasks_->answers.push_back(errdefs::Unavailable("Socket closed"));
  tasks_->answers.push_back(errdefs::NotFound("no such task"));
  const auto exit = LoadTask().Wait(background_).Get(background_);
  EXPECT_TRUE(errdefs::IsNotFound(exit.status()));
  EXPECT_THAT(std::string(errdefs::Message(exit.status())), HasSubstr("task \"web\""));
}

TEST_F(WaitTest, EndsWithItsContextWhileNobodyAnswers) {
  for (int i = 0; i < 1000; ++i) tasks_->answers.push_back(errdefs::Unavailable("no daemon"));
  const auto [ctx, cancel] = WithCancel(background_);
  const Future<ExitStatus> exit = LoadTask().Wait(ctx);
  cancel();
  EXPECT_TRUE(exit.IsReady());
  EXPECT_TRUE(errdefs::IsCanceled(exit.Get(background_).status()));

  const auto late =
      LoadTask().Wait(WithTimeout(background_, absl::Milliseconds(30))).Get(background_);
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(late.status())) << late.status();
}

TEST_F(WaitTest, EndsWithTheClient) {
  for (int i = 0; i < 1000; ++i) tasks_->answers.push_back(errdefs::Unavailable("no daemon"));
  const Future<ExitStatus> exit = LoadTask().Wait(background_);
  ASSERT_TRUE(client_.Close().ok());
  EXPECT_TRUE(exit.IsReady());
  EXPECT_TRUE(errdefs::IsCanceled(exit.Get(background_).status()));
}

// Streams whose output ends when the test says so.
class FakeIO final : public cio::IO {
 public:
  const cio::Config& Config() const override {
    Throw("Config");
    return config_;
  }
  void Cancel() override {
    cancelled = true;
    Throw("Cancel");
  }
  Future<cio::OutputResult> OutputDone() override {
    Throw("OutputDone");
    return Future<cio::OutputResult>::Ready(cio::OutputResult{});
  }
  Future<std::uint64_t> InputDone() override { return Future<std::uint64_t>::Ready(0U); }
  Future<std::monostate> InputEnded() override { return input_ended.GetFuture(); }
  Future<cio::DrainResult> Drain(absl::Duration /*grace*/) override {
    Throw("Drain");
    return drained.GetFuture();
  }
  absl::Status Close() override {
    closed = true;
    Throw("Close");
    return absl::OkStatus();
  }

  Promise<cio::DrainResult> drained;
  Promise<std::monostate> input_ended;
  bool cancelled = false;
  bool closed = false;
  std::set<std::string> throws;

 private:
  void Throw(const char* where) const {
    if (throws.contains(where)) throw std::runtime_error("boom");
  }

  cio::Config config_;
};

void ExpectException(const absl::Status& status, const std::string& what) {
  EXPECT_TRUE(errdefs::IsInternal(status)) << status;
  EXPECT_THAT(std::string(errdefs::Message(status)),
              HasSubstr("an exception left " + what + ": boom"));
}

TEST_F(WaitTest, WhatATaskServiceThrowsIsAnError) {
  auto container = client_.LoadContainer(background_, "web");
  auto task = LoadTask();
  tasks_->throws = true;
  const Context ctx = WithTimeout(background_, absl::Seconds(30));
  ExpectException(task.Wait(background_).Get(ctx).status(), "a task service");
  // After a cut-off it is asked again on another thread.
  tasks_->throws = false;
  tasks_->answers.push_back(errdefs::Unavailable("Socket closed"));
  const Future<ExitStatus> exit = task.Wait(background_);
  tasks_->throws = true;
  ExpectException(exit.Get(ctx).status(), "a task service");

  const auto io = std::make_shared<FakeIO>();
  const auto creator = [&](std::string_view) { return io; };
  ExpectException(container->NewTask(background_, creator).status(),
                  "what the creation of a task calls");
  EXPECT_TRUE(errdefs::IsInternal(task.Exec(background_, "sh", {}, creator).status()));
}

TEST_F(WaitTest, WhatStreamsThrow) {
  auto container = client_.LoadContainer(background_, "web");
  const auto io = std::make_shared<FakeIO>();
  const auto creator = [&](std::string_view) { return io; };
  // Before there is a task its streams are closed.
  io->throws = {"Config", "Cancel", "Close"};
  auto task = container->NewTask(background_, creator);
  ExpectException(task.status(), "what the creation of a task calls");
  EXPECT_TRUE(io->cancelled);
  EXPECT_TRUE(io->closed);
  ExpectException(LoadTask().Exec(background_, "sh", {}, creator).status(), "the IO of a process");
  const cio::Creator thrower = [](std::string_view) -> absl::StatusOr<std::shared_ptr<cio::IO>> {
    throw std::runtime_error("boom");
  };
  ExpectException(container->NewTask(background_, thrower).status(), "a Creator");
  // A task that is there stays, and its exit is told.
  io->throws = {"OutputDone", "Drain"};
  task = container->NewTask(background_, creator);
  ASSERT_TRUE(task.ok()) << task.status();
  tasks_->last.Set(kExit);
  const auto exit = task->Wait(background_).Get(WithTimeout(background_, absl::Seconds(30)));
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->ExitCode(), 3U);
}

TEST_F(WaitTest, ReportsTheExitAfterTheOutput) {
  const auto io = std::make_shared<FakeIO>();
  auto task =
      client_.LoadContainer(background_, "web")->NewTask(background_, [&](std::string_view) {
        return io;
      });
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> exit = task->Wait(background_);
  tasks_->last.Set(kExit);
  EXPECT_FALSE(exit.IsReady());
  io->drained.Set(cio::DrainResult::kEOF);
  ASSERT_TRUE(exit.IsReady());
  EXPECT_EQ(exit.Get(background_)->ExitCode(), 3U);
}

TEST_F(WaitTest, TheEndOfTheInputIsPassedOnOnce) {
  const auto of_task = std::make_shared<FakeIO>();
  const auto of_exec = std::make_shared<FakeIO>();
  {
    auto task =
        client_.LoadContainer(background_, "web")->NewTask(background_, [&](std::string_view) {
          return of_task;
        });
    ASSERT_TRUE(task.ok()) << task.status();
    EXPECT_TRUE(task->Start(background_).ok());
    auto exec = task->Exec(background_, "sh", {}, [&](std::string_view) { return of_exec; });
    ASSERT_TRUE(exec.ok()) << exec.status();
    EXPECT_TRUE(exec->Start(background_).ok());
    EXPECT_TRUE(tasks_->stdin_closed.empty());
  }
  of_exec->input_ended.Set(std::monostate());
  of_task->input_ended.Set(std::monostate());
  EXPECT_THAT(tasks_->stdin_closed, ::testing::ElementsAre("sh", ""));
}

// The streams after an attempt that ended with `failed`, with what the daemon then says.
TEST_F(WaitTest, StreamsAreRemovedOnlyOfWhatIsNotThere) {
  const auto [ended, cancel] = WithCancel(background_);
  cancel();
  const tasks::Process ours{.pid = 7, .status = tasks::Status::kCreated};
  const tasks::Process others{
      .pid = 7, .status = tasks::Status::kCreated, .stdout_path = "/another/fifo"};
  struct Case {
    absl::Status failed;
    absl::StatusOr<tasks::Process> known;
    bool closed;
  };
  for (const Case& c : std::vector<Case>{
           {errdefs::InvalidArgument("no"), ours, true},
           {errdefs::AlreadyExists("another"), others, true},
           {errdefs::DeadlineExceeded("late"), ours, false},
           {errdefs::Unavailable("lost"), ours, false},
           {errdefs::Unavailable("lost"), errdefs::Unavailable("still"), false},
           {errdefs::Canceled("canceled"), others, true},
           {errdefs::Unknown("runc"), errdefs::NotFound("no task"), true},
       }) {
    tasks_->created = c.failed;
    tasks_->known = c.known;
    for (const bool of_task : {true, false}) {
      const auto io = std::make_shared<FakeIO>();
      const auto creator = [&](std::string_view) { return io; };
      if (of_task) {
        EXPECT_FALSE(client_.LoadContainer(background_, "web")->NewTask(ended, creator).ok());
      } else {
        tasks_->known = ours;
        Task task = LoadTask();
        tasks_->known = c.known;
        EXPECT_FALSE(task.Exec(ended, "sh", {}, creator).ok());
      }
      EXPECT_EQ(io->closed, c.closed) << c.failed << ", " << c.known.status();
      EXPECT_TRUE(io->cancelled);
    }
  }
}

TEST_F(WaitTest, AStartThatFailsClosesTheStreamsOnlyOfWhatHasNotBegun) {
  using tasks::Status;
  struct Case {
    absl::Status failed;
    absl::StatusOr<tasks::Process> known;
    bool closed;
  };
  for (const Case& c : std::vector<Case>{
           {errdefs::Unknown("no such program"), tasks::Process{.status = Status::kCreated}, true},
           {errdefs::FailedPrecondition("running"), tasks::Process{.status = Status::kRunning},
            false},
           {errdefs::Unknown("exited"), tasks::Process{.status = Status::kStopped}, false},
           {errdefs::Unknown("paused"), tasks::Process{.status = Status::kPaused}, false},
           {errdefs::Unknown("lost"), errdefs::Unavailable("no daemon"), false},
           {errdefs::NotFound("deleted"), errdefs::NotFound("deleted"), true},
           {errdefs::DeadlineExceeded("late"), tasks::Process{.status = Status::kCreated}, false},
           {errdefs::Unavailable("lost"), tasks::Process{.status = Status::kCreated}, false},
           {errdefs::Canceled("canceled"), tasks::Process{.status = Status::kCreated}, false},
       }) {
    const auto io = std::make_shared<FakeIO>();
    io->drained.Set(cio::DrainResult::kEOF);
    auto task =
        client_.LoadContainer(background_, "web")->NewTask(background_, [&](std::string_view) {
          return io;
        });
    ASSERT_TRUE(task.ok()) << task.status();
    tasks_->started = c.failed;
    tasks_->known = c.known;
    EXPECT_EQ(task->Start(background_).code(), c.failed.code());
    EXPECT_EQ(io->closed, c.closed) << c.failed;
  }
}

TEST_F(WaitTest, DeleteComesAfterTheOutput) {
  const auto io = std::make_shared<FakeIO>();
  auto task =
      client_.LoadContainer(background_, "web")->NewTask(background_, [&](std::string_view) {
        return io;
      });
  ASSERT_TRUE(task.ok()) << task.status();
  tasks_->known->status = tasks::Status::kStopped;
  const auto early = task->Delete(WithTimeout(background_, absl::Milliseconds(300)));
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(early.status())) << early.status();
  EXPECT_THAT(std::string(errdefs::Message(early.status())), HasSubstr("output"));
  EXPECT_EQ(tasks_->deletes, 0);
  EXPECT_FALSE(io->cancelled);
  io->drained.Set(cio::DrainResult::kEOF);
  EXPECT_TRUE(task->Delete(background_).ok());
  EXPECT_EQ(tasks_->deletes, 1);
  EXPECT_TRUE(io->closed);
}

TEST_F(WaitTest, ProcessKillWaitsForTheExit) {
  Task task = LoadTask();
  tasks_->last.Set(kExit);
  EXPECT_TRUE(WithProcessKill(background_, task).ok());
  ASSERT_EQ(tasks_->killed.size(), 1U);
  EXPECT_TRUE(tasks_->killed[0].all);
  EXPECT_EQ(tasks_->killed[0].signal, 9U);

  tasks_->kill_result = errdefs::FailedPrecondition("not running");
  EXPECT_TRUE(WithProcessKill(background_, task).ok());
  tasks_->kill_result = errdefs::PermissionDenied("no");
  EXPECT_TRUE(errdefs::IsPermissionDenied(WithProcessKill(background_, task)));
}

TEST_F(WaitTest, KillRefusesWhatIsNoSignal) {
  Task task = LoadTask();
  EXPECT_TRUE(errdefs::IsInvalidArgument(task.Kill(background_, 1000)));
  EXPECT_TRUE(errdefs::IsInvalidArgument(task.Kill(background_, -1)));
  EXPECT_TRUE(tasks_->killed.empty());
}

}  // namespace
}  // namespace containerd
