// SPDX-License-Identifier: Apache-2.0
#include "containerd/tasks/tasks.h"

#include <functional>
#include <memory>

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/rpc/connection.h"
#include "containerd/services/tasks/v1/tasks.grpc.pb.h"
#include "containerd/services/tasks/v1/tasks_mock.grpc.pb.h"

namespace containerd::tasks {

// On a stub of the test's: defined beside the proxy, and declared nowhere else.
std::shared_ptr<Service> NewTaskService(
    std::shared_ptr<services::tasks::v1::Tasks::StubInterface> stub);

namespace {

namespace pb = ::containerd::services::tasks::v1;
using ::testing::_;
using ::testing::DoAll;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Return;
using ::testing::SaveArg;
using ::testing::SetArgPointee;

class TasksTest : public testing::Test {
 protected:
  std::shared_ptr<pb::MockTasksStub> stub_ = std::make_shared<pb::MockTasksStub>();
  std::shared_ptr<Service> tasks_ = NewTaskService(stub_);
  Context ctx_ = WithNamespace(Context::Background(), "test");
};

TEST_F(TasksTest, Create) {
  pb::CreateTaskRequest request;
  pb::CreateTaskResponse response;
  response.set_pid(42);
  EXPECT_CALL(*stub_, Create(_, _, _))
      .WillRepeatedly(
          DoAll(SaveArg<1>(&request), SetArgPointee<2>(response), Return(grpc::Status::OK)));
  auto pid = tasks_->Create(ctx_, {.container_id = "web",
                                   .rootfs = {{.type = "bind", .source = "/r", .options = {"ro"}}},
                                   .stdin_path = "/in",
                                   .stdout_path = "/out",
                                   .stderr_path = "/err",
                                   .terminal = true,
                                   .checkpoint = ocispec::Descriptor{.digest = "sha256:1"},
                                   .options = {.type_url = "u", .value = "v"},
                                   .runtime_path = "/shim",
                                   .task_api_address = "unix:///a",
                                   .task_api_version = 3});
  ASSERT_TRUE(pid.ok()) << pid.status();
  EXPECT_EQ(*pid, 42U);
  EXPECT_EQ(request.container_id(), "web");
  ASSERT_EQ(request.rootfs_size(), 1);
  EXPECT_EQ(request.rootfs(0).source(), "/r");
  EXPECT_EQ(request.stdin(), "/in");
  EXPECT_EQ(request.stdout(), "/out");
  EXPECT_EQ(request.stderr(), "/err");
  EXPECT_TRUE(request.terminal());
  EXPECT_EQ(request.checkpoint().digest(), "sha256:1");
  EXPECT_EQ(request.options().type_url(), "u");
  EXPECT_EQ(request.options().value(), "v");
  EXPECT_EQ(request.runtime_path(), "/shim");
  EXPECT_EQ(request.task_api_address(), "unix:///a");
  EXPECT_EQ(request.task_api_version(), 3U);

  ASSERT_TRUE(tasks_->Create(ctx_, {.container_id = "bare"}).ok());
  EXPECT_FALSE(request.has_checkpoint());
  EXPECT_FALSE(request.has_options());
}

TEST_F(TasksTest, GetAndList) {
  pb::GetResponse get;
  auto* process = get.mutable_process();
  process->set_container_id("web");
  process->set_id("exec");
  process->set_pid(7);
  process->set_status(v1::types::STOPPED);
  process->set_stdout("/out");
  process->set_exit_status(137);
  process->mutable_exited_at()->set_seconds(9);
  EXPECT_CALL(*stub_, Get(_, _, _))
      .WillOnce(DoAll(SetArgPointee<2>(get), Return(grpc::Status::OK)));
  const Process want{.container_id = "web",
                     .id = "exec",
                     .pid = 7,
                     .status = Status::kStopped,
                     .stdout_path = "/out",
                     .exit_status = 137,
                     .exited_at = absl::FromUnixSeconds(9)};
  EXPECT_EQ(*tasks_->Get(ctx_, "web", "exec"), want);

  pb::ListTasksResponse list;
  *list.add_tasks() = get.process();
  list.add_tasks()->set_status(static_cast<v1::types::Status>(99));
  EXPECT_CALL(*stub_, List(_, _, _))
      .WillOnce(DoAll(SetArgPointee<2>(list), Return(grpc::Status::OK)));
  EXPECT_THAT(*tasks_->List(ctx_), ElementsAre(want, Process{}));
}

TEST_F(TasksTest, RequestsCarryTheirArguments) {
  pb::KillRequest kill;
  EXPECT_CALL(*stub_, Kill(_, _, _)).WillOnce(DoAll(SaveArg<1>(&kill), Return(grpc::Status::OK)));
  EXPECT_TRUE(
      tasks_->Kill(ctx_, {.container_id = "c", .exec_id = "e", .signal = 9, .all = true}).ok());
  EXPECT_EQ(kill.ShortDebugString(), R"(container_id: "c" exec_id: "e" signal: 9 all: true)");

  pb::ExecProcessRequest exec;
  EXPECT_CALL(*stub_, Exec(_, _, _)).WillOnce(DoAll(SaveArg<1>(&exec), Return(grpc::Status::OK)));
  EXPECT_TRUE(tasks_
                  ->Exec(ctx_, {.container_id = "c",
                                .exec_id = "e",
                                .stdin_path = "i",
                                .stdout_path = "o",
                                .stderr_path = "r",
                                .terminal = true,
                                .spec = {.type_url = "u", .value = "v"}})
                  .ok());
  EXPECT_EQ(exec.stdin() + exec.stdout() + exec.stderr(), "ior");
  EXPECT_TRUE(exec.terminal());
  EXPECT_EQ(exec.spec().value(), "v");

  pb::ResizePtyRequest resize;
  EXPECT_CALL(*stub_, ResizePty(_, _, _))
      .WillOnce(DoAll(SaveArg<1>(&resize), Return(grpc::Status::OK)));
  EXPECT_TRUE(tasks_->ResizePty(ctx_, "c", "", 80, 24).ok());
  EXPECT_EQ(resize.ShortDebugString(), R"(container_id: "c" width: 80 height: 24)");

  pb::CloseIORequest close;
  EXPECT_CALL(*stub_, CloseIO(_, _, _))
      .WillOnce(DoAll(SaveArg<1>(&close), Return(grpc::Status::OK)));
  EXPECT_TRUE(tasks_->CloseIO(ctx_, "c", "e", true).ok());
  EXPECT_TRUE(close.stdin());

  pb::UpdateTaskRequest update;
  EXPECT_CALL(*stub_, Update(_, _, _))
      .WillOnce(DoAll(SaveArg<1>(&update), Return(grpc::Status::OK)));
  EXPECT_TRUE(tasks_
                  ->Update(ctx_, {.container_id = "c",
                                  .resources = {.type_url = "u", .value = "v"},
                                  .annotations = {{"a", "b"}}})
                  .ok());
  EXPECT_EQ(update.resources().type_url(), "u");
  EXPECT_EQ(update.annotations().at("a"), "b");

  pb::CheckpointTaskRequest checkpoint;
  pb::CheckpointTaskResponse made;
  made.add_descriptors()->set_size(5);
  EXPECT_CALL(*stub_, Checkpoint(_, _, _))
      .WillOnce(DoAll(SaveArg<1>(&checkpoint), SetArgPointee<2>(made), Return(grpc::Status::OK)));
  EXPECT_THAT(*tasks_->Checkpoint(ctx_, "c", "parent", {}),
              ElementsAre(ocispec::Descriptor{.size = 5}));
  EXPECT_EQ(checkpoint.parent_checkpoint(), "parent");
  EXPECT_FALSE(checkpoint.has_options());
}

TEST_F(TasksTest, PidsAndMetrics) {
  pb::ListPidsResponse pids;
  pids.add_processes()->set_pid(1);
  pids.add_processes()->mutable_info()->set_type_url("u");
  EXPECT_CALL(*stub_, ListPids(_, _, _))
      .WillOnce(DoAll(SetArgPointee<2>(pids), Return(grpc::Status::OK)));
  EXPECT_THAT(*tasks_->ListPids(ctx_, "c"),
              ElementsAre(ProcessInfo{.pid = 1}, ProcessInfo{.info = {.type_url = "u"}}));

  pb::MetricsResponse metrics;
  metrics.add_metrics()->set_id("c");
  pb::MetricsRequest request;
  EXPECT_CALL(*stub_, Metrics(_, _, _))
      .WillOnce(DoAll(SaveArg<1>(&request), SetArgPointee<2>(metrics), Return(grpc::Status::OK)));
  EXPECT_THAT(*tasks_->Metrics(ctx_, {"id==c"}), ElementsAre(Metric{.id = "c"}));
  EXPECT_THAT(request.filters(), ElementsAre("id==c"));
}

TEST_F(TasksTest, ErrorsNameTheProcess) {
  EXPECT_CALL(*stub_, Start(_, _, _))
      .WillOnce(Return(grpc::Status(grpc::StatusCode::NOT_FOUND, "not found")))
      .WillOnce(Return(grpc::Status(grpc::StatusCode::NOT_FOUND, "process the-exec: not found")));
  for (int i = 0; i < 2; ++i) {
    const absl::Status s = tasks_->Start(ctx_, "the-container", "the-exec").status();
    EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
    EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("the-container"));
    EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("the-exec"));
  }
}

