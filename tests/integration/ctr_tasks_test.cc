// SPDX-License-Identifier: Apache-2.0
//
// What the commands of examples/ctr that run and end tasks do on a daemon: what a process is given,
// where its output and signals go, and the exit code that ctr hands on.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_split.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"

#include "container_fixture.h"
#include "ctr_fixture.h"
#include "harness.h"
#include "registry.h"

namespace containerd::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::StartsWith;

// The process tells what it is given; beside the daemon's own ctr, where that knows the flags.
TEST_F(CtrCommandsTest, RunGivesTheProcessWhatTheFlagsSay) {
  const TestDir dir;
  std::ofstream(dir.path() + "/env") << "# of a file\nFILE=f\n";
  std::filesystem::create_directory(dir.path() + "/shared");
  std::ofstream(dir.path() + "/shared/file") << "of the host\n";
  const std::string pid_file = dir.path() + "/pid";
  const auto run = [&](const std::string& program) {
    const std::string id = Name();
    std::vector<std::string> args{
        "run",
        "--rm",
        "--env",
        "A=1,2",
        "--env",
        "B=b c",
        "--env-file",
        dir.path() + "/env",
        "--cwd",
        "/tmp",
        "--user",
        "1000:1001",
        "--hostname",
        "host",
        "--read-only",
        "--mount",
        "type=bind,src=" + dir.path() + "/shared,dst=/shared,options=rbind:ro",
        "--mount",
        "type=tmpfs,src=tmpfs,dst=/fast,options=size=64k",
        "--pid-file",
        pid_file,
        "--cap-drop",
        "CAP_CHOWN",
        "--allow-new-privs",
        "--seccomp",
        kBusyboxName,
        id,
        "sh",
        "-c",
        "exec 2>&1; echo $A $B $FILE; pwd; id -u; id -g; hostname; touch /etc/new; touch "
        "/shared/new;"
        "cat /shared/file; grep /fast /proc/mounts | tr , '\\n' | grep size;"
        "grep -E 'CapBnd|NoNewPrivs|Seccomp:' /proc/self/status; echo; echo wrong >&2"};
    const Outcome outcome = Run(program, args);
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    EXPECT_TRUE(client_->Containers(ctx())->empty());
    return outcome.output;
  };
  const std::string ours = run(kOurs);
  EXPECT_EQ(ours,
            "1,2 b c f\n/tmp\n1000\n1001\nhost\n"
            "touch: /etc/new: Read-only file system\ntouch: /shared/new: Read-only file system\n"
            "of the host\nsize=64k 0 0\n"
            "CapBnd:\t00000000a80425fa\nNoNewPrivs:\t0\nSeccomp:\t2\n\nwrong\n");
  int pid = 0;
  EXPECT_TRUE(absl::SimpleAtoi(ReadFile(pid_file), &pid) && pid > 1) << ReadFile(pid_file);
  if (!Theirs().empty() && absl::StrContains(Run(Theirs(), {"run", "--help"}).output, "--hostname"))
    EXPECT_EQ(ours, run(Theirs()));
}

TEST_F(CtrCommandsTest, RunOnWhatIsTheHosts) {
  const auto host = [](const std::string& ns) {
    return std::filesystem::read_symlink("/proc/self/ns/" + ns).string();
  };
  const std::string id = Detached({"sleep", "1000"});
  auto task = TaskOf(id);
  ASSERT_OK(task);
  const std::string uts = fmt::format("/proc/{}/ns/uts", task->Pid());
  const std::string script =
      "readlink /proc/self/ns/net; readlink /proc/self/ns/uts; readlink /proc/self/ns/ipc;"
      "echo $HOSTNAME; grep CapEff /proc/self/status; ls /dev | wc -l; cat /etc/hosts 2>/dev/null; "
      "true";
  const std::vector<std::string> lines =
      absl::StrSplit(Output({"run", "--rm", "--net-host", "--privileged", "--with-ns", "uts:" + uts,
                             kBusyboxName, Name(), "sh", "-c", script}),
                     absl::MaxSplits('\n', 6));
  ASSERT_EQ(lines.size(), 7U);
  EXPECT_EQ(lines[0], host("net"));
  EXPECT_EQ(lines[1], std::filesystem::read_symlink(uts).string());
  EXPECT_NE(lines[1], host("uts"));
  EXPECT_NE(lines[2], host("ipc"));
  char name[256] = "";
  ASSERT_EQ(::gethostname(name, sizeof name - 1), 0);
  EXPECT_EQ(lines[3], name);
  const std::string status = ReadFile("/proc/self/status");
  EXPECT_THAT(status, HasSubstr(lines[4].substr(lines[4].find('\t') + 1)));
  EXPECT_EQ(lines[6], ReadFile("/etc/hosts"));
  // Neither of them unless it is asked for.
  const std::vector<std::string> alone =
      absl::StrSplit(Output({"run", "--rm", kBusyboxName, Name(), "sh", "-c", script}), '\n');
  EXPECT_NE(alone[0], host("net"));
  EXPECT_NE(alone[1], lines[1]);
  EXPECT_EQ(alone[4], "CapEff:\t00000000a80425fb");

  EXPECT_EQ(Output({"tasks", "rm", "-f", id}),
            fmt::format("task {} exit with non-zero exit code 137\n", id));
}

