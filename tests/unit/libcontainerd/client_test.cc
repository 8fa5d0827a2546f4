// SPDX-License-Identifier: Apache-2.0
#include "containerd/libcontainerd/client.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <absl/time/clock.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/container_opts.h"
#include "containerd/containers/containers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/libcontainerd/bundle.h"
#include "containerd/runc/v1/options.pb.h"
#include "containerd/testing/fake_daemon.h"
#include "containerd/testing/mocks/containers.h"
#include "containerd/testing/mocks/tasks.h"
#include "containerd/typeurl/typeurl.h"

#include "io/containerd/cgroups/v1/metrics.pb.h"
#include "io/containerd/cgroups/v2/metrics.pb.h"
#include "src/testing/internal/temp_folder.h"

namespace containerd::libcontainerd {
namespace {

namespace fs = std::filesystem;

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::NiceMock;

constexpr char kRuncV2[] = "io.containerd.runc.v2";

class Silent final : public Backend {
  absl::Status ProcessEvent(const std::string&, EventType, const EventInfo&) override {
    return absl::OkStatus();
  }
};

bool Eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return true;
    absl::SleepFor(absl::Milliseconds(10));
  }
  return condition();
}

// An engine on a daemon in this process.
class ClientTest : public ::testing::Test {
 protected:
  void SetUp() override { Connect({}); }

  void Connect(std::vector<ServicesOpt> services) {
    auto daemon_client = containerd::Client::New(daemon_.Address(), {WithServices(services)});
    ASSERT_TRUE(daemon_client.ok()) << daemon_client.status();
    daemon_client_ = std::make_unique<containerd::Client>(*std::move(daemon_client));
    auto client = Client::New(Context::Background(), *daemon_client_, State(), "test",
                              std::make_shared<Silent>());
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = std::make_unique<Client>(*std::move(client));
  }

  std::string State() const { return temp_.path() + "/state"; }
  std::string BundleOf(const std::string& id) const { return State() + "/" + id; }
  static specs::Spec SpecOf() { return {.process = specs::Process{.args = {"run"}, .cwd = "/"}}; }

