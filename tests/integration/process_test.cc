// SPDX-License-Identifier: Apache-2.0
//
// More of what can be done to a running container, in the cases of the client's own suite.
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <signal.h>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/events/events.h"
#include "containerd/events/task.pb.h"
#include "containerd/events/typed.h"
#include "containerd/images/store.h"
#include "containerd/namespaces/store.h"
#include "containerd/runc/v1/options.pb.h"
#include "containerd/typeurl/typeurl.h"

#include "container_fixture.h"
#include "harness.h"

namespace containerd::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::StartsWith;

namespace fs = std::filesystem;

class ProcessTest : public ContainerTest {
 protected:
  // A container whose first process sleeps, started.
  absl::StatusOr<Task> Sleeper(std::vector<oci::SpecOpts> spec_opts = {},
                               std::vector<NewContainerOpts> opts = {},
                               const std::vector<NewTaskOpts>& task_opts = {}) {
    auto container = Make({"sleep", "1000"}, std::move(spec_opts), std::move(opts));
    if (!container.ok()) return container.status();
    auto task = container->NewTask(ctx(), cio::NullIO, task_opts);
    if (!task.ok()) return task.status();
    if (absl::Status s = task->Start(ctx()); !s.ok()) return s;
    return task;
  }

  absl::StatusOr<specs::Process> ProcessSpec(Task& task, std::vector<std::string> args) {
    auto spec = task.Spec(ctx());
    if (!spec.ok()) return spec.status();
    specs::Process process = *spec->process;
    process.args = std::move(args);
    return process;
  }

  absl::StatusOr<Outcome> Exec(Task& task, const std::string& id, const specs::Process& spec) {
    auto out = std::make_shared<cio::Buffer>();
    auto err = std::make_shared<cio::Buffer>();
    std::vector<cio::Opt> opts = {cio::WithStreams({}, out, err), cio::WithFIFODir(fifos_.path())};
    if (spec.terminal) opts.push_back(cio::WithTerminal());
    auto process = task.Exec(ctx(), id, spec, cio::NewCreator(opts));
    if (!process.ok()) return process.status();
    const Future<ExitStatus> exit = process->Wait(ctx());
    if (absl::Status s = process->Start(ctx()); !s.ok()) return s;
    auto status = exit.Get(WithTimeout(ctx(), absl::Seconds(60)));
    if (!status.ok()) return status.status();
    Outcome outcome{*status, out->String(), err->String()};
    if (auto deleted = process->Delete(ctx()); !deleted.ok()) return deleted.status();
    return outcome;
  }
};

TEST_F(ProcessTest, ContainerStartWithAbsRuntimePath) {
  auto container = Make({"sh", "-c", "exit 7"});
  ASSERT_TRUE(container.ok()) << container.status();
  const char* bin = std::getenv("CONTAINERD_CPP_DAEMON_BIN");
  const std::string shim =
      std::string(bin != nullptr ? bin : "/usr/bin") + "/containerd-shim-runc-v2";
  const TestDir dir;
  const std::string copy = dir.path() + "/containerd-shim-test";
  fs::copy_file(shim, copy);
  auto task = container->NewTask(ctx(), cio::NullIO, {WithRuntimePath(copy)});
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_TRUE(task->Start(ctx()).ok());
  EXPECT_EQ(exit.Get(ctx())->ExitCode(), 7U);
  EXPECT_TRUE(task->Delete(ctx()).ok());

  const auto none = container->NewTask(ctx(), cio::NullIO, {WithRuntimePath(copy + "-nosuch")});
  EXPECT_FALSE(none.ok());
  EXPECT_THAT(Text(none.status()), HasSubstr("nosuch"));
}

TEST_F(ProcessTest, ContainerLargeExecArgs) {
  auto task = Sleeper();
  ASSERT_TRUE(task.ok()) << task.status();
  const std::string argument(20000, 'a');
  auto outcome = Exec(*task, "large", *ProcessSpec(*task, {"echo", argument}));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->out, argument + "\n");
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
}