TEST_F(CtrCommandsTest, LimitsAreTheTasks) {
  const std::string id =
      Detached({"sleep", "1000"}, {"--memory-limit", "67108864", "--label", "a=b"});
  const std::string limited = Output({"tasks", "metrics", id});
  EXPECT_THAT(limited, ContainsRegex("memory.(limit_in_bytes|usage_limit) +67108864 +\n"));
  Same({"tasks", "metrics", id},
       "seconds:[0-9]+ +nanos:[0-9]+ *|[-0-9]+ [:.0-9]+ .0000 UTC *|[0-9]+|  +");
  Same({"tasks", "metrics", "--format", "json", id}, "[0-9]+");
  EXPECT_THAT(Output({"tasks", "metrics", "--format", "json", id}), HasSubstr(": 67108864"));
  EXPECT_EQ(Ours({"tasks", "metrics", "--format", "xml", id}).code, 1);
  auto container = client_->LoadContainer(ctx(), id);
  ASSERT_OK(container);
  EXPECT_THAT(*container->Labels(ctx()), Contains(Pair("a", "b")));
  Same({"c", "info", "--spec", id});
  EXPECT_EQ(Ours({"tasks", "rm", "-f", id}).code, 0);
}

TEST_F(CtrCommandsTest, RunOfAFolderAndOfASpec) {
  const std::string id = Name();
  EXPECT_EQ(Output({"run", "--rm", "--rootfs", "--read-only", "--env", "PATH=/bin", BusyboxRootfs(),
                    id, "echo", "here"}),
            "here\n");
  const TestDir dir;
  const std::string config = dir.path() + "/config.json";
  Output({"c", "create", "--rootfs", "--read-only", "--env", "PATH=/bin", BusyboxRootfs(), id, "sh",
          "-c", "echo spec"});
  std::ofstream(config) << Output({"c", "info", "--spec", id});
  EXPECT_EQ(Output({"c", "rm", id}), "");
  EXPECT_EQ(Output({"run", "--rm", "--config", config, id}), "spec\n");
  EXPECT_EQ(Ours({"run", "--rm", "--config", config, id, "sh"}).code, 1);
  EXPECT_EQ(Ours({"run", "--rm", "--config", config + "2", id}).code, 1);
  EXPECT_TRUE(client_->Containers(ctx())->empty());
}

TEST_F(CtrCommandsTest, ExitCodesAndErrors) {
  const auto run = [&](const std::vector<std::string>& command) {
    std::vector<std::string> args{"run", "--rm", kBusyboxName, Name()};
    args.insert(args.end(), command.begin(), command.end());
    return Ours(args);
  };
  EXPECT_EQ(run({"true"}).code, 0);
  EXPECT_EQ(run({"sh", "-c", "exit 255"}).code, 255);
  EXPECT_EQ(run({"sh", "-c", "sh -c 'kill -9 $$'; exit $?"}).code, 137);
  const Outcome missing = run({"no-such-program"});
  EXPECT_EQ(missing.code, 1);
  EXPECT_THAT(missing.output, AllOf(StartsWith("ctr: "), HasSubstr("no-such-program")));
  EXPECT_TRUE(client_->Containers(ctx())->empty());
  EXPECT_EQ(Ours({"run", "no-such-image", Name()}).code, 1);
  EXPECT_EQ(Ours({"run", kBusyboxName, "no id"}).code, 1);
  const std::string id = Name();
  EXPECT_EQ(Ours({"run", kBusyboxName, id, "true"}).code, 0);
  // Without --rm it stays, without a task.
  EXPECT_EQ(Output({"c", "ls", "-q"}), id + "\n");
  EXPECT_EQ(Output({"tasks", "ls", "-q"}), "");
  const Outcome twice = Ours({"run", "--rm", kBusyboxName, id, "true"});
  EXPECT_EQ(twice.code, 1);
  EXPECT_EQ(Output({"c", "ls", "-q"}), id + "\n") << "the container of another was removed";
}

