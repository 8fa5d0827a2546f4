// SPDX-License-Identifier: Apache-2.0
//
// That no byte of a task's streams is lost and nobody waits for ever, whatever becomes of the
// handles, in which order things end, and who is slow.
#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "container_fixture.h"
#include "harness.h"

namespace containerd::testing {
namespace {

using ::testing::HasSubstr;

namespace fs = std::filesystem;

constexpr std::size_t kSeqBytes = 1288895;  // of `seq 1 200000`: twenty times what pipes hold

// A pipe whose reading end takes nothing before `delay` is over.
class SlowReader {
 public:
  explicit SlowReader(absl::Duration delay) {
    int fds[2] = {-1, -1};
    EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0);
    writer_ = fds[1];
    thread_ = std::thread([this, fd = fds[0], delay] {
      absl::SleepFor(delay);
      std::string buffer(std::size_t{64} << 10, '\0');
      ssize_t n = 0;
      while ((n = ::read(fd, buffer.data(), buffer.size())) > 0) {
        bytes_ += static_cast<std::size_t>(n);
      }
      ::close(fd);
    });
  }
  ~SlowReader() { Bytes(); }

  cio::Sink sink() const { return cio::Sink::ToFd(writer_); }

  // How many came until the end, once all writers have closed.
  std::size_t Bytes() {
    if (writer_ >= 0) ::close(std::exchange(writer_, -1));
    if (thread_.joinable()) thread_.join();
    return bytes_;
  }

 private:
  int writer_ = -1;
  std::thread thread_;
  std::atomic<std::size_t> bytes_ = 0;
};

// Holds a process's stdout open, as one that it left behind would, and writes to it all the time.
class LeftBehind {
 public:
  LeftBehind(std::uint32_t pid, absl::Duration pause)
      : fd_(::open(fmt::format("/proc/{}/fd/1", pid).c_str(), O_WRONLY | O_CLOEXEC)) {
    EXPECT_GE(fd_, 0);
    thread_ = std::thread([this, pause] {
      sigset_t pipe;
      sigemptyset(&pipe);
      sigaddset(&pipe, SIGPIPE);
      pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
      const std::string line(pause == absl::ZeroDuration() ? 4096 : 10, 'x');
      while (!stop_ && ::write(fd_, line.data(), line.size()) > 0) {
        if (pause != absl::ZeroDuration()) absl::SleepFor(pause);
      }
    });
  }
  ~LeftBehind() {
    stop_ = true;
    thread_.join();
    ::close(fd_);
  }

 private:
  const int fd_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

class StreamsTest : public ContainerTest {
 protected:
  Context Limited(absl::Duration limit = absl::Minutes(1)) const {
    return WithTimeout(ctx(), limit);
  }

  // A running task that sleeps, for execs.
  std::optional<Task> Sleeper() {
    auto container = Make({"sleep", "1000"});
    EXPECT_TRUE(container.ok()) << container.status();
    if (!container.ok()) return std::nullopt;
    auto task = container->NewTask(ctx(), cio::NullIO);
    EXPECT_TRUE(task.ok()) << task.status();
    if (!task.ok() || !task->Start(ctx()).ok()) return std::nullopt;
    return *std::move(task);
  }

  specs::Process Spec(Task& task, std::vector<std::string> args) {
    specs::Process spec = *(*task.Spec(ctx())).process;
    spec.args = std::move(args);
    return spec;
  }

  // Runs `args` with `in` until it ends by itself; its output.
  absl::StatusOr<std::string> TaskOutput(const std::vector<std::string>& args, cio::Source in) {
    auto container = Make(args);
    if (!container.ok()) return container.status();
    auto out = std::make_shared<cio::Buffer>();
    auto task = container->NewTask(ctx(), Streams(std::move(in), out, {}));
    if (!task.ok()) return task.status();
    if (absl::Status s = task->Start(ctx()); !s.ok()) return s;
    auto exit = task->Wait(ctx()).Get(Limited(absl::Seconds(20)));
    auto deleted = task->Delete(Limited(), {WithProcessKill});
    if (!exit.ok()) return exit.status();
    if (!deleted.ok()) return deleted.status();
    return out->String();
  }

