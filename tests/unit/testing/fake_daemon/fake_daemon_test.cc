// SPDX-License-Identifier: Apache-2.0
#include "containerd/testing/fake_daemon.h"

#include <atomic>
#include <csignal>
#include <memory>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <variant>
#include <vector>

#include <absl/time/clock.h>
#include <gmock/gmock.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"
#include "containerd/events/task.pb.h"
#include "containerd/testing/status.h"

#include "tests/support/content_conformance.h"
#include "tests/support/event_conformance.h"
#include "tests/support/sandbox_conformance.h"
#include "tests/support/store_conformance.h"
#include "tests/support/task_conformance.h"

namespace containerd::testing {
namespace {

std::shared_ptr<Client> ClientOf(const FakeDaemon& daemon) {
  absl::StatusOr<Client> client = Client::New(daemon.Address());
  EXPECT_THAT(client, IsOk());
  return std::make_shared<Client>(*std::move(client));
}

class FakeSubject final : public TaskSubject {
 public:
  std::shared_ptr<Client> client() override { return client_; }
  const Context& ctx() override { return ctx_; }
  std::string snapshotter() override { return "overlayfs"; }

  absl::StatusOr<Container> NewContainer(const std::string& id, const Program& program) override {
    daemon_.Script(id, ScriptOf(program));
    return client_->NewContainer(ctx_, id, {WithNewSpec()});
  }
  specs::Process NewExec(const std::string& container_id, const std::string& exec_id,
                         const Program& program) override {
    daemon_.ScriptExec(container_id, exec_id, ScriptOf(program));
    return {.args = {"program"}, .cwd = "/"};
  }
  std::string folder() override { return daemon_.Dir(); }

 private:
  static ProcessScript ScriptOf(const Program& program) {
    return {.exit_code = program.exit_code,
            .out = program.out,
            .err = program.err,
            .runs = program.stays ? absl::InfiniteDuration() : absl::ZeroDuration(),
            .reads_stdin = program.copies,
            .echoes = program.copies};
  }

  FakeDaemon daemon_;
  const std::shared_ptr<Client> client_ = ClientOf(daemon_);
  const Context ctx_ = WithNamespace(Context::Background(), "test");
};

std::unique_ptr<Subject> Fake() { return std::make_unique<FakeSubject>(); }
std::unique_ptr<TaskSubject> FakeTasks() { return std::make_unique<FakeSubject>(); }

}  // namespace

INSTANTIATE_TEST_SUITE_P(Fake, ContainerStore, ::testing::Values(&Fake));
INSTANTIATE_TEST_SUITE_P(Fake, Content, ::testing::Values(&Fake));
INSTANTIATE_TEST_SUITE_P(Fake, Events, ::testing::Values(&Fake));
INSTANTIATE_TEST_SUITE_P(Fake, ImageStore, ::testing::Values(&Fake));
INSTANTIATE_TEST_SUITE_P(Fake, NamespaceStore, ::testing::Values(&Fake));
INSTANTIATE_TEST_SUITE_P(Fake, Leases, ::testing::Values(&Fake));
INSTANTIATE_TEST_SUITE_P(Fake, Pods, ::testing::Values(&Fake));
INSTANTIATE_TEST_SUITE_P(Fake, Sandboxes, ::testing::Values(&Fake));
INSTANTIATE_TEST_SUITE_P(Fake, SandboxStore, ::testing::Values(&Fake));
INSTANTIATE_TEST_SUITE_P(Fake, Snapshots, ::testing::Values(&Fake));
INSTANTIATE_TEST_SUITE_P(Fake, Tasks, ::testing::Values(&FakeTasks));

namespace {

class FakeDaemonTest : public ::testing::Test {
 protected:
  // A container on a snapshot of an image that was unpacked.
  Container NewContainer(const std::string& id) {
    if (!client_->GetImage(ctx_, kImage).ok()) {
      daemon_.AddImage("test", kImage,
                       BuildImage({.layers = {TarOf({{.name = "a", .data = "hello"}})},
                                   .config = {.cmd = {"/bin/a", "b"}}}));
    }
    absl::StatusOr<Image> image = client_->GetImage(ctx_, kImage);
    EXPECT_THAT(image, IsOk());
    EXPECT_THAT(image->IsUnpacked(ctx_, "overlayfs"), IsOkAndHolds(true));
    absl::StatusOr<Container> container =
        client_->NewContainer(ctx_, id,
                              {WithImage(*image), WithNewSnapshot(id, *image),
                               WithNewSpec({oci::WithImageConfig(*image)})});
    EXPECT_THAT(container, IsOk());
    return *std::move(container);
  }

