// SPDX-License-Identifier: Apache-2.0
//
// Whose code runs on which thread: what continuations and callbacks may do, what exceptions in them
// do, and who gets the program's signals.
#include <atomic>
#include <chrono>
#include <coroutine>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <future>
#include <spawn.h>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"

#include "container_fixture.h"
#include "harness.h"

namespace containerd::testing {
namespace {

constexpr std::chrono::seconds kPatience{60};

class ThreadsTest : public ContainerTest {
 protected:
  // A task that says something and ends, not started yet.
  absl::StatusOr<Task> NewTask(cio::Sink out) {
    auto container = Make({"echo", "hello"});
    if (!container.ok()) return container.status();
    containers_.push_back(*container);
    return container->NewTask(ctx(), Streams({}, std::move(out), {}));
  }

  void TearDown() override {
    for (Container& container : containers_) {
      EXPECT_OK(container.Delete(ctx(), {WithSnapshotCleanup}));
    }
  }

  std::vector<Container> containers_;
};

TEST_F(ThreadsTest, AContinuationOfAWaitMayDeleteTheTask) {
  for (int i = 0; i < 5; ++i) {
    auto task = NewTask(std::make_shared<cio::Buffer>());
    ASSERT_OK(task);
    std::promise<absl::Status> deleted;
    task->Wait(ctx()).Then([&](const absl::StatusOr<ExitStatus>& exit) {
      deleted.set_value(exit.ok() ? task->Delete(ctx()).status() : exit.status());
    });
    ASSERT_OK(task->Start(ctx()));
    std::future<absl::Status> done = deleted.get_future();
    ASSERT_EQ(done.wait_for(kPatience), std::future_status::ready) << "the reactor stands still";
    EXPECT_OK(done.get());
  }
}

struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

Detached RunAndDelete(Context ctx, Task task, std::promise<absl::Status>* done) {
  const absl::StatusOr<ExitStatus> exit = co_await task.Wait(ctx);
  done->set_value(exit.ok() ? task.Delete(ctx).status() : exit.status());
}

TEST_F(ThreadsTest, ACoroutineThatAwaitedATaskMayDeleteIt) {
  for (int i = 0; i < 5; ++i) {
    auto task = NewTask(std::make_shared<cio::Buffer>());
    ASSERT_OK(task);
    std::promise<absl::Status> deleted;
    RunAndDelete(ctx(), *task, &deleted);
    ASSERT_OK(task->Start(ctx()));
    std::future<absl::Status> done = deleted.get_future();
    ASSERT_EQ(done.wait_for(kPatience), std::future_status::ready);
    EXPECT_OK(done.get());
  }
}

TEST_F(ThreadsTest, ASinkThatWouldBlockTheReactorIsToldSo) {
  absl::Status called;
  std::string got;
  auto task = NewTask([&](std::string_view bytes) {
    called = client_->Version(ctx()).status();
    got.append(bytes);
  });
  ASSERT_OK(task);
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_OK(task->Start(ctx()));
  ASSERT_OK(exit.Get(WithTimeout(ctx(), absl::Seconds(60))));
  EXPECT_TRUE(errdefs::IsFailedPrecondition(called)) << called;
  EXPECT_THAT(Text(called), ::testing::HasSubstr("would block"));
  EXPECT_EQ(got, "hello\n");
  EXPECT_OK(task->Delete(ctx()));
}

TEST_F(ThreadsTest, ASubscribersCallbackMayBlockAndCallTheLibrary) {
  std::promise<absl::Status> called;
  std::atomic<bool> first = true;
  auto subscription = client_->EventService()->Subscribe(
      ctx(), {fmt::format("namespace=={}", ns_.name())},
      [&](const events::Item&) {
        if (first.exchange(false)) called.set_value(client_->Version(ctx()).status());
      },
      nullptr);
  ASSERT_OK(subscription->WaitReady(WithTimeout(ctx(), absl::Seconds(60))));
  auto container = Make({"true"});
  ASSERT_OK(container);
  containers_.push_back(*container);
  std::future<absl::Status> done = called.get_future();
  ASSERT_EQ(done.wait_for(kPatience), std::future_status::ready);
  EXPECT_OK(done.get());
}

TEST_F(ThreadsTest, AnExceptionInACallbackEndsItsOperationAndNothingElse) {
  // A sink: the output is read and dropped, the task goes on, and the IO says why.
  auto task = NewTask([](std::string_view) { throw std::runtime_error("the sink broke"); });
  ASSERT_OK(task);
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_OK(task->Start(ctx()));
  ASSERT_OK(exit.Get(WithTimeout(ctx(), absl::Seconds(60))));
  auto output = task->IO()->OutputDone().Get(WithTimeout(ctx(), absl::Seconds(60)));
  EXPECT_TRUE(errdefs::IsInternal(output.status())) << output.status();
  EXPECT_THAT(Text(output.status()), ::testing::HasSubstr("the sink broke"));
  EXPECT_OK(task->Delete(ctx()));

  // An option.
  auto container = client_->NewContainer(ctx(), Name(), {[](containers::Container&) {
                                           throw std::runtime_error("the option broke");
                                         }});
  EXPECT_TRUE(errdefs::IsInternal(container.status())) << container.status();
  EXPECT_THAT(Text(container.status()), ::testing::HasSubstr("the option broke"));

  // A subscription.
  std::promise<absl::Status> ended;
  auto subscription = client_->EventService()->Subscribe(
      ctx(), {fmt::format("namespace=={}", ns_.name())},
      [](const events::Item&) { throw std::runtime_error("the subscriber broke"); },
      [&](const absl::Status& end) { ended.set_value(end); });
  ASSERT_OK(subscription->WaitReady(WithTimeout(ctx(), absl::Seconds(60))));
  auto made = Make({"true"});
  ASSERT_OK(made);
  containers_.push_back(*made);
  std::future<absl::Status> end = ended.get_future();
  ASSERT_EQ(end.wait_for(kPatience), std::future_status::ready);
  const absl::Status why = end.get();
  EXPECT_TRUE(errdefs::IsInternal(why)) << why;
  EXPECT_THAT(Text(why), ::testing::HasSubstr("the subscriber broke"));
}

// Which of the signals that are a program's business a thread does not block.
std::string UnblockedSignals(const std::filesystem::path& task) {
  std::ifstream status(task / "status");
  std::uint64_t blocked = 0;
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("SigBlk:")) blocked = std::stoull(line.substr(7), nullptr, 16);
  }
  std::string open;
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM,
                           SIGCHLD, SIGWINCH, SIGIO}) {
    if ((blocked >> (signal - 1) & 1) == 0) open += fmt::format(" {}", signal);
  }
  return open;
}

