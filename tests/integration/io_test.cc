// SPDX-License-Identifier: Apache-2.0
//
// Streams through a real shim: loggers that it starts, terminals, attaching.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <sys/stat.h>
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

class IOTest : public ContainerTest {
 protected:
  // A program that keeps what it gets in the folder of the test, and whose task it was.
  std::string Logger(std::string_view name = "logger") {
    std::string path = fmt::format("{}/{}", dir_.path(), name);
    std::ofstream(path) << "#!/bin/sh\n"
                           "trap '' TERM\n"
                           "[ \"$1\" = dir ] || exit 1\n"
                           "exec 5>&-\n"  // ready
                           "cat <&3 >\"$2/out\" &\n"
                           "cat <&4 >\"$2/err\" &\n"
                           "wait\n"
                           "echo \"$CONTAINER_NAMESPACE $CONTAINER_ID\" >\"$2/part\"\n"
                           "mv \"$2/part\" \"$2/who\"\n";
    fs::permissions(path, fs::perms::owner_all);
    return path;
  }

  std::string Logged(const char* name) { return ReadFile(dir_.path() + "/" + name); }

  bool LoggerHasEnded() {
    return Eventually([&] { return fs::exists(dir_.path() + "/who"); });
  }

  cio::Creator Terminal(cio::Source in, cio::Sink out) const {
    return cio::NewCreator({cio::WithStreams(std::move(in), std::move(out), {}),
                            cio::WithTerminal(), cio::WithFIFODir(fifos_.path())});
  }

  const TestDir dir_;
};

TEST_F(IOTest, ALoggerGetsAllOutput) {
  // More than any pipe holds.
  auto container = Make({"sh", "-c", "seq 1 100000; echo to stderr >&2; echo the end"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::BinaryIO(Logger(), {{"dir", dir_.path()}}));
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_TRUE(task->Start(ctx()).ok());
  auto status = exit.Get(WithTimeout(ctx(), absl::Minutes(1)));
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->ExitCode(), 0U);
  ASSERT_TRUE(task->Delete(ctx()).ok());
  ASSERT_TRUE(LoggerHasEnded());
  const std::string out = Logged("out");
  EXPECT_THAT(out.substr(0, 10), HasSubstr("1\n2\n3\n"));
  EXPECT_THAT(out.substr(out.size() - 20), HasSubstr("100000\nthe end\n"));
  EXPECT_EQ(out.size(), 588895U + 8U);
  EXPECT_EQ(Logged("err"), "to stderr\n");
  EXPECT_EQ(Logged("who"), fmt::format("{} {}\n", ns_.name(), container->ID()));
}

TEST_F(IOTest, ALoggerOfATerminal) {
  auto container = Make({"sh", "-c", "tty; echo err >&2"}, {oci::WithTTY});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::TerminalBinaryIO(Logger(), {{"dir", dir_.path()}}));
  ASSERT_TRUE(task.ok()) << task.status();
  EXPECT_TRUE(task->IO()->Config().terminal);
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_TRUE(task->Start(ctx()).ok());
  ASSERT_TRUE(exit.Get(WithTimeout(ctx(), absl::Minutes(1))).ok());
  ASSERT_TRUE(task->Delete(ctx()).ok());
  EXPECT_TRUE(Eventually([&] { return Logged("out") == "/dev/pts/0\r\nerr\r\n"; }))
      << Logged("out");
}

TEST_F(IOTest, ALoggerOfAnExec) {
  auto container = Make({"sleep", "1000"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Start(ctx()).ok());
  specs::Process spec = *(*container->Spec(ctx())).process;
  spec.args = {"echo", "from exec"};
  auto uri = cio::LogURIGenerator("binary", Logger(), {{"dir", dir_.path()}});
  ASSERT_TRUE(uri.ok()) << uri.status();
  auto exec = task->Exec(ctx(), "logged", spec, cio::LogURI(*uri));
  ASSERT_TRUE(exec.ok()) << exec.status();
  const Future<ExitStatus> exit = exec->Wait(ctx());
  ASSERT_TRUE(exec->Start(ctx()).ok());
  ASSERT_TRUE(exit.Get(WithTimeout(ctx(), absl::Minutes(1))).ok());
  EXPECT_TRUE(exec->Delete(ctx()).ok());
  ASSERT_TRUE(LoggerHasEnded());
  EXPECT_EQ(Logged("out"), "from exec\n");
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
}

TEST_F(IOTest, ALoggerThatDoesNotWorkLeavesNoTask) {
  const std::string missing = dir_.path() + "/no-such-logger";
  const std::string failing = dir_.path() + "/failing";
  std::ofstream(failing) << "#!/bin/sh\nexit 3\n";
  fs::permissions(failing, fs::perms::owner_all);
  auto container = Make({"true"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::BinaryIO(missing));
  ASSERT_FALSE(task.ok());
  EXPECT_THAT(Text(task.status()), HasSubstr("no-such-logger"));
  EXPECT_TRUE(errdefs::IsNotFound(container->Task(ctx()).status()));

  // The same container can have one that works, and no path is needed for none.
  EXPECT_TRUE(
      errdefs::IsInvalidArgument(container->NewTask(ctx(), cio::BinaryIO("relative")).status()));
  auto outcome = RunTask(*container);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->exit.ExitCode(), 0U);
  EXPECT_TRUE(container->Delete(ctx(), {WithSnapshotCleanup}).ok());
}

TEST_F(IOTest, TheTerminalsNewSizeComesToTheProcess) {
  auto container = Make({"sh", "-c",
                         "trap 'stty size; exit 5' WINCH; stty size; echo ready; "
                         "while true; do sleep 1000 & wait $!; done"},
                        {oci::WithTTY});
  ASSERT_TRUE(container.ok()) << container.status();
  auto out = std::make_shared<cio::Buffer>();
  auto task = container->NewTask(ctx(), Terminal({}, out));
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Resize(ctx(), 80, 24).ok());
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_TRUE(task->Start(ctx()).ok());
  ASSERT_TRUE(Eventually([&] { return out->String().find("ready") != std::string::npos; }));
  EXPECT_THAT(out->String(), HasSubstr("24 80\r\n"));
  ASSERT_TRUE(task->Resize(ctx(), 132, 43).ok());
  auto status = exit.Get(WithTimeout(ctx(), absl::Minutes(1)));
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->ExitCode(), 5U);
  EXPECT_THAT(out->String(), HasSubstr("43 132\r\n"));
  EXPECT_TRUE(task->Delete(ctx()).ok());
}

