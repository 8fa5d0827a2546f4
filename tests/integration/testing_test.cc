// SPDX-License-Identifier: Apache-2.0
//
// The fixture that users derive their tests from, on a daemon of its own.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"
#include "containerd/testing/daemon_test.h"
#include "containerd/testing/status.h"

namespace containerd::testing {
namespace {

using ::testing::Contains;
using ::testing::Not;

class FixtureTest : public DaemonTest {};

TEST_F(FixtureTest, RunsAContainerInANamespaceOfItsOwn) {
  const BuiltImage built =
      BuildImage({.layers = {BusyboxLayer()}, .config = {.cmd = {"sh", "-c", "exit 3"}}});
  absl::StatusOr<Image> image = AddImage("example.com/web:1", built);
  ASSERT_THAT(image, IsOk());
  EXPECT_THAT(AddImage("example.com/web:1", built), StatusIs(errdefs::IsAlreadyExists));
  absl::StatusOr<Container> container = client().NewContainer(
      ctx(), "web", {WithNewSnapshot("web", *image), WithNewSpec({oci::WithImageConfig(*image)})});
  ASSERT_THAT(container, IsOk());
  absl::StatusOr<Task> task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_THAT(task, IsOk());
  Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_THAT(task->Start(ctx()), IsOk());
  absl::StatusOr<ExitStatus> status = exit.Get(ctx());
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->ExitCode(), 3U);
  // The rest is the fixture's to clean up.
}

TEST_F(FixtureTest, ANamespaceGoesWithAllThatItHolds) {
  const auto namespaces = client().NamespaceService();
  std::string name;
  {
    const TestNamespace other(client());
    name = other.name();
    EXPECT_THAT(testing::AddImage(other.ctx(), *client().ContentStore(), *client().ImageService(),
                                  "example.com/web:1", BuildImage({})),
                IsOk());
    EXPECT_THAT(namespaces->List(ctx()), IsOkAndHolds(Contains(name)));
  }
  EXPECT_THAT(namespaces->List(ctx()), IsOkAndHolds(Not(Contains(name))));
}

}  // namespace
}  // namespace containerd::testing