TEST(Status, ToString) {
  EXPECT_EQ(ToString(Status::kUnknown), "unknown");
  EXPECT_EQ(ToString(Status::kCreated), "created");
  EXPECT_EQ(ToString(Status::kRunning), "running");
  EXPECT_EQ(ToString(Status::kStopped), "stopped");
  EXPECT_EQ(ToString(Status::kPaused), "paused");
  EXPECT_EQ(ToString(Status::kPausing), "pausing");
  EXPECT_EQ(ToString(static_cast<Status>(99)), "unknown");
}

// A daemon whose Wait answers when told to.
class WaitingDaemon final : public pb::Tasks::CallbackService {
 public:
  WaitingDaemon() {
    grpc::ServerBuilder builder;
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    conn_ = std::make_shared<rpc::Connection>(server_->InProcessChannel({}));
  }
  ~WaitingDaemon() override {
    conn_->Close();
    server_->Shutdown();
  }

  std::shared_ptr<rpc::Connection> conn() { return conn_; }

  // The next process that is waited for exits.
  void Exit(std::uint32_t status) {
    std::unique_lock lock(mu_);
    changed_.wait(lock, [&] { return !waits_.empty(); });
    auto [reactor, response] = waits_.back();
    waits_.pop_back();
    lock.unlock();
    response->set_exit_status(status);
    response->mutable_exited_at()->set_seconds(1000);
    reactor->Finish(grpc::Status::OK);
  }

