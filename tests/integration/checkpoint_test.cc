// SPDX-License-Identifier: Apache-2.0
//
// Checkpoints. Those of processes need CRIU on the daemon's PATH that works on this kernel; what
// does not is tested on every daemon.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/content/content.h"
#include "containerd/content/helpers.h"
#include "containerd/images/mediatypes.h"
#include "containerd/images/store.h"
#include "containerd/ocispec/json.h"
#include "containerd/runc/v1/options.pb.h"
#include "containerd/typeurl/typeurl.h"

#include "container_fixture.h"
#include "harness.h"

namespace containerd::testing {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

namespace fs = std::filesystem;

constexpr char kSaved[] = "checkpoint-test:latest";

class CheckpointTest : public ContainerTest {
 protected:
  // Starts `args`; the task is the first.
  absl::StatusOr<Task> Started(const std::vector<std::string>& args,
                               const cio::Creator& creator = cio::NullIO,
                               std::vector<oci::SpecOpts> spec_opts = {}) {
    auto made = Make(args, std::move(spec_opts));
    if (!made.ok()) return made.status();
    container_ = std::make_unique<Container>(*std::move(made));
    auto task = container_->NewTask(ctx(), creator);
    if (!task.ok()) return task.status();
    if (absl::Status s = task->Start(ctx()); !s.ok()) return s;
    return task;
  }

  // Deletes the task and its container.
  void Remove(Task& task) {
    auto deleted = task.Delete(ctx(), {WithProcessKill});
    ASSERT_TRUE(deleted.ok()) << deleted.status();
    const absl::Status gone = container_->Delete(ctx(), {WithSnapshotCleanup});
    ASSERT_TRUE(gone.ok()) << gone;
  }

  absl::StatusOr<Container> Restored(const Image& saved) {
    return client_->Restore(ctx(), Name(), saved,
                            {WithRestoreImage, WithRestoreSpec, WithRestoreRuntime, WithRestoreRW});
  }

  ocispec::Index IndexOf(const Image& image) {
    auto data = content::ReadBlob(ctx(), *client_->ContentStore(), image.Target());
    EXPECT_TRUE(data.ok()) << data.status();
    auto index = ocispec::Unmarshal<ocispec::Index>(data.ok() ? *data : "{}");
    EXPECT_TRUE(index.ok()) << index.status();
    return *std::move(index);
  }

  // What the task's process has written to /root/i; 0 if that never comes.
  static int Count(Task& task) {
    const std::string path = fmt::format("/proc/{}/root/root/i", task.Pid());
    int count = 0;
    // The file is empty for a moment each time.
    static_cast<void>(Eventually([&] { return (std::ifstream(path) >> count) && count > 0; }));
    return count;
  }

  std::unique_ptr<Container> container_;
};

// Whether processes can be checkpointed: asked once, of a process that only sleeps.
class CRIUTest : public CheckpointTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(CheckpointTest::SetUp());
    static const absl::Status kWorks = Try();
    if (!kWorks.ok()) GTEST_SKIP() << "processes can't be checkpointed: " << Reason(kWorks);
  }

 private:
  absl::Status Try() {
    auto task = Started({"sleep", "1000"});
    if (!task.ok()) return task.status();
    const TestDir dir;
    const absl::Status tried =
        task->Checkpoint(ctx(), {WithCheckpointImagePath(dir.path() + "/cr")}).status();
    Remove(*task);
    return tried;
  }

  // Without what differs from run to run.
  static std::string Reason(const absl::Status& status) {
    const std::string text = Text(status);
    return text.find("criu") == std::string::npos ? "CRIU" : "no CRIU that works here";
  }
};