TEST_F(CtrCommandsTest, StandardInputIsTheProcesss) {
  const std::string script = "printf 'one\\ntwo\\n' | \"$0\" \"$@\"";
  EXPECT_EQ(
      InShell(script, {"run", "--rm", kBusyboxName, Name(), "sh", "-c", "cat; echo end"}).output,
      "one\ntwo\nend\n");
  // More than a pipe holds, from and to a file.
  const TestDir dir;
  std::ofstream(dir.path() + "/in") << std::string(1'000'000, 'x');
  EXPECT_EQ(InShell(fmt::format("\"$0\" \"$@\" <{0}/in >{0}/out", dir.path()),
                    {"run", "--rm", kBusyboxName, Name(), "cat"})
                .output,
            "");
  EXPECT_EQ(ReadFile(dir.path() + "/out"), ReadFile(dir.path() + "/in"));
  // One that reads nothing ends all the same.
  EXPECT_EQ(InShell("yes | \"$0\" \"$@\"", {"run", "--rm", kBusyboxName, Name(), "true"}).code, 0);

  const std::string id = Detached({"sleep", "1000"});
  EXPECT_EQ(
      InShell(script, {"tasks", "exec", "--exec-id", "in", id, "sh", "-c", "cat; exit 5"}).output,
      "one\ntwo\n");
  EXPECT_EQ(Ours({"tasks", "rm", "-f", id}).code, 0);
}

TEST_F(CtrCommandsTest, SignalsGoToTheProcess) {
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) {
    const std::string id = Name();
    const auto run = Start(
        kOurs,
        {"run", "--rm", kBusyboxName, id, "sh", "-c",
         "trap 'echo got; exit 9' INT TERM USR1; echo ready; while true; do sleep 0.05; done"});
    ASSERT_TRUE(run->Prints("ready\n"));
    run->Signal(signal);
    EXPECT_EQ(run->Wait(), 9);
    EXPECT_EQ(run->Output(), "ready\ngot\n");
    EXPECT_TRUE(client_->Containers(ctx())->empty());
  }
}

TEST_F(CtrCommandsTest, ADetachedTask) {
  const TestDir dir;
  const std::string pid_file = dir.path() + "/pid";
  const std::string log = dir.path() + "/log";
  const std::string id = Detached({"sh", "-c", "echo logged; echo too >&2; sleep 1000"},
                                  {"--pid-file", pid_file, "--log-uri", "file://" + log});
  auto task = TaskOf(id);
  ASSERT_OK(task);
  EXPECT_EQ(ReadFile(pid_file), std::to_string(task->Pid()));
  EXPECT_TRUE(Eventually([&] { return ReadFile(log).size() == 11; })) << ReadFile(log);
  Same({"tasks", "ls"});
  EXPECT_THAT(Output({"tasks", "ls"}),
              ContainsRegex(fmt::format("{} +{} +RUNNING\n", id, task->Pid())));
  EXPECT_EQ(Output({"tasks", "pause", id}), "");
  Same({"tasks", "ls"});
  EXPECT_EQ(StatusOf(id), ProcessStatus::kPaused);
  EXPECT_EQ(Output({"tasks", "resume", id}), "");
  EXPECT_EQ(StatusOf(id), ProcessStatus::kRunning);
  // Neither is removed while it runs.
  EXPECT_EQ(Ours({"tasks", "rm", id}).code, 1);
  EXPECT_THAT(Ours({"c", "rm", id}).output, HasSubstr("cannot delete a non stopped container"));
  EXPECT_EQ(Ours({"tasks", "kill", "--signal", "none", id}).code, 1);
  EXPECT_EQ(Output({"tasks", "kill", "--signal", "kill", id}), "");
  ASSERT_TRUE(Ends(id));
  Same({"tasks", "ls"});
  EXPECT_EQ(Output({"c", "rm", id}), "");
  EXPECT_EQ(Output({"snapshots", "ls"}).find(id), std::string::npos);
}

