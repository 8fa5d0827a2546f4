// SPDX-License-Identifier: Apache-2.0
//
// The supervisor with a stand-in for containerd: this very program, started under that name, which
// then only serves health checks, or misbehaves as FAKE_MODE says.
#include "containerd/supervisor/supervisor.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <absl/cleanup/cleanup.h>
#include <absl/strings/numbers.h>
#include <absl/time/clock.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/wire/health.grpc.pb.h"

#include "../../../src/supervisor/process.h"
#include "src/base/fd.h"

namespace containerd::supervisor {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::MatchesRegex;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The value of `key = "..."` in a containerd.toml that has no escapes.
std::string TomlValue(const std::string& toml, std::string_view key) {
  const std::string start = fmt::format("{} = \"", key);
  const size_t begin = toml.find(start) + start.size();
  return toml.substr(begin, toml.find('"', begin) - begin);
}

std::set<int> OpenFds() {
  std::set<int> out;
  DIR* dir = opendir("/proc/self/fd");
  while (const dirent* entry = readdir(dir)) {  // NOLINT(concurrency-mt-unsafe)
    int fd = 0;
    if (absl::SimpleAtoi(entry->d_name, &fd) && fd != dirfd(dir)) out.insert(fd);
  }
  closedir(dir);
  return out;
}

class Serving : public wire::Health::Service {
  grpc::Status Check(grpc::ServerContext*, const wire::HealthCheckRequest*,
                     wire::HealthCheckResponse* response) override {
    response->set_status(wire::HealthCheckResponse::SERVING);
    return grpc::Status::OK;
  }
};

// PATH, and what sanitizers go by.
std::vector<std::string> MinimalEnv() {
  std::vector<std::string> env = {"PATH=/usr/bin"};
  for (const char* name : {"ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"}) {
    const char* value = getenv(name);  // NOLINT(concurrency-mt-unsafe)
    if (value != nullptr) env.push_back(fmt::format("{}={}", name, value));
  }
  return env;
}

int FakeContainerd(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string toml = ReadFile(argv[2]);
  const std::string root = TomlValue(toml, "root");
  const char* mode_variable = getenv("FAKE_MODE");  // NOLINT(concurrency-mt-unsafe)
  const std::string mode = mode_variable != nullptr ? mode_variable : "";
  fs::create_directories(root);
  {
    // What the child was given, for the tests to look at.
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    struct sigaction pipe_action = {};
    sigaction(SIGPIPE, nullptr, &pipe_action);
    const std::set<int> fds = OpenFds();
    std::ofstream report(root + "/report");
    report << "fds=" << fds.size() << "\nblocked=" << sigismember(&mask, SIGTERM)
           << "\nsigpipe=" << (pipe_action.sa_handler == SIG_DFL ? "default" : "other")
           << "\nsession=" << (getsid(0) == getpid() ? "own" : "other")
           << "\nPATH=" << getenv("PATH") << "\n";  // NOLINT(concurrency-mt-unsafe)
  }
  std::cerr << "starting up" << std::endl;
  if (mode == "fail") {
    std::cerr << "containerd: cannot do it" << std::endl;
    return 3;
  }
  if (mode == "mute") {
    while (true) pause();
  }
  if (mode == "stubborn") signal(SIGTERM, SIG_IGN);
  if (mode == "once" && fs::exists(root + "/ran")) {
    std::cerr << "containerd: never again" << std::endl;
    return 4;
  }
  std::ofstream(root + "/ran") << "yes";
  Serving service;
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  builder.AddListeningPort("unix:" + TomlValue(toml, "address"), grpc::InsecureServerCredentials());
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 5;
  server->Wait();
  return 0;
}

// Supervises a fake with the folder and options given, prints its pid, and waits to be killed.
int Parent(char** argv) {
  const std::string dir = argv[1];
  auto daemon = Start(Context::Background(), dir + "/root", dir + "/state",
                      {WithBinDir(dir + "/bin"), WithParentDeathSignal(SIGKILL)});
  if (!daemon.ok()) {
    std::cerr << daemon.status() << std::endl;
    return 1;
  }
  std::cout << (*daemon)->Pid() << std::endl;
  while (true) pause();
}

Context In(absl::Duration timeout) { return WithTimeout(Context::Background(), timeout); }

class Supervisor : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/supervisor-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    dir_ = name;
    fs::create_directory(dir_ + "/bin");
    fs::create_symlink(fs::read_symlink("/proc/self/exe"), dir_ + "/bin/containerd");
  }

  void TearDown() override { fs::remove_all(dir_); }

  absl::StatusOr<std::unique_ptr<Daemon>> StartFake(std::vector<DaemonOpt> opts = {},
                                                    const std::string& mode = "") {
    opts.insert(opts.begin(), {WithBinDir(dir_ + "/bin"), WithEnv("FAKE_MODE", mode),
                               WithRestartBackoff(absl::Milliseconds(1), absl::Seconds(1))});
    return Start(In(absl::Seconds(60)), dir_ + "/root", dir_ + "/state", opts);
  }

  // Whether the process is gone (or a zombie that is not ours), at the latest after a while.
  static bool Ends(pid_t pid) {
    absl::StatusOr<Process> process = Process::Open(pid);
    return !process.ok() || process->Wait(absl::Seconds(30));
  }

  std::string dir_;
};