TEST_F(CheckpointTest, WithoutATaskIsRestored) {
  auto outcome = Make({"sh", "-c", "cat /root/mark"}, {});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  Container& container = *outcome;
  // A change of the root file system that is to be there again.
  {
    auto spec = container.Spec(ctx());
    ASSERT_TRUE(spec.ok()) << spec.status();
    const absl::Status rewritten =
        container.Update(ctx(), {[](const Context&, Client&, containers::Container* c) {
                           auto now = typeurl::UnmarshalAny<specs::Spec>(c->spec);
                           if (!now.ok()) return now.status();
                           now->process->args = {"sh", "-c", "echo kept > /root/mark"};
                           c->spec = *typeurl::MarshalAny(*now);
                           return absl::OkStatus();
                         }});
    ASSERT_TRUE(rewritten.ok()) << rewritten;
    auto written = RunTask(container);
    ASSERT_TRUE(written.ok()) << written.status();
  }
  auto saved = container.Checkpoint(ctx(), kSaved,
                                    {WithCheckpointImage, WithCheckpointRuntime, WithCheckpointRW});
  ASSERT_TRUE(saved.ok()) << saved.status();
  const ocispec::Index index = IndexOf(*saved);
  ASSERT_EQ(index.manifests.size(), 2U);
  EXPECT_TRUE(images::IsLayerType(index.manifests[1].media_type));
  EXPECT_THAT(index.annotations, Contains(Pair(kCheckpointSnapshotterNameLabel, "overlayfs")));
  EXPECT_TRUE(container.Delete(ctx(), {WithSnapshotCleanup}).ok());

  // There is no task, so no spec either.
  EXPECT_TRUE(IsErrMediaTypeNotFound(Restored(*saved).status()));
  auto restored = client_->Restore(
      ctx(), Name(), *saved,
      {WithRestoreImage, WithRestoreRuntime, WithRestoreRW,
       [this](const Context& c, Client& client, const Image&, const ocispec::Index&,
              containers::Container& made) {
         return WithNewSpec({oci::WithImageConfig(*image_),
                             oci::WithProcessArgs({"cat", "/root/mark"})})(c, client, made);
       }});
  ASSERT_TRUE(restored.ok()) << restored.status();
  auto read = RunTask(*restored);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->out, "kept\n");
  EXPECT_TRUE(restored->Delete(ctx(), {WithSnapshotCleanup}).ok());

  // By the older option as well.
  const std::string id = Name();
  auto old = client_->NewContainer(
      ctx(), id,
      {WithCheckpoint(*saved, id),
       WithNewSpec({oci::WithImageConfig(*image_), oci::WithProcessArgs({"cat", "/root/mark"})})});
  ASSERT_TRUE(old.ok()) << old.status();
  read = RunTask(*old);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->out, "kept\n");
}

TEST_F(CheckpointTest, RuntimeOptionsAreKept) {
  ::containerd::runc::v1::Options options;
  options.set_systemd_cgroup(false);
  options.set_shim_cgroup("/");
  auto container = Make({"true"}, {}, {WithRuntime("io.containerd.runc.v2", options)});
  ASSERT_TRUE(container.ok()) << container.status();
  auto saved = container->Checkpoint(ctx(), kSaved, {WithCheckpointRuntime, WithCheckpointRW});
  ASSERT_TRUE(saved.ok()) << saved.status();
  auto restored = client_->Restore(
      ctx(), Name(), *saved,
      {WithRestoreImage, WithRestoreRuntime,
       [](const Context& c, Client& client, const Image&, const ocispec::Index&,
          containers::Container& made) { return WithNewSpec()(c, client, made); }});
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(restored->Info(ctx())->runtime, container->Info(ctx())->runtime);
}

TEST_F(CheckpointTest, OfATaskThatIsNotThere) {
  auto container = Make({"true"});
  ASSERT_TRUE(container.ok()) << container.status();
  const auto saved = container->Checkpoint(ctx(), kSaved, {WithCheckpointTask});
  EXPECT_TRUE(errdefs::IsNotFound(saved.status())) << saved.status();
  EXPECT_THAT(Text(saved.status()), HasSubstr(container->ID()));
  EXPECT_TRUE(errdefs::IsNotFound(client_->GetImage(ctx(), kSaved).status()));
}

