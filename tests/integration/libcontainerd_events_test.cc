// SPDX-License-Identifier: Apache-2.0
//
// libcontainerd's events: each exit is told once, whatever happens to the shim and to the daemon.
#include <atomic>
#include <csignal>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <absl/cleanup/cleanup.h>
#include <absl/time/clock.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/events/task.pb.h"
#include "containerd/events/typed.h"
#include "containerd/libcontainerd/client.h"

#include "libcontainerd_fixture.h"

namespace containerd::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using LibcontainerdEventsTest = LibcontainerdTest;

TEST_F(LibcontainerdEventsTest, InOrderOfEachContainerWithHandlersThatSleepAndDelete) {
  constexpr int kContainers = 50;
  std::atomic<int> deleted = 0;
  notes_->Handle([&](lc::EventType type, const lc::EventInfo& info) -> absl::Status {
    absl::SleepFor(absl::Milliseconds(50));
    if (type != lc::EventType::kExit) return absl::OkStatus();
    auto container = client_->LoadContainer(ctx(), info.container_id);
    if (!container.ok()) return container.status();
    auto task = container->Task(ctx());
    if (!task.ok()) return task.status();
    auto exit = task->Delete(Limited());
    if (!exit.ok()) return exit.status();
    ++deleted;
    return absl::OkStatus();
  });
  std::vector<lc::Container> containers;
  for (int i = 0; i < kContainers; ++i) {
    auto container = Make({"true"});
    ASSERT_OK(container);
    containers.push_back(*container);
  }
  std::vector<std::thread> starters;
  starters.reserve(containers.size());
  for (lc::Container& container : containers) {
    starters.emplace_back([&] {
      auto task = container.NewTask(ctx(), "", false, lc::AttachStreams({}, {}, {}));
      ASSERT_OK(task);
      EXPECT_OK(task->Start(ctx()));
    });
  }
  for (std::thread& starter : starters) starter.join();
  EXPECT_TRUE(Eventually([&] { return deleted == kContainers; })) << deleted;
  for (const lc::Container& container : containers) {
    EXPECT_THAT(notes_->Types(container.ID()), ElementsAre("create", "start", "exit"));
  }
}

TEST_F(LibcontainerdEventsTest, TwoNamespacesSeeTheirOwn) {
  const TestNamespace other(*daemon_client_);
  auto others = std::make_shared<Notes>();
  auto client =
      lc::Client::New(ctx(), *daemon_client_, dir_.path() + "/other", other.name(), others);
  ASSERT_OK(client);
  auto task = Run({"true"});
  ASSERT_OK(task);
  ExitOf(task->ID());
  EXPECT_THAT(others->Types(task->ID()), IsEmpty());
  EXPECT_TRUE(errdefs::IsNotFound(client->LoadContainer(ctx(), task->ID()).status()));
}

TEST_F(LibcontainerdEventsTest, DestroyedInAHandler) {
  std::atomic<bool> gone = false;
  notes_->Handle([&](lc::EventType type, const lc::EventInfo&) {
    if (type == lc::EventType::kExit) {
      client_.reset();
      gone = true;
    }
    return absl::OkStatus();
  });
  auto task = Run({"true"});
  ASSERT_OK(task);
  EXPECT_TRUE(Eventually([&] { return gone.load(); }));
  EXPECT_OK(task->Delete(Limited()));
  EXPECT_EQ(client_, nullptr);
}

TEST_F(LibcontainerdEventsTest, TheEndWaitsForTheHandlerAndNothingComesAfterwards) {
  std::atomic<bool> in = false;
  std::atomic<bool> out = false;
  notes_->Handle([&](lc::EventType, const lc::EventInfo&) {
    in = true;
    absl::SleepFor(absl::Milliseconds(500));
    out = true;
    return absl::OkStatus();
  });
  auto task = Run({"true"});
  ASSERT_OK(task);
  EXPECT_TRUE(Eventually([&] { return in.load(); }));
  client_.reset();
  EXPECT_TRUE(out);
  const std::size_t told = notes_->Types(task->ID()).size();
  absl::SleepFor(absl::Seconds(1));
  EXPECT_EQ(notes_->Types(task->ID()).size(), told);
}

TEST_F(LibcontainerdEventsTest, AHandlerThatThrowsOrBlocksStopsNobodyElse) {
  auto slow = Run({"true"});
  ASSERT_OK(slow);
  // The handler may still be at work when the test's body has ended.
  const auto release = std::make_shared<std::atomic<bool>>(false);
  notes_->Handle(
      [release, id = slow->ID()](lc::EventType, const lc::EventInfo& info) -> absl::Status {
        if (info.container_id != id) throw std::runtime_error("a backend's");
        while (!*release) absl::SleepFor(absl::Milliseconds(10));
        return absl::OkStatus();
      });
  auto other = Run({"true"});
  ASSERT_OK(other);
  EXPECT_EQ(ExitOf(other->ID()).exit_code, 0U);
  *release = true;
  ExitOf(slow->ID());
}