// Of a task that nobody has attached to, they stay until it is removed.
TEST_F(CtrCommandsTest, ThePipesOfADetachedTaskGoWithIt) {
  const TestDir dir;
  const auto start = [&](const std::string& program) {
    const std::string id = Name();
    EXPECT_EQ(
        Run(program, {"run", "-d", "--fifo-dir", dir.path(), kBusyboxName, id, "sleep", "1000"})
            .output,
        "");
    EXPECT_FALSE(std::filesystem::is_empty(dir.path()));
    return id;
  };
  for (const std::string& program : {std::string(kOurs), Theirs()}) {
    if (program.empty()) continue;
    const std::string one = start(program);
    EXPECT_EQ(Ours({"tasks", "rm", "-f", one}).code, 0);
    EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
    EXPECT_EQ(Output({"c", "rm", one}), "");
    const std::string two = start(program);
    EXPECT_EQ(
        Output({"tasks", "exec", "-d", "--fifo-dir", dir.path(), "--exec-id", "e", two, "true"}),
        "");
    EXPECT_THAT(Ours({"tasks", "rm", "-f", "--exec-id", "e", two}).code, 0);
    EXPECT_EQ(Output({"tasks", "kill", "-s", "9", two}), "");
    ASSERT_TRUE(Ends(two));
    EXPECT_EQ(Output({"c", "rm", two}), "");
    EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
  }
}

TEST_F(CtrCommandsTest, KillByTheStopSignalOfAProcessAndOfAll) {
  const std::string id = Detached({"sh", "-c",
                                   "trap 'exit 6' TERM; trap 'exit 7' QUIT; sleep 1000 & "
                                   "while true; do sleep 0.05; done"});
  EXPECT_EQ(Output({"tasks", "exec", "-d", "--exec-id", "one", id, "sleep", "1000"}), "");
  auto task = TaskOf(id);
  ASSERT_OK(task);
  auto one = task->LoadProcess(ctx(), "one");
  ASSERT_OK(one);
  EXPECT_EQ(Ours({"tasks", "kill", "--all", "--exec-id", "one", id}).code, 1);
  EXPECT_EQ(Output({"tasks", "kill", "-s", "SIGKILL", "--exec-id", "one", id}), "");
  EXPECT_TRUE(Eventually([&] { return one->Status(ctx())->status == ProcessStatus::kStopped; }));
  EXPECT_EQ(Ours({"tasks", "rm", "--exec-id", "one", id}).code, 137);
  EXPECT_EQ(StatusOf(id), ProcessStatus::kRunning);
  // As the container's label says, else SIGTERM.
  EXPECT_THAT(Output({"c", "label", id, std::string(kStopSignalLabel) + "=SIGQUIT"}),
              HasSubstr("SIGQUIT"));
  EXPECT_EQ(Output({"tasks", "kill", id}), "");
  ASSERT_TRUE(Ends(id));
  EXPECT_EQ(task->Status(ctx())->exit_status, 7U);
  EXPECT_EQ(Ours({"tasks", "rm", id}).code, 0);

  EXPECT_EQ(Output({"tasks", "start", "-d", "--null-io", id}), "");
  auto second = TaskOf(id);
  ASSERT_OK(second);
  EXPECT_TRUE(Eventually([&] { return second->Pids(ctx())->size() >= 2; }));
  EXPECT_EQ(Output({"tasks", "kill", "-a", "-s", "9", id}), "");
  ASSERT_TRUE(Ends(id));
  EXPECT_EQ(second->Status(ctx())->exit_status, 137U);
  EXPECT_EQ(Ours({"tasks", "rm", id}).code, 0);
}