  // Waits until as many Waits are under way.
  void Expect(std::size_t waits) {
    std::unique_lock lock(mu_);
    changed_.wait(lock, [&] { return waits_.size() == waits; });
  }

 private:
  grpc::ServerUnaryReactor* CloseIO(grpc::CallbackServerContext* ctx,
                                    const pb::CloseIORequest* request,
                                    google::protobuf::Empty* /*response*/) override {
    grpc::ServerUnaryReactor* reactor = ctx->DefaultReactor();
    if (request->container_id() == "c" && request->exec_id() == "e" && request->stdin()) {
      reactor->Finish(grpc::Status::OK);
    } else {
      reactor->Finish(grpc::Status(grpc::StatusCode::NOT_FOUND, "process missing: not found"));
    }
    return reactor;
  }

  struct Reactor final : grpc::ServerUnaryReactor {
    explicit Reactor(WaitingDaemon* d) : daemon(d) {}
    void OnCancel() override {
      {
        std::lock_guard lock(daemon->mu_);
        if (std::erase_if(daemon->waits_, [&](auto& w) { return w.first == this; }) == 0) return;
        daemon->changed_.notify_all();
      }
      Finish(grpc::Status::CANCELLED);
    }
    void OnDone() override { delete this; }
    WaitingDaemon* daemon;
  };

