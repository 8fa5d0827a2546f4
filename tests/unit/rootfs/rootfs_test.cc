// SPDX-License-Identifier: Apache-2.0
#include "containerd/rootfs/rootfs.h"

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/digest/identity.h"
#include "containerd/errdefs/errdefs.h"

namespace containerd::rootfs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// Keeps snapshots in a map, and a diary.
class FakeSnapshotter final : public snapshots::Snapshotter {
 public:
  std::map<std::string, snapshots::Info> all;
  std::vector<std::string> diary;
  std::function<absl::Status(std::string_view key)> on_prepare;
  std::function<absl::Status(std::string_view name)> on_commit;
  std::function<absl::Status(std::string_view key)> on_stat;

  absl::StatusOr<snapshots::Info> Stat(const Context&, std::string_view key) override {
    if (on_stat) {
      if (absl::Status s = on_stat(key); !s.ok()) return s;
    }
    const auto found = all.find(std::string(key));
    if (found == all.end()) return errdefs::NotFound(fmt::format("snapshot {}", key));
    return found->second;
  }
  absl::StatusOr<snapshots::Info> Update(const Context&, const snapshots::Info&,
                                         const std::vector<std::string>&) override {
    return errdefs::NotImplemented("");
  }
  absl::StatusOr<snapshots::Usage> Usage(const Context&, std::string_view) override {
    return errdefs::NotImplemented("");
  }
  absl::StatusOr<std::vector<mount::Mount>> Mounts(const Context&, std::string_view key) override {
    diary.push_back(fmt::format("mounts {}", key));
    return std::vector<mount::Mount>{{.source = std::string(key)}};
  }
  absl::StatusOr<std::vector<mount::Mount>> Prepare(
      const Context&, std::string_view key, std::string_view parent,
      const std::vector<snapshots::Opt>& opts) override {
    return Make(key, parent, snapshots::Kind::kActive, opts);
  }
  absl::StatusOr<std::vector<mount::Mount>> View(const Context&, std::string_view key,
                                                 std::string_view parent,
                                                 const std::vector<snapshots::Opt>& opts) override {
    return Make(key, parent, snapshots::Kind::kView, opts);
  }
  absl::Status Commit(const Context&, std::string_view name, std::string_view key,
                      const std::vector<snapshots::Opt>&) override {
    if (on_commit) {
      if (absl::Status s = on_commit(name); !s.ok()) return s;
    }
    if (all.contains(std::string(name))) return errdefs::AlreadyExists("snapshot");
    snapshots::Info info = all.at(std::string(key));
    all.erase(std::string(key));
    info.kind = snapshots::Kind::kCommitted;
    info.name = std::string(name);
    all[info.name] = info;
    return absl::OkStatus();
  }
  absl::Status Remove(const Context& ctx, std::string_view key) override {
    if (absl::Status s = ctx.Err(); !s.ok()) return s;
    diary.push_back("remove");
    return all.erase(std::string(key)) > 0 ? absl::OkStatus() : errdefs::NotFound("snapshot");
  }
  absl::Status Walk(const Context&, const snapshots::WalkFunc&,
                    const std::vector<std::string>&) override {
    return errdefs::NotImplemented("");
  }
  absl::Status Close() override { return absl::OkStatus(); }

 private:
  absl::StatusOr<std::vector<mount::Mount>> Make(std::string_view key, std::string_view parent,
                                                 snapshots::Kind kind,
                                                 const std::vector<snapshots::Opt>& opts) {
    if (on_prepare) {
      if (absl::Status s = on_prepare(key); !s.ok()) return s;
    }
    if (!parent.empty() && !all.contains(std::string(parent))) {
      return errdefs::NotFound(fmt::format("parent snapshot {}", parent));
    }
    snapshots::Info info{.kind = kind, .name = std::string(key), .parent = std::string(parent)};
    for (const snapshots::Opt& opt : opts) {
      if (absl::Status s = opt(&info); !s.ok()) return s;
    }
    if (!all.emplace(info.name, info).second) return errdefs::AlreadyExists("key");
    keys.emplace_back(key);
    return std::vector<mount::Mount>{{.source = info.name}};
  }

 public:
  std::vector<std::string> keys;
};

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
  EXPECT_EQ(sn.all.size(), 3U);
  EXPECT_EQ(sn.all.at(chain->String()).parent, Chain({"a", "b"}));
  EXPECT_EQ(sn.all.at(Chain({"a"})).parent, "");
  for (const std::string& key : sn.keys) EXPECT_THAT(key, StartsWith("extract-"));
  EXPECT_THAT(sn.keys.back(), ::testing::EndsWith(" " + chain->String()));

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
  EXPECT_EQ(sn.all.at("diff of a").labels.at("key"), "value");
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
  EXPECT_THAT(sn.all, IsEmpty());
  EXPECT_THAT(sn.diary, ElementsAre("remove"));
}

TEST(ApplyLayer, TriesOtherKeysButNotForEver) {
  FakeSnapshotter sn;
  FakeDiffer differ;
  int refusals = 2;
  sn.on_prepare = [&](std::string_view) {
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
  sn.on_prepare = [&](std::string_view) {
    sn.all["diff of a"] = {};
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
              sn.on_prepare = [](std::string_view) { return errdefs::Internal("no"); };
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
    EXPECT_THAT(sn.all, IsEmpty());
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
  EXPECT_THAT(sn.all, IsEmpty());
}

TEST(CreateDiff, OfActiveAndCommitted) {
  FakeSnapshotter sn;
  FakeDiffer differ;
  sn.all["base"] = {.kind = snapshots::Kind::kCommitted, .name = "base"};
  sn.all["work"] = {.kind = snapshots::Kind::kActive, .name = "work", .parent = "base"};
  sn.all["done"] = {.kind = snapshots::Kind::kCommitted, .name = "done", .parent = "base"};
  EXPECT_EQ(CreateDiff({}, "work", sn, differ)->digest, "a diff");
  EXPECT_THAT(differ.lower.at(0).source, StartsWith("base-parent-view-"));
  EXPECT_EQ(differ.upper.at(0).source, "work");
  EXPECT_THAT(sn.diary, ElementsAre("mounts work", "remove"));
  sn.diary.clear();
  EXPECT_TRUE(CreateDiff({}, "done", sn, differ).ok());
  EXPECT_THAT(differ.upper.at(0).source, StartsWith("done-view-"));
  EXPECT_THAT(sn.diary, ElementsAre("remove", "remove"));
  EXPECT_EQ(sn.all.size(), 3U);
  EXPECT_TRUE(errdefs::IsNotFound(CreateDiff({}, "nothing", sn, differ).status()));
}

}  // namespace
}  // namespace containerd::rootfs