TEST_F(CtrCommandsTest, Exec) {
  const std::string id = Detached({"sleep", "1000"}, {"--env", "A=1"});
  const auto exec = [&](std::vector<std::string> flags, const std::string& script) {
    flags.insert(flags.begin(), {"tasks", "exec", "--exec-id", "e"});
    flags.insert(flags.end(), {id, "sh", "-c", script});
    return Ours(flags);
  };
  const Outcome outcome = exec({"--cwd", "/tmp", "--user", "1000:1001"},
                               "exec 2>&1; echo $A; pwd; id -u; id -g; echo wrong >&2; exit 3");
  EXPECT_EQ(outcome.output, "1\n/tmp\n1000\n1001\nwrong\n");
  EXPECT_EQ(outcome.code, 3);
  // The same id again: nothing of it has stayed.
  EXPECT_EQ(exec({}, "kill -9 $$").code, 137);
  EXPECT_EQ(exec({"--user", "nobody-here"}, "true").code, 1);
  EXPECT_EQ(exec({"--tty", "--log-uri", "file:///x"}, "true").code, 1);
  EXPECT_EQ(exec({"--fifo-dir", "/tmp", "--log-uri", "file:///x"}, "true").code, 1);
  EXPECT_EQ(Ours({"tasks", "exec", id, "true"}).code, 1);
  EXPECT_EQ(Ours({"tasks", "exec", "--exec-id", "e", id, "no-such-program"}).code, 1);
  const TestDir dir;
  EXPECT_EQ(exec({"-d", "--log-uri", "file://" + dir.path() + "/log"}, "echo logged").code, 0);
  EXPECT_TRUE(Eventually([&] { return ReadFile(dir.path() + "/log") == "logged\n"; }));
  EXPECT_EQ(Output({"tasks", "rm", "-f", "--exec-id", "e", id}), "");
  Same({"tasks", "ps", id});

  const auto signalled =
      Start(kOurs, {"tasks", "exec", "--exec-id", "s", id, "sh", "-c",
                    "trap 'exit 8' INT; echo ready; while true; do sleep 0.05; done"});
  ASSERT_TRUE(signalled->Prints("ready\n"));
  signalled->Signal(SIGINT);
  EXPECT_EQ(signalled->Wait(), 8);
  EXPECT_EQ(StatusOf(id), ProcessStatus::kRunning);
  EXPECT_EQ(Ours({"tasks", "rm", "-f", id}).code, 0);
}

// To what ours has started, and to what the daemon's own has.
TEST_F(CtrCommandsTest, AttachGivesTheOutputAndTheExitCode) {
  for (const std::string& program : {std::string(kOurs), Theirs()}) {
    if (program.empty()) continue;
    const TestDir dir;
    std::filesystem::create_directory(dir.path() + "/go");
    const std::string id = Name();
    EXPECT_EQ(Run(program, {"run", "-d", "--mount",
                            "type=bind,src=" + dir.path() + "/go,dst=/go,options=rbind:ro",
                            kBusyboxName, id, "sh", "-c",
                            "trap 'echo end; exit 5' USR1; "
                            "until [ -e /go/on ]; do sleep 0.05; done; echo on;"
                            "while true; do sleep 0.05; done"})
                  .code,
              0);
    const auto attach = Start(kOurs, {"tasks", "attach", id});
    std::ofstream(dir.path() + "/go/on") << "";
    EXPECT_TRUE(attach->Prints("on\n"));
    attach->Signal(SIGUSR1);
    EXPECT_EQ(attach->Wait(), 5);
    EXPECT_EQ(attach->Output(), "on\nend\n");
    EXPECT_EQ(Output({"tasks", "ls", "-q"}), "");
    EXPECT_EQ(Output({"c", "rm", id}), "");
  }
}

TEST_F(CtrCommandsTest, OnATerminal) {
  if (!Installed("tmux")) GTEST_SKIP() << "tmux is not installed";
  const std::string ctr = fmt::format("{} -a {} -n {} ", kOurs, SharedAddress(), ns_.name());
  const std::string id = Name();
  const Screen screen(
      ctr + fmt::format(
                "run -t --rm {} {} sh -c 'tty; echo -n name:; read x; echo to $x; cat; exit 9'",
                kBusyboxName, id),
      100, 30);
  EXPECT_TRUE(screen.Shows("/dev/pts/0"));
  EXPECT_TRUE(screen.Shows("name:"));
  screen.Tmux("send-keys you Enter");
  EXPECT_TRUE(screen.Shows("to you"));
  {
    const Screen exec(
        ctr + fmt::format("tasks exec -t --exec-id e {} sh -c 'stty size; tty; exit 4'", id), 90,
        25);
    EXPECT_TRUE(exec.Shows("/dev/pts/1"));
    EXPECT_TRUE(exec.Shows("exit code 4"));
  }
  screen.Tmux("send-keys C-d");
  EXPECT_TRUE(screen.Shows("exit code 9"));
  EXPECT_TRUE(client_->Containers(ctx())->empty());
  // A pipe is no terminal.
  const Outcome none = InShell("true | \"$0\" \"$@\"", {"run", "-t", "--rm", kBusyboxName, Name()});
  EXPECT_EQ(none.code, 1);
  EXPECT_TRUE(client_->Containers(ctx())->empty());

  const Screen import(ctr + "images import " + BusyboxArchive(), 80, 24);
  EXPECT_TRUE(import.Shows("exit code 0"));
  EXPECT_THAT(import.Text(), AllOf(ContainsRegex(": +done +\\|\\++\\|\nelapsed: [0-9.]+ s"),
                                   HasSubstr("...done\n")));
}

}  // namespace
}  // namespace containerd::testing
