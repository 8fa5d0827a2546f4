// SPDX-License-Identifier: Apache-2.0
#include "containerd/images/handlers.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <absl/synchronization/barrier.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/annotations.h"
#include "containerd/images/mediatypes.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/testing/image_builder.h"

#include "tests/support/memory_store.h"

namespace containerd::images {
namespace {

using ::containerd::testing::Describe;
using ::containerd::testing::MemoryStore;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

ocispec::Descriptor Named(std::string digest) { return {.digest = std::move(digest)}; }

// Children by digest.
using Tree = std::map<std::string, std::vector<std::string>>;

Handler TreeHandler(Tree tree) {
  return [tree = std::move(tree)](const Context&, const ocispec::Descriptor& desc) {
    Descriptors children;
    if (const auto node = tree.find(desc.digest); node != tree.end()) {
      for (const std::string& child : node->second) children.push_back(Named(child));
    }
    return absl::StatusOr<Descriptors>(std::move(children));
  };
}

// Writes down what it sees.
Handler Recorder(std::vector<std::string>& seen) {
  return [&seen](const Context&, const ocispec::Descriptor& desc) {
    seen.push_back(desc.digest);
    return absl::StatusOr<Descriptors>(Descriptors());
  };
}

Handler Failing(std::string digest, absl::Status status) {
  return [digest = std::move(digest), status = std::move(status)](
             const Context&, const ocispec::Descriptor& desc) -> absl::StatusOr<Descriptors> {
    if (desc.digest == digest) return status;
    return Descriptors();
  };
}

const Tree& SomeTree() {
  static const Tree tree = {{"root", {"a", "b"}}, {"a", {"a1", "a2"}}, {"b", {"b1"}}};
  return tree;
}

TEST(Sentinels, AreTold) {
  EXPECT_TRUE(IsErrSkipDesc(ErrSkipDesc()));
  EXPECT_TRUE(IsErrStopHandler(ErrStopHandler()));
  EXPECT_TRUE(IsErrEmptyWalk(ErrEmptyWalk()));
  EXPECT_TRUE(IsErrEmptyWalk(errdefs::Annotate(ErrEmptyWalk(), "image")));
  EXPECT_TRUE(errdefs::IsNotFound(ErrEmptyWalk()));
  EXPECT_FALSE(IsErrSkipDesc(ErrStopHandler()));
  EXPECT_FALSE(IsErrStopHandler(ErrSkipDesc()));
  EXPECT_FALSE(IsErrEmptyWalk(errdefs::NotFound("image might be filtered out")));
  EXPECT_FALSE(IsErrSkipDesc(absl::OkStatus()));
}

TEST(Walk, ChildrenBeforeSiblings) {
  std::vector<std::string> seen;
  ASSERT_TRUE(
      Walk({}, Handlers({Recorder(seen), TreeHandler(SomeTree())}), {Named("root"), Named("z")})
          .ok());
  EXPECT_THAT(seen, ElementsAre("root", "a", "a1", "a2", "b", "b1", "z"));
}

TEST(Walk, SkipsChildren) {
  std::vector<std::string> seen;
  ASSERT_TRUE(Walk({},
                   Handlers({Recorder(seen), Failing("a", ErrSkipDesc()), TreeHandler(SomeTree())}),
                   {Named("root")})
                  .ok());
  EXPECT_THAT(seen, ElementsAre("root", "a", "b", "b1"));
}

TEST(Walk, EndsWithTheFirstError) {
  std::vector<std::string> seen;
  EXPECT_EQ(Walk({},
                 Handlers({Recorder(seen), Failing("a2", errdefs::Internal("no")),
                           TreeHandler(SomeTree())}),
                 {Named("root")}),
            errdefs::Internal("no"));
  EXPECT_THAT(seen, ElementsAre("root", "a", "a1", "a2"));
}

TEST(Walk, EndsWithTheContext) {
  auto [ctx, cancel] = WithCancel({});
  std::vector<std::string> seen;
  const Handler handler = Handlers({Recorder(seen),
                                    [&](const Context&, const ocispec::Descriptor& desc) {
                                      if (desc.digest == "a1") cancel();
                                      return absl::StatusOr<Descriptors>(Descriptors());
                                    },
                                    TreeHandler(SomeTree())});
  EXPECT_TRUE(errdefs::IsCanceled(Walk(ctx, handler, {Named("root")})));
  EXPECT_THAT(seen, ElementsAre("root", "a", "a1"));
}

TEST(Walk, RefusesWhatContainsItself) {
  for (const Tree& tree : {Tree{{"root", {"root"}}}, Tree{{"root", {"a"}}, {"a", {"b", "root"}}}}) {
    absl::Status s = Walk({}, TreeHandler(tree), {Named("root")});
    EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
    EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("\"root\" contains itself"));
    s = Dispatch({}, TreeHandler(tree), 3, {Named("root")});
    EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("\"root\" contains itself"));
  }
  // Twice is not within itself.
  EXPECT_TRUE(
      Walk({}, TreeHandler({{"root", {"a", "a", "b"}}, {"b", {"a"}}}), {Named("root")}).ok());
}