  // What it writes can be read once it is deleted.
  cio::Creator Streams(std::string* out, std::string* err, cio::Source in = {}) {
    const auto append = [](std::string* to) {
      return [to](std::string_view text) { to->append(text); };
    };
    return cio::NewCreator({cio::WithFIFODir(daemon_.Dir()),
                            cio::WithStreams(std::move(in), append(out), append(err))});
  }

  Task Started(Container& container, const cio::Creator& creator = cio::NullIO) {
    absl::StatusOr<Task> task = container.NewTask(ctx_, creator);
    EXPECT_THAT(task, IsOk());
    EXPECT_THAT(task->Start(ctx_), IsOk());
    return *std::move(task);
  }

  std::uint32_t ExitOf(Process process) {
    absl::StatusOr<ExitStatus> status = process.Wait(ctx_).Get(ctx_);
    EXPECT_THAT(status, IsOk());
    return status.ok() ? status->ExitCode() : 999;
  }

  static constexpr char kImage[] = "example.com/a:1";
  FakeDaemon daemon_;
  const std::shared_ptr<Client> client_ = ClientOf(daemon_);
  const Context ctx_ = WithTimeout(WithNamespace(Context::Background(), "test"), absl::Seconds(60));
};

TEST_F(FakeDaemonTest, AnImageIsWrittenAndUnpacked) {
  const BuiltImage built = BuildImage(
      {.layers = {TarOf({{.name = "a", .data = "hello"}}), TarOf({{.name = "b", .data = "you"}})}});
  ASSERT_THAT(AddImage(ctx_, *client_->ContentStore(), *client_->ImageService(), kImage, built),
              IsOk());
  absl::StatusOr<Image> image = client_->GetImage(ctx_, kImage);
  ASSERT_THAT(image, IsOk());
  EXPECT_THAT(image->IsUnpacked(ctx_, "overlayfs"), IsOkAndHolds(false));
  EXPECT_THAT(image->Unpack(ctx_, "overlayfs"), IsOk());
  EXPECT_THAT(image->IsUnpacked(ctx_, "overlayfs"), IsOkAndHolds(true));
  EXPECT_EQ(daemon_.Calls("Diff/Apply"), 2);
  // What holds it is its record.
  EXPECT_THAT(client_->ImageService()->Delete(ctx_, kImage, {images::SynchronousDelete()}), IsOk());
  EXPECT_THAT(content::ReadBlob(ctx_, *client_->ContentStore(), built.target),
              StatusIs(errdefs::IsNotFound));
  EXPECT_THAT(client_->SnapshotService("overlayfs")
                  ->Walk(ctx_,
                         [](const Context&, const snapshots::Info& info) {
                           return errdefs::AlreadyExists(info.name);
                         }),
              IsOk());
}

TEST_F(FakeDaemonTest, WhatItHasNotIsNotImplemented) {
  Container container = NewContainer("web");
  Task task = Started(container);
  EXPECT_THAT(task.Metrics(ctx_), StatusIs(errdefs::IsNotImplemented));
  EXPECT_THAT(task.Checkpoint(ctx_),
              StatusIs(errdefs::IsNotImplemented, HasSubstr("the fake daemon does not serve it")));
  EXPECT_THAT(client_->DiffService()->Compare(ctx_, {}, {}), StatusIs(errdefs::IsNotImplemented));
  EXPECT_THAT(client_->SandboxController("shim")->Platform(ctx_, "pod"),
              StatusIs(errdefs::IsNotImplemented));
}

TEST_F(FakeDaemonTest, ATaskDoesWhatItsScriptSays) {
  daemon_.Script("web", {.exit_code = 3,
                         .out = std::string(100'000, 'o'),
                         .err = "oh\n",
                         .runs = absl::Milliseconds(1),
                         .reads_stdin = true,
                         .echoes = true});
  Container container = NewContainer("web");
  std::string out;
  std::string err;
  absl::StatusOr<Task> task =
      container.NewTask(ctx_, Streams(&out, &err, cio::Source::FromString("typed\n")));
  ASSERT_THAT(task, IsOk());
  Future<ExitStatus> exit = task->Wait(ctx_);
  ASSERT_THAT(task->Start(ctx_), IsOk());
  EXPECT_THAT(task->CloseIO(ctx_, {WithStdinCloser}), IsOk());
  absl::StatusOr<ExitStatus> status = exit.Get(ctx_);
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->ExitCode(), 3U);
  EXPECT_EQ(daemon_.Stdin("test", "web"), "typed\n");
  EXPECT_THAT(task->Delete(ctx_), IsOk());
  EXPECT_EQ(out, std::string(100'000, 'o') + "typed\n");
  EXPECT_EQ(err, "oh\n");
  EXPECT_THAT(container.Delete(ctx_, {WithSnapshotCleanup}), IsOk());
  EXPECT_EQ(daemon_.Calls("Tasks/Start"), 1);
}

TEST_F(FakeDaemonTest, SignalsExecsAndPauses) {
  daemon_.Script("web", {.runs = absl::InfiniteDuration(), .ignores = {SIGHUP}});
  std::vector<std::string> args;
  daemon_.OnProcess([&](const ScriptedProcess& process) {
    args = process.args;
    return ProcessScript{.exit_code = 7, .out = "exec"};
  });
  Container container = NewContainer("web");
  Task task = Started(container);
  std::string out;
  absl::StatusOr<Process> exec =
      task.Exec(ctx_, "e", {.args = {"ls", "-l"}, .cwd = "/"}, Streams(&out, &out));
  ASSERT_THAT(exec, IsOk());
  EXPECT_THAT(exec->Start(ctx_), IsOk());
  EXPECT_EQ(ExitOf(*exec), 7U);
  EXPECT_THAT(exec->Delete(ctx_), IsOk());
  EXPECT_EQ(out, "exec");
  EXPECT_THAT(args, ElementsAre("ls", "-l"));

  EXPECT_THAT(task.Pause(ctx_), IsOk());
  EXPECT_THAT(task.Resume(ctx_), IsOk());
  EXPECT_THAT(task.Delete(ctx_), StatusIs(errdefs::IsFailedPrecondition));
  EXPECT_THAT(task.Kill(ctx_, SIGHUP), IsOk());
  EXPECT_THAT(task.Kill(ctx_, SIGTERM), IsOk());
  EXPECT_EQ(ExitOf(task), 128U + SIGTERM);
  EXPECT_THAT(daemon_.Signals("test", "web"), ElementsAre(SIGHUP, SIGTERM));
  EXPECT_THAT(task.Kill(ctx_, SIGTERM), StatusIs(errdefs::IsNotFound));
  EXPECT_THAT(task.Delete(ctx_), IsOk());
  EXPECT_THAT(container.Task(ctx_), StatusIs(errdefs::IsNotFound));
}

TEST_F(FakeDaemonTest, EventsAreThoseOfADaemon) {
  daemon_.Script("web", {.exit_code = 4});
  const auto subscription = client_->Subscribe(ctx_, {R"(topic~="^/tasks/")"});
  const auto exits = client_->Subscribe(ctx_, {R"(event.container_id==web,topic=="/tasks/exit")"});
  ASSERT_THAT(subscription->WaitReady(ctx_), IsOk());
  ASSERT_THAT(exits->WaitReady(ctx_), IsOk());
  Container container = NewContainer("web");
  Task task = Started(container);
  EXPECT_EQ(ExitOf(task), 4U);
  EXPECT_THAT(task.Delete(ctx_), IsOk());
  for (const char* topic : {"/tasks/create", "/tasks/start", "/tasks/exit", "/tasks/delete"}) {
    absl::StatusOr<events::Item> item = subscription->Next(ctx_);
    ASSERT_THAT(item, IsOk());
    EXPECT_EQ(std::get<events::Envelope>(*item).topic, topic);
    EXPECT_EQ(std::get<events::Envelope>(*item).ns, "test");
  }
  absl::StatusOr<events::Item> item = exits->Next(ctx_);
  ASSERT_THAT(item, IsOk());
  const auto exit = events::Decode<events::TaskExit>(std::get<events::Envelope>(*item));
  ASSERT_THAT(exit, IsOk());
  EXPECT_EQ(exit->exit_status(), 4U);

  daemon_.LoseEvents(true);
  daemon_.Publish("test", "/tasks/oom", {.type_url = "a", .value = ""});
  daemon_.LoseEvents(false);
  daemon_.Publish("test", "/tasks/paused", {.type_url = "a", .value = ""});
  item = subscription->Next(ctx_);
  ASSERT_THAT(item, IsOk());
  EXPECT_EQ(std::get<events::Envelope>(*item).topic, "/tasks/paused");
}

TEST_F(FakeDaemonTest, AnExecDiesAloneThoughAllAreToBeKilled) {
  daemon_.Script("web", {.runs = absl::InfiniteDuration()});
  daemon_.OnProcess(
      [](const ScriptedProcess&) { return ProcessScript{.runs = absl::InfiniteDuration()}; });
  Container container = NewContainer("web");
  Task task = Started(container);
  absl::StatusOr<Process> exec = task.Exec(ctx_, "e", {.args = {"sleep"}, .cwd = "/"}, cio::NullIO);
  ASSERT_THAT(exec, IsOk());
  ASSERT_THAT(exec->Start(ctx_), IsOk());
  EXPECT_THAT(exec->Kill(ctx_, SIGKILL, {WithKillAll}), IsOk());
  EXPECT_EQ(ExitOf(*exec), 128U + SIGKILL);
  EXPECT_THAT(exec->Delete(ctx_), IsOk());
  EXPECT_THAT(daemon_.Signals("test", "web"), ::testing::IsEmpty());
  EXPECT_THAT(task.Delete(ctx_, {WithProcessKill}), IsOk());
}

TEST_F(FakeDaemonTest, ASandboxRunsUntilItIsStopped) {
  const auto events = client_->Subscribe(ctx_, {R"(topic~="^/sandboxes/")"});
  ASSERT_THAT(events->WaitReady(ctx_), IsOk());
  absl::StatusOr<Sandbox> pod =
      client_->NewSandbox(ctx_, "pod", {WithSandboxRuntime("io.containerd.runc.v2")});
  ASSERT_THAT(pod, IsOk());
  const auto state = [&] {
    const auto status = client_->SandboxController("shim")->Status(ctx_, "pod", /*verbose=*/true);
    EXPECT_THAT(status, IsOk());
    EXPECT_EQ(status->info.at("runtime"), "io.containerd.runc.v2");
    return status->state;
  };
  EXPECT_EQ(state(), "SANDBOX_NOTREADY");
  ASSERT_THAT(pod->Start(ctx_), IsOk());
  EXPECT_THAT(pod->Start(ctx_), StatusIs(errdefs::IsFailedPrecondition));
  EXPECT_EQ(state(), "SANDBOX_READY");
  Future<ExitStatus> exit = pod->Wait(ctx_);
  EXPECT_FALSE(exit.IsReady());
  ASSERT_THAT(pod->Stop(ctx_), IsOk());
  const absl::StatusOr<ExitStatus> status = exit.Get(ctx_);
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->ExitCode(), 0U);
  EXPECT_EQ(state(), "SANDBOX_NOTREADY");
  EXPECT_THAT(daemon_.ExitSandbox("test", "pod", 1), StatusIs(errdefs::IsNotFound));
  for (const char* topic : {"/sandboxes/create", "/sandboxes/start", "/sandboxes/exit"}) {
    absl::StatusOr<events::Item> item = events->Next(ctx_);
    ASSERT_THAT(item, IsOk());
    EXPECT_EQ(std::get<events::Envelope>(*item).topic, topic);
  }
}

TEST_F(FakeDaemonTest, ASandboxTakesItsTasksAlong) {
  daemon_.Script("inside", {.runs = absl::InfiniteDuration()});
  absl::StatusOr<Sandbox> pod = client_->NewSandbox(ctx_, "pod");
  ASSERT_THAT(pod, IsOk());
  ASSERT_THAT(pod->Start(ctx_), IsOk());
  const auto run = [&](const char* id, const std::vector<NewContainerOpt>& opts) {
    absl::StatusOr<Container> container = client_->NewContainer(ctx_, id, opts);
    EXPECT_THAT(container, IsOk());
    return Started(*container);
  };
  Task inside = run("inside", {WithNewSpec(), WithSandbox("pod")});
  Task outside = run("outside", {WithNewSpec()});
  Future<ExitStatus> exit = inside.Wait(ctx_);
  Future<ExitStatus> pod_exit = pod->Wait(ctx_);
  EXPECT_THAT(daemon_.ExitSandbox("other", "pod", 9), StatusIs(errdefs::IsNotFound));
  EXPECT_THAT(daemon_.ExitSandbox("test", "pod", 9), IsOk());
  absl::StatusOr<ExitStatus> status = exit.Get(ctx_);
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->ExitCode(), 128U + SIGKILL);
  status = pod_exit.Get(ctx_);
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->ExitCode(), 9U);
  EXPECT_THAT(outside.Status(ctx_), IsOk());

