// SPDX-License-Identifier: Apache-2.0
#include "containerd/rootfs/rootfs.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/digest/identity.h"
#include "containerd/errdefs/errdefs.h"

#include "tests/support/fake_snapshotter.h"

namespace containerd::rootfs {
namespace {

using containerd::testing::FakeSnapshotter;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// A layer's blob "x" unpacks to the diff "diff of x".
class FakeDiffer final : public diff::DiffService {
 public:
  std::vector<std::string> applied;
  std::function<absl::StatusOr<ocispec::Descriptor>(const ocispec::Descriptor&)> on_apply;
  std::vector<mount::Mount> lower;
  std::vector<mount::Mount> upper;

  absl::StatusOr<ocispec::Descriptor> Apply(const Context&, const ocispec::Descriptor& desc,
                                            const std::vector<mount::Mount>&,
                                            const std::vector<diff::ApplyOpt>&) override {
    applied.push_back(desc.digest);
    if (on_apply) return on_apply(desc);
    return ocispec::Descriptor{.digest = "diff of " + desc.digest};
  }
  absl::StatusOr<ocispec::Descriptor> Compare(const Context&, const std::vector<mount::Mount>& l,
                                              const std::vector<mount::Mount>& u,
                                              const std::vector<diff::Opt>&) override {
    lower = l;
    upper = u;
    return ocispec::Descriptor{.digest = "a diff"};
  }
};

Layer LayerOf(const std::string& blob) {
  return {.diff = {.digest = "diff of " + blob}, .blob = {.digest = blob}};
}

std::string Chain(const std::vector<std::string>& blobs) {
  std::vector<digest::Digest> chain;
  chain.reserve(blobs.size());
  for (const std::string& blob : blobs) chain.emplace_back("diff of " + blob);
  return identity::ChainID(chain).String();
}

TEST(ApplyLayers, AppliesWhatIsMissing) {
  FakeSnapshotter sn;
  FakeDiffer differ;
  auto chain = ApplyLayers({}, {LayerOf("a"), LayerOf("b"), LayerOf("c")}, sn, differ);
  ASSERT_TRUE(chain.ok()) << chain.status();
  EXPECT_EQ(chain->String(), Chain({"a", "b", "c"}));
  EXPECT_THAT(differ.applied, ElementsAre("a", "b", "c"));
  EXPECT_EQ(sn.All().size(), 3U);
  EXPECT_EQ(sn.All().at(chain->String()).parent, Chain({"a", "b"}));
  EXPECT_EQ(sn.All().at(Chain({"a"})).parent, "");
  for (const std::string& key : sn.Keys()) EXPECT_THAT(key, StartsWith("extract-"));
  EXPECT_THAT(sn.Keys().back(), ::testing::EndsWith(" " + chain->String()));

  differ.applied.clear();
  EXPECT_EQ(*ApplyLayers({}, {LayerOf("a"), LayerOf("b"), LayerOf("c")}, sn, differ), *chain);
  EXPECT_THAT(differ.applied, IsEmpty());
  ASSERT_TRUE(ApplyLayers({}, {LayerOf("a"), LayerOf("b"), LayerOf("x")}, sn, differ).ok());
  EXPECT_THAT(differ.applied, ElementsAre("x"));
  EXPECT_EQ(ApplyLayers({}, {}, sn, differ)->String(), "");
}

TEST(ApplyLayer, SaysWhetherItDid) {
  FakeSnapshotter sn;
  FakeDiffer differ;
  EXPECT_TRUE(
      *ApplyLayer({}, LayerOf("a"), {}, sn, differ, {snapshots::WithLabels({{"key", "value"}})}));
  EXPECT_FALSE(*ApplyLayer({}, LayerOf("a"), {}, sn, differ));
  EXPECT_EQ(sn.All().at("diff of a").labels.at("key"), "value");
  const std::vector<digest::Digest> chain = {"diff of a"};
  EXPECT_TRUE(*ApplyLayer({}, LayerOf("b"), chain, sn, differ));
  // The parent is not made.
  const std::vector<digest::Digest> gap = {"diff of a", "diff of z"};
  EXPECT_TRUE(errdefs::IsNotFound(ApplyLayer({}, LayerOf("b"), gap, sn, differ).status()));
}

TEST(ApplyLayer, SomebodyElseIsFaster) {
  FakeSnapshotter sn;
  FakeDiffer differ;
  sn.on_commit = [](std::string_view) { return errdefs::AlreadyExists("snapshot"); };
  auto applied = ApplyLayer({}, LayerOf("a"), {}, sn, differ);
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_FALSE(*applied);
  EXPECT_THAT(sn.All(), IsEmpty());
  EXPECT_THAT(sn.Diary({"mounts", "remove"}), ElementsAre("remove"));
}

// What an applier found there already is a file.
TEST(ApplyLayer, AnAppliersErrorIsNotTheSnapshotters) {
  for (const auto& failure : {errdefs::AlreadyExists("a file"), errdefs::NotFound("a file")}) {
    FakeSnapshotter sn;
    FakeDiffer differ;
    differ.on_apply = [&](const ocispec::Descriptor&) { return failure; };
    auto applied = ApplyLayer({}, LayerOf("a"), {}, sn, differ);
    EXPECT_FALSE(applied.ok());
    EXPECT_FALSE(ApplyLayers({}, {LayerOf("a"), LayerOf("b")}, sn, differ).ok());
    EXPECT_THAT(sn.All(), IsEmpty());
  }
}

TEST(ApplyLayer, TriesOtherKeysButNotForEver) {
  FakeSnapshotter sn;
  FakeDiffer differ;
  int refusals = 2;
  sn.on_prepare = [&](const snapshots::Info&) {
    return refusals-- > 0 ? errdefs::AlreadyExists("key") : absl::OkStatus();
  };
  EXPECT_TRUE(*ApplyLayer({}, LayerOf("a"), {}, sn, differ));
  refusals = 1 << 20;
  auto applied = ApplyLayer({}, LayerOf("b"), {}, sn, differ);
  EXPECT_TRUE(applied.ok() ? !*applied : errdefs::IsAlreadyExists(applied.status()));
  EXPECT_GT(refusals, (1 << 20) - 100);
}

// A remote snapshotter makes the layer's snapshot itself when it is asked to prepare for it.
TEST(ApplyLayer, RemoteSnapshotter) {
  FakeSnapshotter sn;
  FakeDiffer differ;
  sn.on_prepare = [&](const snapshots::Info&) {
    sn.Add({.name = "diff of a"});
    return errdefs::AlreadyExists("target snapshot");
  };
  EXPECT_FALSE(*ApplyLayer({}, LayerOf("a"), {}, sn, differ));
  EXPECT_THAT(differ.applied, IsEmpty());
}

TEST(ApplyLayer, Failures) {
  struct Case {
    const char* name;
    std::function<void(FakeSnapshotter&, FakeDiffer&)> arrange;
    errdefs::Class want_class;
    const char* want;
  };
  for (const auto& [name, arrange, want_class, want] : std::vector<Case>{
           {"stat",
            [](FakeSnapshotter&sn, FakeDiffer&) {
              sn.on_stat = [](std::string_view) { return errdefs::Unavailable("no"); };
            },
            errdefs::Class::ErrUnavailable, "failed to stat snapshot \"diff of a\": no"},
           {"prepare",
            [](FakeSnapshotter&sn, FakeDiffer&) {
              sn.on_prepare = [](const snapshots::Info&) { return errdefs::Internal("no"); };
            },
            errdefs::Class::ErrInternal, "failed to prepare extraction snapshot \"extract-"},
           {"apply",
            [](FakeSnapshotter&, FakeDiffer&differ) {
              differ.on_apply = [](const ocispec::Descriptor&) { return errdefs::DataLoss("no"); };
            },
            errdefs::Class::ErrDataLoss, "failed to extract layer \"diff of a\": no"},
           {"other content",
            [](FakeSnapshotter&, FakeDiffer&differ) {
              differ.on_apply = [](const ocispec::Descriptor&) {
                return ocispec::Descriptor{.digest = "other"};
              };
            },
            errdefs::Class::ErrDataLoss,
            "layer \"a\" unpacks to \"other\", and not to \"diff of a\""},
           {"commit",
            [](FakeSnapshotter&sn, FakeDiffer&) {
              sn.on_commit = [](std::string_view) { return errdefs::Internal("no"); };
            },
            errdefs::Class::ErrInternal, "failed to commit snapshot \"extract-"},
       }) {
    SCOPED_TRACE(name);
    FakeSnapshotter sn;
    FakeDiffer differ;
    arrange(sn, differ);
    auto applied = ApplyLayer({}, LayerOf("a"), {}, sn, differ);
    EXPECT_EQ(errdefs::Resolve(applied.status()), want_class) << applied.status();
    EXPECT_THAT(std::string(errdefs::Message(applied.status())), HasSubstr(want));
    EXPECT_THAT(sn.All(), IsEmpty());
  }
}

TEST(ApplyLayer, CleansUpAfterACancel) {
  FakeSnapshotter sn;
  FakeDiffer differ;
  auto [ctx, cancel] = WithCancel({});
  differ.on_apply = [cancel = cancel](const ocispec::Descriptor&) {
    cancel();
    return errdefs::Canceled("context canceled");
  };
  EXPECT_TRUE(errdefs::IsCanceled(ApplyLayer(ctx, LayerOf("a"), {}, sn, differ).status()));
  EXPECT_THAT(sn.All(), IsEmpty());
}

TEST(CreateDiff, OfActiveAndCommitted) {
  FakeSnapshotter sn;
  sn.on_mounts = [](std::string_view key) {
    return std::vector<mount::Mount>{{.source = std::string(key)}};
  };
  FakeDiffer differ;
  sn.Add({.kind = snapshots::Kind::kCommitted, .name = "base"});
  sn.Add({.kind = snapshots::Kind::kActive, .name = "work", .parent = "base"});
  sn.Add({.kind = snapshots::Kind::kCommitted, .name = "done", .parent = "base"});
  EXPECT_EQ(CreateDiff({}, "work", sn, differ)->digest, "a diff");
  EXPECT_THAT(differ.lower.at(0).source, StartsWith("base-parent-view-"));
  EXPECT_EQ(differ.upper.at(0).source, "work");
  EXPECT_THAT(sn.Diary({"mounts", "remove"}), ElementsAre("mounts work", "remove"));
  sn.ForgetDiary();
  EXPECT_TRUE(CreateDiff({}, "done", sn, differ).ok());
  EXPECT_THAT(differ.upper.at(0).source, StartsWith("done-view-"));
  EXPECT_THAT(sn.Diary({"mounts", "remove"}), ElementsAre("remove", "remove"));
  EXPECT_EQ(sn.All().size(), 3U);
  EXPECT_TRUE(errdefs::IsNotFound(CreateDiff({}, "nothing", sn, differ).status()));
}

}  // namespace
}  // namespace containerd::rootfs