TEST(Walk, IsBounded) {
  // A tower.
  const Handler deeper = [](const Context&, const ocispec::Descriptor& desc) {
    return absl::StatusOr<Descriptors>(Descriptors{Named(desc.digest + "x")});
  };
  // Ten levels of ten.
  const Handler wider = [](const Context&, const ocispec::Descriptor& desc) {
    Descriptors children;
    for (int i = 0; i < 10 && desc.digest.size() < 10; ++i) {
      children.push_back(Named(fmt::format("{}{}", desc.digest, i)));
    }
    return absl::StatusOr<Descriptors>(std::move(children));
  };
  for (const Handler& handler : {deeper, wider}) {
    EXPECT_TRUE(errdefs::IsResourceExhausted(Walk({}, handler, {Named("0")})));
  }
  EXPECT_TRUE(errdefs::IsResourceExhausted(Dispatch({}, deeper, 2, {Named("0")})));
}

TEST(WalkNotEmpty, Tells) {
  EXPECT_TRUE(WalkNotEmpty({}, TreeHandler(SomeTree()), {Named("root")}).ok());
  EXPECT_TRUE(IsErrEmptyWalk(WalkNotEmpty({}, TreeHandler({}), {Named("root")})));
  EXPECT_EQ(WalkNotEmpty({}, Failing("root", errdefs::Internal("no")), {Named("root")}),
            errdefs::Internal("no"));
}

TEST(Handlers, StopAndFail) {
  std::vector<std::string> seen;
  const Handler handler =
      Handlers({TreeHandler({{"x", {"child"}}}), Failing("x", ErrStopHandler()), Recorder(seen)});
  EXPECT_THAT(*handler({}, Named("x")), ElementsAre(Named("child")));
  EXPECT_THAT(seen, IsEmpty());
  EXPECT_THAT(*handler({}, Named("y")), IsEmpty());
  EXPECT_THAT(seen, ElementsAre("y"));
  EXPECT_EQ(
      Handlers({Failing("x", errdefs::Internal("no")), Recorder(seen)})({}, Named("x")).status(),
      errdefs::Internal("no"));
}

TEST(Dispatch, SeesAll) {
  for (const int limiter : {0, 1, 2, 16}) {
    std::mutex mu;
    std::multiset<std::string> seen;
    const Handler record = [&](const Context&, const ocispec::Descriptor& desc) {
      const std::lock_guard lock(mu);
      seen.insert(desc.digest);
      return absl::StatusOr<Descriptors>(Descriptors());
    };
    ASSERT_TRUE(Dispatch({},
                         Handlers({record, Failing("b", ErrSkipDesc()), TreeHandler(SomeTree())}),
                         limiter, {Named("root")})
                    .ok());
    EXPECT_THAT(seen, UnorderedElementsAre("root", "a", "b", "a1", "a2")) << limiter;
  }
  EXPECT_TRUE(Dispatch({}, TreeHandler({}), 4, {}).ok());
}