TEST_F(ProcessTest, KillContainerDeletedByRunc) {
  const TestDir root;
  runc::v1::Options options;
  options.set_root(root.path());
  auto task = Sleeper({}, {WithRuntime(client_->Runtime(), options)});
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> exit = task->Wait(ctx());
  const std::string command =
      fmt::format("runc --root {}/{} delete --force {}", root.path(), ns_.name(), task->ID());
  ASSERT_EQ(std::system(command.c_str()), 0);  // NOLINT(concurrency-mt-unsafe)
  const absl::Status killed = task->Kill(ctx(), SIGKILL);
  EXPECT_TRUE(errdefs::IsNotFound(killed)) << killed;
  EXPECT_TRUE(exit.Get(WithTimeout(ctx(), absl::Seconds(10))).ok());
  EXPECT_TRUE(task->Delete(ctx()).ok());
}

TEST_F(ProcessTest, ProcessForceDelete) {
  auto task = Sleeper();
  ASSERT_TRUE(task.ok()) << task.status();
  auto process = task->Exec(ctx(), "sleeper", *ProcessSpec(*task, {"sleep", "1000"}), cio::NullIO);
  ASSERT_TRUE(process.ok()) << process.status();
  ASSERT_TRUE(process->Start(ctx()).ok());
  EXPECT_TRUE(errdefs::IsFailedPrecondition(process->Delete(ctx()).status()));
  auto exit = process->Delete(ctx(), {WithProcessKill});
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->ExitCode(), 137U);
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
}

TEST_F(ProcessTest, DeleteContainerExecCreated) {
  auto task = Sleeper();
  ASSERT_TRUE(task.ok()) << task.status();
  auto process = task->Exec(ctx(), "created", *ProcessSpec(*task, {"true"}), cio::NullIO);
  ASSERT_TRUE(process.ok()) << process.status();
  auto exit = process->Delete(ctx());
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->ExitCode(), 0U);
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
}

TEST_F(ProcessTest, DeletedContainerMetrics) {
  auto task = Sleeper();
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
  EXPECT_TRUE(errdefs::IsNotFound(task->Metrics(ctx()).status()));
}

TEST_F(ProcessTest, ContainerExtensions) {
  const typeurl::Any ext{"test.ext/hello", "hello"};
  auto container = Make({"true"}, {}, {WithContainerExtension("hello", ext)});
  ASSERT_TRUE(container.ok()) << container.status();
  auto extensions = container->Extensions(ctx());
  ASSERT_TRUE(extensions.ok()) << extensions.status();
  EXPECT_THAT(*extensions, ElementsAre(Pair("hello", ext)));
  auto nameless = Make({"true"}, {}, {WithContainerExtension("", ext)});
  EXPECT_TRUE(errdefs::IsInvalidArgument(nameless.status())) << nameless.status();
}

TEST_F(ProcessTest, ContainerHook) {
  const TestDir dir;
  const std::string proof = dir.path() + "/hooked";
  auto outcome =
      Run({"true"}, {[&](const Context&, oci::Client*, containers::Container*, specs::Spec* spec) {
            specs::Hook hook;
            hook.path = "/bin/sh";
            hook.args = {"sh", "-c", "cat > " + proof};
            spec->hooks.emplace();
            spec->hooks->create_runtime = {hook};
            return absl::OkStatus();
          }});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_THAT(ReadFile(proof), HasSubstr("\"pid\"")) << "the hook gets the state on its stdin";
}