  Container Made(const std::string& id) {
    auto container = client_->NewContainer(ctx_, id, SpecOf(), kRuncV2);
    EXPECT_TRUE(container.ok()) << container.status();
    return *std::move(container);
  }
  Task Started(Container& container) {
    auto task = container.NewTask(ctx_, "", false, AttachStreams({}, {}, {}));
    EXPECT_TRUE(task.ok()) << task.status();
    EXPECT_TRUE(task->Start(ctx_).ok());
    return *std::move(task);
  }
  std::vector<std::string> FilesOf(const std::string& id) const {
    std::vector<std::string> names;
    std::error_code err;
    for (const auto& entry : fs::directory_iterator(BundleOf(id), err)) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  const testing::internal::TempFolder temp_;
  testing::FakeDaemon daemon_;
  std::unique_ptr<containerd::Client> daemon_client_;
  std::unique_ptr<Client> client_;
  const Context ctx_ = WithTimeout(WithNamespace(Context::Background(), "test"), absl::Minutes(1));
};

TEST_F(ClientTest, WhatCannotBe) {
  const auto made = [&](const std::string& dir, const std::string& ns,
                        std::shared_ptr<Backend> backend) {
    return Client::New(ctx_, *daemon_client_, dir, ns, std::move(backend)).status();
  };
  const auto backend = std::make_shared<Silent>();
  for (const std::string& dir : {std::string(), std::string("state"), std::string("/"),
                                 std::string("/a/.."), std::string("/a\0/b", 5)}) {
    EXPECT_TRUE(errdefs::IsInvalidArgument(made(dir, "test", backend))) << dir;
  }
  EXPECT_TRUE(errdefs::IsInvalidArgument(made("/state", "a/b", backend)));
  EXPECT_TRUE(errdefs::IsInvalidArgument(made("/state", "test", nullptr)));
  auto [ended, cancel] = WithCancel(ctx_);
  cancel();
  EXPECT_TRUE(
      errdefs::IsCanceled(Client::New(ended, *daemon_client_, "/state", "test", backend).status()));
}

TEST_F(ClientTest, VersionIsTheDaemons) {
  EXPECT_EQ(client_->Version(ctx_)->version, "v2.1.0");
  daemon_.Stop();
  EXPECT_TRUE(errdefs::IsUnavailable(client_->Version(ctx_).status()));
}

TEST_F(ClientTest, OptionsRunBeforeTheSpecAndMayLackAnything) {
  std::vector<std::string> seen;
  const NewContainerOpt look = [&](const Context&, containerd::Client&,
                                   containers::Container& record) {
    seen.push_back(record.spec.type_url + record.labels[kBundlePathLabel]);
    record.runtime.name = "none";
  };
  // Neither a root nor Linux: Go panics.
  auto bare = client_->NewContainer(ctx_, "bare", specs::Spec{}, kRuncV2, {}, {look});
  ASSERT_TRUE(bare.ok()) << bare.status();
  EXPECT_THAT(seen, ElementsAre(""));
  auto record = daemon_client_->ContainerService()->Get(ctx_, "bare");
  ASSERT_TRUE(record.ok());
  EXPECT_EQ(record->runtime.name, kRuncV2);
  EXPECT_EQ(record->labels[kBundlePathLabel], BundleOf("bare"));

  runc::v1::Options options;
  options.set_binary_name("crun");
  ASSERT_TRUE(client_->NewContainer(ctx_, "crun", SpecOf(), kRuncV2, options).ok());
  record = daemon_client_->ContainerService()->Get(ctx_, "crun");
  EXPECT_EQ(typeurl::UnmarshalAny<runc::v1::Options>(record->runtime.options)->binary_name(),
            "crun");
}

TEST_F(ClientTest, AConflictIsOfTheIdOnly) {
  const NewContainerOpt taken = [](const Context&, containerd::Client&, containers::Container&) {
    return errdefs::AlreadyExists("snapshot \"s\"");
  };
  const auto fresh = client_->NewContainer(ctx_, "c", SpecOf(), kRuncV2, {}, {taken});
  EXPECT_TRUE(errdefs::IsAlreadyExists(fresh.status())) << fresh.status();
  EXPECT_THAT(std::string(errdefs::Message(fresh.status())), HasSubstr("snapshot"));
  Made("c");
  const auto again = client_->NewContainer(ctx_, "c", SpecOf(), kRuncV2, {}, {taken});
  EXPECT_TRUE(errdefs::IsConflict(again.status())) << again.status();
  EXPECT_TRUE(errdefs::IsConflict(client_->NewContainer(ctx_, "c", SpecOf(), kRuncV2).status()));
  EXPECT_TRUE(fs::exists(BundleOf("c")));
}

TEST_F(ClientTest, ABundleGoesWithTheFailureUnlessSomebodyHasIt) {
  daemon_.Fail("Containers/Create", 1, {.error = errdefs::InvalidArgument("no")});
  EXPECT_FALSE(client_->NewContainer(ctx_, "c", SpecOf(), kRuncV2).ok());
  EXPECT_FALSE(fs::exists(BundleOf("c")));
  // Somebody else was quicker, or the answer was lost: the record has this bundle.
  for (const absl::Status& s : {errdefs::AlreadyExists("c"), errdefs::Internal("lost")}) {
    const std::string id = fmt::format("c{}", s.raw_code());
    daemon_.Fail("Containers/Create", 1, {.error = s, .served = true});
    EXPECT_FALSE(client_->NewContainer(ctx_, id, SpecOf(), kRuncV2).ok());
    EXPECT_TRUE(fs::exists(BundleOf(id))) << s;
  }
}

TEST_F(ClientTest, OneOfTwoThreadsMakesTheContainerAndItHasItsBundle) {
  for (int i = 0; i < 20; ++i) {
    const std::string id = fmt::format("c{}", i);
    std::atomic<int> made = 0;
    std::atomic<int> conflicts = 0;
    const auto make = [&] {
      const auto container = client_->NewContainer(ctx_, id, SpecOf(), kRuncV2);
      made += container.ok() ? 1 : 0;
      conflicts += errdefs::IsConflict(container.status()) ? 1 : 0;
    };
    std::thread other(make);
    make();
    other.join();
    EXPECT_EQ(made, 1);
    EXPECT_EQ(conflicts, 1);
    EXPECT_TRUE(fs::exists(BundleOf(id)));
  }
}

TEST_F(ClientTest, WhoMakesAContainerWaitsForTheBundleOfTheOldOneToGo) {
  const auto containers = std::make_shared<NiceMock<testing::MockContainerStore>>();
  containerd::Client first = *daemon_client_;  // keeps its connection
  const auto real = first.ContainerService();
  ON_CALL(*containers, Get).WillByDefault([real](const Context& ctx, std::string_view id) {
    return real->Get(ctx, id);
  });
  ON_CALL(*containers, Create)
      .WillByDefault([real](const Context& ctx, const containers::Container& c) {
        return real->Create(ctx, c);
      });
  std::thread maker;
  ON_CALL(*containers, Delete).WillByDefault([&](const Context& ctx, std::string_view id) {
    absl::Status s = real->Delete(ctx, id);
    maker =
        std::thread([&] { EXPECT_TRUE(client_->NewContainer(ctx_, "c", SpecOf(), kRuncV2).ok()); });
    absl::SleepFor(absl::Milliseconds(100));
    return s;
  });
  Connect({WithContainerStore(containers)});
  Container old = Made("c");
  EXPECT_TRUE(old.Delete(ctx_).ok());
  maker.join();
  EXPECT_TRUE(fs::exists(BundleOf("c")));
  EXPECT_TRUE(client_->LoadContainer(ctx_, "c").ok());
}

TEST_F(ClientTest, DeletesTheBundleOfARecordThatIsGone) {
  Container container = Made("c");
  daemon_.Fail("Containers/Delete", 1, {.error = errdefs::Unavailable("lost"), .served = true});
  EXPECT_TRUE(errdefs::IsUnavailable(container.Delete(ctx_)));
  EXPECT_TRUE(fs::exists(BundleOf("c"))) << "it is not known whether the record is gone";
  EXPECT_TRUE(errdefs::IsNotFound(container.Delete(ctx_)));
  EXPECT_FALSE(fs::exists(BundleOf("c")));
}

TEST_F(ClientTest, ReplacesWhateverThereIs) {
  const auto replaced = [&](const std::string& id) {
    auto container = client_->ReplaceContainer(ctx_, id, SpecOf(), kRuncV2);
    EXPECT_TRUE(container.ok()) << container.status();
    EXPECT_TRUE(errdefs::IsNotFound(container->Task(ctx_).status()));
    EXPECT_TRUE(fs::exists(BundleOf(id)));
  };
  replaced("none");
  Made("idle");
  replaced("idle");
  Container busy = Made("busy");
  Started(busy);
  replaced("busy");
  // What goes by itself meanwhile need not be removed.
  const absl::Status gone = errdefs::NotFound("gone");
  daemon_.Fail("Containers/Get", 2, {.error = gone});  // after the one of NewContainer
  daemon_.Fail("Containers/Delete", 1, {.error = gone, .served = true});
  EXPECT_TRUE(
      errdefs::IsConflict(client_->ReplaceContainer(ctx_, "busy", SpecOf(), kRuncV2).status()));
  replaced("busy");
  Started(busy);
  daemon_.ClearFaults();
  daemon_.Fail("Tasks/Delete", 1, {.error = gone, .served = true});
  replaced("busy");
  daemon_.Fail("Tasks/Get", 0, {.error = errdefs::Internal("broken")});
  EXPECT_TRUE(
      errdefs::IsInternal(client_->ReplaceContainer(ctx_, "busy", SpecOf(), kRuncV2).status()));
}

TEST_F(ClientTest, ATaskWhoseMakingNobodyHeardOfGoes) {
  Container container = Made("c");
  for (const absl::Status& lost : {errdefs::Internal("lost"), errdefs::DeadlineExceeded("lost")}) {
    daemon_.Fail("Tasks/Create", 1, {.error = lost, .served = true});
    const auto task = container.NewTask(ctx_, "", true, AttachStreams({}, {}, {}));
    EXPECT_EQ(task.status().code(), lost.code()) << task.status();
    EXPECT_TRUE(errdefs::IsNotFound(container.Task(ctx_).status()));
    EXPECT_THAT(FilesOf("c"), IsEmpty());
  }
  Started(container);
}

TEST_F(ClientTest, AContextThatEndsWhileATaskIsMadeLeavesNothing) {
  Container container = Made("c");
  daemon_.Fail("Tasks/Create", 1, {.delay = absl::InfiniteDuration(), .served = true});
  const auto task = container.NewTask(WithTimeout(ctx_, absl::Milliseconds(100)), "", true,
                                      AttachStreams({}, {}, {}));
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(task.status())) << task.status();
  EXPECT_TRUE(errdefs::IsNotFound(container.Task(ctx_).status()));
  EXPECT_THAT(FilesOf("c"), IsEmpty());
}