std::vector<std::string> ThreadsThatTakeSignals() {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    if (entry.path().filename() == std::to_string(::getpid())) continue;
    const std::string open = UnblockedSignals(entry.path());
    std::ifstream comm(entry.path() / "comm");
    std::string name;
    std::getline(comm, name);
    if (!open.empty()) found.push_back(fmt::format("{}: signals{}", name, open));
  }
  return found;
}

// Run by the test below in a process of its own, where all threads but the first are the library's.
// NOLINTNEXTLINE(readability-identifier-naming)
TEST(DISABLED_SignalsProgram, LeavesTheSignalsToTheProgram) {
  const Context ctx = WithNamespace(Context::Background(), "signals");
  auto client = Client::New(ctx, SharedAddress());
  ASSERT_OK(client);
  ASSERT_OK(client->Version(ctx));
  auto subscription = client->Subscribe(ctx, {});
  ASSERT_OK(subscription->WaitReady(ctx));
  // Many at once, so that gRPC wants more threads of its own.
  std::vector<std::thread> callers;
  for (int i = 0; i < 16; ++i) {
    callers.emplace_back([&] {
      for (int j = 0; j < 50; ++j) EXPECT_OK(client->Version(ctx));
    });
  }
  for (std::thread& caller : callers) caller.join();
  // Through HTTP, the reactor and the executor.
  EXPECT_FALSE(client->Pull(WithTimeout(ctx, absl::Seconds(20)), "127.0.0.1:1/no:image").ok());
  std::promise<void> continued;
  Promise<int> promise;
  promise.GetFuture().Then([&](const absl::StatusOr<int>&) { continued.set_value(); },
                           DefaultExecutor());
  promise.Set(1);
  continued.get_future().wait();
  // Another client, after the first one's channel is gone.
  ASSERT_OK(client->Close());
  auto second = Client::New(ctx, SharedAddress());
  ASSERT_OK(second);
  ASSERT_OK(second->Version(ctx));
  EXPECT_THAT(ThreadsThatTakeSignals(), ::testing::IsEmpty());

  // A thread that waits for SIGTERM gets it, each time.
  static std::atomic<int> handled = 0;
  struct sigaction action {};
  action.sa_handler = [](int) { ++handled; };
  ASSERT_EQ(::sigaction(SIGTERM, &action, nullptr), 0);
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &term, nullptr), 0);
  for (int i = 0; i < 50; ++i) {
    ::kill(::getpid(), SIGTERM);
    const timespec patience{.tv_sec = 10, .tv_nsec = 0};
    ASSERT_EQ(::sigtimedwait(&term, nullptr, &patience), SIGTERM) << "taken by another thread";
  }
  EXPECT_EQ(handled.load(), 0);
}

TEST_F(ThreadsTest, NoThreadOfTheLibraryTakesTheProgramsSignals) {
  const std::string address = "CONTAINERD_ADDRESS=" + SharedAddress();
  std::vector<std::string> args = {"/proc/self/exe", "--gtest_also_run_disabled_tests",
                                   "--gtest_filter=DISABLED_SignalsProgram.*"};
  std::vector<char*> argv;
  for (std::string& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  std::vector<std::string> env = {address};
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (!text.starts_with("CONTAINERD_ADDRESS=") &&
        !text.starts_with("CONTAINERD_CPP_DAEMON_BIN=")) {
      env.emplace_back(text);
    }
  }
  std::vector<char*> envp;
  for (std::string& variable : env) envp.push_back(variable.data());
  envp.push_back(nullptr);
  pid_t pid = -1;
  ASSERT_EQ(::posix_spawn(&pid, args[0].c_str(), nullptr, nullptr, argv.data(), envp.data()), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "see above";
}

}  // namespace
}  // namespace containerd::testing