TEST_F(Supervisor, StartsAndStops) {
  const std::set<int> fds_before = OpenFds();
  auto daemon = StartFake();
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  EXPECT_EQ((*daemon)->Address(), dir_ + "/state/containerd.sock");
  EXPECT_EQ((*daemon)->Starts(), 1);
  const pid_t pid = (*daemon)->Pid();
  EXPECT_EQ(ReadFile(dir_ + "/state/containerd.pid"), fmt::format("{}", pid));
  EXPECT_THAT(ReadFile(dir_ + "/state/containerd.log"), HasSubstr("starting up"));
  EXPECT_TRUE(errdefs::IsDeadlineExceeded((*daemon)->Wait(In(absl::Milliseconds(1)))));

  EXPECT_TRUE((*daemon)->Stop(Context::Background()).ok());
  EXPECT_EQ((*daemon)->Pid(), -1);
  EXPECT_TRUE((*daemon)->Wait(Context::Background()).ok());
  EXPECT_TRUE((*daemon)->Stop(Context::Background()).ok());
  EXPECT_EQ(kill(pid, 0), -1) << "not reaped";
  EXPECT_FALSE(fs::exists(dir_ + "/state/containerd.pid"));
  EXPECT_FALSE(fs::exists((*daemon)->Address()));
  EXPECT_TRUE(fs::exists(dir_ + "/root/daemon/ran")) << "data is kept without WithCleanup";
  EXPECT_TRUE(errdefs::IsFailedPrecondition((*daemon)->Restart(Context::Background())));
  daemon->reset();
  // gRPC keeps some of its own, opened once; the supervisor's are gone.
  auto again = StartFake();
  ASSERT_TRUE(again.ok()) << again.status();
  again->reset();
  const std::set<int> fds_first = OpenFds();
  again = StartFake();
  ASSERT_TRUE(again.ok()) << again.status();
  again->reset();
  EXPECT_LE(OpenFds().size(), fds_first.size());
  EXPECT_THAT(fds_first, IsSupersetOf(fds_before));
}

TEST_F(Supervisor, ChildStartsFromACleanSlate) {
  const int leak = open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  ASSERT_GE(leak, 0);
  signal(SIGPIPE, SIG_IGN);
  auto daemon = StartFake({WithEnv("PATH", "/usr/bin")});
  signal(SIGPIPE, SIG_DFL);
  close(leak);
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  EXPECT_EQ(
      ReadFile(dir_ + "/root/daemon/report"),
      fmt::format("fds=3\nblocked=0\nsigpipe=default\nsession=own\nPATH={}/bin:/usr/bin\n", dir_));
}

TEST_F(Supervisor, RestartsADaemonThatDied) {
  auto daemon = StartFake();
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  for (int i = 1; i <= 3; ++i) {
    const pid_t pid = (*daemon)->Pid();
    ASSERT_TRUE((*daemon)->Kill(In(absl::Seconds(60))).ok());
    const absl::Status ready = (*daemon)->WaitReady(In(absl::Seconds(60)));
    ASSERT_TRUE(ready.ok()) << ready;
    EXPECT_NE((*daemon)->Pid(), pid);
    EXPECT_EQ((*daemon)->Starts(), i + 1);
  }
}

TEST_F(Supervisor, TriesAgainAndAgainAndSaysWhy) {
  auto daemon = StartFake({}, "once");
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  ASSERT_TRUE((*daemon)->Kill(In(absl::Seconds(60))).ok());
  while ((*daemon)->Starts() < 4) std::this_thread::yield();
  const absl::Status status = (*daemon)->WaitReady(In(absl::Milliseconds(100)));
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(status)) << status;
  EXPECT_THAT(errdefs::Message(status), HasSubstr("waiting for containerd"));
  // Stopping ends the pause between two attempts.
  EXPECT_TRUE((*daemon)->Stop(In(absl::Seconds(60))).ok());
}

