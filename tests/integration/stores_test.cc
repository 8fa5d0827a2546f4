// SPDX-License-Identifier: Apache-2.0
//
// The stores' proxies against a daemon.
#include <filesystem>
#include <fstream>
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

namespace containerd {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// Keeps what it labels, whatever the garbage collector thinks of it.
const Labels kRoot = {{"containerd.io/gc.root", "2022-01-23T12:34:56Z"}};

class StoresTest : public ::testing::Test {
 protected:
  const Context& ctx() const { return ns_.ctx(); }

  const std::shared_ptr<Client> client_ = testing::SharedClient();
  const testing::TestNamespace ns_{*client_};
};

using ContainerStore = StoresTest;
using ImageStore = StoresTest;
using NamespaceStore = StoresTest;
using Leases = StoresTest;
using Diff = StoresTest;
using Introspection = StoresTest;

TEST_F(ContainerStore, KeepsEveryField) {
  const auto store = client_->ContainerService();
  const containers::Container web{
      .id = "web",
      .labels = {{"tier", "front"}},
      .image = "docker.io/library/a:1",
      .runtime = {.name = "io.containerd.runc.v2",
                  .options = {.type_url = "containerd.runc.v1.Options", .value = "\x08\x01"}},
      .spec = {.type_url = "types.containerd.io/opencontainers/runtime-spec/1/Spec", .value = "{}"},
      .snapshot_key = "web-rootfs",
      .snapshotter = "overlayfs",
      .extensions = {{"ext.a", {.type_url = "t/E", .value = std::string("\0x", 2)}}}};
  const absl::Time before = absl::Now();
  absl::StatusOr<containers::Container> created = store->Create(ctx(), web);
  const absl::Time after = absl::Now();
  ASSERT_OK(created);
  EXPECT_THAT(created->created_at, AllOf(Ge(before), Le(after)));
  EXPECT_EQ(created->created_at, created->updated_at);
  containers::Container want = web;
  want.created_at = created->created_at;
  want.updated_at = created->updated_at;
  EXPECT_EQ(*created, want);
  EXPECT_EQ(*store->Get(ctx(), "web"), want);
  EXPECT_THAT(*store->List(ctx()), ElementsAre(want));

  const absl::Status taken = store->Create(ctx(), web).status();
  EXPECT_TRUE(errdefs::IsAlreadyExists(taken)) << taken;
  EXPECT_THAT(std::string(errdefs::Message(taken)), HasSubstr("\"web\""));

  EXPECT_OK(store->Delete(ctx(), "web"));
  for (const absl::Status& s : {store->Delete(ctx(), "web"), store->Get(ctx(), "web").status(),
                                store->Update(ctx(), web).status()}) {
    EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
    EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("web"));
  }
  EXPECT_THAT(*store->List(ctx()), IsEmpty());
}

TEST_F(ContainerStore, UpdatesOnlyTheFieldsThatAreNamed) {
  const auto store = client_->ContainerService();
  containers::Container c{.id = "c",
                          .labels = {{"a", "1"}, {"b", "2"}},
                          .image = "old",
                          .runtime = {.name = "io.containerd.runc.v2"},
                          .spec = {.type_url = "t/Spec", .value = "old"}};
  const absl::StatusOr<containers::Container> created = store->Create(ctx(), c);
  ASSERT_OK(created);
  c.labels = {{"a", "3"}, {"b", "4"}};
  c.image = "new";
  c.spec.value = "new";
  absl::StatusOr<containers::Container> updated = store->Update(ctx(), c, {"labels.a", "image"});
  ASSERT_OK(updated);
  EXPECT_EQ(updated->labels, (Labels{{"a", "3"}, {"b", "2"}}));
  EXPECT_EQ(updated->image, "new");
  EXPECT_EQ(updated->spec.value, "old");
  EXPECT_EQ(updated->created_at, created->created_at);
  EXPECT_GT(updated->updated_at, created->updated_at);

  updated = store->Update(ctx(), c);
  ASSERT_OK(updated);
  EXPECT_EQ(updated->labels, c.labels);
  EXPECT_EQ(updated->spec.value, "new");

  const absl::Status s = store->Update(ctx(), c, {"id"}).status();
  EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
}

