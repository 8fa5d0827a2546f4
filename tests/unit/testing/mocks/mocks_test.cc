// SPDX-License-Identifier: Apache-2.0
//
// A client of mocks works without a word on the services that a test is not about.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"
#include "containerd/testing/mocks/client.h"
#include "containerd/testing/mocks/streaming.h"
#include "containerd/testing/status.h"

namespace containerd::testing {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::NiceMock;
using ::testing::Return;
using ::testing::SizeIs;

const Context kCtx = WithNamespace(Context::Background(), "test");

TEST(MockDaemon, HasNothing) {
  MockDaemon daemon;
  Client& client = daemon.client;
  EXPECT_THAT(client.Containers(kCtx), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(client.ListImages(kCtx), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(client.LoadContainer(kCtx, "web"),
              StatusIs(errdefs::IsNotFound, HasSubstr("\"web\"")));
  EXPECT_THAT(client.GetImage(kCtx, "a:1"), StatusIs(errdefs::IsNotFound, HasSubstr("\"a:1\"")));
  EXPECT_THAT(client.ContentStore()->Info(kCtx, digest::FromString("x")),
              StatusIs(errdefs::IsNotFound));
  EXPECT_THAT(client.DiffService()->Apply(kCtx, {}, {}), StatusIs(errdefs::IsNotImplemented));
  EXPECT_THAT(client.IntrospectionService()->Plugins(kCtx), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(client.NamespaceService()->List(kCtx), IsOkAndHolds(IsEmpty()));
}

TEST(MockDaemon, ATestNamesOnlyWhatItIsAbout) {
  MockDaemon daemon({WithDefaultNamespace("test")});
  EXPECT_CALL(*daemon.images, Get(_, Eq("web:1")))
      .WillOnce(Return(images::Image{.name = "web:1", .labels = {{"tier", "front"}}}));
  auto image = daemon.client.GetImage(Context::Background(), "web:1");
  ASSERT_THAT(image, IsOk());
  EXPECT_EQ(image->Labels().at("tier"), "front");
}

TEST(MockDaemon, SaysWhoItIs) {
  MockDaemon daemon;
  EXPECT_THAT(daemon.client.IsServing(kCtx), IsOkAndHolds(true));
  EXPECT_CALL(*daemon.health, Check)
      .WillOnce(Return(health::ServingStatus::kNotServing))
      .WillOnce(Return(errdefs::Unavailable("down")));
  EXPECT_THAT(daemon.client.IsServing(kCtx), IsOkAndHolds(false));
  EXPECT_THAT(daemon.client.IsServing(kCtx), StatusIs(errdefs::IsUnavailable));
  EXPECT_CALL(*daemon.version, Version)
      .WillOnce(Return(version::Info{.version = "2.1.9", .revision = "abc"}));
  absl::StatusOr<Version> version = daemon.client.Version(kCtx);
  ASSERT_THAT(version, IsOk());
  EXPECT_EQ(version->version, "2.1.9");
  EXPECT_EQ(version->revision, "abc");
}

TEST(MockDaemon, RunsAContainer) {
  MockDaemon daemon;
  EXPECT_CALL(*daemon.tasks, Create(_, Field(&tasks::CreateTaskRequest::container_id, "web")))
      .WillOnce(Return(42U));
  EXPECT_CALL(*daemon.tasks, Wait(_, Eq("web"), Eq(""))).WillOnce([](auto&&...) {
    return Future<tasks::WaitResponse>::Ready(tasks::WaitResponse{.exit_status = 3});
  });
  auto container =
      daemon.client.NewContainer(kCtx, "web", {WithNewSpec({oci::WithProcessArgs({"true"})})});
  ASSERT_THAT(container, IsOk());
  ON_CALL(*daemon.containers, Get).WillByDefault([&](auto&&...) {
    return container->Info(kCtx, {WithoutRefreshedMetadata});
  });
  auto task = container->NewTask(kCtx, cio::NullIO);
  ASSERT_THAT(task, IsOk());
  EXPECT_EQ(task->Pid(), 42U);
  Future<ExitStatus> exit = task->Wait(kCtx);
  EXPECT_THAT(task->Start(kCtx), IsOk());
  auto status = exit.Get(kCtx);
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->ExitCode(), 3U);
  EXPECT_THAT(container->Delete(kCtx), IsOk());
}

TEST(MockDaemon, SubscriptionsLastAsLongAsTheirContext) {
  MockDaemon daemon;
  const auto [ctx, cancel] = WithCancel(kCtx);
  const auto subscription = daemon.client.Subscribe(ctx, {});
  EXPECT_THAT(subscription->WaitReady(ctx), IsOk());
  EXPECT_THAT(subscription->TryNext(), IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_THAT(subscription->Next(WithTimeout(kCtx, absl::Milliseconds(1))),
              StatusIs(errdefs::IsDeadlineExceeded));
  Promise<absl::Status> ended;
  const auto callbacks = daemon.client.EventService()->Subscribe(
      kCtx, {}, [](const events::Item&) {}, [ended](const absl::Status& s) { ended.Set(s); });
  callbacks->Cancel();
  EXPECT_THAT(ended.GetFuture().Get(kCtx), IsOkAndHolds(StatusIs(errdefs::IsCanceled)));
  cancel();
  EXPECT_THAT(subscription->Next(kCtx), StatusIs(errdefs::IsCanceled));
}

TEST(MockDaemon, LeasesGuardWhatIsMade) {
  MockDaemon daemon;
  EXPECT_CALL(*daemon.leases, Delete).Times(1);
  auto lease = daemon.client.WithLease(kCtx);
  ASSERT_THAT(lease, IsOk());
  EXPECT_TRUE(lease->context().Lease().has_value());
}

TEST(MockDaemon, OnStoresKeepsWhatItIsGiven) {
  const MemoryStores stores("native");
  MockDaemon daemon(stores);
  stores.AddImage("test", "web:1", BuildImage({.layers = {TarOf({{.name = "a"}})}}));
  auto image = daemon.client.GetImage(kCtx, "web:1");
  ASSERT_THAT(image, IsOk());
  EXPECT_THAT(image->IsUnpacked(kCtx, "native"), IsOkAndHolds(true));
  const auto create = [&](const char* id) {
    return daemon.client.NewContainer(
        kCtx, id, {WithSnapshotter("native"), WithNewSnapshot(id, *image), WithNewSpec()});
  };
  // One call fails, and the next ones do what the stores do.
  EXPECT_CALL(*daemon.snapshotter, Prepare)
      .WillOnce(Return(errdefs::ResourceExhausted("no space left")))
      .WillRepeatedly(::testing::DoDefault());
  EXPECT_THAT(create("web"), StatusIs(errdefs::IsResourceExhausted));
  EXPECT_THAT(create("web"), IsOk());
  EXPECT_THAT(create("web"), StatusIs(errdefs::IsAlreadyExists));
  EXPECT_THAT(stores.containers->Get(kCtx, "web"),
              IsOkAndHolds(Field(&containers::Container::snapshot_key, "web")));
  EXPECT_THAT(daemon.client.NamespaceService()->List(kCtx), IsOkAndHolds(ElementsAre("test")));
  EXPECT_THAT(daemon.client.SandboxStore()->Create(kCtx, {.id = "pod"}), IsOk());
  EXPECT_THAT(stores.sandboxes->Get(kCtx, "pod"), IsOk());
  auto lease = daemon.client.WithLease(kCtx);
  ASSERT_THAT(lease, IsOk());
  EXPECT_THAT(stores.leases->List(kCtx), IsOkAndHolds(SizeIs(1)));
}

TEST(MockDaemon, AServiceTakesThePlaceOfItsMockOnly) {
  const MemoryStores stores;
  const auto other = std::make_shared<NiceMock<MockSandboxController>>();
  MockDaemon daemon({WithServices(
      {WithContainerStore(stores.containers), WithSandboxController("other", other)})});
  EXPECT_CALL(*daemon.containers, Create).Times(0);
  EXPECT_CALL(*daemon.snapshotter, Prepare).Times(1);
  EXPECT_CALL(*daemon.sandbox_controller, Stop).Times(1);
  EXPECT_CALL(*other, Stop).Times(1);
  Client& client = daemon.client;
  EXPECT_THAT(client.NewContainer(kCtx, "web", {WithNewSpec()}), IsOk());
  EXPECT_THAT(stores.containers->Get(kCtx, "web"), IsOk());
  EXPECT_THAT(client.SnapshotService("overlayfs")->Prepare(kCtx, "web", ""), IsOk());
  EXPECT_THAT(client.SandboxController("shim")->Stop(kCtx, "pod"), IsOk());
  EXPECT_THAT(client.SandboxController("other")->Stop(kCtx, "pod"), IsOk());
}

// What is no service of a client is mocked as well.
TEST(Mocks, OfTheOtherInterfaces) {
  NiceMock<MockHealthService> health;
  health::Service& service = health;
  EXPECT_THAT(service.Check(kCtx), IsOkAndHolds(health::ServingStatus::kServing));
  NiceMock<MockVersionService> version;
  EXPECT_THAT(version.Version(kCtx), IsOkAndHolds(Field(&version::Info::version, "0.0.0")));
  NiceMock<MockStreamCreator> streams;
  EXPECT_THAT(streams.Create(kCtx, "id"), StatusIs(errdefs::IsNotImplemented));
  NiceMock<MockStream> stream;
  EXPECT_THAT(stream.Recv(kCtx), StatusIs(errdefs::IsOutOfRange));
  NiceMock<MockContentWriter> writer;
  content::Writer& taker = writer;
  EXPECT_THAT(taker.Write(kCtx, "x"), IsOk());
  EXPECT_THAT(taker.Commit(kCtx, 1, {}), IsOk());
  NiceMock<MockContentReaderAt> reader;
  char buf[1];
  EXPECT_THAT(reader.ReadAt(kCtx, buf, 0), IsOkAndHolds(0U));
  NiceMock<MockSubscription> subscription;
  EXPECT_THAT(subscription.TryNext(), StatusIs(errdefs::IsOutOfRange));
}

}  // namespace
}  // namespace containerd::testing