TEST_F(Supervisor, StaysDownWithoutRestarting) {
  auto daemon = StartFake({WithRestartDisabled()});
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  ASSERT_TRUE((*daemon)->Kill(In(absl::Seconds(60))).ok());
  EXPECT_EQ((*daemon)->Pid(), -1);
  const absl::Status status = (*daemon)->WaitReady(In(absl::Seconds(60)));
  EXPECT_TRUE(errdefs::IsUnavailable(status)) << status;
  EXPECT_THAT(errdefs::Message(status), HasSubstr("was killed by signal 9"));
  EXPECT_TRUE((*daemon)->Kill(Context::Background()).ok()) << "killing the dead is fine";
  ASSERT_TRUE((*daemon)->Restart(In(absl::Seconds(60))).ok());
  EXPECT_EQ((*daemon)->Starts(), 2);
}

TEST_F(Supervisor, DownLastsUntilRestart) {
  auto daemon = StartFake();
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  ASSERT_TRUE((*daemon)->Down(In(absl::Seconds(60))).ok());
  EXPECT_EQ((*daemon)->Pid(), -1);
  EXPECT_TRUE(errdefs::IsUnavailable((*daemon)->WaitReady(In(absl::Seconds(60)))));
  EXPECT_EQ((*daemon)->Starts(), 1);
  ASSERT_TRUE((*daemon)->Restart(In(absl::Seconds(60))).ok());
  EXPECT_EQ((*daemon)->Starts(), 2);
}

TEST_F(Supervisor, OperationsOfSeveralThreads) {
  auto daemon = StartFake();
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&daemon, i] {
      const absl::Status status = i % 2 == 0 ? (*daemon)->Restart(In(absl::Seconds(60)))
                                             : (*daemon)->Kill(In(absl::Seconds(60)));
      EXPECT_TRUE(status.ok()) << status;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE((*daemon)->WaitReady(In(absl::Seconds(60))).ok());
}

TEST_F(Supervisor, ACancelledContextEndsTheWaitAtOnce) {
  auto daemon = StartFake();
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  auto [ctx, cancel] = WithCancel(Context::Background());
  std::thread canceller([cancel = cancel] { cancel(); });
  EXPECT_TRUE(errdefs::IsCanceled((*daemon)->Wait(ctx)));
  canceller.join();
}