TEST_F(ProcessTest, ShimSockLength) {
  const std::string name = UniqueName("n") + std::string(76, 'n');
  const Context long_ctx = WithNamespace(Context::Background(), name.substr(0, 76));
  auto image = ImportBusybox(*client_, long_ctx);
  ASSERT_TRUE(image.ok()) << image.status();
  const std::string id(64, 'c');
  auto container = client_->NewContainer(
      long_ctx, id,
      {WithNewSnapshot(id, *image),
       WithNewSpec({oci::WithImageConfig(*image), oci::WithProcessArgs({"true"})})});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(long_ctx, cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> exit = task->Wait(long_ctx);
  ASSERT_TRUE(task->Start(long_ctx).ok());
  const auto status = exit.Get(long_ctx);
  ASSERT_OK(status);
  EXPECT_EQ(status->ExitCode(), 0U);
  EXPECT_TRUE(task->Delete(long_ctx).ok());
  EXPECT_TRUE(container->Delete(long_ctx, {WithSnapshotCleanup}).ok());
  EXPECT_TRUE(
      client_->ImageService()->Delete(long_ctx, image->Name(), {images::SynchronousDelete()}).ok());
  EXPECT_TRUE(client_->NamespaceService()->Delete(long_ctx, name.substr(0, 76)).ok());
}

TEST_F(ProcessTest, ContainerExecLargeOutputWithTTY) {
  auto task = Sleeper();
  ASSERT_TRUE(task.ok()) << task.status();
  specs::Process spec = *ProcessSpec(*task, {"sh", "-c", "seq -s ' ' 1000000"});
  spec.terminal = true;
  constexpr std::size_t kDigits = 5888896;  // of the numbers 1 to 1000000
  constexpr std::size_t kSpaces = 999999;
  for (int i = 0; i < 10; ++i) {
    auto outcome = Exec(*task, "tty", spec);
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(outcome->exit.ExitCode(), 0U);
    EXPECT_THAT(outcome->out, HasSubstr("999999 1000000\r\n"));
    EXPECT_THAT(outcome->out, StartsWith("1 2 3 "));
    EXPECT_EQ(outcome->out.size(), kDigits + kSpaces + 2);
  }
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
}

TEST_F(ProcessTest, ShortRunningTaskPid) {
  auto container = Make({"true"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_TRUE(task->Start(ctx()).ok());
  EXPECT_GT(task->Pid(), 0U);
  EXPECT_TRUE(exit.Get(ctx()).ok());
  EXPECT_TRUE(task->Delete(ctx()).ok());
}

TEST_F(ProcessTest, RegressionIssue4769) {
  auto subscription =
      client_->Subscribe(ctx(), {fmt::format("namespace=={},topic~=|^/tasks/exit|", ns_.name())});
  ASSERT_TRUE(subscription->WaitReady(ctx()).ok());
  auto outcome = Run({"true"});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  auto item = subscription->Next(WithTimeout(ctx(), absl::Seconds(10)));
  ASSERT_TRUE(item.ok()) << item.status();
  const auto& envelope = std::get<events::Envelope>(*item);
  auto exit = events::Decode<events::TaskExit>(envelope);
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->exit_status(), 0U);
  // The exit comes once: the deletion brings no second one.
  const auto second = subscription->Next(WithTimeout(ctx(), absl::Seconds(1)));
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(second.status())) << second.status();
}

TEST_F(ProcessTest, RegressionIssue6429) {
  auto subscription =
      client_->Subscribe(ctx(), {fmt::format("namespace=={},topic~=|^/tasks/exit|", ns_.name())});
  ASSERT_TRUE(subscription->WaitReady(ctx()).ok());
  auto container = Make({"notfound404"});
  ASSERT_TRUE(container.ok()) << container.status();
  EXPECT_FALSE(container->NewTask(ctx(), cio::NullIO).ok());
  const auto item = subscription->Next(WithTimeout(ctx(), absl::Seconds(1)));
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(item.status()))
      << "a task that could not be created has no exit";
}

TEST_F(ProcessTest, ContainerKillAll) {
  auto container = Make({"sh", "-c", "sleep 1000"}, {oci::WithHostNamespace("pid")});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_TRUE(task->Start(ctx()).ok());
  ASSERT_TRUE(task->Kill(ctx(), SIGKILL, {WithKillAll}).ok());
  EXPECT_EQ(exit.Get(ctx())->ExitCode(), 137U);
  EXPECT_TRUE(task->Delete(ctx()).ok());
}

