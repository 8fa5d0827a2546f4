// SPDX-License-Identifier: Apache-2.0
//
// The programs of examples/ do on each daemon what they say.
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <pty.h>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <absl/cleanup/cleanup.h>
#include <absl/strings/match.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"

#include "container_fixture.h"
#include "harness.h"
#include "registry.h"

namespace containerd::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Starts a program on a terminal.
pid_t SpawnOn(int tty, std::vector<std::string> args) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (const int fd : {0, 1, 2}) posix_spawn_file_actions_adddup2(&actions, tty, fd);
  std::vector<char*> argv;
  for (std::string& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  pid_t pid = -1;
  if (posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ) != 0) pid = -1;
  posix_spawn_file_actions_destroy(&actions);
  return pid;
}

// An example that runs, on a daemon.
class Program {
 public:
  // With the terminal `tty` in place of files, if it is one, and with more of the environment.
  Program(const std::string& address, const std::string& ns, std::vector<std::string> args,
          int tty = -1, const std::vector<std::string>& env = {}) {
    args.front().insert(0, std::string(CONTAINERD_EXAMPLES) + "/");
    args.insert(args.begin(), env.begin(), env.end());
    args.insert(args.begin(), {"timeout", "--foreground", "300", "env",
                               "CONTAINERD_ADDRESS=" + address, "CONTAINERD_NAMESPACE=" + ns});
    pid_ = tty >= 0 ? SpawnOn(tty, std::move(args)) : Spawn(std::move(args), log_);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  // What it has printed so far.
  std::string Output() const { return ReadFile(log_); }

  // Waits for its end, and gives its exit code; -1 if it has none.
  int Wait() {
    int status = -1;
    if (pid_ <= 0) return -1;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  const TestDir dir_;
  const std::string log_ = dir_.path() + "/log";
  pid_t pid_ = -1;
};

class ExamplesTest : public ContainerTest {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(CONTAINERD_EXAMPLES)) GTEST_SKIP() << "the examples are not built";
    ContainerTest::SetUp();
  }

  std::unique_ptr<Program> Start(std::vector<std::string> args, int tty = -1) {
    return std::make_unique<Program>(SharedAddress(), ns_.name(), std::move(args), tty);
  }

  // Runs an example to its end, which must be a good one.
  std::string Output(std::vector<std::string> args) {
    const auto program = Start(std::move(args));
    EXPECT_EQ(program->Wait(), 0) << program->Output();
    return program->Output();
  }

  // A container whose task runs.
  absl::StatusOr<Task> Running(const std::vector<std::string>& args) {
    auto made = Make(args);
    if (!made.ok()) return made.status();
    container_ = std::make_unique<Container>(*std::move(made));
    auto task = container_->NewTask(ctx(), cio::NullIO);
    if (!task.ok()) return task.status();
    if (absl::Status s = task->Start(ctx()); !s.ok()) return s;
    return task;
  }

  std::unique_ptr<Container> container_;
};

TEST_F(ExamplesTest, WithoutArgumentsTellsItsUsage) {
  const auto program = Start({"pull"});
  EXPECT_EQ(program->Wait(), 2);
  EXPECT_EQ(program->Output(), "usage: pull REFERENCE\n");
}

TEST_F(ExamplesTest, WhatFailsIsTold) {
  const auto program = Start({"ten", "no-such-image"});
  EXPECT_EQ(program->Wait(), 1);
  EXPECT_THAT(program->Output(), HasSubstr("no-such-image"));
}

TEST_F(ExamplesTest, First) {
  EXPECT_EQ(Output({"first", kBusyboxName}), "hello\nexited with 0\n");
  EXPECT_TRUE(client_->Containers(ctx())->empty());
}

TEST_F(ExamplesTest, RawStubs) {
  const std::string& digest = image_->Target().digest;
  EXPECT_EQ(Output({"raw_stubs", kBusyboxName}), fmt::format("{}\n{}\n", digest, digest));
  EXPECT_EQ(Output({"raw_stubs", "none"}), "no such image\nno such image\n");
}

