// SPDX-License-Identifier: Apache-2.0
#include "containerd/unpack/unpacker.h"

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/digest/identity.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/labels/labels.h"
#include "containerd/ocispec/image.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/manifest.h"
#include "containerd/ocispec/mediatypes.h"

#include "tests/support/fake_snapshotter.h"
#include "tests/support/memory_store.h"

namespace containerd::unpack {
namespace {

using containerd::testing::FakeSnapshotter;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

// Only ends a test that is broken.
const absl::Duration kLong = absl::Seconds(60);

// What threads wait for.
class Counter {
 public:
  void Add(int n = 1) {
    std::lock_guard lock(mu_);
    count_ += n;
    most_ = std::max(most_, count_);
    changed_.notify_all();
  }
  // False if it does not happen.
  bool AwaitAtLeast(int n, const Context& ctx = {}) {
    const CancelRegistration wake = ctx.OnCancel([this] {
      std::lock_guard lock(mu_);
      changed_.notify_all();
    });
    std::unique_lock lock(mu_);
    changed_.wait_for(lock, absl::ToChronoSeconds(kLong),
                      [&] { return count_ >= n || ctx.Done(); });
    return count_ >= n;
  }
  int count() {
    std::lock_guard lock(mu_);
    return count_;
  }
  int most() {
    std::lock_guard lock(mu_);
    return most_;
  }

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  int count_ = 0;
  int most_ = 0;
};

std::string DiffIDOf(const std::string& layer) {
  return digest::FromString("diff of " + layer).String();
}

// A layer unpacks to "diff of" it.
class FakeApplier final : public diff::Applier {
 public:
  explicit FakeApplier(const std::map<std::string, std::string>& diff_ids) : diff_ids_(diff_ids) {}

  std::function<absl::Status(const Context&, const ocispec::Descriptor&)> on_apply;

  absl::StatusOr<ocispec::Descriptor> Apply(const Context& ctx, const ocispec::Descriptor& desc,
                                            const std::vector<mount::Mount>& mounts,
                                            const std::vector<diff::ApplyOpt>&) override {
    {
      std::lock_guard lock(mu_);
      applied_.push_back(desc.digest);
      mounts_.push_back(mounts);
    }
    if (on_apply) {
      if (absl::Status s = on_apply(ctx, desc); !s.ok()) return s;
    }
    if (absl::Status s = ctx.Err(); !s.ok()) return s;
    return ocispec::Descriptor{.digest = diff_ids_.at(desc.digest)};
  }

  void Forget() {
    std::lock_guard lock(mu_);
    applied_.clear();
  }
  std::vector<std::string> Applied() {
    std::lock_guard lock(mu_);
    return applied_;
  }
  std::vector<std::vector<mount::Mount>> MountsGiven() {
    std::lock_guard lock(mu_);
    return mounts_;
  }

 private:
  const std::map<std::string, std::string>& diff_ids_;
  std::mutex mu_;
  std::vector<std::string> applied_;
  std::vector<std::vector<mount::Mount>> mounts_;
};

// An image whose layers come when they are fetched.
class UnpackerTest : public ::testing::Test {
 protected:
  UnpackerTest() {
    snapshotter_->mounts = kMounts;
    MakeImage({"a", "b", "c"});
  }
  ~UnpackerTest() override {
    for (const std::string& key : snapshotter_->Keys()) EXPECT_THAT(key, StartsWith("extract-"));
  }

  static inline const std::vector<mount::Mount> kMounts = {{.type = "bind", .source = "/snapshot"}};

