// SPDX-License-Identifier: Apache-2.0
//
// The engine of examples/engine, killed at any moment together with its containerd, its containers
// and their shims: each container is in the state that its policy demands, and no line of output is
// lost.
#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <spawn.h>
#include <sstream>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <absl/cleanup/cleanup.h>
#include <absl/time/clock.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "containerd/supervisor/supervisor.h"

#include "amount.h"
#include "container_fixture.h"
#include "harness.h"

namespace containerd::testing {
namespace {

#ifdef CONTAINERD_ENGINE

class EngineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(ImportBusybox(*private_.client(), ns_.ctx()));
    ASSERT_NO_FATAL_FAILURE(StartEngine());
  }
  void TearDown() override {
    if (HasFailure()) std::cout << Call({"list"}).value_or("") << ReadFile(Dir() + "/engine.log");
    KillEngine();
  }

  std::string Dir() const { return dir_.path(); }

  void StartEngine() {
    std::vector<std::string> args = {CONTAINERD_ENGINE, "serve", private_.daemon().Address(), Dir(),
                                     ns_.name()};
    std::vector<char*> argv;
    for (std::string& arg : args) argv.push_back(arg.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const std::string log = Dir() + "/engine.log";
    posix_spawn_file_actions_addopen(&actions, 2, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    const int failed = ::posix_spawn(&engine_, argv[0], &actions, nullptr, argv.data(), ::environ);
    posix_spawn_file_actions_destroy(&actions);
    ASSERT_EQ(failed, 0);
    ASSERT_TRUE(Eventually([&] { return Call({"list"}).has_value(); })) << ReadFile(log);
  }
  void KillEngine() {
    if (engine_ <= 0) return;
    ::kill(engine_, SIGKILL);
    ::waitpid(engine_, nullptr, 0);
    engine_ = -1;
  }

  // What the engine answers; nothing if it refuses, or is not there. As `engine call` does it,
  // without a process for each question.
  std::optional<std::string> Call(const std::vector<std::string>& words) const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (Dir() + "/engine.sock").copy(address.sun_path, sizeof address.sun_path - 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const absl::Cleanup close = [fd] { ::close(fd); };
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      return std::nullopt;
    }
    std::string request;
    for (const std::string& word : words) request += word + '\0';
    if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0) return std::nullopt;
    ::shutdown(fd, SHUT_WR);
    std::string answer;
    char buf[4096];
    ssize_t n = 0;
    while ((n = ::read(fd, buf, sizeof buf)) > 0) answer.append(buf, static_cast<std::size_t>(n));
    if (n < 0 || (words[0] != "list" && answer != "ok\n")) return std::nullopt;
    return answer;
  }

  // What `list` says of a container: "running" and a pid, "ended" and a code, or "waiting"; and how
  // often it was started again in a row.
  struct Line {
    std::string state{};
    int number = 0;
    int restarts = 0;
  };
  Line LineOf(const std::string& name) const {
    std::istringstream lines(Call({"list"}).value_or(""));
    std::string found;
    Line line;
    while (lines >> found >> line.state >> line.number >> line.restarts) {
      if (found == name) return line;
    }
    return {};
  }

  bool Becomes(const std::string& name, const std::string& state) const {
    return Eventually([&] {
      absl::SleepFor(absl::Milliseconds(50));
      return LineOf(name).state == state;
    });
  }

  std::string LogOf(const std::string& name) const { return Dir() + "/logs/" + name; }

  const TestDir dir_;
  // Started again at once, however often it is killed.
  const PrivateDaemon private_{
      {supervisor::WithRestartBackoff(absl::Milliseconds(50), absl::Milliseconds(50))}};
  const TestNamespace ns_{*private_.client()};
  pid_t engine_ = -1;
};