TEST_F(ClientTest, AnExecWhoseMakingNobodyHeardOfGoes) {
  Container container = Made("c");
  Task task = Started(container);
  const auto exec = [&] {
    return task.Exec(ctx_, "e", {.args = {"run"}, .cwd = "/"}, true, AttachStreams({}, {}, {}));
  };
  daemon_.Fail("Tasks/Exec", 1, {.error = errdefs::Internal("lost"), .served = true});
  EXPECT_TRUE(errdefs::IsInternal(exec().status()));
  EXPECT_EQ(FilesOf("c").size(), 2U) << "the task's own";
  const auto again = exec();
  EXPECT_TRUE(again.ok()) << again.status();
}

TEST_F(ClientTest, OneOfTwoThreadsMakesTheTask) {
  Container container = Made("c");
  daemon_.Fail("Tasks/Create", 1, {.delay = absl::Milliseconds(200)});
  std::thread first([&] { Started(container); });
  EXPECT_TRUE(Eventually([&] { return daemon_.Calls("Tasks/Create") == 1; }));
  const auto second = container.NewTask(ctx_, "", false, AttachStreams({}, {}, {}));
  EXPECT_TRUE(errdefs::IsConflict(second.status())) << second.status();
  EXPECT_TRUE(errdefs::IsConflict(container.Delete(ctx_))) << "not under the task that is made";
  EXPECT_EQ(FilesOf("c").size(), 2U) << "the first one's";
  first.join();
  EXPECT_TRUE(container.Task(ctx_)->ForceDelete(ctx_).ok());
}