  absl::StatusOr<std::string> ExecOutput(Task& task, const std::vector<std::string>& args,
                                         cio::Source in) {
    auto out = std::make_shared<cio::Buffer>();
    auto exec = task.Exec(ctx(), UniqueName("e"), Spec(task, args), Streams(in, out, {}));
    if (!exec.ok()) return exec.status();
    if (absl::Status s = exec->Start(ctx()); !s.ok()) return s;
    auto exit = exec->Wait(ctx()).Get(Limited(absl::Seconds(20)));
    auto deleted = exec->Delete(Limited(), {WithProcessKill});
    if (!exit.ok()) return exit.status();
    if (!deleted.ok()) return deleted.status();
    return out->String();
  }
};

// ---------------------------------------------------------------- handles that are dropped

TEST_F(StreamsTest, ATaskWhoseHandleIsDroppedRunsToItsEnd) {
  auto container = Make({"sh", "-c", "wc -c; seq 1 200000; exit 5"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto out = std::make_shared<cio::Buffer>();
  {
    auto task = container->NewTask(
        ctx(), Streams(cio::Source::FromString(std::string(500000, 'i')), out, {}));
    ASSERT_TRUE(task.ok()) << task.status();
    ASSERT_TRUE(task->Start(ctx()).ok());
  }
  auto again = container->Task(ctx());
  ASSERT_TRUE(again.ok()) << again.status();
  auto exit = again->Wait(ctx()).Get(Limited(absl::Seconds(30)));
  EXPECT_TRUE(exit.ok()) << exit.status();
  if (exit.ok()) EXPECT_EQ(exit->ExitCode(), 5U);
  EXPECT_TRUE(again->Delete(Limited(), {WithProcessKill}).ok());
  EXPECT_TRUE(Eventually([&] { return out->String().size() == kSeqBytes + 7; }))
      << out->String().size();
  EXPECT_EQ(out->String().substr(0, 7), "500000\n");
}

TEST_F(StreamsTest, AnExecWhoseHandleIsDroppedRunsToItsEnd) {
  auto task = Sleeper();
  ASSERT_TRUE(task.has_value());
  auto out = std::make_shared<cio::Buffer>();
  {
    auto exec = task->Exec(ctx(), "dropped", Spec(*task, {"sh", "-c", "wc -c; seq 1 200000"}),
                           Streams(cio::Source::FromString(std::string(500000, 'i')), out, {}));
    ASSERT_TRUE(exec.ok()) << exec.status();
    ASSERT_TRUE(exec->Start(ctx()).ok());
  }
  auto again = task->LoadProcess(ctx(), "dropped");
  ASSERT_TRUE(again.ok()) << again.status();
  auto exit = again->Wait(ctx()).Get(Limited(absl::Seconds(30)));
  EXPECT_TRUE(exit.ok()) << exit.status();
  EXPECT_TRUE(again->Delete(Limited(), {WithProcessKill}).ok());
  EXPECT_OK(task->Delete(ctx(), {WithProcessKill}));
  EXPECT_TRUE(Eventually([&] { return out->String().size() == kSeqBytes + 7; }))
      << out->String().size();
}

TEST_F(StreamsTest, ATaskThatWasAttachedToAndDroppedRunsToItsEnd) {
  auto container = Make({"sh", "-c", "wc -c; seq 1 200000; exit 5"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(
      ctx(), Streams(std::make_shared<cio::InputStream>(), std::make_shared<cio::Buffer>(), {}));
  ASSERT_TRUE(task.ok()) << task.status();
  task->IO()->Cancel();
  auto out = std::make_shared<cio::Buffer>();
  ASSERT_TRUE(container
                  ->Task(ctx(), cio::NewAttach({cio::WithStreams(
                                    cio::Source::FromString(std::string(500000, 'i')), out, {})}))
                  .ok());
  ASSERT_TRUE(task->Start(ctx()).ok());
  auto exit = task->Wait(ctx()).Get(Limited(absl::Seconds(30)));
  EXPECT_TRUE(exit.ok()) << exit.status();
  EXPECT_TRUE(Eventually([&] { return out->String().size() == kSeqBytes + 7; }))
      << out->String().size();
  EXPECT_TRUE(task->Delete(Limited(), {WithProcessKill}).ok());
}

TEST_F(StreamsTest, AClientThatIsDroppedLeavesItsTasksTheirStreams) {
  auto container = Make({"sh", "-c", "wc -c; seq 1 200000; exit 5"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto out = std::make_shared<cio::Buffer>();
  {
    auto other = Client::New(SharedAddress());
    ASSERT_TRUE(other.ok()) << other.status();
    auto loaded = other->LoadContainer(ctx(), container->ID());
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    auto task =
        loaded->NewTask(ctx(), Streams(cio::Source::FromString(std::string(500000, 'i')), out, {}));
    ASSERT_TRUE(task.ok()) << task.status();
    ASSERT_TRUE(task->Start(ctx()).ok());
  }
  auto again = container->Task(ctx());
  ASSERT_TRUE(again.ok()) << again.status();
  auto exit = again->Wait(ctx()).Get(Limited(absl::Seconds(30)));
  EXPECT_TRUE(exit.ok()) << exit.status();
  EXPECT_TRUE(again->Delete(Limited(), {WithProcessKill}).ok());
  EXPECT_TRUE(Eventually([&] { return out->String().size() == kSeqBytes + 7; }))
      << out->String().size();
}

// ---------------------------------------------------------------- the end of the input

TEST_F(StreamsTest, InputIsThereAlsoWhenCloseIOComesRightAfterStart) {
  auto task = Sleeper();
  ASSERT_TRUE(task.has_value());
  int lost = 0;
  for (int i = 0; i < 30; ++i) {
    auto out = std::make_shared<cio::Buffer>();
    auto exec = task->Exec(ctx(), fmt::format("e{}", i), Spec(*task, {"cat"}),
                           Streams(cio::Source::FromString("the input"), out, {}));
    ASSERT_TRUE(exec.ok()) << exec.status();
    ASSERT_TRUE(exec->Start(ctx()).ok());
    EXPECT_TRUE(exec->CloseIO(ctx(), {WithStdinCloser}).ok());
    auto exit = exec->Wait(ctx()).Get(Limited());
    ASSERT_TRUE(exit.ok()) << exit.status();
    if (out->String() != "the input") ++lost;
    ASSERT_TRUE(exec->Delete(ctx()).ok());
  }
  EXPECT_EQ(lost, 0) << "of 30 execs";
  EXPECT_OK(task->Delete(ctx(), {WithProcessKill}));

  for (int i = 0; i < 10; ++i) {
    auto container = Make({"cat"});
    ASSERT_TRUE(container.ok()) << container.status();
    auto out = std::make_shared<cio::Buffer>();
    auto cat = container->NewTask(ctx(), Streams(cio::Source::FromString("the input"), out, {}));
    ASSERT_TRUE(cat.ok()) << cat.status();
    ASSERT_TRUE(cat->Start(ctx()).ok());
    EXPECT_TRUE(cat->CloseIO(ctx(), {WithStdinCloser}).ok());
    auto exit = cat->Wait(ctx()).Get(Limited());
    ASSERT_TRUE(exit.ok()) << exit.status();
    if (out->String() != "the input") ++lost;
    ASSERT_TRUE(cat->Delete(ctx()).ok());
  }
  EXPECT_EQ(lost, 0) << "of 10 tasks";
}

// Nobody calls CloseIO here.
TEST_F(StreamsTest, TheEndOfTheSourceComesToTheProcess) {
  int empty[2] = {-1, -1};
  int full[2] = {-1, -1};
  ASSERT_EQ(::pipe2(empty, O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(full, O_CLOEXEC), 0);
  ASSERT_EQ(::write(full[1], "from a pipe", 11), 11);
  ::close(empty[1]);  // they have ended before there is a task
  ::close(full[1]);
  struct Case {
    const char* name;
    std::function<cio::Source()> source;
    const char* out;
  };
  const std::vector<Case> cases = {
      {"a string", [] { return cio::Source::FromString("hello"); }, "5\n"},
      {"no byte", [] { return cio::Source::FromString(""); }, "0\n"},
      {"much", [] { return cio::Source::FromString(std::string(3 << 20, 'x')); }, "3145728\n"},
      {"a function", [] { return cio::Source::FromFunction([] { return std::string(); }); }, "0\n"},
      {"a pipe without a byte", [&] { return cio::Source::FromFd(empty[0]); }, "0\n"},
  };
  auto sleeper = Sleeper();
  ASSERT_TRUE(sleeper.has_value());
  for (const Case& c : cases) {
    auto of_task = TaskOutput({"wc", "-c"}, c.source());
    EXPECT_TRUE(of_task.ok()) << c.name << ": " << of_task.status();
    if (of_task.ok()) EXPECT_EQ(*of_task, c.out) << c.name;
    auto of_exec = ExecOutput(*sleeper, {"wc", "-c"}, c.source());
    EXPECT_TRUE(of_exec.ok()) << c.name << ": " << of_exec.status();
    if (of_exec.ok()) EXPECT_EQ(*of_exec, c.out) << c.name;
  }
  auto piped = TaskOutput({"cat"}, cio::Source::FromFd(full[0]));
  EXPECT_TRUE(piped.ok()) << piped.status();
  if (piped.ok()) EXPECT_EQ(*piped, "from a pipe");
  ::close(empty[0]);
  ::close(full[0]);
  EXPECT_TRUE(sleeper->Delete(ctx(), {WithProcessKill}).ok());
  EXPECT_TRUE(fs::is_empty(fifos_.path())) << "FIFOs were left behind";
}

TEST_F(StreamsTest, TheEndOfASourceThatEndsBeforeStart) {
  auto container = Make({"wc", "-c"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto out = std::make_shared<cio::Buffer>();
  auto task = container->NewTask(ctx(), Streams(cio::Source::FromString("hello"), out, {}));
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->IO()->InputDone().Get(Limited()).ok());
  absl::SleepFor(absl::Milliseconds(300));
  ASSERT_TRUE(task->Start(ctx()).ok());
  auto exit = task->Wait(ctx()).Get(Limited(absl::Seconds(20)));
  EXPECT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(out->String(), "5\n");
  EXPECT_OK(task->Delete(ctx(), {WithProcessKill}));
}

TEST_F(StreamsTest, TheEndOfASourceThatWasAttached) {
  auto container = Make({"wc", "-c"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(
      ctx(), Streams(std::make_shared<cio::InputStream>(), std::make_shared<cio::Buffer>(), {}));
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Start(ctx()).ok());
  task->IO()->Cancel();  // which is no end of the input
  absl::SleepFor(absl::Milliseconds(300));
  auto status = task->Status(ctx());
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->status, ProcessStatus::kRunning);
  auto out = std::make_shared<cio::Buffer>();
  auto attached = container->Task(
      ctx(), cio::NewAttach({cio::WithStreams(cio::Source::FromString("hello"), out, {})}));
  ASSERT_TRUE(attached.ok()) << attached.status();
  auto exit = attached->Wait(ctx()).Get(Limited(absl::Seconds(20)));
  EXPECT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(out->String(), "5\n");
  EXPECT_TRUE(attached->Delete(ctx(), {WithProcessKill}).ok());
}

// As ctr and nerdctl do it: a terminal has no end of input but the one that is typed, and closing
// it would hang up on the process.
TEST_F(StreamsTest, ATerminalOutlivesTheEndOfItsSource) {
  auto container =
      Make({"sh", "-c", "read line; sleep 1; echo \"got $line\"; exit 5"}, {oci::WithTTY});
  ASSERT_TRUE(container.ok()) << container.status();
  auto out = std::make_shared<cio::Buffer>();
  auto task = container->NewTask(
      ctx(), cio::NewCreator({cio::WithStreams(cio::Source::FromString("hello\n"), out, {}),
                              cio::WithTerminal(), cio::WithFIFODir(fifos_.path())}));
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Start(ctx()).ok());
  auto exit = task->Wait(ctx()).Get(Limited(absl::Seconds(20)));
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->ExitCode(), 5U);
  EXPECT_THAT(out->String(), HasSubstr("got hello"));
  EXPECT_TRUE(task->Delete(ctx()).ok());
}

// ---------------------------------------------------------------- processes left behind

TEST_F(StreamsTest, AProcessLeftBehindThatKeepsWritingHoldsUpNobody) {
  for (const absl::Duration pause : {absl::Milliseconds(50), absl::ZeroDuration()}) {
    for (const bool wait : {true, false}) {
      auto container = Make({"sh", "-c", "echo the output; sleep 1000"});
      ASSERT_TRUE(container.ok()) << container.status();
      auto out = std::make_shared<cio::Buffer>(1000);
      auto task = container->NewTask(ctx(), Streams({}, out, {}));
      ASSERT_TRUE(task.ok()) << task.status();
      ASSERT_TRUE(task->Start(ctx()).ok());
      ASSERT_TRUE(Eventually([&] { return !out->String().empty(); }));
      const LeftBehind writer(task->Pid(), pause);
      if (wait) {
        ASSERT_TRUE(task->Kill(ctx(), SIGKILL).ok());
        const absl::Time begin = absl::Now();
        auto exit = task->Wait(ctx()).Get(Limited(absl::Seconds(20)));
        EXPECT_TRUE(exit.ok()) << pause << ": " << exit.status();
        EXPECT_LT(absl::Now() - begin, absl::Seconds(10)) << pause;
      }
      const absl::Time begin = absl::Now();
      auto deleted = task->Delete(Limited(absl::Seconds(40)), {WithProcessKill});
      EXPECT_TRUE(deleted.ok()) << pause << ": " << deleted.status();
      // The shim itself waits ten seconds for the end of the output.
      EXPECT_LT(absl::Now() - begin, absl::Seconds(25)) << pause;
    }
  }
}

TEST_F(StreamsTest, WhatAnExecLeavesBehindHoldsUpNobody) {
  auto task = Sleeper();
  ASSERT_TRUE(task.has_value());
  auto out = std::make_shared<cio::Buffer>();
  auto exec = task->Exec(
      ctx(), "parent",
      Spec(*task, {"sh", "-c", "(while echo x; do sleep 0.1; done) & echo the output; exit 3"}),
      Streams({}, out, {}));
  ASSERT_TRUE(exec.ok()) << exec.status();
  ASSERT_TRUE(exec->Start(ctx()).ok());
  const absl::Time begin = absl::Now();
  auto exit = exec->Wait(ctx()).Get(Limited(absl::Seconds(20)));
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->ExitCode(), 3U);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(10));
  EXPECT_THAT(out->String(), HasSubstr("the output\n"));
  auto deleted = exec->Delete(Limited(absl::Seconds(20)));
  EXPECT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_OK(task->Delete(ctx(), {WithProcessKill}));
}

// ---------------------------------------------------------------- deleting with output under way

TEST_F(StreamsTest, DeleteOfAStoppedTaskWaitsForASlowReader) {
  // More than our pipe and the FIFO hold, and a reader that is later than the shim's patience.
  auto container = Make({"sh", "-c", "head -c 200000 /dev/zero"});
  ASSERT_TRUE(container.ok()) << container.status();
  SlowReader reader(absl::Seconds(14));
  auto task = container->NewTask(ctx(), Streams({}, reader.sink(), {}));
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Start(ctx()).ok());
  ASSERT_TRUE(Eventually([&] { return task->Status(ctx())->status == ProcessStatus::kStopped; }));

  // Who does not want to wait is told, and has lost nothing.
  auto early = task->Delete(Limited(absl::Seconds(1)));
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(early.status())) << early.status();
  EXPECT_THAT(Text(early.status()), HasSubstr("output"));

  auto deleted = task->Delete(Limited());
  EXPECT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(reader.Bytes(), 200000U);
  EXPECT_TRUE(fs::is_empty(fifos_.path())) << "FIFOs were left behind";
}

TEST_F(StreamsTest, DeleteWithKillWaitsForASlowReader) {
  auto container = Make({"sh", "-c", "head -c 200000 /dev/zero; echo >&2; exec sleep 1000"});
  ASSERT_TRUE(container.ok()) << container.status();
  SlowReader reader(absl::Seconds(14));
  auto ready = std::make_shared<cio::Buffer>();
  auto task = container->NewTask(ctx(), Streams({}, reader.sink(), ready));
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Start(ctx()).ok());
  ASSERT_TRUE(Eventually([&] { return !ready->String().empty(); }));
  auto deleted = task->Delete(Limited(), {WithProcessKill});
  EXPECT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(reader.Bytes(), 200000U);
}

TEST_F(StreamsTest, DeleteOfAnExecWaitsForASlowReader) {
  auto task = Sleeper();
  ASSERT_TRUE(task.has_value());
  SlowReader reader(absl::Seconds(6));
  auto exec = task->Exec(ctx(), "zeros", Spec(*task, {"head", "-c", "200000", "/dev/zero"}),
                         Streams({}, reader.sink(), {}));
  ASSERT_TRUE(exec.ok()) << exec.status();
  ASSERT_TRUE(exec->Start(ctx()).ok());
  ASSERT_TRUE(Eventually([&] { return exec->Status(ctx())->status == ProcessStatus::kStopped; }));
  auto early = exec->Delete(Limited(absl::Seconds(1)));
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(early.status())) << early.status();
  auto deleted = exec->Delete(Limited());
  EXPECT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(reader.Bytes(), 200000U);
  EXPECT_OK(task->Delete(ctx(), {WithProcessKill}));
}

TEST_F(StreamsTest, DeleteOfAnAttachedTaskWaitsForASlowReader) {
  auto container = Make({"sh", "-c", "head -c 200000 /dev/zero"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), Streams({}, std::make_shared<cio::Buffer>(), {}));
  ASSERT_TRUE(task.ok()) << task.status();
  task->IO()->Cancel();
  SlowReader reader(absl::Seconds(14));
  auto attached = container->Task(ctx(), cio::NewAttach({cio::WithStreams({}, reader.sink(), {})}));
  ASSERT_TRUE(attached.ok()) << attached.status();
  ASSERT_TRUE(task->Start(ctx()).ok());
  ASSERT_TRUE(Eventually([&] { return task->Status(ctx())->status == ProcessStatus::kStopped; }));
  auto deleted = attached->Delete(Limited());
  EXPECT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(reader.Bytes(), 200000U);
}

// ---------------------------------------------------------------- Start that fails

TEST_F(StreamsTest, ASecondStartLeavesTheStreamsAlone) {
  auto container = Make({"sh", "-c", "read line; echo $line; seq 1 200000"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto in = std::make_shared<cio::InputStream>();
  auto out = std::make_shared<cio::Buffer>();
  auto task = container->NewTask(ctx(), Streams(in, out, {}));
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_TRUE(task->Start(ctx()).ok());
  EXPECT_FALSE(task->Start(ctx()).ok());
  auto loaded = container->Task(ctx());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_FALSE(loaded->Start(ctx()).ok());
  ASSERT_TRUE(in->Write("go on\n").ok());
  auto status = exit.Get(Limited(absl::Seconds(30)));
  EXPECT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(out->String().size(), kSeqBytes + 6);
  EXPECT_FALSE(task->Start(ctx()).ok()) << "it has exited";
  EXPECT_OK(task->Delete(ctx(), {WithProcessKill}));
}

TEST_F(StreamsTest, ASecondStartOfAnExecLeavesTheStreamsAlone) {
  auto task = Sleeper();
  ASSERT_TRUE(task.has_value());
  auto in = std::make_shared<cio::InputStream>();
  auto out = std::make_shared<cio::Buffer>();
  auto exec =
      task->Exec(ctx(), "twice", Spec(*task, {"sh", "-c", "read line; echo $line; seq 1 200000"}),
                 Streams(in, out, {}));
  ASSERT_TRUE(exec.ok()) << exec.status();
  const Future<ExitStatus> exit = exec->Wait(ctx());
  ASSERT_TRUE(exec->Start(ctx()).ok());
  EXPECT_FALSE(exec->Start(ctx()).ok());
  ASSERT_TRUE(in->Write("go on\n").ok());
  auto status = exit.Get(Limited(absl::Seconds(30)));
  EXPECT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(out->String().size(), kSeqBytes + 6);
  EXPECT_OK(exec->Delete(ctx(), {WithProcessKill}));
  // Shims count an exec that was asked to start twice wrongly, and those since 1.7 end with a panic
  // when the task does.
  static_cast<void>(task->Delete(ctx(), {WithProcessKill}));
}

TEST_F(StreamsTest, StartOfATaskThatHasExitedLosesNoOutput) {
  auto container = Make({"sh", "-c", "head -c 200000 /dev/zero"});
  ASSERT_TRUE(container.ok()) << container.status();
  SlowReader reader(absl::Seconds(3));
  auto task = container->NewTask(ctx(), Streams({}, reader.sink(), {}));
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Start(ctx()).ok());
  ASSERT_TRUE(Eventually([&] { return task->Status(ctx())->status == ProcessStatus::kStopped; }));
  EXPECT_FALSE(task->Start(ctx()).ok());
  EXPECT_TRUE(task->Delete(Limited()).ok());
  EXPECT_EQ(reader.Bytes(), 200000U);
}

TEST_F(StreamsTest, AStartThatFailsLeavesNoFIFO) {
  auto task = Sleeper();
  ASSERT_TRUE(task.has_value());
  auto exec =
      task->Exec(ctx(), "none", Spec(*task, {"/no/such/program"}),
                 Streams(cio::Source::FromString("x"), std::make_shared<cio::Buffer>(), {}));
  ASSERT_TRUE(exec.ok()) << exec.status();
  const absl::Status started = exec->Start(ctx());
  EXPECT_THAT(Text(started), HasSubstr("/no/such/program"));
  EXPECT_TRUE(fs::is_empty(fifos_.path())) << "FIFOs were left behind";
  const absl::Time begin = absl::Now();
  static_cast<void>(exec->Delete(ctx()));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(2));
  EXPECT_OK(task->Delete(ctx(), {WithProcessKill}));
}

// ---------------------------------------------------------------- answers that are lost

// A daemon that does not answer for a while.
class SilentDaemonTest : public ::testing::Test {
 protected:
  const Context& ctx() const { return ns_.ctx(); }

