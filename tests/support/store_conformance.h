// SPDX-License-Identifier: Apache-2.0
//
// What every daemon's stores do, and what stands in for one has to do as well: tests of a client's
// containers, images, namespaces, leases, sandboxes and snapshots. The other *_conformance.h have
// those of tasks, events and content. A program includes this once, and says of what:
//
//   INSTANTIATE_TEST_SUITE_P(Daemon, ContainerStore, ::testing::Values(MakeSubject));
#ifndef CONTAINERD_TESTS_SUPPORT_STORE_CONFORMANCE_H_
#define CONTAINERD_TESTS_SUPPORT_STORE_CONFORMANCE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/time/clock.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/client.h"
#include "containerd/containers/containers.h"
#include "containerd/content/content.h"
#include "containerd/content/helpers.h"
#include "containerd/digest/digest.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/store.h"
#include "containerd/leases/leases.h"
#include "containerd/namespaces/store.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/sandbox/sandbox.h"
#include "containerd/snapshots/snapshots.h"
#include "containerd/testing/status.h"

#include "tests/support/conformance.h"

namespace containerd::testing {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class ContainerStore : public Conformance {};
class ImageStore : public Conformance {};
class NamespaceStore : public Conformance {};
class Leases : public Conformance {};
class Snapshots : public Conformance {};

class SandboxStore : public Conformance {
 protected:
  void SetUp() override {
    const absl::Status s = store_->List(ctx()).status();
    if (errdefs::IsNotImplemented(s)) GTEST_SKIP() << "the daemon has no sandbox store";
    ASSERT_OK(s);
  }

  static sandbox::Sandbox Some(const std::string& id) {
    sandbox::Sandbox sandbox{
        .id = id,
        .labels = {{"color", "blue"}},
        .runtime = {.name = "io.containerd.runc.v2"},
        .spec = {.type_url = "types.containerd.io/opencontainers/runtime-spec/1/Spec",
                 .value = "{}"}};
    sandbox.AddExtension("test.ext", {.type_url = "u", .value = "v"});
    return sandbox;
  }