  grpc::ServerUnaryReactor* Wait(grpc::CallbackServerContext* /*ctx*/,
                                 const pb::WaitRequest* request,
                                 pb::WaitResponse* response) override {
    auto* reactor = new Reactor(this);
    if (request->exec_id() == "missing") {
      reactor->Finish(grpc::Status(grpc::StatusCode::NOT_FOUND, "process missing: not found"));
      return reactor;
    }
    std::lock_guard lock(mu_);
    waits_.emplace_back(reactor, response);
    changed_.notify_all();
    return reactor;
  }

  std::mutex mu_;
  std::condition_variable changed_;
  std::vector<std::pair<Reactor*, pb::WaitResponse*>> waits_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<rpc::Connection> conn_;
};

TEST(Wait, GivesTheExit) {
  WaitingDaemon daemon;
  const auto tasks = NewTaskService(daemon.conn());
  Future<WaitResponse> exit = tasks->Wait(Context::Background(), "c", "");
  EXPECT_FALSE(exit.IsReady());
  daemon.Exit(3);
  const auto response = exit.Get(Context::Background());
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(*response, (WaitResponse{.exit_status = 3, .exited_at = absl::FromUnixSeconds(1000)}));

  exit = tasks->Wait(Context::Background(), "c", "missing");
  const absl::Status s = exit.Get(Context::Background()).status();
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
}

TEST(CloseIOAsync, TellsTheOutcome) {
  WaitingDaemon daemon;
  const auto tasks = NewTaskService(daemon.conn());
  const Context ctx = WithTimeout(Context::Background(), absl::Seconds(30));
  EXPECT_TRUE(tasks->CloseIOAsync(ctx, "c", "e", true).Get(ctx).ok());

  absl::Status s = tasks->CloseIOAsync(ctx, "c", "missing", true).Get(ctx).status();
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
  EXPECT_THAT(errdefs::Message(s), HasSubstr("missing"));
  EXPECT_FALSE(tasks->CloseIOAsync(ctx, "c", "e", false).Get(ctx).ok()) << "what is closed is sent";

  auto [ended, cancel] = WithCancel(ctx);
  cancel();
  s = tasks->CloseIOAsync(ended, "c", "e", true).Get(ctx).status();
  EXPECT_TRUE(errdefs::IsCanceled(s)) << s;
  daemon.conn()->Close();
  s = tasks->CloseIOAsync(ctx, "c", "e", true).Get(ctx).status();
  EXPECT_TRUE(errdefs::IsUnavailable(s)) << s;
}

TEST(Wait, EndsWithItsContext) {
  WaitingDaemon daemon;
  const auto tasks = NewTaskService(daemon.conn());
  auto [ctx, cancel] = WithCancel(Context::Background());
  Future<WaitResponse> exit = tasks->Wait(ctx, "c", "");
  daemon.Expect(1);
  cancel();
  EXPECT_TRUE(errdefs::IsCanceled(exit.Get(Context::Background()).status()));
  daemon.Expect(0);

  exit = tasks->Wait(WithTimeout(Context::Background(), absl::Milliseconds(20)), "c", "");
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(exit.Get(Context::Background()).status()));

  exit = tasks->Wait(ctx, "c", "");
  EXPECT_TRUE(exit.IsReady()) << "the context had ended before";
  EXPECT_TRUE(errdefs::IsCanceled(exit.Get(Context::Background()).status()));
}

TEST(Wait, EndsWithTheConnection) {
  WaitingDaemon daemon;
  const auto tasks = NewTaskService(daemon.conn());
  Future<WaitResponse> exit = tasks->Wait(Context::Background(), "c", "");
  daemon.Expect(1);
  daemon.conn()->Close();
  EXPECT_TRUE(errdefs::IsCanceled(exit.Get(Context::Background()).status()));
}

}  // namespace
}  // namespace containerd::tasks