// Handlers that wait for one another end only if so many run at once.
TEST(Dispatch, RunsAtOnce) {
  constexpr int kAtOnce = 4;
  auto* const barrier = new absl::Barrier(kAtOnce);
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  const Handler meet = [&](const Context&, const ocispec::Descriptor& desc) {
    if (desc.digest == "root") return absl::StatusOr<Descriptors>(Descriptors());
    const int now = ++running;
    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
    }
    if (barrier->Block()) delete barrier;
    --running;
    return absl::StatusOr<Descriptors>(Descriptors());
  };
  ASSERT_TRUE(Dispatch({}, Handlers({meet, TreeHandler({{"root", {"1", "2", "3", "4"}}})}), kAtOnce,
                       {Named("root")})
                  .ok());
  EXPECT_EQ(most, kAtOnce);
}

TEST(Dispatch, NeverRunsMoreThanAllowed) {
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  Tree tree;
  for (int i = 0; i < 300; ++i) tree["root"].push_back(fmt::format("{}", i));
  const Handler count = [&](const Context&, const ocispec::Descriptor&) {
    const int now = ++running;
    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
    }
    std::this_thread::yield();
    --running;
    return absl::StatusOr<Descriptors>(Descriptors());
  };
  ASSERT_TRUE(Dispatch({}, Handlers({count, TreeHandler(tree)}), 3, {Named("root")}).ok());
  EXPECT_LE(most, 3);
}

TEST(Dispatch, AnErrorCancelsTheOthers) {
  const Handler handler = [&](const Context& ctx,
                              const ocispec::Descriptor& desc) -> absl::StatusOr<Descriptors> {
    if (desc.digest == "root") return Descriptors{Named("bad"), Named("slow")};
    if (desc.digest == "bad") return errdefs::Internal("no");
    // Ends because its context does, however the two come to run.
    return Sleep(ctx, absl::Minutes(10));
  };
  EXPECT_EQ(Dispatch({}, handler, 2, {Named("root")}), errdefs::Internal("no"));
}

TEST(Dispatch, EndsWithTheContext) {
  auto [ctx, cancel] = WithCancel({});
  cancel();
  EXPECT_TRUE(errdefs::IsCanceled(Dispatch(ctx, TreeHandler(SomeTree()), 4, {Named("root")})));
}

// Digests that can be labels' values.
std::string Digest(std::string_view text) { return digest::FromString(text).String(); }

TEST(SetChildrenLabels, NumbersThem) {
  auto store = std::make_shared<MemoryStore>();
  const ocispec::Descriptor parent =
      store->Add(ocispec::kMediaTypeImageManifest, "parent", {{"kept", "yes"}});
  const Descriptors children = {
      {.media_type = ocispec::kMediaTypeImageConfig, .digest = Digest("config")},
      {.media_type = ocispec::kMediaTypeImageLayerGzip, .digest = Digest("layer 0")},
      {.media_type = ocispec::kMediaTypeImageLayer, .digest = Digest("layer 1")},
      {.media_type = ocispec::kMediaTypeImageManifest, .digest = Digest("manifest 0")},
      {.media_type = ocispec::kMediaTypeImageConfig, .digest = Digest("config 2")},
      {.media_type = "other", .digest = Digest("other")},
      {.media_type = ocispec::kMediaTypeImageManifest,
       .digest = Digest("signature"),
       .annotations = {{kAnnotationManifestSubject, parent.digest}}},
  };
  const HandlerFunc inner = [&](const Context&, const ocispec::Descriptor&) {
    return absl::StatusOr<Descriptors>(children);
  };
  EXPECT_EQ(*SetChildrenLabels(store, inner)({}, parent), children);
  const digest::Digest signature = Digest("signature");
  EXPECT_THAT(
      store->LabelsOf(parent.digest),
      UnorderedElementsAre(Pair("kept", "yes"),
                           Pair("containerd.io/gc.ref.content.config", Digest("config")),
                           Pair("containerd.io/gc.ref.content.config1", Digest("config 2")),
                           Pair("containerd.io/gc.ref.content.l.0", Digest("layer 0")),
                           Pair("containerd.io/gc.ref.content.l.1", Digest("layer 1")),
                           Pair("containerd.io/gc.ref.content.m.0", Digest("manifest 0")),
                           Pair("containerd.io/gc.ref.content.0", Digest("other")),
                           Pair(fmt::format("containerd.io/gc.ref.content.referrer.sha256.{}",
                                            signature.Encoded().substr(0, 12)),
                                Digest("signature"))));
}