  void MakeImage(const std::vector<std::string>& names, std::string_view config_text = {}) {
    ocispec::Image config;
    config.platform = {.architecture = "amd64", .os = "linux"};
    config.rootfs.type = "layers";
    config.rootfs.diff_ids = {};
    manifest_ = {};
    manifest_.schema_version = 2;
    manifest_.media_type = ocispec::kMediaTypeImageManifest;
    layers_.clear();
    chain_ids_.clear();
    std::vector<digest::Digest> diff_ids;
    for (const std::string& name : names) {
      const ocispec::Descriptor desc{.media_type = ocispec::kMediaTypeImageLayerGzip,
                                     .digest = digest::FromString(name).String(),
                                     .size = static_cast<std::int64_t>(name.size())};
      contents_[desc.digest] = name;
      diff_ids_[desc.digest] = DiffIDOf(name);
      config.rootfs.diff_ids.push_back(DiffIDOf(name));
      diff_ids.emplace_back(DiffIDOf(name));
      manifest_.layers.push_back(desc);
      layers_.push_back(desc.digest);
    }
    for (const digest::Digest& id : identity::ChainIDs(diff_ids)) chain_ids_.push_back(id.String());
    manifest_.config =
        store_->Add(ocispec::kMediaTypeImageConfig,
                    config_text.empty() ? ocispec::Marshal(config) : std::string(config_text));
    target_ = store_->Add(ocispec::kMediaTypeImageManifest, ocispec::Marshal(manifest_));
  }

  void AddSnapshot(const std::string& name) {
    snapshotter_->Add({.kind = snapshots::Kind::kCommitted, .name = name});
  }

  // "Fetches" layers into the store, after asking `on_fetch`.
  images::Handler Handler() {
    return images::Handlers(
        {[this](const Context& ctx,
                const ocispec::Descriptor& desc) -> absl::StatusOr<images::Descriptors> {
           if (!contents_.contains(desc.digest)) return images::Descriptors();
           {
             std::lock_guard lock(mu_);
             fetched_.push_back(desc.digest);
           }
           if (on_fetch_) {
             if (absl::Status s = on_fetch_(ctx, desc); !s.ok()) return s;
           }
           store_->Add(desc.media_type, contents_.at(desc.digest));
           return images::Descriptors();
         },
         images::ChildrenHandler(store_)});
  }

  std::vector<std::string> Fetched() {
    std::lock_guard lock(mu_);
    return fetched_;
  }

  Platform PlatformOf() {
    return {.snapshotter_key = "fake", .snapshotter = snapshotter_, .applier = applier_};
  }

  absl::StatusOr<Result> Run(const Context& ctx, std::vector<UnpackerOpt> opts = {}) {
    opts.push_back(WithUnpackPlatform(PlatformOf()));
    return RunWith(ctx, opts);
  }
  absl::StatusOr<Result> RunWith(const Context& ctx, const std::vector<UnpackerOpt>& opts) {
    auto unpacker = NewUnpacker(ctx, store_, opts);
    if (!unpacker.ok()) return unpacker.status();
    absl::Status s = images::Dispatch(ctx, (*unpacker)->Unpack(Handler()), 0, {target_});
    auto result = (*unpacker)->Wait();
    if (result.ok() && !s.ok()) return s;
    return result;
  }

  std::vector<std::string> Committed() {
    std::vector<std::string> names;
    for (const auto& [name, info] : snapshotter_->All()) {
      EXPECT_EQ(info.kind, snapshots::Kind::kCommitted) << name;
      names.push_back(name);
    }
    return names;
  }