TEST_F(ContainerStore, ContainerList) {
  const auto store = client_->ContainerService();
  EXPECT_THAT(*store->List(ctx()), IsEmpty());
  for (const char* id : {"a", "b", "c"}) {
    ASSERT_OK(store->Create(ctx(), {.id = id,
                                    .labels = {{"name", id}},
                                    .image = id == std::string("c") ? "other" : "image",
                                    .runtime = {.name = "r"},
                                    .spec = {.type_url = "t/Spec", .value = "x"}}));
  }
  const std::pair<std::vector<std::string>, std::vector<std::string>> cases[] = {
      {{}, {"a", "b", "c"}},
      {{"id==a"}, {"a"}},
      {{"image==image"}, {"a", "b"}},
      {{"labels.name==b"}, {"b"}},
      {{"labels.name==b", "id~=^c$"}, {"b", "c"}},
      {{"id==a,labels.name==b"}, {}},
  };
  for (const auto& [filters, want] : cases) {
    const absl::StatusOr<std::vector<containers::Container>> got = store->List(ctx(), filters);
    ASSERT_OK(got);
    std::vector<std::string> ids;
    for (const auto& c : *got) ids.push_back(c.id);
    EXPECT_THAT(ids, ::testing::UnorderedElementsAreArray(want));
  }
  const absl::Status s = store->List(ctx(), {"id==="}).status();
  EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("list containers"));
}

// More than a message may hold, in each direction.
TEST_F(ContainerStore, ListsMoreThanAMessageHolds) {
  const auto store = client_->ContainerService();
  const std::string spec(1 << 20, 'x');
  constexpr int kContainers = 20;
  for (int i = 0; i < kContainers; ++i) {
    ASSERT_OK(store->Create(ctx(), {.id = fmt::format("big-{}", i),
                                    .runtime = {.name = "r"},
                                    .spec = {.type_url = "t/Spec", .value = spec}}));
  }
  const absl::StatusOr<std::vector<containers::Container>> all = store->List(ctx());
  ASSERT_OK(all);
  EXPECT_THAT(*all, SizeIs(kContainers));
  for (const auto& c : *all) {
    EXPECT_EQ(c.spec.value, spec);
    EXPECT_OK(store->Delete(ctx(), c.id));
  }
}

TEST_F(ContainerStore, RefusesBadInput) {
  const auto store = client_->ContainerService();
  const containers::Container good{
      .id = "good", .runtime = {.name = "r"}, .spec = {.type_url = "t/Spec", .value = "x"}};
  std::vector<containers::Container> bad(4, good);
  bad[0].id = "";
  bad[1].id = "no spaces";
  bad[2].runtime.name = "";
  bad[3].labels = {{"long", std::string(4096, 'x')}};
  for (const auto& c : bad) {
    const absl::Status s = store->Create(ctx(), c).status();
    EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
  }
  EXPECT_THAT(*store->List(ctx()), IsEmpty());
}

TEST_F(ImageStore, KeepsEveryField) {
  const auto store = client_->ImageService();
  const images::Image image{.name = "docker.io/library/a:1",
                            .labels = {{"l", "1"}},
                            .target = {.media_type = ocispec::kMediaTypeImageIndex,
                                       .digest = digest::FromString("index").String(),
                                       .size = 5,
                                       .annotations = {{"n", "2"}}}};
  const absl::Time before = absl::Now();
  const absl::StatusOr<images::Image> created = store->Create(ctx(), image);
  ASSERT_OK(created);
  EXPECT_THAT(created->created_at, AllOf(Ge(before), Le(absl::Now())));
  images::Image want = image;
  want.created_at = created->created_at;
  want.updated_at = created->updated_at;
  EXPECT_EQ(*created, want);
  EXPECT_EQ(*store->Get(ctx(), image.name), want);
  EXPECT_THAT(*store->List(ctx(), {"name==docker.io/library/a:1"}), ElementsAre(want));
  EXPECT_THAT(*store->List(ctx(), {"name==docker.io/library/a:2"}), IsEmpty());
  EXPECT_TRUE(errdefs::IsAlreadyExists(store->Create(ctx(), image).status()));

  images::Image changed = image;
  changed.labels = {{"l", "3"}, {"m", "4"}};
  changed.target.digest = digest::FromString("other").String();
  absl::StatusOr<images::Image> updated = store->Update(ctx(), changed, {"labels.l"});
  ASSERT_OK(updated);
  EXPECT_EQ(updated->labels, (Labels{{"l", "3"}}));
  EXPECT_EQ(updated->target, image.target);
  updated = store->Update(ctx(), changed);
  ASSERT_OK(updated);
  EXPECT_EQ(updated->labels, changed.labels);
  EXPECT_EQ(updated->target, changed.target);
  EXPECT_EQ(updated->created_at, created->created_at);

  EXPECT_OK(store->Delete(ctx(), image.name, {images::SynchronousDelete()}));
  for (const absl::Status& s :
       {store->Delete(ctx(), image.name), store->Get(ctx(), image.name).status(),
        store->Update(ctx(), image).status()}) {
    EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
    EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr(image.name));
  }
}