TEST_F(ClientTest, OneOfTwoThreadsMakesTheExec) {
  Container container = Made("c");
  Task task = Started(container);
  const auto exec = [&] {
    return task.Exec(ctx_, "e", {.args = {"run"}, .cwd = "/"}, true, AttachStreams({}, {}, {}))
        .status();
  };
  daemon_.Fail("Tasks/Exec", 1, {.delay = absl::Milliseconds(200)});
  std::thread first([&] { EXPECT_TRUE(exec().ok()); });
  EXPECT_TRUE(Eventually([&] { return daemon_.Calls("Tasks/Exec") == 1; }));
  EXPECT_TRUE(errdefs::IsConflict(exec()));
  EXPECT_EQ(FilesOf("c").size(), 5U) << "with the first one's";
  first.join();
}

TEST_F(ClientTest, AFailedStartLeavesTheCreatedTaskForForceDelete) {
  daemon_.Script("c", {.start_error = errdefs::Unknown("no such thing")});
  Container container = Made("c");
  auto task = container.NewTask(ctx_, "", true, AttachStreams({}, {}, {}));
  ASSERT_TRUE(task.ok()) << task.status();
  EXPECT_FALSE(task->Start(ctx_).ok());
  EXPECT_EQ(container.Task(ctx_)->Status(ctx_)->status, ProcessStatus::kCreated);
  EXPECT_TRUE(task->ForceDelete(ctx_).ok());
  EXPECT_TRUE(errdefs::IsNotFound(container.Task(ctx_).status()));
  EXPECT_THAT(FilesOf("c"), IsEmpty());
}