TEST_F(CheckpointTest, ATaskGoesOnWhenItsCheckpointFails) {
  auto task = Started({"sleep", "1000"});
  ASSERT_TRUE(task.ok()) << task.status();
  // Whatever the daemon says of such options, CRIU or not.
  const auto saved = task->Checkpoint(ctx(), {[](CheckpointTaskInfo* info) {
                                        info->options =
                                            *typeurl::MarshalAny(::containerd::runc::v1::Options());
                                        return absl::OkStatus();
                                      }});
  EXPECT_FALSE(saved.ok());
  EXPECT_EQ(task->Status(ctx())->status, ProcessStatus::kRunning);
  Remove(*task);
}

TEST_F(CheckpointTest, AnImageIsNoCheckpoint) {
  auto container = Make({"true"});
  ASSERT_TRUE(container.ok()) << container.status();
  const auto task = container->NewTask(ctx(), cio::NullIO, {WithTaskCheckpoint(*image_)});
  EXPECT_FALSE(task.ok());
  EXPECT_THAT(Text(task.status()), AnyOf(HasSubstr("checkpoint"), HasSubstr(image_->Name())));
  EXPECT_TRUE(errdefs::IsNotFound(container->Task(ctx()).status()));
}

TEST_F(CRIUTest, CheckpointRestorePTY) {
  auto in = std::make_shared<cio::InputStream>();
  auto lost = std::make_shared<cio::Buffer>();
  const auto terminal = [&](cio::Source source, cio::Sink out) {
    return cio::NewCreator({cio::WithStreams(std::move(source), std::move(out), {}),
                            cio::WithTerminal(), cio::WithFIFODir(fifos_.path())});
  };
  auto task = Started({"sh", "-c", "read A; echo z${A}z"}, terminal({}, lost), {oci::WithTTY});
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> exit = task->Wait(ctx());
  auto saved = container_->Checkpoint(
      ctx(), kSaved,
      {WithCheckpointRuntime, WithCheckpointRW, WithCheckpointTaskExit, WithCheckpointTask});
  ASSERT_TRUE(saved.ok()) << saved.status();
  ASSERT_TRUE(exit.Get(WithTimeout(ctx(), absl::Seconds(60))).ok());
  Remove(*task);

  auto restored = Restored(*saved);
  ASSERT_TRUE(restored.ok()) << restored.status();
  auto out = std::make_shared<cio::Buffer>();
  auto again = restored->NewTask(ctx(), terminal(in, out), {WithTaskCheckpoint(*saved)});
  ASSERT_TRUE(again.ok()) << again.status();
  const Future<ExitStatus> end = again->Wait(ctx());
  const absl::Status started = again->Start(ctx());
  ASSERT_TRUE(started.ok()) << started;
  ASSERT_TRUE(in->Write("hello\n").ok());
  ASSERT_TRUE(end.Get(WithTimeout(ctx(), absl::Seconds(60))).ok());
  EXPECT_THAT(out->String(), HasSubstr("zhelloz"));
  EXPECT_TRUE(again->Delete(ctx()).ok());
}

TEST_F(CRIUTest, CheckpointRestore) {
  auto task = Started({"sleep", "1000"});
  ASSERT_TRUE(task.ok()) << task.status();
  auto saved = container_->Checkpoint(
      ctx(), kSaved, {WithCheckpointRuntime, WithCheckpointRW, WithCheckpointTask});
  ASSERT_TRUE(saved.ok()) << saved.status();
  const std::string id = container_->ID();
  Remove(*task);
  auto restored = client_->Restore(
      ctx(), id, *saved, {WithRestoreImage, WithRestoreSpec, WithRestoreRuntime, WithRestoreRW});
  ASSERT_TRUE(restored.ok()) << restored.status();
  auto again = restored->NewTask(ctx(), cio::NullIO, {WithTaskCheckpoint(*saved)});
  ASSERT_TRUE(again.ok()) << again.status();
  const Future<ExitStatus> exit = again->Wait(ctx());
  const absl::Status started = again->Start(ctx());
  ASSERT_TRUE(started.ok()) << started;
  EXPECT_EQ(again->Status(ctx())->status, ProcessStatus::kRunning);
  ASSERT_TRUE(again->Kill(ctx(), SIGKILL).ok());
  EXPECT_EQ(exit.Get(ctx())->ExitCode(), 137U);
  EXPECT_TRUE(again->Delete(ctx()).ok());
}