TEST_F(ImageStore, RefusesBadInput) {
  const auto store = client_->ImageService();
  const std::string digest = digest::FromString("x").String();
  for (const images::Image& bad :
       {images::Image{.name = "", .target = {.media_type = "t", .digest = digest, .size = 1}},
        images::Image{.name = "a", .target = {.media_type = "t", .digest = "sha256:1", .size = 1}},
        images::Image{.name = "a", .target = {.media_type = "", .digest = digest, .size = 1}},
        images::Image{.name = "a", .target = {.media_type = "t", .digest = digest, .size = 0}}}) {
    const absl::Status s = store->Create(ctx(), bad).status();
    EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
  }
}

TEST_F(ImageStore, TakesTheTimeOfSourceDateEpoch) {
  const auto store = client_->ImageService();
  const absl::Time epoch = absl::FromUnixSeconds(1642941296);
  const images::Image image{
      .name = "a",
      .target = {.media_type = "t", .digest = digest::FromString("x").String(), .size = 1}};
  const Context ctx_with_epoch = WithSourceDateEpoch(ctx(), epoch);
  const absl::StatusOr<images::Image> created = store->Create(ctx_with_epoch, image);
  ASSERT_OK(created);
  if (created->created_at > absl::Now() - absl::Hours(1)) {
    GTEST_SKIP() << "the daemon does not look at source_date_epoch";
  }
  EXPECT_EQ(created->created_at, epoch);
  EXPECT_EQ(created->updated_at, epoch);
}

TEST_F(ImageStore, DeletesOnlyTheTargetThatIsMeant) {
  const auto store = client_->ImageService();
  const images::Image image{
      .name = "a",
      .target = {.media_type = "t", .digest = digest::FromString("x").String(), .size = 1}};
  ASSERT_OK(store->Create(ctx(), image));
  ocispec::Descriptor other = image.target;
  other.digest = digest::FromString("y").String();
  const absl::Status s = store->Delete(ctx(), "a", {images::DeleteTarget(other)});
  if (s.ok()) GTEST_SKIP() << "the daemon does not look at the target of a deletion";
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
  EXPECT_OK(store->Get(ctx(), "a"));
  EXPECT_OK(store->Delete(ctx(), "a", {images::DeleteTarget(image.target)}));
}