TEST_F(ProcessTest, ContainerKillInitPidHost) {
  auto container =
      Make({"sh", "-c", "sleep 1000 & sleep 1000 & wait"}, {oci::WithHostNamespace("pid")});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_TRUE(task->Start(ctx()).ok());
  std::vector<ProcessInfo> pids;
  while (pids.size() < 3) {
    auto found = task->Pids(ctx());
    ASSERT_OK(found);
    pids = *std::move(found);
  }
  ASSERT_TRUE(task->Kill(ctx(), SIGKILL).ok());
  const auto status = exit.Get(WithTimeout(ctx(), absl::Seconds(30)));
  ASSERT_OK(status);
  EXPECT_EQ(status->ExitCode(), 137U);
  EXPECT_TRUE(task->Delete(ctx()).ok());
  for (const ProcessInfo& info : pids) {
    EXPECT_NE(::kill(static_cast<pid_t>(info.pid), 0), 0) << info.pid << " is still there";
  }
}

TEST_F(ProcessTest, TaskResize) {
  auto container = Make({"stty", "size"}, {oci::WithTTY});
  ASSERT_TRUE(container.ok()) << container.status();
  auto out = std::make_shared<cio::Buffer>();
  auto task =
      container->NewTask(ctx(), cio::NewCreator({cio::WithStreams({}, out, {}), cio::WithTerminal(),
                                                 cio::WithFIFODir(fifos_.path())}));
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Resize(ctx(), 12, 34).ok());
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_TRUE(task->Start(ctx()).ok());
  ASSERT_TRUE(exit.Get(WithTimeout(ctx(), absl::Seconds(30))).ok());
  EXPECT_EQ(out->String(), "34 12\r\n");
  EXPECT_TRUE(task->Delete(ctx()).ok());
}

TEST_F(ProcessTest, ContainerNoSTDIN) {
  auto outcome = Run({"sh", "-c", "cat; echo end"});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->out, "end\n");
}

TEST_F(ProcessTest, ContainerPTY) {
  auto container = Make({"sh", "-c", "read line; echo got $line"}, {oci::WithTTY});
  ASSERT_TRUE(container.ok()) << container.status();
  auto in = std::make_shared<cio::InputStream>();
  auto out = std::make_shared<cio::Buffer>();
  auto task =
      container->NewTask(ctx(), cio::NewCreator({cio::WithStreams(in, out, {}), cio::WithTerminal(),
                                                 cio::WithFIFODir(fifos_.path())}));
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_TRUE(task->Start(ctx()).ok());
  ASSERT_TRUE(in->Write("typed\n").ok());
  ASSERT_TRUE(exit.Get(WithTimeout(ctx(), absl::Seconds(30))).ok());
  EXPECT_THAT(out->String(), HasSubstr("got typed\r\n"));
  EXPECT_TRUE(task->Delete(ctx()).ok());
}

TEST_F(ProcessTest, TaskSpec) {
  auto task = Sleeper();
  ASSERT_TRUE(task.ok()) << task.status();
  auto spec = task->Spec(ctx());
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_THAT(spec->process->args, ElementsAre("sleep", "1000"));
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
}

TEST_F(ProcessTest, ContainerUser) {
  auto outcome = Run({"id"}, {oci::WithUser("nobody:root")});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_THAT(outcome->out, StartsWith("uid=65534(nobody) gid=0(root)"));
}

TEST_F(ProcessTest, ContainerUsername) {
  auto outcome = Run({"id", "-u"}, {oci::WithUsername("nobody")});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->out, "65534\n");
  const auto unknown = Make({"id"}, {oci::WithUsername("somebody-else")});
  EXPECT_FALSE(unknown.ok());
  EXPECT_THAT(Text(unknown.status()), HasSubstr("somebody-else"));
}

TEST_F(ProcessTest, ContainerUserID) {
  auto outcome = Run({"id", "-u"}, {oci::WithUserID(65534)});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->out, "65534\n");
}

