// SPDX-License-Identifier: Apache-2.0
//
// A unit test of a program that runs containers, on a daemon in the test's own process: it needs no
// root and no containerd, and takes milliseconds.
#include <cstdint>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"
#include "containerd/testing/fake_daemon.h"
#include "containerd/testing/status.h"

namespace {

using namespace containerd;  // NOLINT: as in the guide

// What is tested: runs jobs, each up to three times until it succeeds.
class Runner {
 public:
  explicit Runner(Client client) : client_(std::move(client)) {}

  // Returns how often the job ran. Leaves no container behind.
  absl::StatusOr<int> Run(const Context& ctx, const std::string& job, const std::string& ref) {
    absl::StatusOr<Image> image = client_.GetImage(ctx, ref);
    if (!image.ok()) return image.status();
    absl::StatusOr<Container> container = client_.NewContainer(
        ctx, job, {WithNewSnapshot(job, *image), WithNewSpec({oci::WithImageConfig(*image)})});
    if (!container.ok()) return container.status();
    absl::StatusOr<std::uint32_t> code = 1;
    int runs = 0;
    for (; runs < 3 && code.ok() && *code != 0; ++runs) code = RunOnce(ctx, *container);
    absl::Status s = code.status();
    s.Update(container->Delete(ctx, {WithSnapshotCleanup}));
    if (s.ok() && *code != 0) s = errdefs::Aborted(fmt::format("it exited with {}", *code));
    if (!s.ok()) return s;
    return runs;
  }

 private:
  static absl::StatusOr<std::uint32_t> RunOnce(const Context& ctx, Container& container) {
    absl::StatusOr<Task> task = container.NewTask(ctx, cio::NullIO);
    if (!task.ok()) return task.status();
    Future<ExitStatus> exit = task->Wait(ctx);
    absl::Status s = task->Start(ctx);
    if (s.ok()) s = exit.Get(ctx).status();
    absl::StatusOr<ExitStatus> status = task->Delete(ctx, {WithProcessKill});
    s.Update(status.status());
    if (!s.ok()) return s;
    return status->ExitCode();
  }

  Client client_;
};

class RunnerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    daemon_.AddImage("jobs", "example.com/job:1",
                     containerd::testing::BuildImage({.config = {.cmd = {"/bin/job"}}}));
  }

  absl::StatusOr<int> Run() {
    absl::StatusOr<Client> client = Client::New(daemon_.Address());
    if (!client.ok()) return client.status();
    return Runner(*client).Run(ctx_, "job", "example.com/job:1");
  }

  containerd::testing::FakeDaemon daemon_;
  const Context ctx_ = WithNamespace(Context::Background(), "jobs");
};

using containerd::testing::IsOkAndHolds;
using containerd::testing::ProcessScript;
using containerd::testing::StatusIs;

TEST_F(RunnerTest, RunsAJobAgainThatFailed) {
  int runs = 0;
  daemon_.OnProcess([&](const auto&) { return ProcessScript{.exit_code = ++runs < 3 ? 1U : 0U}; });
  EXPECT_THAT(Run(), IsOkAndHolds(3));
}

TEST_F(RunnerTest, LeavesNothingBehindIfTheTaskDoesNotStart) {
  daemon_.Fail("Tasks/Start", 1, {.error = errdefs::ResourceExhausted("no memory")});
  EXPECT_THAT(Run(), StatusIs(errdefs::IsResourceExhausted));
  EXPECT_THAT(daemon_.stores().containers->List(ctx_), IsOkAndHolds(::testing::IsEmpty()));
}

TEST_F(RunnerTest, GivesUpAfterThreeTimes) {
  daemon_.Script("job", {.exit_code = 7});
  EXPECT_THAT(Run(), StatusIs(errdefs::IsAborted, ::testing::HasSubstr("exited with 7")));
  EXPECT_EQ(daemon_.Calls("Tasks/Start"), 3);
}

}  // namespace