TEST_F(LibcontainerdEventsTest, AShimThatIsKilledGivesItsContainersAndExecsExits) {
  auto task = Run({"sleep", "1000"});
  ASSERT_OK(task);
  auto exec =
      task->Exec(ctx(), "e", Process({"sleep", "1000"}), false, lc::AttachStreams({}, {}, {}));
  ASSERT_OK(exec);
  ASSERT_EQ(::kill(ShimOf(task->Pid()), SIGKILL), 0);
  const lc::EventInfo exit = ExitOf(task->ID());
  EXPECT_EQ(exit.exit_code, 137U);
  EXPECT_EQ(exit.pid, task->Pid());
  const lc::EventInfo of_exec = ExitOf(task->ID(), "e");
  EXPECT_EQ(of_exec.pid, exec->Pid());
  EXPECT_TRUE(of_exec.exit_code == 137 || errdefs::IsUnavailable(of_exec.error)) << of_exec.error;
  ExpectOneExit(task->ID());
  EXPECT_EQ(notes_->Exits(task->ID(), "e").size(), 1U);
  EXPECT_TRUE(errdefs::IsNotFound(task->Delete(Limited()).status()));
  EXPECT_OK(container_->Delete(ctx()));
}

TEST_F(LibcontainerdEventsTest, TheNextRunsExitIsItsOwn) {
  auto task = Run({"sleep", "1000"});
  ASSERT_OK(task);
  const std::uint32_t first = task->Pid();
  ASSERT_OK(task->ForceDelete(Limited()));
  auto next = container_->NewTask(ctx(), "", false, lc::AttachStreams({}, {}, {}));
  ASSERT_OK(next);
  ASSERT_OK(next->Start(ctx()));
  ASSERT_OK(next->Kill(ctx(), SIGKILL));
  EXPECT_TRUE(Eventually([&] { return notes_->Exits(task->ID()).size() == 2; }));
  const auto exits = notes_->Exits(task->ID());
  EXPECT_EQ(exits[0].pid, first);
  EXPECT_EQ(exits[1].pid, next->Pid());
  EXPECT_FALSE(exits[1].earlier_run);
}

