// SPDX-License-Identifier: Apache-2.0
//
// A test with the component testing: of a client on a daemon in this process, with mocks and
// fixtures at hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"
#include "containerd/testing/daemon_test.h"
#include "containerd/testing/fake_daemon.h"
#include "containerd/testing/mocks/client.h"
#include "containerd/testing/registry_test.h"
#include "containerd/testing/status.h"

namespace containerd::testing {
namespace {

TEST(Kit, ATaskRunsOnTheFakeDaemon) {
  FakeDaemon daemon;
  daemon.AddImage("ns", "example.com/web:1",
                  BuildImage({.layers = {TarOf({{.name = "motd", .data = "hello"}})}}));
  daemon.Script("web", {.exit_code = 3});
  absl::StatusOr<Client> client = Client::New(daemon.Address());
  ASSERT_THAT(client, IsOk());
  const Context ctx = WithNamespace(Context::Background(), "ns");
  absl::StatusOr<Image> image = client->GetImage(ctx, "example.com/web:1");
  ASSERT_THAT(image, IsOk());
  absl::StatusOr<Container> container = client->NewContainer(
      ctx, "web", {WithNewSnapshot("web", *image), WithNewSpec({oci::WithImageConfig(*image)})});
  ASSERT_THAT(container, IsOk());
  absl::StatusOr<Task> task = container->NewTask(ctx, cio::NullIO);
  ASSERT_THAT(task, IsOk());
  Future<ExitStatus> exit = task->Wait(ctx);
  ASSERT_THAT(task->Start(ctx), IsOk());
  absl::StatusOr<ExitStatus> status = exit.Get(ctx);
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->ExitCode(), 3U);
}

TEST(Kit, MocksMakeAClient) {
  MockDaemon daemon;
  EXPECT_THAT(daemon.client.GetImage(WithNamespace(Context::Background(), "ns"), "none"),
              StatusIs(errdefs::IsNotFound));
}

class OnADaemon : public DaemonTest {};
TEST_F(OnADaemon, HasANamespace) { EXPECT_THAT(client().Version(ctx()), IsOk()); }

class OnARegistry : public RegistryTest {};
TEST_F(OnARegistry, HasARepository) { EXPECT_FALSE(Ref("web:1").empty()); }

}  // namespace
}  // namespace containerd::testing