TEST_F(Supervisor, KillsOneThatDoesNotEnd) {
  auto daemon = StartFake({WithShutdownTimeout(absl::Milliseconds(50))}, "stubborn");
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  const pid_t pid = (*daemon)->Pid();
  EXPECT_TRUE((*daemon)->Stop(In(absl::Seconds(60))).ok());
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST_F(Supervisor, AFailedStartTellsTheLastWords) {
  const absl::Status status = StartFake({}, "fail").status();
  EXPECT_TRUE(errdefs::IsUnavailable(status)) << status;
  EXPECT_THAT(errdefs::Message(status),
              MatchesRegex("containerd \\(process [0-9]+\\) exited with status 3; its last words: "
                           "containerd: cannot do it"));
}

TEST_F(Supervisor, AStartThatTakesTooLongIsGivenUp) {
  const absl::Status status =
      StartFake({WithStartupTimeout(absl::Milliseconds(100))}, "mute").status();
  EXPECT_TRUE(errdefs::IsUnavailable(status)) << status;
  EXPECT_THAT(errdefs::Message(status), HasSubstr("did not serve within 100ms"));
  EXPECT_THAT(errdefs::Message(status), HasSubstr("nobody listens on"));
}

TEST_F(Supervisor, StartsOneDaemonForAStateFolder) {
  auto daemon = StartFake();
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  const absl::Status status = StartFake().status();
  EXPECT_TRUE(errdefs::IsAlreadyExists(status)) << status;
  EXPECT_TRUE((*daemon)->WaitReady(In(absl::Seconds(60))).ok());
}

TEST_F(Supervisor, BinaryThatCannotRun) {
  fs::remove(dir_ + "/bin/containerd");
  EXPECT_TRUE(errdefs::IsNotFound(StartFake().status()));
  std::ofstream(dir_ + "/bin/containerd") << "not a program";
  fs::permissions(dir_ + "/bin/containerd", fs::perms::owner_all);
  const absl::Status status = StartFake().status();
  EXPECT_THAT(errdefs::Message(status), HasSubstr("starting " + dir_ + "/bin/containerd"));
  EXPECT_FALSE(fs::exists(dir_ + "/state/containerd.pid"));
}

TEST_F(Supervisor, CleanupRemovesTheFolders) {
  auto daemon = StartFake({WithCleanup()});
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  daemon->reset();
  EXPECT_FALSE(fs::exists(dir_ + "/root"));
  EXPECT_FALSE(fs::exists(dir_ + "/state"));
}

// A daemon that lost its supervisor, as after a crash of the program.
class Orphan : public Supervisor {
 protected:
  void SetUp() override {
    Supervisor::SetUp();
    auto daemon = StartFake();
    ASSERT_TRUE(daemon.ok()) << daemon.status();
    ASSERT_TRUE((*daemon)->Down(Context::Background()).ok());
    daemon->reset();
    // The same command line as the supervisor's.
    SpawnOptions options;
    options.binary = dir_ + "/bin/containerd";
    options.args = {options.binary, "--config", dir_ + "/state/containerd.toml"};
    options.env = MinimalEnv();
    const base::Fd null_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
    options.output_fd = null_fd.get();
    auto process = Process::Spawn(options);
    ASSERT_TRUE(process.ok()) << process.status();
    orphan_ = std::make_unique<Process>(*std::move(process));
    std::ofstream(dir_ + "/state/containerd.pid") << orphan_->pid() << "\n";
  }

  void TearDown() override {
    if (orphan_ != nullptr) {
      static_cast<void>(orphan_->Signal(SIGKILL));
      orphan_->Wait(absl::InfiniteDuration());
    }
    Supervisor::TearDown();
  }

  std::unique_ptr<Process> orphan_;
};

TEST_F(Orphan, IsTakenOver) {
  auto daemon = StartFake();
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  EXPECT_EQ((*daemon)->Pid(), orphan_->pid());
  // Its death is noticed although it is not a child of the supervisor's making.
  ASSERT_TRUE((*daemon)->Kill(In(absl::Seconds(60))).ok());
  ASSERT_TRUE((*daemon)->WaitReady(In(absl::Seconds(60))).ok());
  EXPECT_NE((*daemon)->Pid(), orphan_->pid());
}

TEST_F(Orphan, IsEndedWithoutAdoption) {
  auto daemon = StartFake({WithoutAdoption()});
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  EXPECT_NE((*daemon)->Pid(), orphan_->pid());
  EXPECT_TRUE(orphan_->Wait(absl::Seconds(30)));
}

TEST_F(Orphan, IsEndedWhenTheConfigurationChanged) {
  auto daemon = StartFake({WithLogLevel("debug")});
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  EXPECT_NE((*daemon)->Pid(), orphan_->pid());
  EXPECT_TRUE(orphan_->Wait(absl::Seconds(30)));
}

TEST_F(Supervisor, AStrangersPidIsLeftAlone) {
  SpawnOptions options;
  options.binary = "/bin/sleep";
  options.args = {"sleep", "1000"};
  options.death_signal = SIGKILL;
  auto stranger = Process::Spawn(options);
  ASSERT_TRUE(stranger.ok()) << stranger.status();
  const auto end = absl::MakeCleanup([&stranger] {
    EXPECT_TRUE(stranger->Signal(SIGKILL).ok());
    EXPECT_TRUE(stranger->Wait(absl::InfiniteDuration()));
    EXPECT_EQ(stranger->Outcome(), "was killed by signal 9");
  });
  fs::create_directories(dir_ + "/state");
  for (const std::string& text :
       {fmt::format("{}", stranger->pid()), std::string("1"), std::string("-1"), std::string("0"),
        std::string("x"), std::string("99999999999999999999")}) {
    std::ofstream(dir_ + "/state/containerd.pid") << text;
    auto daemon = StartFake({WithoutAdoption()});
    ASSERT_TRUE(daemon.ok()) << daemon.status();
    EXPECT_NE((*daemon)->Pid(), stranger->pid());
  }
  EXPECT_FALSE(stranger->Wait(absl::ZeroDuration()));
}

TEST_F(Supervisor, TheDaemonDiesWithItsParent) {
  fs::create_symlink(fs::read_symlink("/proc/self/exe"), dir_ + "/parent");
  const int out = open((dir_ + "/out").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(out, 0);
  SpawnOptions options;
  options.binary = dir_ + "/parent";
  options.args = {options.binary, dir_};
  options.env = MinimalEnv();
  options.output_fd = out;
  auto parent = Process::Spawn(options);
  ASSERT_TRUE(parent.ok()) << parent.status();
  pid_t pid = 0;
  while (!absl::SimpleAtoi(ReadFile(dir_ + "/out"), &pid)) {
    ASSERT_FALSE(parent->Wait(absl::Milliseconds(1))) << ReadFile(dir_ + "/out");
  }
  close(out);
  ASSERT_EQ(kill(pid, 0), 0);
  ASSERT_TRUE(parent->Signal(SIGKILL).ok());
  ASSERT_TRUE(parent->Wait(absl::InfiniteDuration()));
  EXPECT_TRUE(Ends(pid));
}

}  // namespace
}  // namespace containerd::supervisor

int main(int argc, char** argv) {
  const std::string name = std::filesystem::path(argv[0]).filename();
  if (name == "containerd") return containerd::supervisor::FakeContainerd(argc, argv);
  if (name == "parent") return containerd::supervisor::Parent(argv);
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
