// SPDX-License-Identifier: Apache-2.0
//
// Whiteouts of layers that are unpacked side by side, where a layer does not see the ones below.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "containerd/context/semaphore.h"

#include "pull_fixture.h"

namespace containerd::testing {
namespace {

TEST_F(PullTest, Issue13030) {
  const Registry registry;
  RemoteImage remote;
  AddImage(remote,
           {{BusyboxLayer(), kGzip},
            {TarOf({{.name = "file-to-delete"}}), kPlain},
            {TarOf({{.name = ".wh.file-to-delete"}}), kPlain},
            {TarOf({{.name = "dir-to-delete/", .type = tar::kTypeDir, .mode = 0755},
                    {.name = "dir-to-delete/foo"}}),
             kPlain},
            {TarOf({{.name = ".wh.dir-to-delete"}}), kPlain}},
           platforms::DefaultSpec());
  const std::string ref = registry.Ref("whiteout-test:latest");
  Publish(remote, ref);
  auto image = client_->Pull(ctx(), ref,
                             {WithPlatformMatcher(platforms::Default()), WithPullUnpack,
                              WithUnpackOpts({WithUnpackLimiter(std::make_shared<Semaphore>(3))})});
  ASSERT_TRUE(image.ok()) << image.status();
  const std::string id = UniqueName("c");
  auto container = client_->NewContainer(
      ctx(), id,
      {WithNewSnapshot(id, *image),
       WithNewSpec(
           {oci::WithImageConfig(*image),
            oci::WithProcessArgs({"/bin/sh", "-e", "-c",
                                  "test ! -e /file-to-delete && test ! -e /dir-to-delete"})})});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> exit = task->Wait(ctx());
  const absl::Status started = task->Start(ctx());
  ASSERT_TRUE(started.ok()) << started;
  auto status = exit.Get(WithTimeout(ctx(), absl::Minutes(1)));
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->ExitCode(), 0U);
  EXPECT_TRUE(task->Delete(ctx()).ok());
  EXPECT_TRUE(container->Delete(ctx(), {WithSnapshotCleanup}).ok());
}

}  // namespace
}  // namespace containerd::testing