// With a daemon of its own, which it finds on PATH.
TEST_F(ExamplesTest, Quickstart) {
  const char* bin = std::getenv("CONTAINERD_CPP_DAEMON_BIN");
  const TestDir dir;
  Program quickstart(SharedAddress(), ns_.name(),
                     {"quickstart", BusyboxArchive(), kBusyboxName, dir.path() + "/quickstart"}, -1,
                     {fmt::format("PATH={}:{}", bin != nullptr ? bin : "", std::getenv("PATH"))});
  ASSERT_EQ(quickstart.Wait(), 0) << quickstart.Output();
  EXPECT_THAT(quickstart.Output(), HasSubstr("stdout: hello from containerd-cpp\n"
                                             "  stderr: this line went to stderr\n"
                                             "  exit status: 3\n"));
  EXPECT_FALSE(std::filesystem::exists(dir.path() + "/quickstart"));
}

TEST_F(ExamplesTest, Ps) {
  auto task = Running({"sleep", "1000"});
  ASSERT_OK(task);
  auto idle = Make({"true"});
  ASSERT_OK(idle);
  const std::string out = Output({"ps"});
  EXPECT_THAT(out, StartsWith("CONTAINER"));
  EXPECT_THAT(out, ContainsRegex(fmt::format("{} +{} running +{}\n", container_->ID(), task->Pid(),
                                             kBusyboxName)));
  EXPECT_THAT(out, ContainsRegex(fmt::format("{} +- - +{}\n", idle->ID(), kBusyboxName)));
  EXPECT_OK(task->Delete(ctx(), {WithProcessKill}));
}

TEST_F(ExamplesTest, ExitsOverARestartOfTheDaemon) {
  const PrivateDaemon daemon;
  auto image = ImportBusybox(*daemon.client(), ctx());
  ASSERT_OK(image);
  const auto make = [&](const std::string& id, const std::string& script) {
    return daemon.client()->NewContainer(
        ctx(), id,
        {WithNewSnapshot(id, *image),
         WithNewSpec({oci::WithImageConfig(*image), oci::WithProcessArgs({"sh", "-c", script})})});
  };
  const std::string stays = Name();
  auto container = make(stays, "sleep 1000");
  ASSERT_OK(container);
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_OK(task);
  ASSERT_OK(task->Start(ctx()));
  Program exits(daemon.daemon().Address(), ns_.name(), {"exits", "600", stays});
  ASSERT_TRUE(Eventually([&] { return absl::StrContains(exits.Output(), "waiting for exits\n"); }))
      << exits.Output();
  const auto run = [&](int code) {
    const std::string id = Name();
    auto one = make(id, fmt::format("exit {}", code));
    ASSERT_OK(one);
    auto outcome = RunTask(*one);
    ASSERT_OK(outcome);
    const std::string line = fmt::format("{}/{} exited with {}\n", ns_.name(), id, code);
    EXPECT_TRUE(Eventually([&] { return absl::StrContains(exits.Output(), line); }))
        << exits.Output();
  };
  run(3);
  ASSERT_OK(daemon.daemon().Restart(Context::Background()));
  const std::string is_there = fmt::format("{}/{} is running\n", ns_.name(), stays);
  ASSERT_TRUE(Eventually([&] { return absl::StrContains(exits.Output(), is_there); }))
      << exits.Output();
  EXPECT_THAT(exits.Output(), HasSubstr("events may be missing since"));
  run(4);
  ASSERT_OK(task->Kill(ctx(), SIGKILL));
  const std::string waited = fmt::format("waited for {}: exited with 137\n", stays);
  EXPECT_TRUE(Eventually([&] { return absl::StrContains(exits.Output(), waited); }))
      << exits.Output();
  EXPECT_OK(task->Delete(ctx()));
}

TEST_F(ExamplesTest, Exec) {
  auto task = Running({"sleep", "1000"});
  ASSERT_OK(task);
  int here = -1;
  int there = -1;
  const winsize size{.ws_row = 31, .ws_col = 101, .ws_xpixel = 0, .ws_ypixel = 0};
  ASSERT_EQ(::openpty(&here, &there, nullptr, nullptr, &size), 0);
  const absl::Cleanup close = [&] {
    ::close(here);
    if (there >= 0) ::close(there);
  };
  for (const int fd : {here, there}) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  // The size comes once the program runs; until then busybox finds none, which it calls a success.
  const auto exec =
      Start({"exec", container_->ID(), "sh", "-c",
             "until stty size 2>/dev/null | grep 101; do sleep 0.1; done; read x; echo got $x; "
             "exit 7"},
            there);
  ::close(std::exchange(there, -1));
  std::string out;
  bool typed = false;
  char buf[4096];
  for (ssize_t n = 0; (n = ::read(here, buf, sizeof buf)) > 0;) {
    out.append(buf, static_cast<std::size_t>(n));
    if (!typed && absl::StrContains(out, "31 101")) typed = ::write(here, "keys\r", 5) == 5;
  }
  EXPECT_EQ(exec->Wait(), 0) << out;
  EXPECT_THAT(out, AllOf(HasSubstr("31 101\r\n"), HasSubstr("got keys\r\n"),
                         HasSubstr("exited with 7\r\n")));
  auto info = task->Status(ctx());
  ASSERT_OK(info);
  EXPECT_EQ(info->status, ProcessStatus::kRunning);
  EXPECT_OK(task->Delete(ctx(), {WithProcessKill}));
}