TEST_F(EngineTest, BadRequestsAreRefusedAndChangeNothing) {
  for (const char* policy : {"", "sometimes", "on-failure:", "on-failure:x", "on-failure:-1",
                             "on-failure:99999999999", "always:3"}) {
    EXPECT_FALSE(Call({"run", "bad", policy, kBusyboxName, "true"})) << policy;
  }
  for (const char* name : {"", "../bad", "a/b", "-", ".hidden"}) {
    EXPECT_FALSE(Call({"run", name, "no", kBusyboxName, "true"})) << name;
  }
  EXPECT_FALSE(Call({"run", "bad", "no", kBusyboxName}));
  for (const char* command : {"stop", "start", "rm"}) {
    EXPECT_FALSE(Call({command, "none"})) << command;
  }
  EXPECT_FALSE(Call({"dance"}));
  EXPECT_EQ(Call({"list"}), "");
  const std::string program = fmt::format("'{}' call '{}'", CONTAINERD_ENGINE, Dir());
  EXPECT_EQ(std::system((program + " list").c_str()), 0);
  EXPECT_NE(std::system((program + " stop none").c_str()), 0);
  ASSERT_TRUE(Call({"run", "good", "no", kBusyboxName, "true"}));
  EXPECT_FALSE(Call({"run", "good", "no", kBusyboxName, "true"})) << "it is there already";
  EXPECT_TRUE(Becomes("good", "ended"));
}

TEST_F(EngineTest, OnFailureStartsAgainSoManyTimes) {
  ASSERT_TRUE(Call({"run", "fails", "on-failure:2", kBusyboxName, "sh", "-c", "echo run; exit 5"}));
  ASSERT_TRUE(Call({"run", "succeeds", "on-failure", kBusyboxName, "echo", "run"}));
  EXPECT_TRUE(Eventually([&] { return ReadFile(LogOf("fails")) == "run\nrun\nrun\n"; }));
  EXPECT_TRUE(Becomes("fails", "ended"));
  EXPECT_EQ(LineOf("fails").number, 5);
  EXPECT_TRUE(Becomes("succeeds", "ended"));
  absl::SleepFor(absl::Seconds(2));
  EXPECT_EQ(ReadFile(LogOf("fails")), "run\nrun\nrun\n");
  EXPECT_EQ(ReadFile(LogOf("succeeds")), "run\n");
}

TEST_F(EngineTest, WhatItsUserStoppedStartsWithTheNextEngineIfAlways) {
  for (const char* policy : {"always", "unless-stopped"}) {
    ASSERT_TRUE(Call({"run", policy, policy, kBusyboxName, "sleep", "1000"}));
    ASSERT_TRUE(Becomes(policy, "running"));
    ASSERT_TRUE(Call({"stop", policy}));
    ASSERT_TRUE(Becomes(policy, "ended"));
  }
  KillEngine();
  ASSERT_NO_FATAL_FAILURE(StartEngine());
  EXPECT_TRUE(Becomes("always", "running"));
  EXPECT_TRUE(Becomes("unless-stopped", "ended"));
  ASSERT_TRUE(Call({"start", "unless-stopped"}));
  EXPECT_TRUE(Becomes("unless-stopped", "running"));
}

// 50 times, in an order that CONTAINERD_TEST_SEED gives.
class EngineKillTest : public EngineTest {
 protected:
  static unsigned Seed() {
    const char* const seed = std::getenv("CONTAINERD_TEST_SEED");
    return seed == nullptr ? 20'240'601U : static_cast<unsigned>(std::strtoul(seed, nullptr, 10));
  }

  int Up(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }

  // Kills the engine, its containerd or both, perhaps a container and its shim meanwhile, and has
  // them come back.
  void KillAndComeBack() {
    const int what = Up(3);
    const bool engine = what != 0;
    const bool daemon = what != 1;
    const Line victim = Up(3) == 0 ? LineOf("victim") : Line{};
    if (engine) KillEngine();
    if (daemon) ASSERT_OK(private_.daemon().Kill(ns_.ctx()));
    if (victim.state == "running") {
      const pid_t shim = ParentOf(victim.number);
      if (Up(2) == 0 && shim > 1) ::kill(shim, SIGKILL);
      ::kill(victim.number, SIGKILL);
      killed_.insert(victim.number);
    }
    absl::SleepFor(absl::Milliseconds(Up(500)));
    if (daemon) {
      ASSERT_OK(private_.daemon().WaitReady(WithTimeout(ns_.ctx(), absl::Minutes(1))));
    }
    if (engine) ASSERT_NO_FATAL_FAILURE(StartEngine());
  }