TEST_F(NamespaceStore, CreateLabelListDelete) {
  const auto store = client_->NamespaceService();
  const std::string other = ns_.name() + "-more";
  ASSERT_OK(store->Create(ctx(), other, {{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(*store->Labels(ctx(), other), (Labels{{"a", "1"}, {"b", "2"}}));
  EXPECT_OK(store->SetLabel(ctx(), other, "a", "3"));
  EXPECT_OK(store->SetLabel(ctx(), other, "containerd.io/defaults/snapshotter", "native"));
  EXPECT_OK(store->SetLabel(ctx(), other, "b", ""));
  EXPECT_EQ(*store->Labels(ctx(), other),
            (Labels{{"a", "3"}, {"containerd.io/defaults/snapshotter", "native"}}));
  EXPECT_THAT(*store->List(ctx()), Contains(other));
  EXPECT_TRUE(errdefs::IsAlreadyExists(store->Create(ctx(), other)));

  // Not while there is something in it.
  const Context inside = WithNamespace(ctx(), other);
  const auto images = client_->ImageService();
  ASSERT_OK(images->Create(
      inside,
      {.name = "a",
       .target = {.media_type = "t", .digest = digest::FromString("x").String(), .size = 1}}));
  const absl::Status s = store->Delete(ctx(), other);
  EXPECT_TRUE(errdefs::IsFailedPrecondition(s)) << s;
  EXPECT_OK(images->Delete(inside, "a", {images::SynchronousDelete()}));
  EXPECT_OK(store->Delete(ctx(), other));

  EXPECT_THAT(*store->List(ctx()), Not(Contains(other)));
  EXPECT_TRUE(errdefs::IsNotFound(store->Delete(ctx(), other)));
  for (const std::string bad : {"", "no spaces", "-x", "a..b"}) {
    const absl::Status refused = store->Create(ctx(), bad);
    EXPECT_TRUE(errdefs::IsInvalidArgument(refused)) << refused;
  }
}

TEST_F(Leases, CreateListDelete) {
  const auto manager = client_->LeasesService();
  const absl::Time before = absl::Now();
  const absl::StatusOr<leases::Lease> one = manager->Create(
      ctx(),
      {leases::WithID("one"), leases::WithLabel("l", "1"), leases::WithExpiration(absl::Hours(1))});
  ASSERT_OK(one);
  EXPECT_EQ(one->id, "one");
  EXPECT_THAT(one->created_at, AllOf(Ge(before), Le(absl::Now())));
  EXPECT_EQ(one->labels.at("l"), "1");
  EXPECT_TRUE(one->labels.contains(leases::kLabelGCExpire));
  const absl::StatusOr<leases::Lease> other = manager->Create(ctx(), {leases::WithRandomID()});
  ASSERT_OK(other);
  EXPECT_THAT(*manager->List(ctx()), UnorderedElementsAre(*one, *other));
  EXPECT_THAT(*manager->List(ctx(), {"id==one"}), ElementsAre(*one));
  EXPECT_THAT(*manager->List(ctx(), {"labels.l"}), ElementsAre(*one));
  EXPECT_TRUE(errdefs::IsAlreadyExists(manager->Create(ctx(), {leases::WithID("one")}).status()));
  EXPECT_OK(manager->Delete(ctx(), *one));
  const absl::Status s = manager->Delete(ctx(), *one);
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("\"one\""));
  EXPECT_TRUE(errdefs::IsNotFound(manager->ListResources(ctx(), *one).status()));
}

TEST_F(Leases, AGuardHoldsWhatIsMadeUnderIt) {
  const auto manager = client_->LeasesService();
  const auto store = client_->ContentStore();
  const std::string data = "held by a lease";
  const ocispec::Descriptor desc{.digest = digest::FromString(data).String(),
                                 .size = static_cast<std::int64_t>(data.size())};
  std::string id;
  {
    absl::StatusOr<leases::LeaseGuard> guard = leases::AcquireLease(ctx(), manager);
    ASSERT_OK(guard);
    id = guard->lease()->id;
    ASSERT_OK(content::WriteBlob(guard->context(), *store, "ref", data, desc));
    EXPECT_THAT(*manager->ListResources(ctx(), *guard->lease()),
                ElementsAre(leases::Resource{.id = desc.digest, .type = "content"}));
    EXPECT_OK(guard->Release(ctx(), {leases::SynchronousDelete}));
  }
  EXPECT_TRUE(errdefs::IsNotFound(store->Info(ctx(), digest::FromString(data)).status()));
  EXPECT_THAT(*manager->List(ctx(), {"id==" + id}), IsEmpty());
}

TEST_F(Leases, LeaseResources) {
  const auto manager = client_->LeasesService();
  const auto store = client_->ContentStore();
  const auto images = client_->ImageService();
  const auto snapshotter = client_->SnapshotService("native");
  const absl::StatusOr<leases::Lease> lease = manager->Create(ctx(), {leases::WithRandomID()});
  ASSERT_OK(lease);

  // An image whose content refers to a snapshot, as unpacking leaves it.
  const std::string config = "{}";
  const ocispec::Descriptor desc{.media_type = ocispec::kMediaTypeImageConfig,
                                 .digest = digest::FromString(config).String(),
                                 .size = static_cast<std::int64_t>(config.size())};
  {
    absl::StatusOr<leases::LeaseGuard> guard = leases::AcquireLease(ctx(), manager);
    ASSERT_OK(guard);
    ASSERT_OK(snapshotter->Prepare(guard->context(), "unpack", ""));
    ASSERT_OK(snapshotter->Commit(guard->context(), "chain", "unpack"));
    ASSERT_OK(content::WriteBlob(
        guard->context(), *store, "ref", config, desc,
        {content::WithLabels({{"containerd.io/gc.ref.snapshot.native", "chain"}})}));
    ASSERT_OK(images->Create(guard->context(), {.name = "image", .target = desc}));
  }
  ASSERT_OK(store->Info(ctx(), digest::FromString(config)));
  ASSERT_OK(snapshotter->Stat(ctx(), "chain"));

  const leases::Resource snapshot{.id = "chain", .type = "snapshots/native"};
  ASSERT_OK(manager->AddResource(ctx(), *lease, snapshot));
  EXPECT_THAT(*manager->ListResources(ctx(), *lease), ElementsAre(snapshot));
  ASSERT_OK(images->Delete(ctx(), "image", {images::SynchronousDelete()}));
  EXPECT_TRUE(errdefs::IsNotFound(store->Info(ctx(), digest::FromString(config)).status()));
  EXPECT_OK(snapshotter->Stat(ctx(), "chain"));

  ASSERT_OK(manager->DeleteResource(ctx(), *lease, snapshot));
  EXPECT_THAT(*manager->ListResources(ctx(), *lease), IsEmpty());
  ASSERT_OK(manager->Delete(ctx(), *lease, {leases::SynchronousDelete}));
  EXPECT_TRUE(errdefs::IsNotFound(snapshotter->Stat(ctx(), "chain").status()));
}

TEST_F(Leases, RefusesUnknownKindsOfResources) {
  const auto manager = client_->LeasesService();
  const absl::StatusOr<leases::Lease> lease = manager->Create(ctx(), {leases::WithRandomID()});
  ASSERT_OK(lease);
  const absl::Status s = manager->AddResource(ctx(), *lease, {.id = "x", .type = "houses"});
  EXPECT_FALSE(s.ok());
  EXPECT_THAT(*manager->ListResources(ctx(), *lease), IsEmpty());
}

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
