// SPDX-License-Identifier: Apache-2.0
//
// The supervisor with a real containerd, and what the other tests rely on: that nothing is left.
#include "containerd/supervisor/supervisor.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include <absl/time/clock.h>
#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include "containerd/cio/cio.h"
#include "containerd/client.h"
#include "containerd/container.h"
#include "containerd/container_opts.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/oci/oci.h"
#include "containerd/process.h"
#include "containerd/services/containers/v1/containers.grpc.pb.h"
#include "containerd/services/content/v1/content.grpc.pb.h"
#include "containerd/services/leases/v1/leases.grpc.pb.h"
#include "containerd/services/namespaces/v1/namespaces.grpc.pb.h"
#include "containerd/services/snapshots/v1/snapshots.grpc.pb.h"
#include "containerd/services/tasks/v1/tasks.grpc.pb.h"
#include "containerd/services/version/v1/version.grpc.pb.h"
#include "containerd/task.h"

#include "harness.h"

namespace containerd::testing {
namespace {

namespace fs = std::filesystem;

// Whether any process of the machine has `text` among its arguments.
bool SomebodyRunsWith(const std::string& text) {
  for (const auto& entry : fs::directory_iterator("/proc")) {
    if (ReadFile(entry.path() / "cmdline").find(text) != std::string::npos) return true;
  }
  return false;
}

std::shared_ptr<grpc::Channel> Dial(const std::string& address) {
  return grpc::CreateChannel("unix:" + address, grpc::InsecureChannelCredentials());
}

void Prepare(grpc::ClientContext& context, const std::string& ns) {
  context.AddMetadata("containerd-namespace", ns);
  context.set_wait_for_ready(true);
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(60)));
}

// An argument for sleep(1) that no other process has.
std::string UniqueArgument() {
  static int n = 0;
  return fmt::format("{}{:06}", 1000 + n++, getpid());
}