TEST(SetChildrenLabels, Mapped) {
  auto store = std::make_shared<MemoryStore>();
  const ocispec::Descriptor parent = store->Add(ocispec::kMediaTypeImageManifest, "parent");
  const HandlerFunc inner = [&](const Context&, const ocispec::Descriptor&) {
    return absl::StatusOr<Descriptors>(Descriptors{
        {.media_type = ocispec::kMediaTypeImageConfig, .digest = Digest("config")},
        {.media_type = ocispec::kMediaTypeImageLayerGzip, .digest = Digest("layer 0")}});
  };
  ASSERT_TRUE(SetChildrenMappedLabels(store, inner, ChildGCLabelsFilterLayers)({}, parent).ok());
  EXPECT_THAT(store->LabelsOf(parent.digest),
              ElementsAre(Pair("containerd.io/gc.ref.content.config", Digest("config"))));
}

TEST(SetChildrenLabels, Errors) {
  auto store = std::make_shared<MemoryStore>();
  const ocispec::Descriptor parent = store->Add(ocispec::kMediaTypeImageManifest, "parent");
  const HandlerFunc inner = TreeHandler({{parent.digest, {"no digest"}}});
  absl::Status s = SetChildrenLabels(store, inner)({}, parent).status();
  EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr(parent.digest));
  s = SetChildrenLabels(store, TreeHandler({{Digest("x"), {Digest("y")}}}))({}, Named(Digest("x")))
          .status();
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
  EXPECT_EQ(
      SetChildrenLabels(store, Failing("x", errdefs::Internal("no")))({}, Named("x")).status(),
      errdefs::Internal("no"));
}

TEST(SetReferrers, MarksThem) {
  class Signed final : public content::ReferrersProvider {
   public:
    absl::StatusOr<Descriptors> Referrers(const Context&, const ocispec::Descriptor&) override {
      return Descriptors{Named("signature")};
    }
  };
  const HandlerFunc handler =
      SetReferrers(std::make_shared<Signed>(), TreeHandler({{"m", {"c"}}, {"l", {}}}));
  absl::StatusOr<Descriptors> children =
      handler({}, {.media_type = ocispec::kMediaTypeImageManifest, .digest = "m"});
  ASSERT_EQ(children->size(), 2U);
  EXPECT_EQ((*children)[1].digest, "signature");
  EXPECT_EQ((*children)[1].annotations.at(kAnnotationManifestSubject), "m");
  EXPECT_THAT(*handler({}, {.media_type = ocispec::kMediaTypeImageLayer, .digest = "l"}),
              IsEmpty());
}

ocispec::Descriptor For(std::string digest, std::string_view platform) {
  ocispec::Descriptor desc = Named(std::move(digest));
  if (!platform.empty()) desc.platform = platforms::MustParse(platform);
  return desc;
}

std::vector<std::string> Digests(const absl::StatusOr<Descriptors>& descs) {
  std::vector<std::string> digests;
  if (!descs.ok()) return {std::string(errdefs::Message(descs.status()))};
  for (const ocispec::Descriptor& desc : *descs) digests.push_back(desc.digest);
  return digests;
}

HandlerFunc Constant(Descriptors descs) {
  return [descs = std::move(descs)](const Context&, const ocispec::Descriptor&) {
    return absl::StatusOr<Descriptors>(descs);
  };
}

TEST(FilterPlatforms, Table) {
  const HandlerFunc inner = Constant({For("arm", "linux/arm64"), For("none", ""),
                                      For("amd", "linux/amd64"), For("win", "windows/amd64")});
  EXPECT_THAT(Digests(FilterPlatforms(inner, nullptr)({}, {})),
              ElementsAre("arm", "none", "amd", "win"));
  EXPECT_THAT(
      Digests(FilterPlatforms(inner, platforms::Only(platforms::MustParse("linux/amd64")))({}, {})),
      ElementsAre("none", "amd"));
  EXPECT_THAT(Digests(FilterPlatforms(inner, platforms::All())({}, {})),
              ElementsAre("arm", "none", "amd", "win"));
}