  const std::shared_ptr<sandbox::Store> store_ = client_->SandboxStore();
};

TEST_P(ContainerStore, KeepsEveryField) {
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

TEST_P(ContainerStore, UpdatesOnlyTheFieldsThatAreNamed) {
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

TEST_P(ContainerStore, ContainerList) {
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
TEST_P(ContainerStore, ListsMoreThanAMessageHolds) {
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

TEST_P(ContainerStore, RefusesBadInput) {
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

TEST_P(ImageStore, KeepsEveryField) {
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

TEST_P(ImageStore, RefusesBadInput) {
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

TEST_P(ImageStore, TakesTheTimeOfSourceDateEpoch) {
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

TEST_P(ImageStore, DeletesOnlyTheTargetThatIsMeant) {
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

TEST_P(NamespaceStore, CreateLabelListDelete) {
  const auto store = client_->NamespaceService();
  const std::string other = *ctx().Namespace() + "-more";
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

TEST_P(Leases, CreateListDelete) {
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

TEST_P(Leases, AGuardHoldsWhatIsMadeUnderIt) {
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

TEST_P(Leases, LeaseResources) {
  const auto manager = client_->LeasesService();
  const auto store = client_->ContentStore();
  const auto images = client_->ImageService();
  const auto snapshotter = client_->SnapshotService(SnapshotterName());
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
        {content::WithLabels({{"containerd.io/gc.ref.snapshot." + SnapshotterName(), "chain"}})}));
    ASSERT_OK(images->Create(guard->context(), {.name = "image", .target = desc}));
  }
  ASSERT_OK(store->Info(ctx(), digest::FromString(config)));
  ASSERT_OK(snapshotter->Stat(ctx(), "chain"));

  const leases::Resource snapshot{.id = "chain", .type = "snapshots/" + SnapshotterName()};
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

TEST_P(Leases, RefusesUnknownKindsOfResources) {
  const auto manager = client_->LeasesService();
  const absl::StatusOr<leases::Lease> lease = manager->Create(ctx(), {leases::WithRandomID()});
  ASSERT_OK(lease);
  const absl::Status s = manager->AddResource(ctx(), *lease, {.id = "x", .type = "houses"});
  EXPECT_FALSE(s.ok());
  EXPECT_THAT(*manager->ListResources(ctx(), *lease), IsEmpty());
}

TEST_P(SandboxStore, CreateUpdateListDelete) {
  const sandbox::Sandbox made = Some("one");
  auto stored = store_->Create(ctx(), made);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->id, "one");
  EXPECT_EQ(stored->labels, made.labels);
  EXPECT_EQ(stored->runtime.name, made.runtime.name);
  EXPECT_EQ(stored->spec, made.spec);
  EXPECT_EQ(stored->extensions, made.extensions);
  EXPECT_GT(stored->created_at, absl::InfinitePast());
  EXPECT_EQ(stored->created_at, stored->updated_at);

  auto again = store_->Create(ctx(), made);
  EXPECT_TRUE(errdefs::IsAlreadyExists(again.status())) << again.status();

  sandbox::Sandbox changed = made;
  changed.labels = {{"color", "red"}, {"size", "big"}};
  changed.spec = {.type_url = "other", .value = "x"};
  auto updated = store_->Update(ctx(), changed, {"labels.color"});
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(updated->labels, (Labels{{"color", "red"}}));
  EXPECT_EQ(updated->spec, made.spec);
  EXPECT_GE(updated->updated_at, stored->updated_at);

  auto got = store_->Get(ctx(), "one");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(*got, *updated);
  ASSERT_TRUE(store_->Create(ctx(), Some("two")).ok());
  auto list = store_->List(ctx(), {"id==two"});
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->size(), 1U);
  EXPECT_EQ((*list)[0].id, "two");
  EXPECT_EQ(store_->List(ctx())->size(), 2U);

  EXPECT_TRUE(store_->Delete(ctx(), "one").ok());
  EXPECT_TRUE(store_->Delete(ctx(), "two").ok());
  const auto left = store_->List(ctx());
  ASSERT_TRUE(left.ok()) << left.status();
  EXPECT_THAT(*left, IsEmpty());
}

TEST_P(SandboxStore, RefusesBadInput) {
  EXPECT_FALSE(store_->Create(ctx(), Some("")).ok());
  const absl::Status invalid = store_->Create(ctx(), Some("not/valid")).status();
  EXPECT_TRUE(errdefs::IsInvalidArgument(invalid)) << invalid;
  EXPECT_THAT(std::string(errdefs::Message(invalid)), HasSubstr("not/valid"));
  for (const absl::Status& s :
       {store_->Get(ctx(), "missing").status(), store_->Update(ctx(), Some("missing")).status(),
        store_->Delete(ctx(), "missing")}) {
    EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
    EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("missing"));
  }
  EXPECT_FALSE(store_->List(ctx(), {"not a filter=="}).ok());
}

// So it goes with layers: whoever unpacks one asks for a snapshot to work on, and names what is to
// come of it.
TEST_P(Snapshots, WhatIsThereAlreadyIsHeld) {
  const auto daemon = client_->Version(ctx());
  if (daemon.ok() && daemon->version.starts_with("1.6.")) {
    GTEST_SKIP() << "the daemon does not hold a snapshot for who finds it there";
  }
  const auto manager = client_->LeasesService();
  const auto snapshotter = client_->SnapshotService(SnapshotterName());
  absl::StatusOr<leases::LeaseGuard> first = leases::AcquireLease(ctx(), manager);
  ASSERT_OK(first);
  ASSERT_OK(snapshotter->Prepare(first->context(), "work", ""));
  ASSERT_OK(snapshotter->Commit(first->context(), "chain", "work"));
  absl::StatusOr<leases::LeaseGuard> second = leases::AcquireLease(ctx(), manager);
  ASSERT_OK(second);
  const absl::Status there =
      snapshotter
          ->Prepare(second->context(), "again", "",
                    {snapshots::WithLabels({{snapshots::kLabelSnapshotRef, "chain"}})})
          .status();
  EXPECT_TRUE(errdefs::IsAlreadyExists(there)) << there;
  EXPECT_THAT(std::string(errdefs::Message(there)), HasSubstr("\"chain\""));
  EXPECT_TRUE(errdefs::IsNotFound(snapshotter->Stat(ctx(), "again").status()));
  EXPECT_THAT(
      *manager->ListResources(ctx(), *second->lease()),
      ElementsAre(leases::Resource{.id = "chain", .type = "snapshots/" + SnapshotterName()}));
  ASSERT_OK(first->Release(ctx(), {leases::SynchronousDelete}));
  EXPECT_OK(snapshotter->Stat(ctx(), "chain"));
  ASSERT_OK(second->Release(ctx(), {leases::SynchronousDelete}));
  EXPECT_TRUE(errdefs::IsNotFound(snapshotter->Stat(ctx(), "chain").status()));
}

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_SUPPORT_STORE_CONFORMANCE_H_