// What only a scripted task service says.
class ScriptedTaskTest : public ClientTest {
 protected:
  void SetUp() override {
    Connect({WithTaskService(tasks_)});
    container_ = std::make_unique<Container>(Made("c"));
  }
  Task Running() {
    ON_CALL(*tasks_, Get(_, _, _))
        .WillByDefault(::testing::Return(tasks::Process{
            .container_id = "c", .id = "c", .pid = 7, .status = tasks::Status::kRunning}));
    auto task = container_->Task(ctx_);
    EXPECT_TRUE(task.ok()) << task.status();
    return *std::move(task);
  }
  // What Create is asked with by a new task of a container with this spec and these options.
  absl::StatusOr<runc::v1::Options> Asked(const std::string& id, const specs::Spec& spec,
                                          const typeurl::Any& options, bool loaded) {
    typeurl::Any asked;
    ON_CALL(*tasks_, Create)
        .WillByDefault([&](const Context&, const tasks::CreateTaskRequest& request) {
          asked = request.options;
          return 1;
        });
    auto container = client_->NewContainer(ctx_, id, spec, kRuncV2, options);
    if (!container.ok()) return container.status();
    if (loaded) container = client_->LoadContainer(ctx_, id);
    auto task = container->NewTask(ctx_, "", false, AttachStreams({}, {}, {}));
    if (!task.ok()) return task.status();
    return typeurl::UnmarshalAny<runc::v1::Options>(asked);
  }

  const std::shared_ptr<NiceMock<testing::MockTaskService>> tasks_ =
      std::make_shared<NiceMock<testing::MockTaskService>>();
  std::unique_ptr<Container> container_;
};