TEST_F(IOTest, ControlCEndsWhatRunsInTheTerminal) {
  auto container = Make({"sleep", "1000"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Start(ctx()).ok());
  specs::Process spec = *(*container->Spec(ctx())).process;
  spec.args = {"sh", "-c", "echo ready; sleep 1000"};
  spec.terminal = true;
  auto in = std::make_shared<cio::InputStream>();
  auto out = std::make_shared<cio::Buffer>();
  auto exec = task->Exec(ctx(), "typed-at", spec, Terminal(in, out));
  ASSERT_TRUE(exec.ok()) << exec.status();
  const Future<ExitStatus> exit = exec->Wait(ctx());
  ASSERT_TRUE(exec->Start(ctx()).ok());
  ASSERT_TRUE(exec->Resize(ctx(), 100, 30).ok());
  ASSERT_TRUE(Eventually([&] { return out->String().find("ready") != std::string::npos; }));
  ASSERT_TRUE(in->Write("\x03").ok());
  auto status = exit.Get(WithTimeout(ctx(), absl::Minutes(1)));
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->ExitCode(), 128U + SIGINT);
  EXPECT_THAT(out->String(), HasSubstr("^C"));
  EXPECT_TRUE(exec->Delete(ctx()).ok());
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
  EXPECT_TRUE(fs::is_empty(fifos_.path())) << "FIFOs were left behind";
}

// As a program that forwards its own signals does.
TEST_F(IOTest, SignalsComeToAProcessInATerminal) {
  auto container =
      Make({"sh", "-c",
            "for s in HUP INT QUIT USR1 USR2 CONT WINCH; do trap \"echo got $s\" $s; done; "
            "trap 'echo got TERM; exit 4' TERM; echo ready; "
            "while true; do sleep 1000 & wait $!; done"},
           {oci::WithTTY});
  ASSERT_TRUE(container.ok()) << container.status();
  auto out = std::make_shared<cio::Buffer>();
  auto task = container->NewTask(ctx(), Terminal({}, out));
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_TRUE(task->Start(ctx()).ok());
  ASSERT_TRUE(Eventually([&] { return out->String().find("ready") != std::string::npos; }));
  for (const char* name : {"HUP", "INT", "QUIT", "USR1", "USR2", "CONT", "WINCH", "TERM"}) {
    auto signal = ParseSignal(name);
    ASSERT_TRUE(signal.ok()) << signal.status();
    ASSERT_TRUE(task->Kill(ctx(), *signal).ok()) << name;
    const std::string got = fmt::format("got {}\r\n", name);
    EXPECT_TRUE(Eventually([&] { return out->String().find(got) != std::string::npos; })) << name;
  }
  auto status = exit.Get(WithTimeout(ctx(), absl::Minutes(1)));
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->ExitCode(), 4U);
  EXPECT_TRUE(task->Delete(ctx()).ok());
}