TEST_F(ProcessTest, UIDNoGID) {
  auto container = Make({"id"}, {oci::WithUserID(1000)});
  ASSERT_TRUE(container.ok()) << container.status();
  auto spec = container->Spec(ctx());
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->process->user.uid, 1000U);
  EXPECT_EQ(spec->process->user.gid, 0U);
}

TEST_F(ProcessTest, BindLowPortNonRoot) {
  auto outcome = Run({"nc", "-l", "-p", "80"}, {oci::WithUIDGID(1000, 1000)});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->exit.ExitCode(), 1U);
}

TEST_F(ProcessTest, BindLowPortNonOpt) {
  auto container =
      Make({"nc", "-l", "-p", "80"},
           {oci::WithUIDGID(1000, 1000), oci::WithAmbientCapabilities({"CAP_NET_BIND_SERVICE"})});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_TRUE(task->Start(ctx()).ok());
  // It listens once its network namespace has a socket on port 80 (0050).
  const std::string sockets = fmt::format("/proc/{}/net/tcp", task->Pid());
  const std::string sockets6 = fmt::format("/proc/{}/net/tcp6", task->Pid());
  while (!exit.IsReady() && ReadFile(sockets).find(":0050 ") == std::string::npos &&
         ReadFile(sockets6).find(":0050 ") == std::string::npos) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ASSERT_FALSE(exit.IsReady()) << "nc ended with " << exit.Get(ctx())->ExitCode();
  ASSERT_TRUE(task->Kill(ctx(), SIGKILL).ok());
  EXPECT_EQ(exit.Get(ctx())->ExitCode(), 137U);
  EXPECT_TRUE(task->Delete(ctx()).ok());
}

TEST_F(ProcessTest, ContainerRuntimeOptionsv2) {
  runc::v1::Options options;
  options.set_binary_name("no-runc");
  auto container = Make({"true"}, {}, {WithRuntime("io.containerd.runc.v2", options)});
  ASSERT_TRUE(container.ok()) << container.status();
  const auto plain = container->NewTask(ctx(), cio::NullIO);
  EXPECT_THAT(Text(plain.status()), HasSubstr("no-runc"));
  const auto with_options = container->NewTask(ctx(), cio::NullIO, {WithNoNewKeyring});
  EXPECT_THAT(Text(with_options.status()), HasSubstr("no-runc"))
      << "options of the task add to those of the container";
}

TEST_F(ProcessTest, ContainerAttachProcess) {
  auto task = Sleeper();
  ASSERT_TRUE(task.ok()) << task.status();
  auto process = task->Exec(
      ctx(), "cat", *ProcessSpec(*task, {"cat"}),
      Streams(std::make_shared<cio::InputStream>(), std::make_shared<cio::Buffer>(), {}));
  ASSERT_TRUE(process.ok()) << process.status();
  ASSERT_TRUE(process->Start(ctx()).ok());
  process->IO()->Cancel();

  auto in = std::make_shared<cio::InputStream>();
  auto out = std::make_shared<cio::Buffer>();
  auto attached = task->LoadProcess(ctx(), "cat", cio::NewAttach({cio::WithStreams(in, out, {})}));
  ASSERT_TRUE(attached.ok()) << attached.status();
  EXPECT_EQ(attached->Pid(), process->Pid());
  const Future<ExitStatus> exit = attached->Wait(ctx());
  ASSERT_TRUE(in->Write("hello\n").ok());
  in->Close();
  ASSERT_TRUE(attached->IO()->InputDone().Get(ctx()).ok());
  ASSERT_TRUE(attached->CloseIO(ctx(), {WithStdinCloser}).ok());
  ASSERT_TRUE(exit.Get(WithTimeout(ctx(), absl::Seconds(30))).ok());
  EXPECT_EQ(out->String(), "hello\n");
  EXPECT_TRUE(attached->Delete(ctx()).ok());
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
}

