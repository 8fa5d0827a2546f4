// SPDX-License-Identifier: Apache-2.0
#include "src/reactor/internal/reactor.h"

#include <atomic>
#include <condition_variable>
#include <fcntl.h>
#include <filesystem>
#include <future>
#include <mutex>
#include <signal.h>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/context/context.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"

namespace containerd::reactor {
namespace {

std::ptrdiff_t Count(const char* dir) {
  return std::distance(std::filesystem::directory_iterator(dir),
                       std::filesystem::directory_iterator());
}

struct Pipe {
  Pipe() {
    int fds[2];
    EXPECT_EQ(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    out = fds[0];
    in = fds[1];
  }
  ~Pipe() {
    if (out >= 0) close(out);
    if (in >= 0) close(in);
  }
  void CloseIn() { close(std::exchange(in, -1)); }
  int out;
  int in;
};

class ReactorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fds_ = Count("/proc/self/fd");
    auto reactor = Reactor::New();
    ASSERT_TRUE(reactor.ok()) << reactor.status();
    reactor_ = *std::move(reactor);
  }
  void TearDown() override {
    reactor_.reset();
    EXPECT_EQ(Count("/proc/self/fd"), fds_);
  }

  std::shared_ptr<Reactor> reactor_;
  std::ptrdiff_t fds_ = 0;
};

TEST_F(ReactorTest, WhatIsForWhenItIsIdleComesAfterAllThatIsReady) {
  Pipe pipe;
  ASSERT_EQ(write(pipe.in, "12345", 5), 5);
  std::string read_bytes;
  std::promise<std::string> idle;
  auto watch = reactor_->Add(pipe.out, EPOLLIN, [&](uint32_t) {
    char byte = 0;
    if (read(pipe.out, &byte, 1) != 1) return;
    read_bytes += byte;
    if (read_bytes.size() == 1) reactor_->WhenIdle([&] { idle.set_value(read_bytes); });
  });
  ASSERT_TRUE(watch.ok()) << watch.status();
  EXPECT_EQ(idle.get_future().get(), "12345");
}

TEST_F(ReactorTest, WhatIsForWhenItIsIdleComesEvenIfItNeverIs) {
  Pipe pipe;
  ASSERT_EQ(write(pipe.in, "1", 1), 1);
  int rounds = 0;
  std::promise<int> idle;
  // The byte is never read, so the descriptor is always ready.
  auto watch = reactor_->Add(pipe.out, EPOLLIN, [&](uint32_t) {
    if (++rounds == 1) reactor_->WhenIdle([&] { idle.set_value(rounds); });
  });
  ASSERT_TRUE(watch.ok()) << watch.status();
  EXPECT_LT(idle.get_future().get(), 100);
  watch->Reset();
}

TEST_F(ReactorTest, WhatIsForWhenItIsIdleIsRunAtTheEndAndWhatThatPosts) {
  std::atomic<int> ran = 0;
  std::promise<void> begun;
  reactor_->Post([&, reactor = reactor_.get()] {
    reactor->WhenIdle([&, reactor] {
      ++ran;
      reactor->Post([&] { ++ran; });
    });
    begun.set_value();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // so that it ends meanwhile
  });
  begun.get_future().wait();
  reactor_.reset();
  EXPECT_EQ(ran, 2);
}

TEST_F(ReactorTest, WhenIdleOnAnotherThreadIsPost) {
  std::promise<bool> ran;
  reactor_->WhenIdle([&] { ran.set_value(reactor_->OnLoopThread()); });
  EXPECT_TRUE(ran.get_future().get());
}

TEST_F(ReactorTest, ReportsWhatADescriptorIsReadyFor) {
  Pipe pipe;
  std::promise<std::string> got;
  std::promise<void> hung_up;
  Registration watch;
  auto added = reactor_->Add(pipe.out, EPOLLIN, [&](uint32_t events) {
    if ((events & EPOLLIN) != 0) {
      char buffer[16];
      const ssize_t n = read(pipe.out, buffer, sizeof(buffer));
      got.set_value(std::string(buffer, static_cast<std::size_t>(n)));
    } else if ((events & EPOLLHUP) != 0) {
      hung_up.set_value();
      watch.Reset();
    }
  });
  ASSERT_TRUE(added.ok()) << added.status();
  reactor_->RunSync([&] { watch = *std::move(added); });
  ASSERT_EQ(write(pipe.in, "hello", 5), 5);
  EXPECT_EQ(got.get_future().get(), "hello");
  pipe.CloseIn();
  hung_up.get_future().get();
  reactor_->RunSync([&] { EXPECT_FALSE(watch); });
}

TEST_F(ReactorTest, AMutedDescriptorReportsNotEvenAHangUp) {
  Pipe pipe;
  std::atomic<int> calls = 0;
  std::atomic<bool> heard = false;
  Registration watch;
  auto added = reactor_->Add(pipe.out, 0, [&](uint32_t) {
    ++calls;
    watch.SetEvents(0);
    heard = true;
    heard.notify_all();
  });
  ASSERT_TRUE(added.ok());
  watch = *std::move(added);
  pipe.CloseIn();
  // Another descriptor's event, made later, has come: so would have the hang-up.
  for (int i = 0; i < 3; ++i) {
    Pipe other;
    std::promise<void> seen;
    auto other_watch =
        reactor_->Add(other.in, EPOLLOUT | EPOLLONESHOT, [&](uint32_t) { seen.set_value(); });
    seen.get_future().get();
  }
  EXPECT_EQ(calls, 0);
  watch.SetEvents(EPOLLIN);
  heard.wait(false);
  EXPECT_EQ(calls, 1);
}

TEST_F(ReactorTest, RemovingWaitsForTheRunningCallback) {
  Pipe pipe;
  std::promise<void> entered;
  std::promise<void> go_on;
  std::atomic<bool> finished = false;
  auto watch = reactor_->Add(pipe.in, EPOLLOUT | EPOLLONESHOT, [&](uint32_t) {
    entered.set_value();
    go_on.get_future().wait();
    finished = true;
  });
  ASSERT_TRUE(watch.ok());
  entered.get_future().wait();
  std::thread remover([&] {
    watch->Reset();
    EXPECT_TRUE(finished);
  });
  go_on.set_value();
  remover.join();
}

TEST_F(ReactorTest, RemovedInTheSameBatchIsNotCalled) {
  // Whichever of two ready descriptors comes first removes the other.
  Pipe a;
  Pipe b;
  int calls = 0;
  Registration watches[2];
  const auto once = [&](int other) {
    return [&, other](uint32_t) {
      ++calls;
      watches[other].Reset();
      watches[1 - other].Reset();
    };
  };
  reactor_->RunSync([&] {
    watches[0] = *reactor_->Add(a.in, EPOLLOUT, once(1));
    watches[1] = *reactor_->Add(b.in, EPOLLOUT, once(0));
  });
  std::promise<void> later;
  const Timer timer = reactor_->RunAfter(absl::Milliseconds(5), [&] { later.set_value(); });
  later.get_future().wait();
  reactor_->RunSync([&] { EXPECT_EQ(calls, 1); });
}

TEST_F(ReactorTest, TimersRunInOrderOfTime) {
  std::vector<int> order;
  std::promise<void> done;
  std::vector<Timer> timers;
  for (const int ms : {150, 50, 100, 0}) {
    timers.push_back(reactor_->RunAfter(absl::Milliseconds(ms), [&order, &done, ms] {
      order.push_back(ms);
      if (ms == 150) done.set_value();
    }));
  }
  done.get_future().wait();
  EXPECT_THAT(order, ::testing::ElementsAre(0, 50, 100, 150));
}

TEST_F(ReactorTest, ACanceledTimerDoesNotRun) {
  bool ran = false;
  Timer dropped = reactor_->RunAfter(absl::Milliseconds(1), [&] { ran = true; });
  dropped.Cancel();
  {
    const Timer scoped = reactor_->RunAfter(absl::Hours(1), [&] { ran = true; });
  }
  std::promise<void> later;
  const Timer timer = reactor_->RunAfter(absl::Milliseconds(5), [&] { later.set_value(); });
  later.get_future().wait();
  EXPECT_FALSE(ran);
}

TEST_F(ReactorTest, ATimerMayCancelItselfAndSetAnother) {
  std::promise<void> done;
  auto holder = std::make_shared<Timer>();
  reactor_->RunSync([&] {
    *holder = reactor_->RunAfter(absl::ZeroDuration(), [&, holder] {
      *holder = reactor_->RunAfter(-absl::Seconds(1), [&] { done.set_value(); });
    });
  });
  done.get_future().wait();
  reactor_->RunSync([&] { *holder = Timer(); });
}

TEST_F(ReactorTest, ExtremeDelays) {
  const Timer never = reactor_->RunAfter(absl::InfiniteDuration(), [] { ADD_FAILURE(); });
  std::promise<void> ran;
  const Timer now = reactor_->RunAfter(-absl::InfiniteDuration(), [&] { ran.set_value(); });
  ran.get_future().wait();
}

TEST_F(ReactorTest, PostKeepsTheOrderOfAThread) {
  constexpr int kThreads = 4;
  constexpr int kPosts = 1000;
  std::vector<std::vector<int>> got(kThreads);
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kPosts; ++i) {
        reactor_->Post([&got, t, i] { got[static_cast<std::size_t>(t)].push_back(i); });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  reactor_->RunSync([&] {
    EXPECT_TRUE(reactor_->OnLoopThread());
    for (const auto& each : got) {
      EXPECT_EQ(each.size(), kPosts);
      EXPECT_TRUE(std::is_sorted(each.begin(), each.end()));
    }
  });
  EXPECT_FALSE(reactor_->OnLoopThread());
}

TEST_F(ReactorTest, PostedFunctionsRunBeforeTheEnd) {
  int ran = 0;
  for (int i = 0; i < 100; ++i) reactor_->Post([&] { ++ran; });
  reactor_.reset();
  EXPECT_EQ(ran, 100);
}

TEST_F(ReactorTest, RegistrationsAndTimersMayOutliveTheLoop) {
  Pipe pipe;
  auto held = std::make_shared<int>(1);
  auto watch = reactor_->Add(pipe.out, EPOLLIN, [held](uint32_t) {});
  Timer timer = reactor_->RunAfter(absl::Hours(1), [held] {});
  EXPECT_EQ(held.use_count(), 3);
  reactor_.reset();
  EXPECT_EQ(held.use_count(), 1);
  watch->SetEvents(EPOLLIN | EPOLLOUT);
}

TEST_F(ReactorTest, TheLastReferenceMayGoOnTheLoopThread) {
  std::promise<void> gone;
  auto notify = std::shared_ptr<void>(nullptr, [&](void*) { gone.set_value(); });
  Timer timer = reactor_->RunAfter(absl::Hours(1), [notify = std::move(notify)] {});
  auto last = std::make_shared<std::shared_ptr<Reactor>>(std::exchange(reactor_, nullptr));
  Reactor* const reactor = last->get();
  reactor->RunSync([&] {
    reactor->Post([last = std::move(last), reactor] {
      EXPECT_TRUE(reactor->OnLoopThread());
      last->reset();
    });
  });
  gone.get_future().wait();
  timer.Cancel();
  // The descriptors are closed by the thread as its last deed.
  while (Count("/proc/self/fd") != fds_) std::this_thread::yield();
}

TEST_F(ReactorTest, WhatCannotBeWatched) {
  const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  EXPECT_TRUE(errdefs::IsPermissionDenied(reactor_->Add(file, EPOLLIN, [](uint32_t) {}).status()));
  close(file);
  const auto closed = reactor_->Add(file, EPOLLIN, [](uint32_t) {});
  EXPECT_FALSE(closed.ok());
  EXPECT_THAT(std::string(errdefs::Message(closed.status())),
              ::testing::HasSubstr(std::to_string(file)));
}

TEST_F(ReactorTest, WorksWithoutAFreeDescriptor) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the sanitizers themselves need descriptors";
#endif
  Pipe pipe;
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  EXPECT_TRUE(errdefs::IsResourceExhausted(Reactor::New().status()));
  std::promise<void> ready;
  std::promise<void> rang;
  const auto watch =
      reactor_->Add(pipe.in, EPOLLOUT | EPOLLONESHOT, [&](uint32_t) { ready.set_value(); });
  const Timer timer = reactor_->RunAfter(absl::Milliseconds(1), [&] { rang.set_value(); });
  ready.get_future().wait();
  rang.get_future().wait();
  setrlimit(RLIMIT_NOFILE, &before);
}

