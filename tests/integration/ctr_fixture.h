// SPDX-License-Identifier: Apache-2.0
//
// What tests of examples/ctr share: both ctrs, run on a namespace with busybox, and a terminal.
#ifndef CONTAINERD_TESTS_INTEGRATION_CTR_FIXTURE_H_
#define CONTAINERD_TESTS_INTEGRATION_CTR_FIXTURE_H_

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <regex>
#include <string>
#include <sys/wait.h>
#include <utility>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"

#include "amount.h"
#include "container_fixture.h"
#include "harness.h"
#include "registry.h"

namespace containerd::testing {

inline const char kOurs[] = CONTAINERD_EXAMPLES "/ctr";

class CtrTest : public ContainerTest {
 protected:
  struct Outcome {
    int code = -1;
    std::string output;
  };

  void SetUp() override {
    if (!std::filesystem::exists(kOurs)) GTEST_SKIP() << "examples/ctr is not built";
    ContainerTest::SetUp();
  }

  // Runs a ctr with the output and the errors in one text.
  Outcome Run(const std::string& program, std::vector<std::string> args) {
    args.insert(args.begin(), {program, "-a", SharedAddress(), "-n", ns_.name()});
    args.insert(args.begin(), around_.begin(), around_.end());
    const TestDir dir;
    const std::string log = dir.path() + "/log";
    const pid_t pid = Spawn(std::move(args), log);
    int status = -1;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, ReadFile(log)};
  }

  // A spec without the version of the specification, of which Go's may know another.
  static std::string OfOneVersion(const std::string& text) {
    return std::regex_replace(text, std::regex("\"ociVersion\": \"[^\"]*\""), "\"ociVersion\"");
  }

  // Lines in an order of their own: labels come in any.
  static std::string Sorted(const std::string& text) {
    std::vector<std::string> lines = absl::StrSplit(text, '\n');
    std::sort(lines.begin(), lines.end());
    return absl::StrJoin(lines, "\n");
  }

  // What is the same for all daemons, each of whose steps is a process, is tried on one of them.
  static bool Newest() { return Amount(1, 1, 0) == 1; }

  Outcome Ours(std::vector<std::string> args) { return Run(kOurs, std::move(args)); }

  // The daemon's own; nothing if there is none.
  static std::string Theirs() {
    const char* bin = std::getenv("CONTAINERD_CPP_DAEMON_BIN");  // NOLINT(concurrency-mt-unsafe)
    return bin != nullptr ? std::string(bin) + "/ctr" : "";
  }

  // In mounts of its own, made by a shell; {0} is a folder of the test's.
  static std::vector<std::string> In(const std::string& mounts, const TestDir& dir) {
    return {"timeout",
            "120",
            "unshare",
            "--mount",
            "sh",
            "-ec",
            absl::StrReplaceAll(mounts, {{"{0}", dir.path()}}) + "; exec \"$0\" \"$@\""};
  }

  // Of content that nothing refers to.
  const content::Opt kept_ = content::WithLabels({{"containerd.io/gc.root", "yes"}});
  std::vector<std::string> around_{"timeout", "120"};  // what runs a ctr
};

// A terminal of tmux's.
class Screen {
 public:
  Screen(const std::string& command, int columns, int rows) {
    Tmux(fmt::format("-f /dev/null new-session -d -x {} -y {} {}", columns, rows,
                     Quoted(command + "; echo exit code $?; exec sleep 100")));
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen() { Tmux("kill-server"); }

  void Tmux(const std::string& command) const {
    const std::string line =
        fmt::format("tmux -S {}/socket {} >/dev/null 2>&1", dir_.path(), command);
    static_cast<void>(std::system(line.c_str()));  // NOLINT(concurrency-mt-unsafe)
  }

  std::string Text() const {
    const std::string file = dir_.path() + "/text";
    Tmux(fmt::format("capture-pane \\; save-buffer {} \\; delete-buffer", file));
    return ReadFile(file);
  }

  // Waits for a text.
  ::testing::AssertionResult Shows(const std::string& text) const {
    if (Eventually([&] { return absl::StrContains(Text(), text); })) {
      return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure() << text << " is not in\n" << Text();
  }

 private:
  static std::string Quoted(const std::string& text) {
    return "'" + absl::StrReplaceAll(text, {{"'", "'\\''"}}) + "'";
  }

  const TestDir dir_;
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_INTEGRATION_CTR_FIXTURE_H_