// Runs `sleep <argument>` as task "sleeper".
void StartSleeper(const std::string& address, const std::string& ns, const std::string& argument) {
  namespace cpb = ::containerd::services::containers::v1;
  namespace tpb = ::containerd::services::tasks::v1;
  const auto channel = Dial(address);
  const std::string spec =
      fmt::format(R"({{"ociVersion":"1.0.2","process":{{"user":{{"uid":0,"gid":0}},"cwd":"/",)"
                  R"("args":["/bin/sleep","{}"]}},"root":{{"path":"rootfs"}},)"
                  R"("mounts":[{{"destination":"/proc","type":"proc","source":"proc"}},)"
                  R"({{"destination":"/dev","type":"tmpfs","source":"tmpfs"}}],)"
                  R"("linux":{{"cgroupsPath":"/{}/sleeper","namespaces":[{{"type":"pid"}},)"
                  R"({{"type":"mount"}}]}}}})",
                  argument, ns);
  {
    grpc::ClientContext context;
    Prepare(context, ns);
    cpb::CreateContainerRequest request;
    cpb::CreateContainerResponse response;
    request.mutable_container()->set_id("sleeper");
    request.mutable_container()->mutable_runtime()->set_name("io.containerd.runc.v2");
    request.mutable_container()->mutable_spec()->set_type_url(
        "types.containerd.io/opencontainers/runtime-spec/1/Spec");
    request.mutable_container()->mutable_spec()->set_value(spec);
    const grpc::Status status =
        cpb::Containers::NewStub(channel)->Create(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  {
    grpc::ClientContext context;
    Prepare(context, ns);
    tpb::CreateTaskRequest request;
    tpb::CreateTaskResponse response;
    request.set_container_id("sleeper");
    auto* mount = request.add_rootfs();
    mount->set_type("bind");
    mount->set_source(BusyboxRootfs());
    mount->add_options("rbind");
    mount->add_options("ro");
    const grpc::Status status = tpb::Tasks::NewStub(channel)->Create(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  grpc::ClientContext context;
  Prepare(context, ns);
  tpb::StartRequest request;
  tpb::StartResponse response;
  request.set_container_id("sleeper");
  const grpc::Status status = tpb::Tasks::NewStub(channel)->Start(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  // The task is started when runc has let it go; that it has become `sleep` may take a moment.
  const absl::Time limit = absl::Now() + absl::Minutes(1);
  while (!SomebodyRunsWith(argument) && absl::Now() < limit) std::this_thread::yield();
}

// A lease, an ingest, content, and two snapshots one on the other.
void LeaveThings(const std::string& address, const std::string& ns) {
  namespace lpb = ::containerd::services::leases::v1;
  namespace cpb = ::containerd::services::content::v1;
  namespace spb = ::containerd::services::snapshots::v1;
  const auto channel = Dial(address);
  {
    grpc::ClientContext context;
    Prepare(context, ns);
    lpb::CreateRequest request;
    request.set_id("kept");
    lpb::CreateResponse response;
    EXPECT_TRUE(lpb::Leases::NewStub(channel)->Create(&context, request, &response).ok());
  }
  for (const cpb::WriteAction action : {cpb::WRITE, cpb::COMMIT}) {
    grpc::ClientContext context;
    Prepare(context, ns);
    context.AddMetadata("containerd-lease", "kept");
    const auto stream = cpb::Content::NewStub(channel)->Write(&context);
    cpb::WriteContentRequest request;
    request.set_action(action);
    request.set_ref(fmt::format("ref-{}", static_cast<int>(action)));
    request.set_data(ns);
    stream->WriteLast(request, grpc::WriteOptions());
    cpb::WriteContentResponse response;
    while (stream->Read(&response)) {
    }
    const grpc::Status status = stream->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
  const auto stub = spb::Snapshots::NewStub(channel);
  {
    grpc::ClientContext context;
    Prepare(context, ns);
    context.AddMetadata("containerd-lease", "kept");
    spb::PrepareSnapshotRequest request;
    request.set_snapshotter("native");
    request.set_key("lower");
    spb::PrepareSnapshotResponse response;
    EXPECT_TRUE(stub->Prepare(&context, request, &response).ok());
  }
  {
    grpc::ClientContext context;
    Prepare(context, ns);
    context.AddMetadata("containerd-lease", "kept");
    spb::CommitSnapshotRequest request;
    request.set_snapshotter("native");
    request.set_key("lower");
    request.set_name("a-base");
    google::protobuf::Empty response;
    EXPECT_TRUE(stub->Commit(&context, request, &response).ok());
  }
  grpc::ClientContext context;
  Prepare(context, ns);
  context.AddMetadata("containerd-lease", "kept");
  spb::PrepareSnapshotRequest request;
  request.set_snapshotter("native");
  request.set_key("upper");
  request.set_parent("a-base");
  spb::PrepareSnapshotResponse response;
  EXPECT_TRUE(stub->Prepare(&context, request, &response).ok());
}

class SupervisorDaemon : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<supervisor::Daemon>> StartAnother(
      const std::vector<supervisor::DaemonOpt>& more = {}) {
    std::vector<supervisor::DaemonOpt> opts = DaemonOpts();
    opts.insert(opts.end(), more.begin(), more.end());
    return supervisor::Start(ctx(), dir() + "/r", dir() + "/s", opts);
  }

  const std::string& dir() const { return dir_.path(); }
  static Context ctx() { return WithTimeout(Context::Background(), absl::Minutes(1)); }

  // The daemon's version, as it says itself.
  static std::string Version(const std::string& address) {
    namespace pb = ::containerd::services::version::v1;
    const auto channel = Dial(address);
    grpc::ClientContext context;
    Prepare(context, "version");
    pb::VersionResponse response;
    const grpc::Status status = pb::Version::NewStub(channel)->Version(&context, {}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.version();
  }

 private:
  TestDir dir_;
};

TEST_F(SupervisorDaemon, ServesAndLeavesNothing) {
  // A negative OOM score needs a capability that the daemon may lack: it has to start even so.
  auto started = StartAnother({supervisor::WithOOMScore(-500), supervisor::WithLogFormat("json")});
  ASSERT_TRUE(started.ok()) << started.status();
  const std::string address = (*started)->Address();
  EXPECT_NE(Version(address), "");
  EXPECT_NE(ReadFile(dir() + "/s/containerd.log").find("\"msg\":"), std::string::npos);
  started->reset();
  EXPECT_FALSE(fs::exists(dir() + "/r"));
  EXPECT_FALSE(fs::exists(dir() + "/s"));
  EXPECT_FALSE(SomebodyRunsWith(dir()));
}

TEST_F(SupervisorDaemon, ComesBackAfterAKill) {
  auto started = StartAnother();
  ASSERT_TRUE(started.ok()) << started.status();
  supervisor::Daemon& other = **started;
  const pid_t pid = other.Pid();
  ASSERT_TRUE(other.Kill(ctx()).ok());
  ASSERT_TRUE(other.WaitReady(ctx()).ok());
  EXPECT_NE(other.Pid(), pid);
  EXPECT_NE(Version(other.Address()), "");
  ASSERT_TRUE(other.Restart(ctx()).ok());
  EXPECT_EQ(other.Starts(), 3);
  EXPECT_NE(Version(other.Address()), "");
}

TEST_F(SupervisorDaemon, ConfigurationThatContainerdRefuses) {
  const absl::Status status =
      StartAnother({supervisor::WithConfig("[grpc]\n  address = 7")}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("its last words: containerd: "));
}

// Tasks that still run when the daemon is stopped: their shims, processes, mounts, sockets and
// cgroups go with it.
TEST_F(SupervisorDaemon, CleanupEndsTasks) {
  const std::string ns = UniqueName("supervisor");
  auto started = StartAnother();
  ASSERT_TRUE(started.ok()) << started.status();
  const std::string argument = UniqueArgument();
  StartSleeper((*started)->Address(), ns, argument);
  ASSERT_TRUE(SomebodyRunsWith(argument));
  EXPECT_TRUE(SomebodyRunsWith((*started)->Address()));

  const absl::Status stopped = (*started)->Stop(ctx());
  EXPECT_TRUE(stopped.ok()) << stopped;
  EXPECT_FALSE(SomebodyRunsWith(argument));
  EXPECT_FALSE(SomebodyRunsWith((*started)->Address()));
  EXPECT_FALSE(fs::exists(dir() + "/s"));
  EXPECT_FALSE(fs::exists("/run/containerd/runc/" + ns));
  EXPECT_EQ(ReadFile("/proc/self/mountinfo").find(dir()), std::string::npos);
}

// One whose shim was killed before it started anything: there is nothing that it could delete.
TEST_F(SupervisorDaemon, CleanupTakesATaskThatHasNotBegun) {
  auto started = StartAnother();
  ASSERT_TRUE(started.ok()) << started.status();
  const std::string bundle = fmt::format("{}/s/daemon/io.containerd.runtime.v2.task/{}/early",
                                         dir(), UniqueName("supervisor"));
  ASSERT_TRUE(fs::create_directories(bundle + "/rootfs"));
  std::ofstream(bundle + "/config.json") << "{}";
  const absl::Status stopped = (*started)->Stop(ctx());
  EXPECT_TRUE(stopped.ok()) << stopped;
  EXPECT_FALSE(fs::exists(dir() + "/s"));
}

// Two daemons with containers of the same namespace and id.
TEST_F(SupervisorDaemon, TwoDaemonsKeepTheSameContainerApart) {
  const std::string ns = UniqueName("apart");
  const Context run = WithNamespace(ctx(), ns);
  const TestDir second;
  struct Side {
    std::unique_ptr<supervisor::Daemon> daemon;
    std::unique_ptr<Client> client;
    std::vector<Task> tasks;
    std::string cgroup;
  };
  std::vector<Side> sides;
  for (const std::string& folder : {dir(), second.path()}) {
    auto daemon = supervisor::Start(ctx(), folder + "/r", folder + "/s", DaemonOpts());
    ASSERT_TRUE(daemon.ok()) << daemon.status();
    auto client = Client::New((*daemon)->Address(), {(*daemon)->KeepApart()});
    ASSERT_TRUE(client.ok()) << client.status();
    auto container = client->NewContainer(
        run, "same",
        {WithNewSpec({oci::WithRootFSPath(BusyboxRootfs()), oci::WithRootFSReadonly(),
                      oci::WithProcessArgs({"/bin/sleep", "1000"})})});
    ASSERT_TRUE(container.ok()) << container.status();
    auto task = container->NewTask(run, cio::NullIO);
    ASSERT_TRUE(task.ok()) << task.status();
    const absl::Status task_started = task->Start(run);
    ASSERT_TRUE(task_started.ok()) << task_started;
    EXPECT_TRUE(fs::exists(folder + "/s/runc/" + ns + "/same"));
    EXPECT_FALSE(fs::exists("/run/containerd/runc/" + ns));
    sides.push_back({*std::move(daemon),
                     std::make_unique<Client>(*client),
                     {*task},
                     ReadFile(fmt::format("/proc/{}/cgroup", task->Pid()))});
    EXPECT_NE(sides.back().cgroup.find("/containerd-"), std::string::npos);
    EXPECT_NE(sides.back().cgroup.find("/" + ns + "/same"), std::string::npos);
  }
  EXPECT_NE(sides[0].cgroup, sides[1].cgroup);

  // What is done to one does not reach the other.
  auto exit = sides[0].tasks[0].Delete(run, {WithProcessKill});
  EXPECT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(sides[1].tasks[0].Status(run)->status, ProcessStatus::kRunning);
  for (Side& side : sides) {
    const absl::Status stopped = side.daemon->Stop(ctx());
    EXPECT_TRUE(stopped.ok()) << stopped;
    const std::string path = side.cgroup.substr(side.cgroup.find("/containerd-"));
    const std::string parent = path.substr(0, path.find('/', 1));
    EXPECT_FALSE(fs::exists("/sys/fs/cgroup" + parent));
    EXPECT_FALSE(fs::exists("/sys/fs/cgroup/memory" + parent));
  }
}

// A runtime that cannot be told where to keep its state is refused rather than left to collide.
TEST_F(SupervisorDaemon, KeepApartRefusesARuntimeThatIsNotRuncs) {
  auto daemon = StartAnother();
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  auto client = Client::New((*daemon)->Address(), {(*daemon)->KeepApart()});
  ASSERT_TRUE(client.ok()) << client.status();
  const Context run = WithNamespace(ctx(), UniqueName("apart"));
  const auto container =
      client->NewContainer(run, "kata", {WithRuntime("io.containerd.kata.v2"), WithNewSpec()});
  EXPECT_TRUE(errdefs::IsNotImplemented(container.status())) << container.status();
  EXPECT_TRUE(client->Containers(run)->empty());
}

// What a test leaves in its namespace does not reach the next one.
TEST_F(SupervisorDaemon, TestNamespaceIsEmptied) {
  const std::string argument = UniqueArgument();
  std::string name;
  {
    const TestNamespace ns(*SharedClient());
    name = ns.name();
    StartSleeper(SharedAddress(), name, argument);
    ASSERT_TRUE(SomebodyRunsWith(argument));
    LeaveThings(SharedAddress(), name);
  }
  EXPECT_FALSE(SomebodyRunsWith(argument));
  namespace pb = ::containerd::services::namespaces::v1;
  const auto channel = Dial(SharedAddress());
  grpc::ClientContext context;
  Prepare(context, name);
  pb::ListNamespacesResponse response;
  const grpc::Status status = pb::Namespaces::NewStub(channel)->List(&context, {}, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  for (const pb::Namespace& listed : response.namespaces()) EXPECT_NE(listed.name(), name);
}

// The shared daemon, as the other tests will find it.
TEST_F(SupervisorDaemon, HarnessNamesAndPlugins) {
  EXPECT_TRUE(HasPlugin("io.containerd.grpc.v1", "containers"));
  EXPECT_FALSE(HasPlugin("io.containerd.grpc.v1", "no-such"));
  EXPECT_THAT(Snapshotters(*SharedClient()), ::testing::Contains("native"));
  EXPECT_NE(UniqueName("a"), UniqueName("a"));
  EXPECT_GT(fs::file_size(BusyboxArchive()), 100000U);
}

}  // namespace
}  // namespace containerd::testing