  const std::shared_ptr<testing::MemoryStore> store_ = std::make_shared<testing::MemoryStore>();
  const std::shared_ptr<FakeSnapshotter> snapshotter_ = std::make_shared<FakeSnapshotter>();
  std::map<std::string, std::string> contents_;
  std::map<std::string, std::string> diff_ids_;
  const std::shared_ptr<FakeApplier> applier_ = std::make_shared<FakeApplier>(diff_ids_);
  std::vector<std::string> layers_;
  std::vector<std::string> chain_ids_;
  ocispec::Manifest manifest_;
  ocispec::Descriptor target_;
  std::function<absl::Status(const Context&, const ocispec::Descriptor&)> on_fetch_;
  std::mutex mu_;
  std::vector<std::string> fetched_;
};

TEST_F(UnpackerTest, AppliesALayerWhileOthersAreFetched) {
  Counter applied;
  applier_->on_apply = [&](const Context&, const ocispec::Descriptor&) {
    applied.Add();
    return absl::OkStatus();
  };
  on_fetch_ = [&](const Context&, const ocispec::Descriptor& desc) {
    const auto i = std::find(layers_.begin(), layers_.end(), desc.digest) - layers_.begin();
    // Comes only after those below have been applied.
    EXPECT_TRUE(applied.AwaitAtLeast(static_cast<int>(i)));
    return absl::OkStatus();
  };
  auto result = Run({});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->unpacks, 1);
  EXPECT_EQ(applier_->Applied(), layers_);
  EXPECT_THAT(Committed(), ::testing::UnorderedElementsAreArray(chain_ids_));
  const auto all = snapshotter_->All();
  for (std::size_t i = 0; i < 3; ++i) {
    const snapshots::Info& info = all.at(chain_ids_[i]);
    EXPECT_EQ(info.parent, i > 0 ? chain_ids_[i - 1] : "");
    EXPECT_EQ(info.labels.at(snapshots::kLabelSnapshotRef), chain_ids_[i]);
    EXPECT_EQ(info.labels.at(snapshots::kLabelSnapshotDiffID), diff_ids_[layers_[i]]);
    EXPECT_EQ(info.labels.contains("containerd.io/snapshot/parent-chain-id"), i > 0);
    EXPECT_EQ(store_->LabelsOf(layers_[i]).at(labels::kLabelUncompressed), diff_ids_[layers_[i]]);
  }
  EXPECT_EQ(store_->LabelsOf(manifest_.config.digest).at("containerd.io/gc.ref.snapshot.fake"),
            chain_ids_.back());
}

TEST_F(UnpackerTest, DoesNotFetchWhatIsUnpacked) {
  AddSnapshot(chain_ids_[0]);
  AddSnapshot(chain_ids_[1]);
  ASSERT_TRUE(Run({}).ok());
  EXPECT_THAT(Fetched(), ElementsAre(layers_[2]));
  EXPECT_THAT(applier_->Applied(), ElementsAre(layers_[2]));
  // And then nothing.
  auto result = Run({});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->unpacks, 1);
  EXPECT_EQ(Fetched().size(), 1U);
}

TEST_F(UnpackerTest, BeginsAgainWhenAParentVanishes) {
  bool vanished = false;
  snapshotter_->on_prepare = [&](const snapshots::Info& info) {
    const std::string& target = info.labels.at(snapshots::kLabelSnapshotRef);
    if (target == chain_ids_[2] && !std::exchange(vanished, true)) {
      snapshotter_->Erase(chain_ids_[0]);
      snapshotter_->Erase(chain_ids_[1]);
    }
    return absl::OkStatus();
  };
  auto result = Run({});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(applier_->Applied(),
              ElementsAre(layers_[0], layers_[1], layers_[0], layers_[1], layers_[2]));
  EXPECT_EQ(Fetched().size(), 3U);

  // But not for ever.
  MakeImage({"d", "e"});
  snapshotter_->on_prepare = [&](const snapshots::Info& info) {
    const std::string& target = info.labels.at(snapshots::kLabelSnapshotRef);
    if (target == chain_ids_[1]) snapshotter_->Erase(chain_ids_[0]);
    return absl::OkStatus();
  };
  EXPECT_TRUE(errdefs::IsNotFound(Run({}).status()));
}

TEST_F(UnpackerTest, LimitsFetches) {
  std::vector<std::string> names;
  for (int i = 0; i < 20; ++i) names.push_back(fmt::format("layer {}", i));
  for (const int limit : {1, 2, 0}) {
    MakeImage(names);
    for (std::string& name : names) name += "!";
    Counter running;
    Counter begun;
    on_fetch_ = [&](const Context&, const ocispec::Descriptor&) {
      running.Add();
      begun.Add();
      // As parallel as it may be.
      EXPECT_TRUE(limit == 1 || begun.AwaitAtLeast(2));
      running.Add(-1);
      return absl::OkStatus();
    };
    auto result = Run({}, {WithLimiter(limit > 0 ? std::make_shared<Limiter>(limit) : nullptr)});
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_LE(running.most(), limit > 0 ? limit : kMaxFetches);
  }
}

TEST_F(UnpackerTest, WrongDiffID) {
  diff_ids_[layers_[1]] = digest::FromString("something else").String();
  auto result = Run({});
  EXPECT_TRUE(errdefs::IsDataLoss(result.status())) << result.status();
  EXPECT_THAT(std::string(errdefs::Message(result.status())), HasSubstr(layers_[1]));
  EXPECT_THAT(Committed(), ElementsAre(chain_ids_[0]));
  EXPECT_FALSE(
      store_->LabelsOf(manifest_.config.digest).contains("containerd.io/gc.ref.snapshot.fake"));
}