TEST_F(LibcontainerdEventsTest, TenThousandAtOnceOnceEachAndInOrder) {
  constexpr int kContainers = 100;
  constexpr std::size_t kEach = 100;
  // One that blocks all the while holds up nobody else.
  std::atomic<bool> release = false;
  notes_->Handle([&](lc::EventType, const lc::EventInfo& info) -> absl::Status {
    while (info.container_id == "c0" && !release) absl::SleepFor(absl::Milliseconds(10));
    return absl::OkStatus();
  });
  const auto publish = [&](int container, std::size_t n) {
    events::TaskExit exit;
    exit.set_container_id(fmt::format("c{}", container));
    exit.set_id(fmt::format("e{}", n));
    exit.set_pid(static_cast<std::uint32_t>(100'000 + n));
    return events::Publish(ctx(), *daemon_client_->EventService(), events::kTaskExitEventTopic,
                           exit);
  };
  std::vector<std::thread> publishers;
  for (int part = 0; part < 4; ++part) {
    publishers.emplace_back([&, part] {
      for (std::size_t n = 0; n < kEach; ++n) {
        for (int c = part; c < kContainers; c += 4) ASSERT_OK(publish(c, n));
      }
    });
  }
  for (std::thread& publisher : publishers) publisher.join();
  // What comes twice is told once.
  for (std::size_t n = 0; n < kEach; ++n) ASSERT_OK(publish(1, n));
  const auto exits = [&](int container) {
    return notes_->Of(lc::EventType::kExit, fmt::format("c{}", container));
  };
  for (int c = 1; c < kContainers; ++c) {
    EXPECT_TRUE(Eventually([&] { return exits(c).size() >= kEach; })) << c;
  }
  EXPECT_EQ(exits(0).size(), 1U);
  release = true;
  EXPECT_TRUE(Eventually([&] { return exits(0).size() >= kEach; }));
  absl::SleepFor(absl::Seconds(1));
  for (int c = 0; c < kContainers; ++c) {
    const auto told = exits(c);
    ASSERT_EQ(told.size(), kEach) << c;
    for (std::size_t n = 0; n < kEach; ++n)
      ASSERT_EQ(told[n].process_id, fmt::format("e{}", n)) << c;
  }
}

TEST_F(LibcontainerdEventsTest, ALateExitOfAnEarlierRunIsToldApartAndLeavesTheRunAlone) {
  auto task = Run({"sleep", "1000"});
  ASSERT_OK(task);
  const auto publish = [&](std::uint32_t pid, std::uint32_t code) {
    events::TaskExit exit;
    exit.set_container_id(task->ID());
    exit.set_id(task->ID());
    exit.set_pid(pid);
    exit.set_exit_status(code);
    return events::Publish(ctx(), *daemon_client_->EventService(), events::kTaskExitEventTopic,
                           exit);
  };
  ASSERT_OK(publish(task->Pid() + 100'000, 3));
  const lc::EventInfo late = ExitOf(task->ID());
  EXPECT_TRUE(late.earlier_run);
  EXPECT_EQ(late.exit_code, 3U);
  // Of a clean-up that does not know the pid: the task says that it runs.
  ASSERT_OK(publish(0, 255));
  absl::SleepFor(absl::Seconds(1));
  EXPECT_EQ(notes_->Exits(task->ID()).size(), 1U);
  ASSERT_OK(task->Kill(ctx(), SIGKILL));
  EXPECT_TRUE(Eventually([&] { return notes_->Exits(task->ID()).size() == 2; }));
  const auto exits = notes_->Exits(task->ID());
  EXPECT_EQ(exits.back().pid, task->Pid());
  EXPECT_FALSE(exits.back().earlier_run);
  EXPECT_OK(task->Delete(Limited()));
}

TEST_F(LibcontainerdEventsTest, OOMOfAnExec) {
  auto container = Make({"sleep", "1000"}, {oci::WithMemoryLimit(16 << 20)});
  ASSERT_OK(container);
  auto task = container->NewTask(ctx(), "", false, lc::AttachStreams({}, {}, {}));
  ASSERT_OK(task);
  ASSERT_OK(task->Start(ctx()));
  auto exec = task->Exec(ctx(), "e", Process({"sh", "-c", "x=a; while :; do x=$x$x; done"}), false,
                         lc::AttachStreams({}, {}, {}));
  ASSERT_OK(exec);
  ExitOf(task->ID(), "e");
  EXPECT_TRUE(Eventually([&] { return !notes_->Of(lc::EventType::kOOM, task->ID()).empty(); }));
  EXPECT_OK(task->ForceDelete(Limited()));
}

TEST_F(LibcontainerdEventsTest, OOM) {
  auto container =
      Make({"sh", "-c", "x=a; while :; do x=$x$x; done"}, {oci::WithMemoryLimit(16 << 20)});
  ASSERT_OK(container);
  auto task = container->NewTask(ctx(), "", false, lc::AttachStreams({}, {}, {}));
  ASSERT_OK(task);
  ASSERT_OK(task->Start(ctx()));
  EXPECT_EQ(ExitOf(task->ID()).exit_code, 137U);
  EXPECT_TRUE(Eventually([&] { return !notes_->Of(lc::EventType::kOOM, task->ID()).empty(); }));
}

// A daemon of the test's own, which outlives all that the fixture has.
struct OwnDaemon {
  PrivateDaemon private_;
};

class LibcontainerdDeathTest : protected OwnDaemon, public LibcontainerdFixture {
 protected:
  LibcontainerdDeathTest() : LibcontainerdFixture(private_.client()) {}

  void Down() { ASSERT_OK(private_.daemon().Down(Limited(), SIGKILL)); }
  void Up() {
    ASSERT_OK(private_.daemon().Restart(Limited()));
    ASSERT_TRUE(Eventually([&] { return notes_->Gaps() > 0; }));
  }
};

TEST_F(LibcontainerdDeathTest, WhatRunsOnIsNotToldAndItsExitComesLater) {
  // Whoever is told of the gap and blocks holds up no event.
  std::promise<void> told;
  notes_->HandleGap([go_on = told.get_future().share()] { go_on.wait(); });
  const absl::Cleanup release = [&] { told.set_value(); };
  auto task = Run({"sleep", "1000"});
  ASSERT_OK(task);
  ASSERT_NO_FATAL_FAILURE(Down());
  ASSERT_NO_FATAL_FAILURE(Up());
  absl::SleepFor(absl::Seconds(4));
  EXPECT_THAT(notes_->Exits(task->ID()), IsEmpty());
  ASSERT_OK(task->Kill(Limited(), SIGTERM));
  ASSERT_OK(task->Kill(Limited(), SIGKILL));
  EXPECT_EQ(ExitOf(task->ID()).exit_code, 137U);
  EXPECT_OK(task->Delete(Limited()));
}

TEST_F(LibcontainerdDeathTest, AnInitThatEndsWhileTheDaemonIsDown) {
  auto task = Run({"sleep", "1000"});
  ASSERT_OK(task);
  auto exec =
      task->Exec(ctx(), "e", Process({"sleep", "1000"}), false, lc::AttachStreams({}, {}, {}));
  ASSERT_OK(exec);
  ASSERT_NO_FATAL_FAILURE(Down());
  ASSERT_EQ(::kill(static_cast<pid_t>(task->Pid()), SIGKILL), 0);
  absl::SleepFor(absl::Milliseconds(300));
  ASSERT_NO_FATAL_FAILURE(Up());
  const lc::EventInfo exit = ExitOf(task->ID());
  EXPECT_EQ(exit.pid, task->Pid());
  if (exit.error.ok()) {
    EXPECT_EQ(exit.exit_code, 137U);
  } else {
    EXPECT_EQ(exit.exit_code, lc::kUnknownExitCode);
    EXPECT_TRUE(errdefs::IsUnavailable(exit.error));
  }
  ExitOf(task->ID(), "e");
  ExpectOneExit(task->ID());
  EXPECT_EQ(notes_->Exits(task->ID(), "e").size(), 1U);
}

TEST_F(LibcontainerdDeathTest, AShimThatIsKilledWhileTheDaemonIsDown) {
  auto task = Run({"sleep", "1000"});
  ASSERT_OK(task);
  const pid_t shim = ShimOf(task->Pid());
  ASSERT_NO_FATAL_FAILURE(Down());
  ASSERT_EQ(::kill(shim, SIGKILL), 0);
  ::kill(static_cast<pid_t>(task->Pid()), SIGKILL);
  ASSERT_NO_FATAL_FAILURE(Up());
  const lc::EventInfo exit = ExitOf(task->ID());
  EXPECT_EQ(exit.pid, task->Pid());
  EXPECT_TRUE(exit.exit_code == 137 || exit.exit_code == lc::kUnknownExitCode) << exit.exit_code;
  ExpectOneExit(task->ID());
}

TEST_F(LibcontainerdDeathTest, LoadedOnesToo) {
  auto task = Run({"sleep", "1000"});
  ASSERT_OK(task);
  const std::string id = task->ID();
  ASSERT_NO_FATAL_FAILURE(Connect());
  auto loaded = client_->LoadContainer(ctx(), id);
  ASSERT_OK(loaded);
  ASSERT_OK(loaded->Task(ctx()));
  ASSERT_NO_FATAL_FAILURE(Down());
  ASSERT_EQ(::kill(static_cast<pid_t>(task->Pid()), SIGKILL), 0);
  absl::SleepFor(absl::Milliseconds(300));
  ASSERT_NO_FATAL_FAILURE(Up());
  ExitOf(id);
  ExpectOneExit(id);
}

TEST_F(LibcontainerdDeathTest, InputThatEndsWhileTheDaemonIsDownEnds) {
  auto input = std::make_shared<cio::InputStream>();
  auto task = Run({"cat"}, input);
  ASSERT_OK(task);
  ASSERT_NO_FATAL_FAILURE(Down());
  input->Close();
  absl::SleepFor(absl::Milliseconds(200));
  ASSERT_NO_FATAL_FAILURE(Up());
  EXPECT_EQ(ExitOf(task->ID()).exit_code, 0U);
}

TEST_F(LibcontainerdDeathTest, TheContextEndsWhileTheDaemonIsDown) {
  auto notes = std::make_shared<Notes>();
  auto [own, cancel] = WithCancel(ctx());
  auto other = lc::Client::New(own, *daemon_client_, State(), ns_.name(), notes);
  ASSERT_OK(other);
  auto task = Run({"sleep", "1000"});
  ASSERT_OK(task);
  ASSERT_NO_FATAL_FAILURE(Down());
  cancel();
  ASSERT_EQ(::kill(static_cast<pid_t>(task->Pid()), SIGKILL), 0);
  absl::SleepFor(absl::Seconds(11));  // the subscription has long gone over to its longest pauses
  ASSERT_NO_FATAL_FAILURE(Up());
  ExitOf(task->ID());
  EXPECT_EQ(notes->Gaps(), 0);
  EXPECT_THAT(notes->Exits(task->ID()), IsEmpty());
}

TEST_F(LibcontainerdDeathTest, GoneBeforeTheDaemonIsBack) {
  auto task = Run({"sleep", "1000"});
  ASSERT_OK(task);
  ASSERT_NO_FATAL_FAILURE(Down());
  const absl::Time begin = absl::Now();
  client_.reset();
  EXPECT_LT(absl::Now() - begin, absl::Seconds(5));
  ASSERT_OK(private_.daemon().Restart(Limited()));
}

}  // namespace
}  // namespace containerd::testing
