// SPDX-License-Identifier: Apache-2.0
//
// The stores' proxies against a daemon.
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <absl/time/clock.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containers/containers.h"
#include "containerd/content/content.h"
#include "containerd/content/helpers.h"
#include "containerd/diff/diff.h"
#include "containerd/digest/digest.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/health/health.h"
#include "containerd/images/store.h"
#include "containerd/introspection/introspection.h"
#include "containerd/leases/leases.h"
#include "containerd/mount/mount.h"
#include "containerd/namespaces/store.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/snapshots/snapshots.h"
#include "containerd/types/introspection.pb.h"
#include "containerd/typeurl/typeurl.h"
#include "containerd/version/version.h"

#include "harness.h"
#include "tests/support/content_conformance.h"
#include "tests/support/event_conformance.h"
#include "tests/support/sandbox_conformance.h"
#include "tests/support/store_conformance.h"

namespace containerd {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// Keeps what it labels, whatever the garbage collector thinks of it.
const Labels kRoot = {{"containerd.io/gc.root", "2022-01-23T12:34:56Z"}};

class StoresTest : public ::testing::Test {
 protected:
  const Context& ctx() const { return ns_.ctx(); }

  const std::shared_ptr<Client> client_ = testing::SharedClient();
  const testing::TestNamespace ns_{*client_};
};

using Diff = StoresTest;
using Introspection = StoresTest;

// The tests of tests/support/*_conformance.h, on the daemon.
class DaemonSubject final : public testing::Subject {
 public:
  std::shared_ptr<Client> client() override { return client_; }
  const Context& ctx() override { return ns_.ctx(); }
  std::string snapshotter() override { return "native"; }

 private:
  const std::shared_ptr<Client> client_ = testing::SharedClient();
  const testing::TestNamespace ns_{*client_};
};

std::unique_ptr<testing::Subject> OnTheDaemon() { return std::make_unique<DaemonSubject>(); }

}  // namespace
}  // namespace containerd

namespace containerd::testing {

INSTANTIATE_TEST_SUITE_P(Daemon, ContainerStore, ::testing::Values(&OnTheDaemon));
INSTANTIATE_TEST_SUITE_P(Daemon, Content, ::testing::Values(&OnTheDaemon));
INSTANTIATE_TEST_SUITE_P(Daemon, Events, ::testing::Values(&OnTheDaemon));
INSTANTIATE_TEST_SUITE_P(Daemon, ImageStore, ::testing::Values(&OnTheDaemon));
INSTANTIATE_TEST_SUITE_P(Daemon, NamespaceStore, ::testing::Values(&OnTheDaemon));
INSTANTIATE_TEST_SUITE_P(Daemon, Leases, ::testing::Values(&OnTheDaemon));
INSTANTIATE_TEST_SUITE_P(Daemon, Pods, ::testing::Values(&OnTheDaemon));
INSTANTIATE_TEST_SUITE_P(Daemon, Sandboxes, ::testing::Values(&OnTheDaemon));
INSTANTIATE_TEST_SUITE_P(Daemon, SandboxStore, ::testing::Values(&OnTheDaemon));
INSTANTIATE_TEST_SUITE_P(Daemon, Snapshots, ::testing::Values(&OnTheDaemon));

}  // namespace containerd::testing