  void Silence() { ASSERT_EQ(::kill(private_.daemon().Pid(), SIGSTOP), 0); }
  void Speak() { ASSERT_EQ(::kill(private_.daemon().Pid(), SIGCONT), 0); }

  absl::StatusOr<Container> Make(const std::vector<std::string>& args) {
    auto image = ImportBusybox(*client_, ctx());
    if (!image.ok()) return image.status();
    const std::string id = UniqueName("c");
    return client_->NewContainer(
        ctx(), id,
        {WithNewSnapshot(id, *image),
         WithNewSpec({oci::WithImageConfig(*image), oci::WithProcessArgs(args)})});
  }

  cio::Creator Streams(cio::Source in, cio::Sink out) const {
    return cio::NewCreator(
        {cio::WithStreams(std::move(in), std::move(out), {}), cio::WithFIFODir(fifos_.path())});
  }

  PrivateDaemon private_;
  const std::shared_ptr<Client> client_ = private_.client();
  const TestNamespace ns_{*client_};
  const TestDir fifos_;
};

TEST_F(SilentDaemonTest, AStartWhoseAnswerIsLostLeavesTheStreamsAlone) {
  auto container = Make({"sh", "-c", "seq 1 200000; exit 5"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto out = std::make_shared<cio::Buffer>();
  auto task = container->NewTask(ctx(), Streams({}, out));
  ASSERT_TRUE(task.ok()) << task.status();
  Silence();
  const absl::Status started = task->Start(WithTimeout(ctx(), absl::Milliseconds(500)));
  Speak();
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(started)) << started;
  // Whether the daemon has begun or not, it can be begun with its streams.
  absl::SleepFor(absl::Seconds(1));
  static_cast<void>(task->Start(ctx()));
  auto exit = task->Wait(ctx()).Get(WithTimeout(ctx(), absl::Seconds(30)));
  EXPECT_TRUE(exit.ok()) << exit.status();
  if (exit.ok()) EXPECT_EQ(exit->ExitCode(), 5U);
  EXPECT_EQ(out->String().size(), kSeqBytes);
  EXPECT_TRUE(task->Delete(WithTimeout(ctx(), absl::Minutes(1)), {WithProcessKill}).ok());
}

TEST_F(SilentDaemonTest, TheEndOfASourceThatEndsWhileTheDaemonIsDown) {
  auto container = Make({"wc", "-c"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto in = std::make_shared<cio::InputStream>();
  auto out = std::make_shared<cio::Buffer>();
  auto task = container->NewTask(ctx(), Streams(in, out));
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Start(ctx()).ok());
  const Context limited = WithTimeout(ctx(), absl::Minutes(1));
  ASSERT_TRUE(private_.daemon().Down(limited).ok());
  ASSERT_TRUE(in->Write("hello").ok());
  in->Close();
  ASSERT_TRUE(task->IO()->InputEnded().Get(limited).ok());
  absl::SleepFor(absl::Milliseconds(500));
  ASSERT_TRUE(private_.daemon().Restart(limited).ok());
  auto exit = task->Wait(ctx()).Get(limited);
  EXPECT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(out->String(), "5\n");
  EXPECT_TRUE(task->Delete(limited, {WithProcessKill}).ok());
}

TEST_F(SilentDaemonTest, AfterACreationWhoseAnswerIsLostTheTaskHasItsFIFOs) {
  auto container = Make({"sh", "-c", "seq 1 200000; exit 5"});
  ASSERT_TRUE(container.ok()) << container.status();
  Silence();
  std::thread later([&] {
    absl::SleepFor(absl::Seconds(2));
    Speak();
  });
  auto task = container->NewTask(WithTimeout(ctx(), absl::Milliseconds(500)),
                                 Streams({}, std::make_shared<cio::Buffer>()));
  later.join();
  EXPECT_FALSE(task.ok());
  absl::SleepFor(absl::Seconds(1));
  auto out = std::make_shared<cio::Buffer>();
  auto found = container->Task(ctx(), cio::NewAttach({cio::WithStreams({}, out, {})}));
  if (errdefs::IsNotFound(found.status())) {
    EXPECT_TRUE(fs::is_empty(fifos_.path())) << "FIFOs of no task were left behind";
    return;
  }
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_TRUE(found->Start(ctx()).ok());
  auto exit = found->Wait(ctx()).Get(WithTimeout(ctx(), absl::Seconds(30)));
  EXPECT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(out->String().size(), kSeqBytes);
  EXPECT_TRUE(found->Delete(WithTimeout(ctx(), absl::Minutes(1)), {WithProcessKill}).ok());
}

}  // namespace
}  // namespace containerd::testing