TEST_F(UnpackerTest, CancelledAtOnce) {
  auto [ctx, cancel] = WithCancel({});
  Counter applying;
  applier_->on_apply = [&](const Context& c, const ocispec::Descriptor&) {
    applying.Add();
    EXPECT_FALSE(Counter().AwaitAtLeast(1, c));
    return c.Err();
  };
  on_fetch_ = [&](const Context& c, const ocispec::Descriptor& desc) {
    if (desc.digest == layers_[0]) return absl::OkStatus();
    EXPECT_FALSE(Counter().AwaitAtLeast(1, c));
    return c.Err();
  };
  std::thread canceller([&, stop = cancel] {
    EXPECT_TRUE(applying.AwaitAtLeast(1));
    stop();
  });
  auto result = Run(ctx);
  canceller.join();
  EXPECT_TRUE(errdefs::IsCanceled(result.status())) << result.status();
  EXPECT_THAT(snapshotter_->All(), IsEmpty());
  EXPECT_EQ(snapshotter_->Diary().back(), "remove");
}

TEST_F(UnpackerTest, AFetchThatFailsEndsTheRest) {
  Counter applying;
  applier_->on_apply = [&](const Context& c, const ocispec::Descriptor&) {
    applying.Add();
    EXPECT_FALSE(Counter().AwaitAtLeast(1, c));
    return c.Err();
  };
  on_fetch_ = [&](const Context&, const ocispec::Descriptor& desc) {
    if (desc.digest != layers_[2]) return absl::OkStatus();
    EXPECT_TRUE(applying.AwaitAtLeast(1));
    return errdefs::DataLoss("the wrong bytes");
  };
  auto result = Run({});
  EXPECT_EQ(errdefs::Message(result.status()), "the wrong bytes");
  EXPECT_THAT(snapshotter_->All(), IsEmpty());
}

TEST_F(UnpackerTest, AFailureEndsTheDispatch) {
  applier_->on_apply = [&](const Context&, const ocispec::Descriptor&) {
    return errdefs::Unknown("no space left");
  };
  // Beside the image there is something that never comes.
  const ocispec::Descriptor endless{.media_type = "text/plain", .digest = "sha256:endless"};
  auto unpacker = NewUnpacker({}, store_, {WithUnpackPlatform(PlatformOf())});
  ASSERT_TRUE(unpacker.ok());
  const images::Handler handler = (*unpacker)->Unpack(
      [&, inner = Handler()](
          const Context& ctx,
          const ocispec::Descriptor& desc) -> absl::StatusOr<images::Descriptors> {
        if (desc.digest != endless.digest) return inner(ctx, desc);
        EXPECT_FALSE(Counter().AwaitAtLeast(1, ctx));
        return ctx.Err();
      });
  absl::Status s = images::Dispatch({}, handler, 0, {endless, target_});
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("no space left"));
  EXPECT_EQ((*unpacker)->Wait().status(), s);
}

TEST_F(UnpackerTest, OthersThatDoTheSameAreWaitedFor) {
  const auto locker = NewKeyedLocker();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      auto result = Run({}, {WithDuplicationSuppressor(locker)});
      EXPECT_TRUE(result.ok()) << result.status();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(applier_->Applied(), layers_);
  EXPECT_THAT(Committed(), ::testing::UnorderedElementsAreArray(chain_ids_));
}

TEST_F(UnpackerTest, OfTwoThatDoTheSameOneIsFaster) {
  applier_->on_apply = [&](const Context&, const ocispec::Descriptor& desc) {
    if (desc.digest == layers_[0]) AddSnapshot(chain_ids_[0]);
    return absl::OkStatus();
  };
  auto result = Run({});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(Committed(), ::testing::UnorderedElementsAreArray(chain_ids_));
}