namespace containerd {
namespace {

TEST_F(Diff, AppliesWhatItCompared) {
  const auto service = client_->DiffService();
  const auto snapshotter = client_->SnapshotService("overlayfs");
  const auto manager = client_->LeasesService();
  absl::StatusOr<leases::LeaseGuard> guard = leases::AcquireLease(ctx(), manager);
  ASSERT_OK(guard);
  const Context leased = guard->context();

  const auto lower = snapshotter->View(leased, "lower", "");
  ASSERT_OK(lower);
  const auto upper = snapshotter->Prepare(leased, "upper", "");
  ASSERT_OK(upper);
  const testing::TestDir test_dir;
  const std::filesystem::path dir = test_dir.path();
  ASSERT_OK(mount::All(*upper, dir.string()));
  std::filesystem::create_directory(dir / "etc");
  std::ofstream(dir / "etc" / "motd") << "hello\n";
  ASSERT_OK(mount::UnmountAll(dir.string(), 0));

  const absl::StatusOr<ocispec::Descriptor> layer =
      service->Compare(leased, *lower, *upper,
                       {diff::WithMediaType(ocispec::kMediaTypeImageLayerGzip),
                        diff::WithReference("layer"), diff::WithLabels({{"l", "1"}})});
  ASSERT_OK(layer);
  EXPECT_EQ(layer->media_type, ocispec::kMediaTypeImageLayerGzip);
  const absl::StatusOr<content::Info> info =
      client_->ContentStore()->Info(ctx(), *digest::Parse(layer->digest));
  ASSERT_OK(info);
  EXPECT_EQ(info->size, layer->size);
  EXPECT_EQ(info->labels.at("l"), "1");

  const auto mounts = snapshotter->Prepare(leased, "applied", "");
  ASSERT_OK(mounts);
  std::vector<std::int64_t> progress;
  const absl::StatusOr<ocispec::Descriptor> applied =
      service->Apply(leased, *layer, *mounts,
                     {diff::WithSyncFs(true),
                      diff::WithProgress([&](const ocispec::Descriptor& desc, std::int64_t bytes) {
                        EXPECT_EQ(desc, *layer);
                        progress.push_back(bytes);
                      })});
  ASSERT_OK(applied);
  EXPECT_EQ(applied->media_type, ocispec::kMediaTypeImageLayer);
  EXPECT_EQ(applied->digest, info->labels.at("containerd.io/uncompressed"));
  EXPECT_THAT(progress, ElementsAre(0, layer->size));
  ASSERT_OK(mount::All(*mounts, dir.string()));
  std::string line;
  std::getline(std::ifstream(dir / "etc" / "motd"), line);
  EXPECT_EQ(line, "hello");
  ASSERT_OK(mount::UnmountAll(dir.string(), 0));

  ocispec::Descriptor missing = *layer;
  missing.digest = digest::FromString("nothing").String();
  const absl::Status s = service->Apply(leased, missing, *mounts).status();
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr(missing.digest));
}

TEST_F(Diff, RefusesMediaTypesThatItDoesNotKnow) {
  const auto service = client_->DiffService();
  const auto manager = client_->LeasesService();
  absl::StatusOr<leases::LeaseGuard> guard = leases::AcquireLease(ctx(), manager);
  ASSERT_OK(guard);
  const ocispec::Descriptor desc{
      .media_type = "text/x", .digest = digest::FromString("x").String(), .size = 1};
  ASSERT_OK(content::WriteBlob(guard->context(), *client_->ContentStore(), "ref", "x", desc));
  const absl::Status apply = service->Apply(guard->context(), desc, {}).status();
  EXPECT_FALSE(apply.ok());  // Daemons up to 2.1 do not class it.
  EXPECT_THAT(std::string(errdefs::Message(apply)),
              AllOf(HasSubstr(desc.digest), HasSubstr("no processor for media-type")));
  const absl::Status compare =
      service->Compare(guard->context(), {}, {}, {diff::WithMediaType("text/x")}).status();
  EXPECT_TRUE(errdefs::IsNotImplemented(compare)) << compare;
}

TEST_F(Introspection, Plugins) {
  const auto service = client_->IntrospectionService();
  const auto all = service->Plugins(ctx());
  ASSERT_OK(all);
  const auto snapshotters = service->Plugins(ctx(), {"type==io.containerd.snapshotter.v1"});
  ASSERT_OK(snapshotters);
  EXPECT_GT(all->size(), snapshotters->size());
  EXPECT_THAT(
      *snapshotters,
      Contains(AllOf(Field(&introspection::Plugin::id, "overlayfs"),
                     Field(&introspection::Plugin::platforms, Not(IsEmpty())),
                     Field(&introspection::Plugin::exports, Contains(::testing::Key("root"))),
                     Field(&introspection::Plugin::init_err, absl::OkStatus()))));
  EXPECT_THAT(*service->Plugins(ctx(), {"id==no-such-plugin"}), IsEmpty());
  EXPECT_TRUE(errdefs::IsInvalidArgument(service->Plugins(ctx(), {"id==="}).status()));
}

TEST_F(Introspection, Server) {
  const auto service = client_->IntrospectionService();
  const auto server = service->Server(ctx());
  ASSERT_OK(server);
  EXPECT_THAT(server->uuid, SizeIs(36));
  EXPECT_EQ(service->Server(ctx())->uuid, server->uuid);
  if (server->pid == 0) GTEST_SKIP() << "the daemon does not tell its pid";
  EXPECT_TRUE(std::filesystem::exists(fmt::format("/proc/{}", server->pid)));
  EXPECT_NE(server->pidns, 0U);
}

TEST_F(Introspection, PluginInfo) {
  const auto service = client_->IntrospectionService();
  types::RuntimeRequest request;
  request.set_runtime_path("io.containerd.runc.v2");
  const auto info =
      service->PluginInfo(ctx(), "io.containerd.runtime.v2", "task", *typeurl::MarshalAny(request));
  if (errdefs::IsNotImplemented(info.status())) {
    GTEST_SKIP() << "the daemon does not inform about plugins";
  }
  ASSERT_OK(info);
  EXPECT_EQ(info->plugin.id, "task");
  types::RuntimeInfo runtime;
  ASSERT_TRUE(runtime.ParseFromString(info->extra.value)) << info->extra.type_url;
  EXPECT_EQ(runtime.name(), "io.containerd.runc.v2");
  EXPECT_FALSE(runtime.version().version().empty());
  const absl::Status s = service->PluginInfo(ctx(), "io.containerd.none.v1", "none").status();
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
}

TEST_F(StoresTest, HealthAndVersion) {
  EXPECT_EQ(*client_->HealthService()->Check(ctx(), {.wait_for_ready = true}),
            health::ServingStatus::kServing);
  const absl::Status s =
      client_->HealthService()->Check(ctx(), {.service = "no.such.Service"}).status();
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
  const auto version = client_->VersionService()->Version(ctx());
  ASSERT_OK(version);
  EXPECT_THAT(version->version, ::testing::MatchesRegex("v?[0-9]+\\.[0-9]+\\..*"));
}

}  // namespace
}  // namespace containerd