TEST_F(ExamplesTest, Limits) {
  const std::string out = Output({"limits", kBusyboxName, "sh", "-c", "sleep 3; exit 5"});
  EXPECT_THAT(out, ContainsRegex("memory [0-9]+\\.[0-9] MiB, CPU [0-9]+\\.[0-9]+ s, [1-9][0-9]* "
                                 "processes\n"));
  EXPECT_THAT(out, HasSubstr("exited with 5\n"));
  EXPECT_TRUE(client_->Containers(ctx())->empty());
}

TEST_F(ExamplesTest, Ten) {
  std::string all;
  for (int i = 0; i < 10; ++i) all += fmt::format("exited with {}\n", i);
  EXPECT_EQ(Output({"ten", kBusyboxName}), all);
  EXPECT_TRUE(client_->Containers(ctx())->empty());
}

TEST_F(ExamplesTest, UnitTest) {
  EXPECT_THAT(Output({"unit_test", "--gtest_brief=1"}), HasSubstr("[  PASSED  ] 3 tests."));
}

TEST_F(ExamplesTest, Pull) {
  CONTAINERD_REQUIRE_REGISTRY;
  const Registry registry;
  const std::string ref = registry.Ref("busybox:1");
  ASSERT_OK(client_->Push(ctx(), ref, image_->Target()));
  const TestNamespace other(*client_);
  Program pull(SharedAddress(), other.name(), {"pull", ref});
  ASSERT_EQ(pull.Wait(), 0) << pull.Output();
  EXPECT_THAT(pull.Output(), HasSubstr(fmt::format("\r[{:#<40}]", "")));
  EXPECT_THAT(pull.Output(), HasSubstr(fmt::format("\n{} {}\n", ref, image_->Target().digest)));
  auto pulled = client_->GetImage(other.ctx(), ref);
  ASSERT_OK(pulled);
  EXPECT_TRUE(pulled->IsUnpacked(other.ctx(), "").value_or(false));
}

TEST_F(ExamplesTest, Observe) {
  CONTAINERD_REQUIRE_REGISTRY;
  const Registry registry;
  const std::string ref = registry.Ref("busybox:1");
  ASSERT_OK(client_->Push(ctx(), ref, image_->Target()));
  const TestNamespace other(*client_);
  Program observe(SharedAddress(), other.name(), {"observe", ref}, -1,
                  {"TRACEPARENT=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"});
  ASSERT_EQ(observe.Wait(), 0) << observe.Output();
  const std::string span = "4bf92f3577b34da6a3ce929d0e0e4736/[0-9a-f]{16} parent=00f067aa0ba902b7 ";
  const std::string in_ns = fmt::format("containerd.namespace={} ", other.name());
  EXPECT_THAT(observe.Output(),
              ContainsRegex(span +
                            "rpc.system=grpc rpc.service=containerd.services.images.v1.Images "
                            "rpc.method=Create " +
                            in_ns + "rpc.grpc.status_code=0 sent=[0-9]+ received=[0-9]+ "));
  EXPECT_THAT(observe.Output(), ContainsRegex("service=containerd.services.content.v1.Content "
                                              "rpc.method=Write "));
  EXPECT_THAT(observe.Output(),
              ContainsRegex(span +
                            "http.request.method=HEAD "
                            "url.full=http://[^ ]+/v2/busybox/manifests/1 " +
                            in_ns + "http.response.status_code=200 sent=0 received=0 "));
}