TEST_F(ReactorTest, AWriteToABrokenPipeIsAnErrorAndNoSignal) {
  Pipe pipe;
  close(std::exchange(pipe.out, -1));
  reactor_->RunSync([&] {
    EXPECT_EQ(write(pipe.in, "x", 1), -1);
    EXPECT_EQ(errno, EPIPE);
  });
}

TEST_F(ReactorTest, ABlockingCallOnItsThreadFailsAtOnce) {
  absl::Status slept;
  reactor_->RunSync([&] { slept = Sleep(Context::Background(), absl::Seconds(1)); });
  EXPECT_TRUE(errdefs::IsFailedPrecondition(slept)) << slept;
}

TEST_F(ReactorTest, AnExceptionInACallbackIsLoggedAndTheLoopGoesOn) {
  std::string logged;
  log::SetSink([&](log::Level, std::string_view text) { logged += text; });
  reactor_->Post([] { throw std::runtime_error("posted"); });
  std::promise<void> timed;
  const Timer timer = reactor_->RunAfter(absl::ZeroDuration(), [&] {
    timed.set_value();
    throw std::runtime_error("timed");
  });
  timed.get_future().wait();
  bool ran = false;
  reactor_->RunSync([&] { ran = true; });
  log::SetSink(nullptr);
  EXPECT_TRUE(ran);
  EXPECT_NE(logged.find("posted"), std::string::npos);
  EXPECT_NE(logged.find("timed"), std::string::npos);
}