TEST_F(IOTest, AnotherClientAttachesToTheTerminal) {
  auto container =
      Make({"sh", "-c", "stty -echo; echo ready; while read line; do echo \"<$line>\"; done"},
           {oci::WithTTY});
  ASSERT_TRUE(container.ok()) << container.status();
  auto first_out = std::make_shared<cio::Buffer>();
  auto task = container->NewTask(ctx(), Terminal(std::make_shared<cio::InputStream>(), first_out));
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Start(ctx()).ok());
  ASSERT_TRUE(Eventually([&] { return first_out->String().find("ready") != std::string::npos; }));
  task->IO()->Cancel();  // as if this program had ended

  auto other = Client::New(SharedAddress());
  ASSERT_TRUE(other.ok()) << other.status();
  auto loaded = other->LoadContainer(ctx(), container->ID());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  auto in = std::make_shared<cio::InputStream>();
  auto out = std::make_shared<cio::Buffer>();
  auto attached =
      loaded->Task(ctx(), cio::NewAttach({cio::WithStreams(in, out, {}), cio::WithTerminal()}));
  ASSERT_TRUE(attached.ok()) << attached.status();
  EXPECT_TRUE(attached->IO()->Config().terminal);
  const Future<ExitStatus> exit = attached->Wait(ctx());
  ASSERT_TRUE(attached->Resize(ctx(), 90, 20).ok());
  ASSERT_TRUE(in->Write("typed again\n").ok());
  EXPECT_TRUE(Eventually([&] {
    return out->String().find("<typed again>\r\n") != std::string::npos;
  })) << out->String();
  ASSERT_TRUE(in->Write("\x04").ok());  // Ctrl-D: the end of the input
  auto status = exit.Get(WithTimeout(ctx(), absl::Minutes(1)));
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_TRUE(attached->Delete(ctx()).ok());
  EXPECT_TRUE(fs::is_empty(fifos_.path())) << "FIFOs were left behind";
}

TEST_F(IOTest, OutputGoesToADescriptor) {
  auto container = Make({"seq", "1", "200000"});
  ASSERT_TRUE(container.ok()) << container.status();
  const std::string path = dir_.path() + "/out";
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(fd, 0);
  auto task = container->NewTask(ctx(), Streams({}, cio::Sink::ToFd(fd), {}));
  ::close(fd);
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_TRUE(task->Start(ctx()).ok());
  ASSERT_TRUE(exit.Get(WithTimeout(ctx(), absl::Minutes(1))).ok());
  ASSERT_TRUE(task->Delete(ctx()).ok());
  EXPECT_EQ(fs::file_size(path), 1288895U);
  EXPECT_THAT(ReadFile(path).substr(1288880), HasSubstr("199999\n200000\n"));
}

TEST_F(IOTest, TheFIFOsHaveAnOwnerAndNobodyElseComesNear) {
  auto container = Make({"sh", "-c", "read line; echo $line"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto in = std::make_shared<cio::InputStream>();
  auto out = std::make_shared<cio::Buffer>();
  auto task = container->NewTask(
      ctx(), cio::NewCreator({cio::WithStreams(in, out, out), cio::WithFIFODir(fifos_.path()),
                              cio::WithFIFOOwner(1234, 5678)}));
  ASSERT_TRUE(task.ok()) << task.status();
  const cio::Config& config = task->IO()->Config();
  for (const std::string& path : {config.stdin, config.stdout, config.stderr}) {
    struct stat st {};
    ASSERT_EQ(::lstat(path.c_str(), &st), 0) << path;
    EXPECT_TRUE(S_ISFIFO(st.st_mode));
    EXPECT_EQ(st.st_mode & 07777U, 0700U) << path;
    EXPECT_EQ(st.st_uid, 1234U);
    EXPECT_EQ(st.st_gid, 5678U);
    ASSERT_EQ(::stat(fs::path(path).parent_path().c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777U, 0700U);
  }
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_TRUE(task->Start(ctx()).ok());
  ASSERT_TRUE(in->Write("through them\n").ok());
  ASSERT_TRUE(exit.Get(WithTimeout(ctx(), absl::Minutes(1))).ok());
  EXPECT_EQ(out->String(), "through them\n");
  EXPECT_TRUE(task->Delete(ctx()).ok());
  EXPECT_TRUE(fs::is_empty(fifos_.path())) << "FIFOs were left behind";
}

TEST_F(IOTest, AShimThatDiesLosesNothingAndHangsNobody) {
  auto container = Make({"sh", "-c", "echo said before; sleep 1000"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto out = std::make_shared<cio::Buffer>();
  auto task = container->NewTask(ctx(), Streams(std::make_shared<cio::InputStream>(), out, {}));
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_TRUE(task->Start(ctx()).ok());
  ASSERT_TRUE(Eventually([&] { return out->String() == "said before\n"; }));
  std::ifstream stat(fmt::format("/proc/{}/stat", task->Pid()));
  std::string pid;
  std::string name;
  std::string state;
  pid_t shim = 0;
  stat >> pid >> name >> state >> shim;
  ASSERT_GT(shim, 1);
  ASSERT_EQ(::kill(shim, SIGKILL), 0);
  // The daemon ends what the shim leaves behind.
  const auto status = exit.Get(WithTimeout(ctx(), absl::Minutes(1)));
  EXPECT_FALSE(errdefs::IsDeadlineExceeded(status.status())) << status.status();
  EXPECT_EQ(out->String(), "said before\n");
  static_cast<void>(task->Delete(ctx(), {WithProcessKill}));
  EXPECT_TRUE(task->IO()->Close().ok());
  EXPECT_TRUE(fs::is_empty(fifos_.path())) << "FIFOs were left behind";
}

}  // namespace
}  // namespace containerd::testing