TEST_F(ExamplesTest, Commit) {
  CONTAINERD_REQUIRE_REGISTRY;
  auto container = Make({"sh", "-c", "echo changed >/etc/made; rm /etc/group"});
  ASSERT_OK(container);
  ASSERT_OK(RunTask(*container));
  const Registry registry;
  const std::string ref = registry.Ref("committed:1");
  EXPECT_THAT(Output({"commit", container->ID(), ref, "push"}), StartsWith(ref + " sha256:"));
  ASSERT_OK(container->Delete(ctx(), {WithSnapshotCleanup}));

  // From the registry, with nothing of what is here.
  const PrivateDaemon other;
  auto pulled = other.client()->Pull(ctx(), ref, {WithPullUnpack});
  ASSERT_OK(pulled);
  auto config = pulled->Spec(ctx());
  ASSERT_OK(config);
  ASSERT_FALSE(config->history.empty());
  EXPECT_EQ(config->history.back().created_by, "sh -c echo changed >/etc/made; rm /etc/group");
  const std::string id = Name();
  auto again = other.client()->NewContainer(
      ctx(), id,
      {WithNewSnapshot(id, *pulled),
       WithNewSpec({oci::WithImageConfig(*pulled),
                    oci::WithProcessArgs({"sh", "-c", "cat /etc/made; ls /etc"})})});
  ASSERT_OK(again);
  auto outcome = RunTask(*again);
  ASSERT_OK(outcome);
  EXPECT_EQ(outcome->out, "changed\nmade\npasswd\n");
}

TEST_F(ExamplesTest, Migrate) {
  auto task =
      Running({"sh", "-c", "i=0; while true; do i=$((i+1)); echo $i >/root/i; sleep 0.2; done"});
  ASSERT_OK(task);
  const TestDir dir;
  if (!task->Checkpoint(ctx(), {WithCheckpointImagePath(dir.path() + "/cr")}).ok()) {
    EXPECT_OK(task->Delete(ctx(), {WithProcessKill}));
    GTEST_SKIP() << "processes can't be checkpointed: no CRIU that works here";
  }
  const auto count = [](std::uint32_t pid) {
    int i = 0;
    std::ifstream(fmt::format("/proc/{}/root/root/i", pid)) >> i;
    return i;
  };
  ASSERT_TRUE(Eventually([&] { return count(task->Pid()) > 5; }));

  const PrivateDaemon other;
  const std::string id = container_->ID();
  const auto checkpoints = [&](Client& client) {
    auto images = client.ListImages(ctx(), {R"(name~="^checkpoint/")"});
    EXPECT_OK(images);
    return images.ok() ? images->size() : 0;
  };
  // Where it cannot go on there, it does here.
  auto in_the_way = other.client()->NewContainer(
      ctx(), id, {WithNewSpec({oci::WithProcessArgs({"true"})}), WithRuntime("none")});
  ASSERT_OK(in_the_way);
  const auto fails = Start({"migrate", id, other.daemon().Address()});
  EXPECT_EQ(fails->Wait(), 1);
  EXPECT_THAT(fails->Output(), StartsWith(id + " goes on as process "));
  EXPECT_THAT(fails->Output(), HasSubstr("ALREADY_EXISTS"));
  auto stayed = container_->Task(ctx());
  ASSERT_OK(stayed);
  const int before = count(stayed->Pid());
  EXPECT_TRUE(Eventually([&] { return count(stayed->Pid()) > before; }));
  EXPECT_EQ(checkpoints(*client_) + checkpoints(*other.client()), 0U);
  ASSERT_OK(in_the_way->Delete(ctx()));

  const std::string out = Output({"migrate", id, other.daemon().Address()});
  EXPECT_THAT(out, StartsWith(id + " goes on as process "));
  EXPECT_EQ(checkpoints(*client_) + checkpoints(*other.client()), 0U);
  EXPECT_TRUE(errdefs::IsNotFound(client_->LoadContainer(ctx(), id).status()));
  auto moved = other.client()->LoadContainer(ctx(), id);
  ASSERT_OK(moved);
  auto goes_on = moved->Task(ctx());
  ASSERT_OK(goes_on);
  // It counts on from where it was.
  EXPECT_TRUE(Eventually([&] { return count(goes_on->Pid()) > 5; }));
  EXPECT_OK(goes_on->Delete(ctx(), {WithProcessKill}));
}

}  // namespace
}  // namespace containerd::testing
