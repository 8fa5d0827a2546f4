// SPDX-License-Identifier: Apache-2.0
//
// What tests of examples/ctr share: both ctrs, run on a namespace with busybox, what is done
// with them again and again, and a terminal.
#ifndef CONTAINERD_TESTS_INTEGRATION_CTR_FIXTURE_H_
#define CONTAINERD_TESTS_INTEGRATION_CTR_FIXTURE_H_

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
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
#include "containerd/digest/identity.h"

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

// What tests of ctr's commands share.
class CtrCommandsTest : public CtrTest {
 protected:
  // A program that runs beside the test.
  class Program {
   public:
    explicit Program(std::vector<std::string> args) : pid_(Spawn(std::move(args), log_)) {}
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;
    ~Program() {
      if (pid_ <= 0) return;
      Signal(SIGKILL);
      Wait();
    }

    void Signal(int signal) const { ::kill(pid_, signal); }

    // What it has printed so far.
    std::string Output() const { return ReadFile(log_); }

    ::testing::AssertionResult Prints(const std::string& text) const {
      if (Eventually([&] { return absl::StrContains(Output(), text); })) {
        return ::testing::AssertionSuccess();
      }
      return ::testing::AssertionFailure() << text << " is not in\n" << Output();
    }

    // Waits for its end. The exit code; 128 and more if a signal ended it, as a shell has it.
    int Wait() {
      int status = -1;
      while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
      }
      pid_ = -1;
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

   private:
    const TestDir dir_;
    const std::string log_ = dir_.path() + "/log";
    pid_t pid_;
  };

  // Both print the same and end with the same code; `mask` is an expression for what differs from
  // call to call. A ctr that has no such command does not count.
  void Same(const std::vector<std::string>& args, const std::string& mask = "") {
    if (Theirs().empty()) return;
    SCOPED_TRACE(::testing::PrintToString(args));
    const Outcome theirs = Run(Theirs(), args);
    if (absl::StrContains(theirs.output, "No help topic for")) return;
    const Outcome ours = Ours(args);
    const auto masked = [&](const std::string& text) {
      return mask.empty() ? text : std::regex_replace(text, std::regex(mask), "*");
    };
    EXPECT_EQ(masked(ours.output), masked(theirs.output));
    EXPECT_EQ(ours.code, theirs.code);
  }

  // Whether the daemon's own ctr has the flag.
  bool TheirsHas(std::vector<std::string> command, const std::string& flag) {
    command.emplace_back("--help");
    return !Theirs().empty() && absl::StrContains(Run(Theirs(), std::move(command)).output, flag);
  }

  // Ours has to succeed.
  std::string Output(std::vector<std::string> args) {
    SCOPED_TRACE(::testing::PrintToString(args));
    const Outcome outcome = Ours(std::move(args));
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    return outcome.output;
  }

  // Ours in a shell, in which it is "$0" "$@".
  Outcome InShell(const std::string& script, std::vector<std::string> args) {
    std::vector<std::string> around{"timeout", "120", "sh", "-c", script};
    std::swap(around, around_);
    const Outcome outcome = Ours(std::move(args));
    std::swap(around, around_);
    return outcome;
  }

  // The bytes that ours prints.
  std::string Bytes(std::vector<std::string> args) {
    const TestDir dir;
    const std::string file = dir.path() + "/bytes";
    const Outcome outcome = InShell("\"$0\" \"$@\" >" + file, std::move(args));
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    return ReadFile(file);
  }

  std::unique_ptr<Program> Start(const std::string& program, std::vector<std::string> args) {
    args.insert(args.begin(), {program, "-a", SharedAddress(), "-n", ns_.name()});
    return std::make_unique<Program>(std::move(args));
  }

  // A container whose task ours has started, and which stays.
  std::string Detached(std::vector<std::string> args, std::vector<std::string> flags = {}) {
    const std::string id = Name();
    flags.insert(flags.begin(), {"run", "-d"});
    flags.insert(flags.end(), {kBusyboxName, id});
    flags.insert(flags.end(), args.begin(), args.end());
    EXPECT_EQ(Output(std::move(flags)), "");
    return id;
  }

  absl::StatusOr<Task> TaskOf(const std::string& id) {
    auto container = client_->LoadContainer(ctx(), id);
    if (!container.ok()) return container.status();
    return container->Task(ctx());
  }

  ProcessStatus StatusOf(const std::string& id) {
    auto task = TaskOf(id);
    if (!task.ok()) return ProcessStatus::kUnknown;
    auto status = task->Status(ctx());
    return status.ok() ? status->status : ProcessStatus::kUnknown;
  }

  bool Ends(const std::string& id) {
    return Eventually([&] { return StatusOf(id) == ProcessStatus::kStopped; });
  }

  std::string TopLayer() {
    auto layers = image_->RootFS(ctx());
    EXPECT_OK(layers);
    return layers.ok() ? identity::ChainID(*layers).String() : "";
  }

  // The images, snapshots and leases of a namespace, a line each.
  std::string State(const Context& ctx) {
    std::vector<std::string> lines;
    const auto images = client_->ListImages(ctx);
    for (const Image& image : *images) {
      lines.push_back(fmt::format("image {} {} {}", image.Name(), image.Target().digest,
                                  *image.IsUnpacked(ctx, "") ? "unpacked" : "packed"));
      for (const auto& [key, value] : image.Labels()) lines.push_back("  " + key + "=" + value);
    }
    EXPECT_OK(
        client_->SnapshotService("")->Walk(ctx, [&](const Context&, const snapshots::Info& info) {
          lines.push_back(fmt::format("snapshot {} of {}, {}", info.name, info.parent,
                                      snapshots::String(info.kind)));
          return absl::OkStatus();
        }));
    const auto leases = client_->LeasesService()->List(ctx);
    for (const leases::Lease& lease : *leases) {
      lines.push_back("lease " + lease.id);
    }
    return absl::StrJoin(lines, "\n") + "\n";
  }

  Labels SnapshotLabels(const std::string& key) {
    auto info = client_->SnapshotService("")->Stat(ctx(), key);
    EXPECT_OK(info);
    return info.ok() ? info->labels : Labels();
  }
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
