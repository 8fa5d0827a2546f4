// SPDX-License-Identifier: Apache-2.0
//
// Shims: what they leave behind, what they survive, and what they are told. Tests of the client's
// own suite keep their names.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/runc/v1/options.pb.h"
#include "containerd/supervisor/supervisor.h"
#include "containerd/tasks/tasks.h"
#include "containerd/testing/mocks/tasks.h"
#include "containerd/typeurl/typeurl.h"

#include "container_fixture.h"
#include "harness.h"

namespace containerd::testing {
namespace {

using ::testing::HasSubstr;

namespace fs = std::filesystem;

// The parent of a task's first process.
std::uint32_t ShimOf(const Task& task) {
  std::ifstream stat(fmt::format("/proc/{}/stat", task.Pid()));
  std::string skipped;
  std::uint32_t parent = 0;
  stat >> skipped >> skipped >> skipped >> parent;
  return parent;
}

// The folder that the shim runs in, which is the task's own.
std::string BundleOf(const Task& task) {
  std::error_code ec;
  return fs::read_symlink(fmt::format("/proc/{}/cwd", ShimOf(task)), ec);
}

// How many pipes and FIFOs a process has open.
int Pipes(pid_t pid) {
  int pipes = 0;
  for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/fd", pid))) {
    struct stat st {};
    if (::stat(entry.path().c_str(), &st) == 0 && S_ISFIFO(st.st_mode)) ++pipes;
  }
  return pipes;
}

class ShimTest : public ContainerTest {
 protected:
  absl::StatusOr<Task> Sleeper(std::vector<NewContainerOpts> opts = {},
                               const std::vector<NewTaskOpts>& task_opts = {}) {
    auto container = Make({"sleep", "1000"}, {}, std::move(opts));
    if (!container.ok()) return container.status();
    container_ = std::make_unique<Container>(*container);
    auto task = container->NewTask(ctx(), cio::NullIO, task_opts);
    if (!task.ok()) return task.status();
    if (absl::Status s = task->Start(ctx()); !s.ok()) return s;
    return task;
  }

  void EndAndDelete(Task& task) {
    const Future<ExitStatus> exit = task.Wait(ctx());
    ASSERT_TRUE(task.Kill(ctx(), SIGKILL).ok());
    ASSERT_TRUE(exit.Get(WithTimeout(ctx(), absl::Minutes(1))).ok());
    ASSERT_TRUE(task.Delete(ctx()).ok());
    ASSERT_TRUE(container_->Delete(ctx(), {WithSnapshotCleanup}).ok());
  }

  Context Limited() const { return WithTimeout(ctx(), absl::Minutes(1)); }