TEST_F(ProcessTest, TaskUpdate) {
  auto task = Sleeper({oci::WithMemoryLimit(32 << 20)});
  ASSERT_TRUE(task.ok()) << task.status();
  const std::string limit =
      fmt::format("/sys/fs/cgroup/memory/{}/{}/memory.limit_in_bytes", ns_.name(), task->ID());
  if (!fs::exists(limit)) GTEST_SKIP() << "no cgroup v1 memory controller to look at";
  EXPECT_EQ(ReadFile(limit), std::to_string(32 << 20) + "\n");
  specs::LinuxResources resources;
  resources.memory.emplace();
  resources.memory->limit = 64 << 20;
  const absl::Status updated = task->Update(ctx(), {WithResources(resources)});
  ASSERT_TRUE(updated.ok()) << updated;
  EXPECT_EQ(ReadFile(limit), std::to_string(64 << 20) + "\n");

  resources.memory->limit = 1;  // less than it uses: the kernel refuses
  const absl::Status refused = task->Update(ctx(), {WithResources(resources)});
  EXPECT_FALSE(refused.ok());
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
}

TEST_F(ProcessTest, ShimInCgroup) {
  const std::string path = "/" + UniqueName("shim");
  const std::string cgroup = "/sys/fs/cgroup/devices" + path;
  std::error_code ec;
  if (!fs::create_directory(cgroup, ec)) GTEST_SKIP() << "no cgroup v1 to make a group in";
  auto task = Sleeper({}, {}, {WithShimCgroup(path)});
  ASSERT_TRUE(task.ok()) << task.status();
  EXPECT_FALSE(ReadFile(cgroup + "/cgroup.procs").empty());
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
  while (!ReadFile(cgroup + "/cgroup.procs").empty()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  for (const auto& controller : fs::directory_iterator("/sys/fs/cgroup")) {
    ::rmdir((controller.path().string() + path).c_str());
  }
}

TEST_F(ProcessTest, WithIOOwnerTheShimsPipesBelongToTheUser) {
  auto container = Make({"sh", "-c", "cat /proc/self/fd/0 > /dev/null; echo out"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto out = std::make_shared<cio::Buffer>();
  auto task = container->NewTask(ctx(), Streams({}, out, {}),
                                 {WithUIDOwner(1000), WithGIDOwner(1000), WithNoNewKeyring});
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_TRUE(task->Start(ctx()).ok());
  ASSERT_TRUE(exit.Get(ctx()).ok());
  EXPECT_EQ(out->String(), "out\n");
  EXPECT_TRUE(task->Delete(ctx()).ok());
}

TEST_F(ProcessTest, AnExecThatIsNeverStartedLetsGoOfItsStreams) {
  auto task = Sleeper();
  ASSERT_TRUE(task.ok()) << task.status();
  const auto spec = task->Spec(ctx());
  ASSERT_TRUE(spec.ok()) << spec.status();
  std::weak_ptr<cio::IO> streams;
  std::string stdout_path;
  {
    auto exec =
        task->Exec(ctx(), "never", *spec->process,
                   Streams(cio::Source::FromString("input"), std::make_shared<cio::Buffer>(), {}));
    ASSERT_TRUE(exec.ok()) << exec.status();
    const Process copy = *exec;
    streams = copy.IO();
    stdout_path = copy.IO()->Config().stdout;
    EXPECT_TRUE(fs::exists(stdout_path));
  }
  for (int i = 0; i < 500 && !streams.expired(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(streams.expired());
  EXPECT_FALSE(fs::exists(stdout_path));
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
}

TEST_F(ProcessTest, TheTaskOfAnotherNamespaceIsNotThere) {
  auto task = Sleeper();
  ASSERT_TRUE(task.ok()) << task.status();
  const TestNamespace other(*client_);
  EXPECT_TRUE(errdefs::IsNotFound(task->Kill(other.ctx(), SIGKILL)));
  EXPECT_TRUE(errdefs::IsNotFound(task->Status(other.ctx()).status()));
  EXPECT_TRUE(errdefs::IsNotFound(client_->LoadContainer(other.ctx(), task->ID()).status()));
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
}

}  // namespace
}  // namespace containerd::testing