  // Of a process that this test's user may not see: 0.
  static pid_t ParentOf(int pid) {
    std::ifstream stat(fmt::format("/proc/{}/stat", pid));
    std::string skipped;
    pid_t parent = 0;
    stat >> skipped >> skipped >> skipped >> parent;
    return parent;
  }

  std::mt19937 random_{Seed()};
  std::set<int> killed_;
};

TEST_F(EngineKillTest, PoliciesHoldWhateverIsKilled) {
  std::cout << "CONTAINERD_TEST_SEED=" << Seed() << "\n";
  const std::string count = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.02; done";
  ASSERT_TRUE(Call({"run", "steady", "unless-stopped", kBusyboxName, "sh", "-c", count}));
  ASSERT_TRUE(Call({"run", "always", "always", kBusyboxName, "sleep", "0.5"}));
  ASSERT_TRUE(Call({"run", "victim", "always", kBusyboxName, "sleep", "100000"}));
  ASSERT_TRUE(Call({"run", "fails", "on-failure:2", kBusyboxName, "sh", "-c", "echo run; exit 5"}));
  ASSERT_TRUE(Call({"run", "once", "no", kBusyboxName, "echo", "run"}));
  ASSERT_TRUE(Call({"run", "stopped", "unless-stopped", kBusyboxName, "sleep", "100000"}));
  ASSERT_TRUE(Call({"run", "toggled", "unless-stopped", kBusyboxName, "sleep", "100000"}));
  ASSERT_TRUE(Becomes("steady", "running"));
  ASSERT_TRUE(Becomes("stopped", "running"));
  ASSERT_TRUE(Call({"stop", "stopped"}));
  ASSERT_TRUE(Becomes("stopped", "ended"));
  const int pid = LineOf("steady").number;

  bool toggled = true;
  const int kills = Amount(50, 50, 15);
  for (int round = 0; round < kills; ++round) {
    SCOPED_TRACE(fmt::format("seed {}, kill {}", Seed(), round));
    if (Up(4) == 0) {
      toggled = !toggled;
      ASSERT_TRUE(Call({toggled ? "start" : "stop", "toggled"}));
    }
    ASSERT_NO_FATAL_FAILURE(KillAndComeBack());
    EXPECT_TRUE(Alive(static_cast<std::uint32_t>(pid)));
    EXPECT_NE(LineOf("stopped").state, "running");
    absl::SleepFor(absl::Milliseconds(Up(1000)));
  }

  EXPECT_TRUE(Becomes("steady", "running"));
  EXPECT_EQ(LineOf("steady").number, pid) << "it went on all the time";
  EXPECT_TRUE(Becomes("always", "running"));
  EXPECT_TRUE(Becomes("victim", "running"));
  EXPECT_FALSE(killed_.contains(LineOf("victim").number));
  EXPECT_TRUE(Becomes("fails", "ended"));
  EXPECT_TRUE(Becomes("once", "ended"));
  EXPECT_TRUE(Becomes("stopped", "ended"));
  // One that was stopped before it could be started still waits.
  EXPECT_TRUE(toggled ? Becomes("toggled", "running")
                      : Eventually([&] { return LineOf("toggled").state != "running"; }));

  ASSERT_TRUE(Call({"stop", "steady"}));
  EXPECT_TRUE(Becomes("steady", "ended"));
  std::ifstream log(LogOf("steady"));
  int expected = 0;
  for (int line = 0; log >> line; ++expected) ASSERT_EQ(line, expected) << "a line is missing";
  EXPECT_GT(expected, 20 * kills);
  // Some may have ended while no engine was there to read, but none has run too often.
  EXPECT_LE(ReadFile(LogOf("fails")).size(), std::string("run\nrun\nrun\n").size());
  EXPECT_LE(ReadFile(LogOf("once")).size(), std::string("run\n").size());
  for (const char* name : {"steady", "always", "victim", "fails", "once", "stopped", "toggled"}) {
    EXPECT_TRUE(Call({"rm", name}));
  }
  EXPECT_TRUE(Eventually([&] { return Call({"list"}) == ""; }));
  EXPECT_THAT(*private_.client()->ContainerService()->List(ns_.ctx()), ::testing::IsEmpty());
}

#endif

}  // namespace
}  // namespace containerd::testing