TEST_F(UnpackerTest, ChoosesThePlatform) {
  const auto other = std::make_shared<FakeSnapshotter>();
  other->mounts = kMounts;
  Platform arm = PlatformOf();
  arm.platform = platforms::Only({.architecture = "arm64", .os = "linux"});
  arm.snapshotter = other;
  Platform amd = PlatformOf();
  amd.platform = platforms::Only({.architecture = "amd64", .os = "linux"});
  auto result = RunWith({}, {WithUnpackPlatform(arm), WithUnpackPlatform(amd)});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->unpacks, 1);
  EXPECT_THAT(other->Diary(), IsEmpty());

  // Without any, layers are fetched only.
  MakeImage({"x", "y"});
  fetched_.clear();
  result = RunWith({}, {WithUnpackPlatform(arm)});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->unpacks, 0);
  EXPECT_THAT(Fetched(), ::testing::UnorderedElementsAreArray(layers_));
  EXPECT_THAT(other->Diary(), IsEmpty());
}

TEST_F(UnpackerTest, OtherTypesThanImages) {
  manifest_.config =
      store_->Add("application/vnd.example.config",
                  fmt::format(R"({{"os":"linux","rootfs":{{"type":"wasm","diff_ids":["{}"]}}}})",
                              DiffIDOf("w")));
  const ocispec::Descriptor layer{.media_type = "application/vnd.example.layer",
                                  .digest = digest::FromString("w").String(),
                                  .size = 1};
  contents_[layer.digest] = "w";
  diff_ids_[layer.digest] = DiffIDOf("w");
  manifest_.layers = {layer};
  target_ = store_->Add(ocispec::kMediaTypeImageManifest, ocispec::Marshal(manifest_));
  auto result = Run({});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->unpacks, 0);

  Platform example = PlatformOf();
  example.config_type = "application/vnd.example.config";
  example.layer_types = {"application/vnd.example.layer"};
  result = RunWith({}, {WithUnpackPlatform(PlatformOf()), WithUnpackPlatform(example)});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->unpacks, 1);
  EXPECT_THAT(Committed(), ElementsAre(DiffIDOf("w")));
}

// As some old registries name the type of a config.
TEST_F(UnpackerTest, AConfigOfTheLegacyType) {
  manifest_.config.media_type = "application/octet-stream";
  target_ = store_->Add(ocispec::kMediaTypeImageManifest, ocispec::Marshal(manifest_));
  const auto result = Run({});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->unpacks, 1);
}

TEST_F(UnpackerTest, HostileConfigs) {
  for (const std::string& config : {
           std::string("{}"),
           std::string("not JSON"),
           fmt::format(R"({{"rootfs":{{"diff_ids":["{}"]}}}})", DiffIDOf("a")),
           fmt::format(R"({{"rootfs":{{"diff_ids":["{0}","{0}","../../etc"]}}}})", DiffIDOf("a")),
           fmt::format(R"({{"rootfs":{{"diff_ids":["{0}","{0}",""]}}}})", DiffIDOf("a")),
       }) {
    MakeImage({"a", "b", "c"}, config);
    auto result = Run({});
    EXPECT_TRUE(errdefs::IsInvalidArgument(result.status())) << config << ": " << result.status();
    EXPECT_THAT(std::string(errdefs::Message(result.status())), HasSubstr(manifest_.config.digest));
  }
  EXPECT_THAT(Fetched(), IsEmpty());
  EXPECT_THAT(snapshotter_->Diary(), IsEmpty());
}

TEST_F(UnpackerTest, HostileAnnotationsBecomeNoLabels) {
  manifest_.layers[0].annotations = {{"containerd.io/snapshot/remote/x", "kept"},
                                     {"containerd.io/gc.root", "now"},
                                     {snapshots::kLabelSnapshotRef, "another"}};
  target_ = store_->Add(ocispec::kMediaTypeImageManifest, ocispec::Marshal(manifest_));
  ASSERT_TRUE(Run({}).ok());
  const Labels labels = snapshotter_->All().at(chain_ids_[0]).labels;
  EXPECT_EQ(labels.at("containerd.io/snapshot/remote/x"), "kept");
  EXPECT_EQ(labels.at(snapshots::kLabelSnapshotRef), chain_ids_[0]);
  EXPECT_FALSE(labels.contains("containerd.io/gc.root"));
}