  std::unique_ptr<Container> container_;
};

#define REQUIRE_OWN_DAEMON() \
  if (SharedDaemon() == nullptr) GTEST_SKIP() << "the daemon is not the tests' own"

TEST_F(ShimTest, ShimDoesNotLeakPipes) {
  REQUIRE_OWN_DAEMON();
  const pid_t daemon = SharedDaemon()->Pid();
  const int before = Pipes(daemon);
  auto task = Sleeper();
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_NO_FATAL_FAILURE(EndAndDelete(*task));
  EXPECT_TRUE(Eventually([&] { return Pipes(daemon) <= before; }))
      << before << " pipes before, now " << Pipes(daemon);
}

TEST_F(ShimTest, ShimDoesNotLeakSockets) {
  auto task = Sleeper();
  ASSERT_TRUE(task.ok()) << task.status();
  const std::string bundle = BundleOf(*task);
  ASSERT_THAT(bundle, HasSubstr(task->ID()));
  // The whole file, or a member of it.
  std::string address = ReadFile(bundle + "/address") + ReadFile(bundle + "/bootstrap.json");
  const std::size_t begin = address.find("unix://");
  ASSERT_NE(begin, std::string::npos) << address;
  address.erase(0, begin + 7);
  address.erase(std::min(address.size(), address.find_first_of("\"\n")));
  ASSERT_TRUE(fs::exists(address)) << address;
  ASSERT_NO_FATAL_FAILURE(EndAndDelete(*task));
  EXPECT_TRUE(Eventually([&] { return !fs::exists(address); })) << address;
  EXPECT_FALSE(fs::exists(bundle));
}

TEST_F(ShimTest, ShimOOMScore) {
  REQUIRE_OWN_DAEMON();
  const std::string path = "/" + UniqueName("oomshim");
  const std::string cgroup = "/sys/fs/cgroup/devices" + path;
  std::error_code ec;
  if (!fs::create_directory(cgroup, ec)) GTEST_SKIP() << "no cgroup v1 to make a group in";
  const int daemon_score =
      std::stoi(ReadFile(fmt::format("/proc/{}/oom_score_adj", SharedDaemon()->Pid())));
  auto task = Sleeper({}, {WithShimCgroup(path)});
  ASSERT_TRUE(task.ok()) << task.status();
  std::ifstream procs(cgroup + "/cgroup.procs");
  int found = 0;
  for (std::string pid; procs >> pid; ++found) {
    EXPECT_EQ(ReadFile(fmt::format("/proc/{}/oom_score_adj", pid)),
              fmt::format("{}\n", std::min(daemon_score + 1, 1000)));
  }
  EXPECT_EQ(found, 1);
  ASSERT_NO_FATAL_FAILURE(EndAndDelete(*task));
  EXPECT_TRUE(Eventually([&] { return ReadFile(cgroup + "/cgroup.procs").empty(); }));
  for (const auto& controller : fs::directory_iterator("/sys/fs/cgroup")) {
    ::rmdir((controller.path().string() + path).c_str());
  }
}

TEST_F(ShimTest, ContainerKillInitKillsChildWhenNotHostPid) {
  auto container = Make({"sh", "-c", "sleep 42 & sleep 43 & sleep 44"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_TRUE(task->Start(ctx()).ok());
  std::vector<ProcessInfo> pids;
  ASSERT_TRUE(Eventually([&] {
    auto listed = task->Pids(ctx());
    if (listed.ok()) pids = *std::move(listed);
    return pids.size() >= 3;
  }));
  ASSERT_TRUE(task->Kill(ctx(), SIGKILL).ok());
  ASSERT_TRUE(exit.Get(Limited()).ok());
  EXPECT_TRUE(task->Delete(ctx()).ok());
  for (const ProcessInfo& info : pids) EXPECT_FALSE(Alive(info.pid)) << info.pid;
}

// A daemon of its own, whose log is kept.
class ShimAndDaemonTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto image = ImportBusybox(*client_, ctx());
    ASSERT_TRUE(image.ok()) << image.status();
    const std::string id = UniqueName("c");
    auto container = client_->NewContainer(
        ctx(), id,
        {WithNewSnapshot(id, *image),
         WithNewSpec({oci::WithImageConfig(*image), oci::WithProcessArgs({"sleep", "1000"})})});
    ASSERT_TRUE(container.ok()) << container.status();
    auto task = container->NewTask(ctx(), cio::NullIO);
    ASSERT_TRUE(task.ok()) << task.status();
    task_ = std::make_unique<Task>(*task);
    ASSERT_TRUE(task_->Start(ctx()).ok());
  }

  const Context& ctx() const { return ns_.ctx(); }
  Context Limited() const { return WithTimeout(ctx(), absl::Minutes(1)); }

  const TestDir dir_;
  const std::string log_ = dir_.path() + "/daemon.log";
  PrivateDaemon private_{{supervisor::WithLogFile(log_)}};
  const std::shared_ptr<Client> client_ = private_.client();
  const TestNamespace ns_{*client_};
  std::unique_ptr<Task> task_;
};

TEST_F(ShimAndDaemonTest, DaemonReconnectsToShimIOPipesOnRestart) {
  const std::string fifo = BundleOf(*task_) + "/log";
  ASSERT_TRUE(private_.daemon().Restart(Limited()).ok());
  ASSERT_TRUE(client_->IsServing(Limited()).ok());
  const std::string line = task_->ID() + " writing to log";
  // The daemon reads it once it has loaded the task again.
  int fd = -1;
  ASSERT_TRUE(Eventually([&] {
    fd = ::open(fifo.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    return fd >= 0;
  })) << fifo;
  ASSERT_EQ(::write(fd, (line + "\n").c_str(), line.size() + 1),
            static_cast<ssize_t>(line.size() + 1));
  ::close(fd);
  EXPECT_TRUE(Eventually([&] { return ReadFile(log_).find(line) != std::string::npos; }));
  const Future<ExitStatus> exit = task_->Wait(ctx());
  ASSERT_TRUE(task_->Kill(ctx(), SIGKILL).ok());
  EXPECT_TRUE(exit.Get(Limited()).ok());
  EXPECT_TRUE(task_->Delete(ctx()).ok());
}

TEST_F(ShimAndDaemonTest, DaemonRestartWithRunningShim) {
  const std::uint32_t pid = task_->Pid();
  const std::uint32_t shim = ShimOf(*task_);
  const Future<ExitStatus> first = task_->Wait(ctx());
  ASSERT_TRUE(private_.daemon().Restart(Limited()).ok());
  ASSERT_TRUE(client_->IsServing(Limited()).ok());
  EXPECT_EQ(ShimOf(*task_), shim);
  const Future<ExitStatus> exit = task_->Wait(ctx());
  ASSERT_TRUE(task_->Kill(ctx(), SIGKILL).ok());
  ASSERT_TRUE(exit.Get(Limited()).ok());
  EXPECT_TRUE(first.Get(Limited()).ok()) << "a wait goes on over the restart";
  EXPECT_FALSE(Alive(pid));
  EXPECT_TRUE(task_->Delete(ctx()).ok());
}

// A runc that does something else as well.
class WrappedRuncTest : public ShimTest {
 protected:
  NewContainerOpts Wrapped(std::string_view script) {
    const std::string path = dir_.path() + "/runc";
    std::ofstream(path) << "#!/bin/sh\n" << script;
    fs::permissions(path, fs::perms::owner_all);
    runc::v1::Options options;
    options.set_binary_name(path);
    return WithRuntime("io.containerd.runc.v2", options);
  }

  const TestDir dir_;
};

TEST_F(WrappedRuncTest, Issue9103) {
  {
    SCOPED_TRACE("created");
    auto container = Make({"sleep", "30"});
    ASSERT_TRUE(container.ok()) << container.status();
    auto task = container->NewTask(ctx(), cio::NullIO);
    ASSERT_TRUE(task.ok()) << task.status();
    EXPECT_EQ(task->Status(ctx())->status, ProcessStatus::kCreated);
    EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
  }
  SCOPED_TRACE("killed before it is known to be created");
  auto container = Make({"sleep", "30"}, {}, {Wrapped(R"(
runc "$@" || exit
created=
for argument; do
  [ "$before" != --pid-file ] || pid=$(cat "$argument")
  [ "$argument" != create ] || created=yes
  before=$argument
done
[ -z "$created" ] && exit
kill -9 "$pid"
while kill -0 "$pid" 2>/dev/null && ! grep -q 'State:.Z' "/proc/$pid/status"; do sleep 0.01; done
sleep 0.5
)")});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(Limited(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  const auto exit = task->Wait(ctx()).Get(WithTimeout(ctx(), absl::Seconds(20)));
  if (errdefs::IsDeadlineExceeded(exit.status())) {
    // The wait came to its end all the same.
    EXPECT_TRUE(task->Delete(ctx(), {[](const Context& c, Process& process) {
                               static_cast<void>(process.Kill(c, SIGKILL));
                               return absl::OkStatus();
                             }})
                    .ok());
    GTEST_SKIP() << "the daemon's shim loses the exit of a task that ends while it is created";
  }
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->ExitCode(), 137U);
  EXPECT_EQ(task->Status(ctx())->status, ProcessStatus::kStopped);
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
}

TEST_F(WrappedRuncTest, Issue10589) {
  // Execs wait for their turn.
  auto task = Sleeper({Wrapped(fmt::format(R"(
for argument; do
  [ "$before" != --process ] || process=$argument
  before=$argument
done
if [ -n "$process" ]; then
  for name in exec1 exec2; do
    grep -q "TURN=$name" "$process" || continue
    : >"{0}/$name-ready"
    while ! [ -e "{0}/$name-go" ]; do sleep 0.01; done
  done
fi
exec runc "$@"
)",
                                           dir_.path()))});
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_EQ(task->Status(ctx())->status, ProcessStatus::kRunning);
  const auto is = [this](const std::string& name) { return fs::exists(dir_.path() + "/" + name); };
  const auto allow = [this](const std::string& name) { std::ofstream(dir_.path() + "/" + name); };
  std::vector<Process> execs;
  for (const char* name : {"exec1", "exec2"}) {
    specs::Process spec;
    spec.args = {"/bin/sleep", "301"};
    spec.cwd = "/";
    spec.env = {fmt::format("TURN={}", name)};
    auto exec = task->Exec(ctx(), name, spec, cio::NullIO);
    ASSERT_TRUE(exec.ok()) << exec.status();
    execs.push_back(*exec);
  }
  absl::Status started[2];
  std::thread first([&] { started[0] = execs[0].Start(Limited()); });
  EXPECT_TRUE(Eventually([&] { return is("exec1-ready"); }));
  // The task ends while the first is on its way.
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_EQ(::kill(static_cast<pid_t>(task->Pid()), SIGKILL), 0);
  std::atomic<bool> second_done{false};
  std::thread second([&] {
    started[1] = execs[1].Start(Limited());
    second_done = true;
  });
  // On its way as well, if the shim lets it; some make it wait for the first.
  for (int i = 0; i < 100 && !is("exec2-ready") && !second_done; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  allow("exec1-go");
  first.join();
  allow("exec2-go");
  second.join();
  EXPECT_FALSE(started[0].ok());
  EXPECT_FALSE(started[1].ok());
  const auto status = exit.Get(WithTimeout(ctx(), absl::Seconds(20)));
  if (errdefs::IsDeadlineExceeded(status.status())) {
    static_cast<void>(task->Delete(ctx(), {WithProcessKill}));
    GTEST_SKIP() << "the daemon's shim loses the exit of a task that ends while an exec starts";
  }
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->ExitCode(), 137U);
  for (Process& exec : execs) {
    const auto state = exec.Status(ctx());
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_NE(state->status, ProcessStatus::kRunning);
    EXPECT_TRUE(exec.Delete(ctx()).ok());
  }
  EXPECT_EQ(task->Status(ctx())->status, ProcessStatus::kStopped);
  EXPECT_TRUE(task->Delete(ctx()).ok());
}

TEST_F(ShimTest, NewTaskWithRuntimeOption) {
  // A task service that only remembers what it was asked to create.
  std::map<std::string, tasks::CreateTaskRequest> requests;
  auto tasks = std::make_shared<::testing::NiceMock<MockTaskService>>();
  ON_CALL(*tasks, Create)
      .WillByDefault([&](const Context&, const tasks::CreateTaskRequest& request) {
        requests[request.container_id] = request;
        return 1;
      });
  auto client = Client::New(SharedAddress(), {WithServices({WithTaskService(tasks)})});
  ASSERT_TRUE(client.ok()) << client.status();
  runc::v1::Options plain;
  plain.set_binary_name("no-runc");
  runc::v1::Options full = plain;
  full.set_shim_cgroup("/abc");
  full.set_io_uid(1000);
  full.set_systemd_cgroup(true);
  runc::v1::Options changed = full;
  changed.set_shim_cgroup("/def");
  changed.set_io_uid(2000);
  changed.set_io_gid(3000);
  const struct {
    const char* name;
    runc::v1::Options container;
    std::vector<NewTaskOpts> opts;
    std::optional<runc::v1::Options> want;
  } kRows[] = {
      {"should be empty options", plain, {}, std::nullopt},
      {"should overwrite IOUid/ShimCgroup",
       full,
       {WithUIDOwner(2000), WithGIDOwner(3000), WithShimCgroup("/def")},
       changed},
  };
  for (const auto& row : kRows) {
    SCOPED_TRACE(row.name);
    const std::string id = Name();
    auto container = client->NewContainer(
        ctx(), id,
        {WithNewSnapshotView(id, *image_),
         WithNewSpec({oci::WithImageConfig(*image_), oci::WithProcessArgs({"sh", "-c", "exit 7"})}),
         WithRuntime("io.containerd.runc.v2", row.container)});
    ASSERT_TRUE(container.ok()) << container.status();
    auto task = container->NewTask(ctx(), cio::NullIO, row.opts);
    ASSERT_TRUE(task.ok()) << task.status();
    const typeurl::Any& options = requests[id].options;
    EXPECT_EQ(options.empty(), !row.want.has_value());
    if (!row.want.has_value()) continue;
    runc::v1::Options got;
    ASSERT_TRUE(typeurl::UnmarshalTo(options, got).ok());
    EXPECT_EQ(got.SerializeAsString(), row.want->SerializeAsString());
  }
}

}  // namespace
}  // namespace containerd::testing