TEST_F(ScriptedTaskTest, StatsOfBothKindsOfCgroupsAndOfOthers) {
  Task task = Running();
  const absl::Time when = absl::FromUnixSeconds(1'700'000'000);
  typeurl::Any data;
  ON_CALL(*tasks_, Metrics).WillByDefault([&](const Context&, const std::vector<std::string>&) {
    return std::vector<tasks::Metric>{{.timestamp = when, .id = "c", .data = data}};
  });
  ::io::containerd::cgroups::v1::Metrics v1;
  v1.mutable_memory()->mutable_usage()->set_usage(5);
  data = *typeurl::MarshalAny(v1);
  auto stats = task.Stats(ctx_);
  ASSERT_TRUE(stats.ok()) << stats.status();
  EXPECT_EQ(stats->kind, Stats::Kind::kCgroupV1);
  EXPECT_EQ(stats->read, when);

  ::io::containerd::cgroups::v2::Metrics v2;
  v2.mutable_memory()->set_usage(6);
  data = *typeurl::MarshalAny(v2);
  stats = task.Stats(ctx_);
  ASSERT_TRUE(stats.ok()) << stats.status();
  EXPECT_EQ(stats->kind, Stats::Kind::kCgroupV2);
  decltype(v2) read;
  EXPECT_TRUE(typeurl::UnmarshalTo(stats->metrics, read).ok());
  EXPECT_EQ(read.memory().usage(), 6U);

  data.value = "\xff\xff";
  EXPECT_TRUE(errdefs::IsInvalidArgument(task.Stats(ctx_).status()));
  data.type_url = "a.vm.Metrics";
  EXPECT_EQ(task.Stats(ctx_)->kind, Stats::Kind::kOther);
}

TEST_F(ScriptedTaskTest, SummaryTakesWhatHasNoDetails) {
  Task task = Running();
  runc::v1::ProcessDetails details;
  details.set_exec_id("e");
  std::vector<tasks::ProcessInfo> infos = {{.pid = 7},
                                           {.pid = 8, .info = *typeurl::MarshalAny(details)}};
  ON_CALL(*tasks_, ListPids).WillByDefault([&](const Context&, std::string_view) { return infos; });
  auto summary = task.Summary(ctx_);
  ASSERT_TRUE(summary.ok()) << summary.status();
  ASSERT_EQ(summary->size(), 2U);
  EXPECT_EQ((*summary)[0].exec_id, "");
  EXPECT_EQ((*summary)[1].exec_id, "e");
  infos[1].info.value = "\xff\xff";
  EXPECT_THAT(std::string(errdefs::Message(task.Summary(ctx_).status())),
              HasSubstr("unable to decode process details"));
}

TEST_F(ScriptedTaskTest, ThePipesBelongToTheContainersRootAlsoOfOneThatWasLoaded) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  specs::Spec spec = SpecOf();
  spec.linux_.emplace();
  spec.linux_->namespaces.push_back({.type = specs::kUserNamespace});
  spec.linux_->uid_mappings = {{.container_id = 0, .host_id = 100'000, .size = 10}};
  spec.linux_->gid_mappings = {{.container_id = 0, .host_id = 200'000, .size = 10}};
  runc::v1::Options own;
  own.set_binary_name("crun");
  int n = 0;
  for (const typeurl::Any& options : {typeurl::Any{}, *typeurl::MarshalAny(own)}) {
    for (const bool loaded : {false, true}) {
      const auto asked = Asked(fmt::format("users{}", n++), spec, options, loaded);
      ASSERT_TRUE(asked.ok()) << asked.status();
      EXPECT_EQ(asked->io_uid(), 100'000U);
      EXPECT_EQ(asked->io_gid(), 200'000U);
      EXPECT_EQ(asked->binary_name(), options.empty() ? "" : "crun");
    }
  }
}

TEST_F(ScriptedTaskTest, ACheckpointThatHasNoPlaceIsNotBegun) {
  Task task = Running();
  EXPECT_CALL(*tasks_, Pause(_, _)).Times(0);
  EXPECT_CALL(*tasks_, Checkpoint(_, _, _, _)).Times(0);
  const std::string file = temp_.path() + "/file";
  std::ofstream(file) << "x";
  for (const std::string& dir : {file, file + "/below", temp_.path() + "/none/below"}) {
    const absl::Status s = task.CreateCheckpoint(ctx_, dir, true);
    EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr(dir));
  }
  EXPECT_TRUE(errdefs::IsInvalidArgument(task.CreateCheckpoint(ctx_, "relative", true)));
}

TEST_F(ScriptedTaskTest, ACheckpointThatFailsLeavesWhatWasThereBefore) {
  Task task = Running();
  const std::string dir = temp_.path() + "/there";
  fs::create_directories(dir);
  std::ofstream(dir + "/mine") << "x";
  ON_CALL(*tasks_, Checkpoint(_, _, _, _))
      .WillByDefault(::testing::Return(errdefs::Unknown("no CRIU")));
  EXPECT_CALL(*tasks_, Checkpoint(_, _, _, _))
      .WillOnce([&](auto&&...) {
        EXPECT_TRUE(errdefs::IsConflict(task.CreateCheckpoint(ctx_, dir + "/.", false)))
            << "two dumps in one folder";
        return errdefs::Unknown("no CRIU");
      })
      .WillRepeatedly(::testing::DoDefault());
  EXPECT_TRUE(errdefs::IsUnknown(task.CreateCheckpoint(ctx_, dir, false)));
  EXPECT_TRUE(errdefs::IsUnknown(task.CreateCheckpoint(ctx_, temp_.path() + "/new", false)));
  EXPECT_FALSE(fs::exists(temp_.path() + "/new"));
  EXPECT_EQ(std::distance(fs::directory_iterator(dir), fs::directory_iterator{}), 1);
}

}  // namespace
}  // namespace containerd::libcontainerd