TEST_F(UnpackerTest, InParallel) {
  Platform platform = PlatformOf();
  platform.snapshotter_key = "overlayfs";
  platform.snapshotter_capabilities = {snapshots::kRebaseCap};
  snapshotter_->mounts = {
      {.type = "bind", .source = "/path/to/source", .options = {"rw", "rbind"}}};
  Counter applying;
  applier_->on_apply = [&](const Context&, const ocispec::Descriptor&) {
    applying.Add();
    EXPECT_TRUE(applying.AwaitAtLeast(3));
    return absl::OkStatus();
  };
  auto result =
      RunWith({}, {WithUnpackPlatform(platform), WithUnpackLimiter(std::make_shared<Limiter>(3))});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(Committed(), ::testing::UnorderedElementsAreArray(chain_ids_));
  // In order, on their parents.
  EXPECT_THAT(snapshotter_->Diary(),
              ElementsAre("prepare " + chain_ids_[0], "prepare " + chain_ids_[1],
                          "prepare " + chain_ids_[2], "commit " + chain_ids_[0],
                          "commit " + chain_ids_[1], "commit " + chain_ids_[2]));
  EXPECT_EQ(snapshotter_->All().at(chain_ids_[2]).parent, chain_ids_[1]);
  // Whiteouts need an overlay where there is a parent.
  int overlays = 0;
  for (const auto& mounts : applier_->MountsGiven()) {
    if (mounts.front().type != "overlay") continue;
    ++overlays;
    EXPECT_THAT(mounts, ElementsAre(mount::Mount{.type = "overlay",
                                                 .source = "overlay",
                                                 .options = {"rw", "upperdir=/path/to/source"}}));
  }
  EXPECT_EQ(overlays, 2);

  // A snapshotter that can't.
  MakeImage({"p", "q", "r"});
  applier_->on_apply = nullptr;
  platform.snapshotter_capabilities.clear();
  ASSERT_TRUE(
      RunWith({}, {WithUnpackPlatform(platform), WithUnpackLimiter(std::make_shared<Limiter>(3))})
          .ok());
  EXPECT_EQ(snapshotter_->Diary().back(), "commit " + chain_ids_[2]);
  EXPECT_EQ(snapshotter_->Diary()[snapshotter_->Diary().size() - 2], "prepare " + chain_ids_[2]);
}

TEST_F(UnpackerTest, OtherMountsStayAsTheyAre) {
  const std::vector<std::vector<mount::Mount>> cases = {
      {{.type = "overlay",
        .source = "overlay",
        .options = {"lowerdir=/path/to/lower", "upperdir=/path/to/upper"}}},
      {{.type = "bind", .source = "/path/to/source1"},
       {.type = "bind", .source = "/path/to/source2"}},
  };
  int n = 0;
  for (const auto& mounts : cases) {
    MakeImage({fmt::format("a {}", n), fmt::format("b {}", n)});
    ++n;
    Platform platform = PlatformOf();
    platform.snapshotter_key = "overlayfs";
    platform.snapshotter_capabilities = {snapshots::kRebaseCap};
    snapshotter_->mounts = mounts;
    ASSERT_TRUE(
        RunWith({}, {WithUnpackPlatform(platform), WithUnpackLimiter(std::make_shared<Limiter>(4))})
            .ok());
    EXPECT_EQ(applier_->MountsGiven().back(), mounts);
  }
}

TEST_F(UnpackerTest, FailureInParallel) {
  Platform platform = PlatformOf();
  platform.snapshotter_capabilities = {snapshots::kRebaseCap};
  diff_ids_[layers_[1]] = DiffIDOf("something else");
  auto result =
      RunWith({}, {WithUnpackPlatform(platform), WithUnpackLimiter(std::make_shared<Limiter>(4))});
  EXPECT_TRUE(errdefs::IsDataLoss(result.status())) << result.status();
  EXPECT_THAT(Committed(), ElementsAre(chain_ids_[0]));
}

// A snapshotter that knows the layer's content by itself shows it to be read only.
TEST_F(UnpackerTest, UnpackStagedLayers) {
  snapshotter_->mounts = {{.type = "erofs", .source = "/staged/layer.erofs", .options = {"ro"}}};
  for (const bool parallel : {true, false}) {
    MakeImage({parallel ? "a" : "b", "c"});
    Platform platform = PlatformOf();
    if (parallel) platform.snapshotter_capabilities = {snapshots::kRebaseCap};
    auto result = RunWith(
        {}, {WithUnpackPlatform(platform), WithUnpackLimiter(std::make_shared<Limiter>(4))});
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(snapshotter_->All().at(chain_ids_[1]).parent, chain_ids_[0]);
    EXPECT_THAT(applier_->Applied(), IsEmpty());
    EXPECT_THAT(Fetched(), IsEmpty());
  }
}