TEST(SharedReactorTest, OneForAllAndGoneAfterTheLast) {
  const auto threads = Count("/proc/self/task");
  const auto fds = Count("/proc/self/fd");
  {
    const auto a = Reactor::Shared();
    const auto b = Reactor::Shared();
    ASSERT_TRUE(a.ok() && b.ok());
    EXPECT_EQ(a->get(), b->get());
    EXPECT_EQ(Count("/proc/self/task"), threads + 1);
  }
  // The kernel removes a joined thread's entry a moment after the join.
  while (Count("/proc/self/task") != threads) std::this_thread::yield();
  EXPECT_EQ(Count("/proc/self/fd"), fds);
  EXPECT_TRUE(Reactor::Shared().ok());
}

TEST(SharedReactorTest, AForkedChildGetsItsOwn) {
#if defined(CONTAINERD_SANITIZE_THREAD)
  GTEST_SKIP() << "ThreadSanitizer does not start threads after a fork";
#endif
  Pipe pipe;
  const auto parent = Reactor::Shared();
  std::promise<void> heard;
  auto watch =
      (*parent)->Add(pipe.out, EPOLLIN | EPOLLONESHOT, [&](uint32_t) { heard.set_value(); });
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    watch->Reset();  // must not touch the parent's loop
    const auto own = Reactor::Shared();
    bool ran = false;
    if (own.ok() && own->get() != parent->get()) (*own)->RunSync([&] { ran = true; });
    _exit(ran ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  ASSERT_EQ(write(pipe.in, "x", 1), 1);
  heard.get_future().wait();
}

}  // namespace
}  // namespace containerd::reactor