TEST(DetectPlatforms, AsksTheConfigs) {
  const auto store = std::make_shared<MemoryStore>();
  std::map<std::string, std::string> registry;
  const auto put = [&](const std::string& type, const std::string& text) {
    ocispec::Descriptor desc = Describe(type, text);
    registry[desc.digest] = text;
    return desc;
  };
  const auto image = [&](const char* platform, const std::string& config_type) {
    testing::BuiltImage built = testing::BuildImage({.platform = platforms::MustParse(platform)});
    built.parsed.config = put(config_type, built.config);
    return put(ocispec::kMediaTypeImageManifest, ocispec::Marshal(built.parsed));
  };
  ocispec::Index index{.schema_version = 2};
  index.manifests.push_back(image("linux/arm64", ocispec::kMediaTypeImageConfig));
  index.manifests.push_back(image("linux/amd64", ocispec::kMediaTypeImageConfig));
  index.manifests.push_back(image("linux/s390x", "application/vnd.example.config"));
  index.manifests.push_back(Describe(ocispec::kMediaTypeImageManifest, "not there"));
  index.manifests.push_back(Describe("application/vnd.example", "no manifest"));
  index.manifests.push_back(For("said", "linux/riscv64"));
  const ocispec::Descriptor desc =
      store->Add(ocispec::kMediaTypeImageIndex, ocispec::Marshal(index));
  std::vector<std::string> fetched;
  const HandlerFunc fetch = [&](const Context&,
                                const ocispec::Descriptor& d) -> absl::StatusOr<Descriptors> {
    const auto found = registry.find(d.digest);
    if (found == registry.end()) return errdefs::NotFound(d.digest);
    fetched.push_back(d.digest);
    store->Add(d.media_type, found->second);
    return Descriptors();
  };
  const HandlerFunc detect = DetectPlatforms(ChildrenHandler(store), fetch, store);
  auto children = detect({}, desc);
  ASSERT_TRUE(children.ok()) << children.status();
  std::vector<std::string> platforms;
  for (const ocispec::Descriptor& child : *children) {
    platforms.push_back(child.platform.has_value() ? platforms::Format(*child.platform) : "");
  }
  EXPECT_THAT(platforms, ElementsAre("linux/arm64", "linux/amd64", "", "", "", "linux/riscv64"));
  EXPECT_EQ(fetched.size(), 5U);
  const auto amd64 = platforms::Only(platforms::MustParse("linux/amd64"));
  EXPECT_THAT(Digests(LimitManifests(FilterPlatforms(detect, amd64), amd64, 1)({}, desc)),
              ElementsAre(index.manifests[1].digest));

  const HandlerFunc broken = [](const Context&, const ocispec::Descriptor&) {
    return absl::StatusOr<Descriptors>(errdefs::Unavailable("no"));
  };
  EXPECT_TRUE(errdefs::IsUnavailable(
      DetectPlatforms(ChildrenHandler(store), broken, store)({}, desc).status()));
}

TEST(LimitManifests, Table) {
  const ocispec::Descriptor index{.media_type = ocispec::kMediaTypeImageIndex, .digest = "i"};
  const ocispec::Descriptor manifest{.media_type = ocispec::kMediaTypeImageManifest, .digest = "m"};
  const auto platform = platforms::Only(platforms::MustParse("linux/arm64/v8"));
  const HandlerFunc inner = Constant({For("none", ""), For("v6", "linux/arm/v6"),
                                      For("v7", "linux/arm/v7"), For("v8", "linux/arm64")});
  EXPECT_THAT(Digests(LimitManifests(inner, platform, 1)({}, index)), ElementsAre("v8"));
  EXPECT_THAT(Digests(LimitManifests(inner, platform, 2)({}, index)), ElementsAre("v8", "v7"));
  EXPECT_THAT(Digests(LimitManifests(inner, platform, 0)({}, index)),
              ElementsAre("v8", "v7", "v6", "none"));
  EXPECT_THAT(Digests(LimitManifests(inner, platform, 1)({}, manifest)),
              ElementsAre("none", "v6", "v7", "v8"));
  EXPECT_THAT(Digests(LimitManifests(Constant({}), platform, 0)({}, index)), IsEmpty());
  EXPECT_TRUE(errdefs::IsNotFound(LimitManifests(Constant({}), platform, 1)({}, index).status()));
}

}  // namespace
}  // namespace containerd::images