  EXPECT_THAT(client_->LoadSandbox(ctx_, "pod"), IsOk());
  daemon_.Restart({.forget_tasks = true});
  EXPECT_THAT(pod->Wait(ctx_).Get(ctx_), StatusIs(errdefs::IsNotFound));
}

TEST_F(FakeDaemonTest, FaultsComeOnDemand) {
  daemon_.Script("web", {.runs = absl::InfiniteDuration()});
  Container container = NewContainer("web");
  absl::StatusOr<Task> task = container.NewTask(ctx_, cio::NullIO);
  ASSERT_THAT(task, IsOk());
  daemon_.Fail("Tasks/Start", 1, {.error = errdefs::ResourceExhausted("no memory")});
  EXPECT_THAT(task->Start(ctx_), StatusIs(errdefs::IsResourceExhausted, HasSubstr("no memory")));
  daemon_.Fail("Tasks/Start", 1, {.error = errdefs::DeadlineExceeded("lost"), .served = true});
  EXPECT_THAT(task->Start(ctx_), StatusIs(errdefs::IsDeadlineExceeded));
  EXPECT_THAT(task->Start(ctx_), StatusIs(errdefs::IsUnknown));  // it had been started

  daemon_.Fail("Tasks/Get", 1, {.delay = absl::InfiniteDuration()});
  EXPECT_THAT(task->Status(WithTimeout(ctx_, absl::Milliseconds(20))),
              StatusIs(errdefs::IsDeadlineExceeded));
  daemon_.Fail("Version/Version", 1, {.delay = absl::Milliseconds(20)});
  const absl::Time before = absl::Now();
  EXPECT_THAT(client_->Version(ctx_), IsOk());
  EXPECT_GE(absl::Now() - before, absl::Milliseconds(20));
  daemon_.Fail("Tasks/Kill", 1, {.disconnect = true});
  EXPECT_THAT(task->Kill(ctx_, SIGKILL), StatusIs(errdefs::IsUnavailable));
}

TEST_F(FakeDaemonTest, MethodsHaveTwoNames) {
  int calls = 0;
  for (const char* name : {"Tasks/List", "containerd.services.tasks.v1.Tasks/List",
                           "/containerd.services.tasks.v1.Tasks/List"}) {
    daemon_.Fail(name, 1, {.error = errdefs::Aborted(name)});
    EXPECT_THAT(client_->TaskService()->List(ctx_, {}),
                StatusIs(errdefs::IsAborted, HasSubstr(name)));
    EXPECT_EQ(daemon_.Calls(name), ++calls) << name;
  }
  EXPECT_NONFATAL_FAILURE(daemon_.Fail("Tasks/Strat", 1, {}),
                          "no method Tasks/Strat; it does, of Tasks: CloseIO Create");
  EXPECT_NONFATAL_FAILURE(daemon_.Calls("asks/List"), "of the services Containers Content");
  EXPECT_NONFATAL_FAILURE(daemon_.Calls("List"), "no method List");
}

// One that finds nobody has a pause before it tries again: a test would have to wait for that.
TEST_F(FakeDaemonTest, WhoeverIsCutOffCanConnectAgainAtOnce) {
  std::atomic<bool> done = false;
  std::thread connects([&] {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    daemon_.Address().copy(address.sun_path, sizeof(address.sun_path) - 1);
    const auto connected = [&] {
      const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const int rc = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
      ::close(fd);
      return rc == 0;
    };
    // What was there may go between the lookup and the connection; what comes is there already.
    while (!done) {
      ASSERT_TRUE(connected() || connected());
      absl::SleepFor(absl::Milliseconds(1));  // so that the server gets to close them
    }
  });
  for (int i = 0; i < 20; ++i) daemon_.Restart({.forget_tasks = true});
  daemon_.Fail("Version/Version", 0, {.disconnect = true});
  for (int i = 0; i < 20; ++i)
    EXPECT_THAT(client_->Version(ctx_), StatusIs(errdefs::IsUnavailable));
  done = true;
  connects.join();
}

TEST_F(FakeDaemonTest, ARestartForgetsTasksIfItIsTold) {
  daemon_.Script("web", {.exit_code = 5, .runs = absl::InfiniteDuration()});
  Container container = NewContainer("web");
  Task task = Started(container);
  Future<ExitStatus> exit = task.Wait(ctx_);
  daemon_.Restart();
  EXPECT_THAT(daemon_.Exit("test", "web", 5), IsOk());
  absl::StatusOr<ExitStatus> status = exit.Get(ctx_);
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->ExitCode(), 5U);
  daemon_.Restart({.forget_tasks = true});
  // One of gRPC's threads may be about to close the old connection still.
  absl::StatusOr<Task> forgotten = container.Task(ctx_);
  if (errdefs::IsUnavailable(forgotten.status())) forgotten = container.Task(ctx_);
  EXPECT_THAT(forgotten, StatusIs(errdefs::IsNotFound));
  EXPECT_THAT(client_->LoadContainer(ctx_, "web"), IsOk());
}

}  // namespace
}  // namespace containerd::testing