TEST_F(CRIUTest, CheckpointRestoreNewContainer) {
  auto task =
      Started({"sh", "-c", "i=0; while true; do i=$((i+1)); echo $i > /root/i; sleep 0.2; done"});
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(Eventually([&] { return Count(*task) > 5; }));
  auto saved =
      task->Checkpoint(ctx(), {WithCheckpointName(kSaved), WithCheckpointOptions({.exit = true})});
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_THAT(saved->Labels(), ElementsAre(Pair("containerd.io/checkpoint", "true")));
  Remove(*task);

  const std::string id = Name();
  auto restored = client_->NewContainer(ctx(), id, {WithCheckpoint(*saved, id)});
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(restored->Info(ctx())->image, image_->Name());
  auto again = restored->NewTask(ctx(), cio::NullIO, {WithTaskCheckpoint(*saved)});
  ASSERT_TRUE(again.ok()) << again.status();
  const absl::Status started = again->Start(ctx());
  ASSERT_TRUE(started.ok()) << started;
  // It counts on from where it was.
  const int first = Count(*again);
  EXPECT_GT(first, 5);
  int next = first;
  EXPECT_TRUE(Eventually([&] {
    next = Count(*again);
    return next != first;
  }));
  EXPECT_GT(next, first);
  EXPECT_TRUE(again->Delete(ctx(), {WithProcessKill}).ok());
}

TEST_F(CRIUTest, CheckpointLeaveRunning) {
  auto task = Started({"sleep", "1000"});
  ASSERT_TRUE(task.ok()) << task.status();
  auto saved = container_->Checkpoint(
      ctx(), kSaved, {WithCheckpointRuntime, WithCheckpointRW, WithCheckpointTask});
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_EQ(task->Status(ctx())->status, ProcessStatus::kRunning);
  // Daemons before 2.0 can't write the spec again while the first checkpoint holds it.
  const absl::Status deleted =
      client_->ImageService()->Delete(ctx(), kSaved, {images::SynchronousDelete()});
  ASSERT_TRUE(deleted.ok()) << deleted;
  auto by_task = task->Checkpoint(ctx());
  ASSERT_TRUE(by_task.ok()) << by_task.status();
  EXPECT_EQ(task->Status(ctx())->status, ProcessStatus::kRunning);
  Remove(*task);
}

TEST_F(CRIUTest, CheckpointRestoreWithImagePath) {
  const TestDir dir;
  const std::string path = dir.path() + "/cr";
  auto task = Started({"sleep", "1000"});
  ASSERT_TRUE(task.ok()) << task.status();
  auto none = task->Checkpoint(ctx(), {WithCheckpointImagePath(path)});
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_EQ(none->Name(), "");
  ASSERT_FALSE(fs::is_empty(path));
  Remove(*task);

  auto restored = Make({"sleep", "1000"});
  ASSERT_TRUE(restored.ok()) << restored.status();
  auto again = restored->NewTask(ctx(), cio::NullIO, {WithRestoreImagePath(path)});
  ASSERT_TRUE(again.ok()) << again.status();
  const absl::Status started = again->Start(ctx());
  ASSERT_TRUE(started.ok()) << started;
  EXPECT_EQ(again->Status(ctx())->status, ProcessStatus::kRunning);
  EXPECT_TRUE(again->Delete(ctx(), {WithProcessKill}).ok());
}

TEST_F(CRIUTest, CheckpointOnPauseStatus) {
  auto task = Started({"sleep", "1000"});
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Pause(ctx()).ok());
  auto saved = task->Checkpoint(ctx());
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_EQ(task->Status(ctx())->status, ProcessStatus::kPaused);
  EXPECT_TRUE(task->Resume(ctx()).ok());
  Remove(*task);
}

}  // namespace
}  // namespace containerd::testing