TEST_F(UnpackerTest, IsStaged) {
  const struct {
    const char* name;
    std::vector<mount::Mount> mounts;
    bool want;
  } cases[] = {
      {"no mounts", {}, false},
      {"read-only mount",
       {{.type = "erofs", .source = "/path/to/layer.erofs", .options = {"loop"}}},
       true},
      {"writable mount", {{.type = "bind", .source = "/path", .options = {"rbind"}}}, false},
      {"only the last mount is inspected",
       {{.type = "bind", .source = "/lower", .options = {"rbind"}},
        {.type = "erofs", .source = "/path/to/layer.erofs", .options = {"loop"}}},
       true},
  };
  for (const auto& [name, mounts, want] : cases) {
    MakeImage({name});
    snapshotter_->mounts = mounts;
    ASSERT_TRUE(Run({}).ok());
    EXPECT_EQ(applier_->Applied(), want ? std::vector<std::string>() : layers_) << name;
    applier_->Forget();
  }
}

TEST_F(UnpackerTest, UnpackParallelPrepareError) {
  snapshotter_->mounts = {{.type = "erofs", .source = "/staged/layer.erofs", .options = {"ro"}}};
  int prepared = 0;
  snapshotter_->on_prepare = [&](const snapshots::Info& info) {
    const std::string& target = info.labels.at(snapshots::kLabelSnapshotRef);
    ++prepared;
    return target == chain_ids_[1] ? errdefs::Unknown("prepare failed") : absl::OkStatus();
  };
  Platform platform = PlatformOf();
  platform.snapshotter_capabilities = {snapshots::kRebaseCap};
  auto result =
      RunWith({}, {WithUnpackPlatform(platform), WithUnpackLimiter(std::make_shared<Limiter>(4))});
  EXPECT_THAT(std::string(errdefs::Message(result.status())), HasSubstr("prepare failed"));
  EXPECT_EQ(prepared, 2);
  EXPECT_THAT(Committed(), ElementsAre(chain_ids_[0]));
}

TEST_F(UnpackerTest, WhatIsNotWaitedForIsCancelled) {
  Counter applying;
  applier_->on_apply = [&](const Context& c, const ocispec::Descriptor&) {
    applying.Add();
    EXPECT_FALSE(Counter().AwaitAtLeast(1, c));
    return c.Err();
  };
  auto unpacker = NewUnpacker({}, store_, {WithUnpackPlatform(PlatformOf())});
  ASSERT_TRUE(unpacker.ok());
  const images::Handler handler = (*unpacker)->Unpack(Handler());
  ASSERT_TRUE(images::Dispatch({}, handler, 0, {target_}).ok());
  EXPECT_TRUE(applying.AwaitAtLeast(1));
  unpacker->reset();
  EXPECT_THAT(snapshotter_->All(), IsEmpty());
}

TEST_F(UnpackerTest, Options) {
  EXPECT_TRUE(errdefs::IsInvalidArgument(NewUnpacker({}, store_, {}).status()));
  Platform platform = PlatformOf();
  platform.snapshotter = nullptr;
  EXPECT_TRUE(
      errdefs::IsInvalidArgument(NewUnpacker({}, store_, {WithUnpackPlatform(platform)}).status()));
  platform = PlatformOf();
  platform.applier = nullptr;
  EXPECT_TRUE(
      errdefs::IsInvalidArgument(NewUnpacker({}, store_, {WithUnpackPlatform(platform)}).status()));
  platform = PlatformOf();
  platform.snapshotter_key.clear();
  ASSERT_TRUE(RunWith({}, {WithUnpackPlatform(platform)}).ok());
  EXPECT_TRUE(
      store_->LabelsOf(manifest_.config.digest).contains("containerd.io/gc.ref.snapshot.unknown"));
}

}  // namespace
}  // namespace containerd::unpack
