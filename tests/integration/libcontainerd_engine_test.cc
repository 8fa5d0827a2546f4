// SPDX-License-Identifier: Apache-2.0
//
// The engine of examples/engine, killed at any moment together with its containerd: each container
// is in the state that its policy demands, and no line of output is lost.
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "containerd/supervisor/supervisor.h"

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
  void TearDown() override { KillEngine(); }

  std::string Dir() const { return dir_.path(); }

  void StartEngine() {
    engine_ = ::fork();
    if (engine_ == 0) {
      ::execl(CONTAINERD_ENGINE, "engine", "serve", private_.daemon().Address().c_str(),
              Dir().c_str(), ns_.name().c_str(), nullptr);
      ::_exit(127);
    }
    ASSERT_TRUE(Eventually([&] { return Call({"list"}).has_value(); }));
  }
  void KillEngine() {
    ::kill(engine_, SIGKILL);
    ::waitpid(engine_, nullptr, 0);
  }

  std::optional<std::string> Call(const std::vector<std::string>& words) const {
    std::string command = fmt::format("'{}' call '{}'", CONTAINERD_ENGINE, Dir());
    for (const std::string& word : words) command += " '" + word + "'";
    FILE* out = ::popen((command + " 2>/dev/null").c_str(), "r");
    std::string text;
    for (int c = 0; (c = std::fgetc(out)) != EOF;) text += static_cast<char>(c);
    return ::pclose(out) == 0 ? std::optional(text) : std::nullopt;
  }

  // What List says of a container: "running", "ended" or "waiting", and a number.
  std::pair<std::string, int> StateOf(const std::string& name) const {
    std::istringstream lines(Call({"list"}).value_or(""));
    std::string found;
    std::string state;
    int number = 0;
    int restarts = 0;
    while (lines >> found >> state >> number >> restarts) {
      if (found == name) return {state, number};
    }
    return {};
  }

  bool Becomes(const std::string& name, const std::string& state) const {
    return Eventually([&] { return StateOf(name).first == state; });
  }

  const TestDir dir_;
  const PrivateDaemon private_;
  const TestNamespace ns_{*private_.client()};
  pid_t engine_ = -1;
};

TEST_F(EngineTest, PoliciesHoldWhateverIsKilled) {
  const std::string count = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.02; done";
  ASSERT_TRUE(Call({"run", "steady", "unless-stopped", kBusyboxName, "sh", "-c", count}));
  ASSERT_TRUE(Call({"run", "always", "always", kBusyboxName, "sleep", "0.5"}));
  ASSERT_TRUE(Call({"run", "fails", "on-failure:2", kBusyboxName, "sh", "-c", "exit 5"}));
  ASSERT_TRUE(Call({"run", "once", "no", kBusyboxName, "true"}));
  ASSERT_TRUE(Call({"run", "stopped", "unless-stopped", kBusyboxName, "sleep", "1000"}));
  EXPECT_FALSE(Call({"run", "bad", "sometimes", kBusyboxName, "true"}));
  ASSERT_TRUE(Becomes("steady", "running"));
  ASSERT_TRUE(Becomes("stopped", "running"));
  ASSERT_TRUE(Call({"stop", "stopped"}));
  const int pid = StateOf("steady").second;

  std::mt19937 random(static_cast<unsigned>(::getpid()));
  for (int round = 0; round < 10; ++round) {
    const unsigned what = random() % 3;
    if (what != 0) {
      KillEngine();
    }
    if (what != 1) {
      ASSERT_OK(private_.daemon().Kill(ns_.ctx()));
    }
    absl::SleepFor(absl::Milliseconds(random() % 1000));
    if (what != 1) {
      ASSERT_OK(private_.daemon().WaitReady(WithTimeout(ns_.ctx(), absl::Minutes(1))));
    }
    if (what != 0) {
      ASSERT_NO_FATAL_FAILURE(StartEngine());
    }
    absl::SleepFor(absl::Milliseconds(random() % 1500));
  }

  EXPECT_TRUE(Becomes("steady", "running"));
  EXPECT_EQ(StateOf("steady").second, pid) << "it went on all the time";
  EXPECT_TRUE(Becomes("always", "running"));
  EXPECT_TRUE(Becomes("fails", "ended"));
  EXPECT_TRUE(Becomes("once", "ended"));
  EXPECT_TRUE(Becomes("stopped", "ended"));

  ASSERT_TRUE(Call({"stop", "steady"}));
  EXPECT_TRUE(Becomes("steady", "ended"));
  std::ifstream log(Dir() + "/logs/steady");
  int expected = 0;
  for (int line = 0; log >> line; ++expected) ASSERT_EQ(line, expected) << "a line is missing";
  EXPECT_GT(expected, 20);
  for (const char* name : {"steady", "always", "fails", "once", "stopped"}) {
    EXPECT_TRUE(Call({"rm", name}));
  }
  EXPECT_TRUE(Eventually([&] { return Call({"list"}) == ""; }));
}

#endif

}  // namespace
}  // namespace containerd::testing
