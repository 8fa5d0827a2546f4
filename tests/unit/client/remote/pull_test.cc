// SPDX-License-Identifier: Apache-2.0
//
// Pull, Fetch and Push between fakes: what is asked of whom, and what is left when something fails.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <absl/time/clock.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/content/helpers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/image.h"
#include "containerd/images/archive.h"
#include "containerd/images/handlers.h"
#include "containerd/images/mediatypes.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/manifest.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/platforms/platforms.h"
#include "containerd/remote_opts.h"
#include "containerd/remotes/remotes.h"
#include "containerd/testing/mocks/client.h"
#include "containerd/testing/stores.h"
#include "containerd/transfer/transfer.h"
#include "containerd/typeurl/any.h"

#include "src/tracing/internal/observation.h"
#include "tests/support/contents.h"
#include "tests/support/recorded_calls.h"

namespace containerd {
namespace {

using ::testing::_;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr char kRef[] = "example.com/app:1";

// Calls a function before each of its reads, which are small.
class HookedReader final : public io::Reader {
 public:
  HookedReader(std::string data, std::function<void()> before)
      : inner_(std::move(data)), before_(std::move(before)) {}
  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    before_();
    return inner_.Read(ctx, buf.first(std::min(buf.size(), std::size_t{512})));
  }

 private:
  io::StringReader inner_;
  const std::function<void()> before_;
};

// A registry with one image.
class FakeResolver final : public remotes::ResolverWithOptions {
 public:
  ocispec::Descriptor target;
  std::map<std::string, std::string> blobs;
  std::function<absl::Status(const Context&, const ocispec::Descriptor&)> on_fetch;
  // What throws: "Resolve", "Fetcher", "Fetch", "Read", "Pusher" or "Push".
  std::string throws;
  int calls = 0;
  transfer::ImageResolverOptions options;
  std::vector<std::string> fetched;
  std::vector<std::string> pushed;
  std::string push_ref;
  testing::MemoryStores pushed_to;
  std::mutex mu;

  absl::StatusOr<Resolved> Resolve(const Context&, std::string_view ref) override {
    Called("Resolve");
    if (ref != kRef) return errdefs::NotFound(std::string(ref));
    return Resolved{.name = std::string(ref), .desc = target};
  }
  absl::StatusOr<std::shared_ptr<remotes::Fetcher>> Fetcher(const Context&,
                                                            std::string_view) override {
    Called("Fetcher");
    return std::make_shared<remotes::FetcherFunc>(
        [this](const Context& ctx,
               const ocispec::Descriptor& desc) -> absl::StatusOr<std::unique_ptr<io::Reader>> {
          Called("Fetch");
          if (on_fetch) {
            if (absl::Status s = on_fetch(ctx, desc); !s.ok()) return s;
          }
          const std::lock_guard lock(mu);
          const auto blob = blobs.find(desc.digest);
          if (blob == blobs.end()) return errdefs::NotFound(desc.digest);
          fetched.push_back(desc.digest);
          return std::make_unique<HookedReader>(blob->second, [this] { Called("Read"); });
        });
  }
  absl::StatusOr<std::shared_ptr<remotes::Pusher>> Pusher(const Context&,
                                                          std::string_view ref) override {
    Called("Pusher");
    push_ref = std::string(ref);
    return std::make_shared<remotes::PusherFunc>(
        [this](
            const Context& ctx,
            const ocispec::Descriptor& desc) -> absl::StatusOr<std::unique_ptr<content::Writer>> {
          Called("Push");
          auto writer = pushed_to.content->Writer(
              ctx, {content::WithRef(desc.digest), content::WithDescriptor(desc)});
          const std::lock_guard lock(mu);
          if (writer.ok()) pushed.push_back(desc.digest);
          return writer;
        });
  }
  void SetOptions(const std::vector<transfer::ImageResolverOption>& opts) override {
    for (const auto& opt : opts) EXPECT_TRUE(opt(options).ok());
  }

 private:
  void Called(const char* what) {
    const std::lock_guard lock(calling_);
    ++calls;
    if (throws == what) throw std::runtime_error("boom");
  }

  std::mutex calling_;
};

class RemoteTest : public ::testing::Test {
 protected:
  RemoteTest() {
    // An index of two images that share their first layer.
    ocispec::Index index;
    index.schema_version = 2;
    index.media_type = ocispec::kMediaTypeImageIndex;
    for (const char* platform : {"linux/amd64", "linux/arm64"}) {
      testing::BuiltImage image = testing::BuildImage(
          {.layers = {testing::TarOf({{.name = "shared"}}), testing::TarOf({{.name = platform}})},
           .platform = *platforms::Parse(platform)});
      Add(image.config);
      Add(image.manifest);
      for (std::size_t i = 0; i < image.blobs.size(); ++i) {
        Add(image.blobs[i]);
        diff_ids_[digest::FromString(image.blobs[i]).String()] =
            digest::FromString(image.layers[i]).String();
      }
      index.manifests.push_back(image.target);
      index.manifests.back().platform = platforms::Parse(platform).value();
      images_.push_back(std::move(image));
    }
    const std::string text = ocispec::Marshal(index);
    Add(text);
    resolver_->target = testing::Describe(ocispec::kMediaTypeImageIndex, text);
    ON_CALL(*daemon_.diff, Apply)
        .WillByDefault(
            [this](const Context&, const ocispec::Descriptor& desc,
                   const std::vector<mount::Mount>&,
                   const std::vector<diff::ApplyOpt>&) -> absl::StatusOr<ocispec::Descriptor> {
              return ocispec::Descriptor{.digest = diff_ids_.at(desc.digest)};
            });
  }

  void Add(const std::string& data) { resolver_->blobs[digest::FromString(data).String()] = data; }

  // With the fake registry, and for amd64.
  std::vector<RemoteOpt> With(std::vector<RemoteOpt> opts) {
    opts.push_back(WithResolver(resolver_));
    return opts;
  }
  absl::StatusOr<Image> Pull(std::vector<RemoteOpt> opts = {}) {
    opts.push_back(WithPlatform("linux/amd64"));
    return daemon_.client.Pull(ctx_, kRef, With(std::move(opts)));
  }
  static RemoteOpt Unpacking() {
    return [](Client& client, RemoteContext* context) {
      context->snapshotter = "fake";
      return WithPullUnpack(client, context);
    };
  }

  testing::Contents Pushed() const { return {ctx_, resolver_->pushed_to.content}; }

  void ExpectNothing() {
    EXPECT_THAT(*daemon_.images->List(ctx_, {}), IsEmpty());
    EXPECT_THAT(*daemon_.leases->List(ctx_, {}), IsEmpty());
    for (const std::string& name : testing::SnapshotNames(ctx_, *stores_.snapshotter)) {
      EXPECT_FALSE(name.starts_with("extract")) << name;
    }
  }

  const Context ctx_ = WithNamespace(Context::Background(), "test");
  const testing::MemoryStores stores_{"fake"};
  const testing::Contents content_{ctx_, stores_.content};
  testing::MockDaemon daemon_{stores_};
  const std::shared_ptr<FakeResolver> resolver_ = std::make_shared<FakeResolver>();
  std::vector<testing::BuiltImage> images_;
  std::map<std::string, std::string> diff_ids_;
};

TEST_F(RemoteTest, PullsOnePlatform) {
  auto image = Pull({WithPullLabel("a", "b")});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->Name(), kRef);
  EXPECT_EQ(image->Labels(), (Labels{{"a", "b"}}));
  EXPECT_EQ(content_.count(), 5U);
  EXPECT_FALSE(content_.Has(images_[1].target.digest));
  EXPECT_THAT(*daemon_.leases->List(ctx_, {}), IsEmpty());
  // What holds what.
  EXPECT_THAT(
      content_.LabelsOf(images_[0].target.digest),
      Contains(Pair("containerd.io/gc.ref.content.config", images_[0].parsed.config.digest)));
  EXPECT_THAT(content_.LabelsOf(images_[0].parsed.layers[1].digest),
              Contains(Pair("containerd.io/distribution.source.example.com", "app")));
  EXPECT_THAT(testing::SnapshotNames(ctx_, *stores_.snapshotter), IsEmpty());
}

// Then the configs tell the platforms.
TEST_F(RemoteTest, AnIndexThatNamesNoPlatforms) {
  ocispec::Index index;
  index.schema_version = 2;
  index.media_type = ocispec::kMediaTypeImageIndex;
  for (std::size_t i : {std::size_t{1}, std::size_t{0}}) {  // arm64 comes first.
    index.manifests.push_back(images_[i].target);
    index.manifests.back().platform.reset();
  }
  std::string text = ocispec::Marshal(index);
  Add(text);
  resolver_->target = testing::Describe(ocispec::kMediaTypeImageIndex, text);
  auto image = Pull({Unpacking()});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->Config(ctx_)->digest, images_[0].parsed.config.digest);
  EXPECT_TRUE(*image->IsUnpacked(ctx_, "fake"));
  EXPECT_TRUE(content_.Has(images_[0].parsed.layers[1].digest));
  EXPECT_FALSE(content_.Has(images_[1].parsed.layers[1].digest));
  // What tells the platforms stays, too.
  EXPECT_THAT(
      content_.LabelsOf(images_[1].target.digest),
      Contains(Pair("containerd.io/gc.ref.content.config", images_[1].parsed.config.digest)));

  index.manifests.erase(index.manifests.begin() + 1);
  text = ocispec::Marshal(index);
  Add(text);
  resolver_->target = testing::Describe(ocispec::kMediaTypeImageIndex, text);
  image = Pull();
  EXPECT_TRUE(errdefs::IsNotFound(image.status())) << image.status();
}

TEST_F(RemoteTest, ResolversGetTheClientsObserver) {
  struct Looks final : remotes::Resolver {
    absl::StatusOr<Resolved> Resolve(const Context& ctx, std::string_view) override {
      seen.push_back(tracing::ObserverOf(ctx));
      return errdefs::NotFound("it");
    }
    absl::StatusOr<std::shared_ptr<remotes::Fetcher>> Fetcher(const Context&,
                                                              std::string_view) override {
      return errdefs::NotFound("it");
    }
    absl::StatusOr<std::shared_ptr<remotes::Pusher>> Pusher(const Context& ctx,
                                                            std::string_view) override {
      seen.push_back(tracing::ObserverOf(ctx));
      return errdefs::NotFound("it");
    }
    std::vector<std::shared_ptr<tracing::CallObserver>> seen;
  };
  const auto of_client = std::make_shared<tracing::testing::RecordedCalls>();
  const auto of_context = std::make_shared<tracing::testing::RecordedCalls>();
  const auto looks = std::make_shared<Looks>();
  auto client = *Client::New(
      "", {WithCallObserver(of_client),
           WithServices({WithLeasesService(daemon_.leases), WithContentStore(daemon_.content),
                         WithImageStore(daemon_.images)})});
  for (const Context& ctx : {ctx_, tracing::WithCallObserver(ctx_, of_context)}) {
    EXPECT_FALSE(client.Pull(ctx, kRef, {WithResolver(looks)}).ok());
    EXPECT_FALSE(client.Fetch(ctx, kRef, {WithResolver(looks)}).ok());
    EXPECT_FALSE(client.Push(ctx, kRef, images_[0].target, {WithResolver(looks)}).ok());
  }
  EXPECT_THAT(looks->seen,
              ElementsAre(of_client, of_client, of_client, of_context, of_context, of_context));
  EXPECT_TRUE(errdefs::IsInvalidArgument(
      Client::New("", {WithCallObserver(nullptr), WithServices({})}).status()));
}

TEST_F(RemoteTest, PullsAndUnpacks) {
  EXPECT_CALL(*daemon_.diff, Apply).Times(2);
  std::map<std::string, BlobState> last;
  auto image = Pull({Unpacking(), WithChildLabelMap(images::ChildGCLabelsFilterLayers),
                     WithProgress([&](const BlobProgress& p) { last[p.desc.digest] = p.state; })});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_TRUE(*image->IsUnpacked(ctx_, "fake"));
  EXPECT_EQ(last.at(images_[0].parsed.layers[0].digest), BlobState::kUnpacked);
  EXPECT_EQ(last.at(images_[0].target.digest), BlobState::kDone);
  EXPECT_THAT(last, SizeIs(5));
  // Nothing holds the layers, but the config the snapshots.
  for (const auto& [key, value] : content_.LabelsOf(images_[0].target.digest)) {
    EXPECT_NE(value, images_[0].parsed.layers[0].digest) << key;
  }
  EXPECT_TRUE(content_.LabelsOf(images_[0].parsed.config.digest)
                  .contains("containerd.io/gc.ref.snapshot.fake"));
  // A second time all is there.
  last.clear();
  resolver_->fetched.clear();
  ASSERT_TRUE(Pull({Unpacking(),
                    WithProgress([&](const BlobProgress& p) { last[p.desc.digest] = p.state; })})
                  .ok());
  EXPECT_THAT(resolver_->fetched, IsEmpty());
  for (const auto& [dgst, state] : last) EXPECT_EQ(state, BlobState::kExists) << dgst;
}

TEST_F(RemoteTest, FetchesAllOrSome) {
  auto all = daemon_.client.Fetch(ctx_, kRef, With({}));
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(content_.count(), 8U);
  EXPECT_EQ(all->target, resolver_->target);

  const testing::MemoryStores other;
  ASSERT_TRUE(testing::MockDaemon(other)
                  .client.Fetch(ctx_, kRef, With({WithPlatform("linux/arm64")}))
                  .ok());
  EXPECT_EQ(testing::Contents(ctx_, other.content).count(), 5U);
  EXPECT_TRUE(testing::Contents(ctx_, other.content).Has(images_[1].target.digest));

  const testing::MemoryStores third;
  ASSERT_TRUE(testing::MockDaemon(third)
                  .client.Fetch(ctx_, kRef, With({WithPlatform("linux/arm64"), WithAllMetadata()}))
                  .ok());
  EXPECT_EQ(testing::Contents(ctx_, third.content).count(),
            7U);  // the other's manifest and config too
}

TEST_F(RemoteTest, ImageIsMadeWhenAllIsThere) {
  const std::string layer = images_[0].parsed.layers[1].digest;
  for (const bool unpack : {false, true}) {
    resolver_->on_fetch = [&](const Context&, const ocispec::Descriptor& desc) {
      EXPECT_THAT(*daemon_.images->List(ctx_, {}), IsEmpty());
      EXPECT_THAT(*daemon_.leases->List(ctx_, {}), SizeIs(1));
      return desc.digest == layer ? errdefs::PermissionDenied("no") : absl::OkStatus();
    };
    std::vector<RemoteOpt> opts;
    if (unpack) opts.push_back(Unpacking());
    auto image = Pull(opts);
    EXPECT_TRUE(errdefs::IsPermissionDenied(image.status())) << image.status();
    EXPECT_THAT(std::string(errdefs::Message(image.status())), HasSubstr(kRef));
    ExpectNothing();
  }
}

TEST_F(RemoteTest, CancelledWhileItFetches) {
  for (const bool unpack : {false, true}) {
    auto [work, cancel] = WithCancel(ctx_);
    resolver_->on_fetch = [&, stop = cancel](const Context& c, const ocispec::Descriptor& desc) {
      if (!images::IsLayerType(desc.media_type)) return absl::OkStatus();
      stop();
      return c.Err();
    };
    std::vector<RemoteOpt> opts = {WithPlatform("linux/amd64")};
    if (unpack) opts.push_back(Unpacking());
    auto image = daemon_.client.Pull(work, kRef, With(opts));
    EXPECT_TRUE(errdefs::IsCanceled(image.status())) << image.status();
    ExpectNothing();
  }
}

TEST_F(RemoteTest, ALayerThatCannotBeApplied) {
  ON_CALL(*daemon_.diff, Apply)
      .WillByDefault([](const Context&, const ocispec::Descriptor&,
                        const std::vector<mount::Mount>&,
                        const std::vector<diff::ApplyOpt>&) -> absl::StatusOr<ocispec::Descriptor> {
        return errdefs::ResourceExhausted("no space left on device");
      });
  auto image = Pull({Unpacking()});
  EXPECT_TRUE(errdefs::IsResourceExhausted(image.status())) << image.status();
  ExpectNothing();
  // With an applier of one's own it goes.
  struct Applier final : diff::Applier {
    absl::StatusOr<ocispec::Descriptor> Apply(const Context&, const ocispec::Descriptor& desc,
                                              const std::vector<mount::Mount>&,
                                              const std::vector<diff::ApplyOpt>&) override {
      return ocispec::Descriptor{.digest = diff_ids->at(desc.digest)};
    }
    const std::map<std::string, std::string>* diff_ids = nullptr;
  };
  const auto applier = std::make_shared<Applier>();
  applier->diff_ids = &diff_ids_;
  image = Pull({Unpacking(), WithUnpackOpts({WithUnpackApplier(applier)})});
  EXPECT_TRUE(image.ok()) << image.status();
}

void ExpectException(const absl::Status& status, const std::string& what) {
  EXPECT_TRUE(errdefs::IsInternal(status)) << what << ": " << status;
  EXPECT_THAT(std::string(errdefs::Message(status)),
              HasSubstr("an exception left " + what + ": boom"));
}

// Each of these is of the caller's own, and called on threads of the library's as well.
TEST_F(RemoteTest, WhatAResolverThrowsIsAnError) {
  for (const bool unpack : {false, true}) {
    for (const auto& [where, who] :
         std::vector<std::pair<std::string, std::string>>{{"Resolve", "a resolver"},
                                                          {"Fetcher", "a resolver"},
                                                          {"Fetch", "a fetcher"},
                                                          {"Read", "a reader"}}) {
      resolver_->throws = where;
      std::vector<RemoteOpt> opts;
      if (unpack) opts.push_back(Unpacking());
      ExpectException(Pull(opts).status(), who);
      ExpectException(daemon_.client.Fetch(ctx_, kRef, With({})).status(), who);
      ExpectNothing();
      EXPECT_THAT(content_.Ingests(), IsEmpty()) << where;
    }
  }
  resolver_->throws = "";
  ASSERT_TRUE(Pull({Unpacking()}).ok());
  for (const auto& [where, who] : std::vector<std::pair<std::string, std::string>>{
           {"Pusher", "a resolver"}, {"Push", "a pusher"}}) {
    resolver_->throws = where;
    ExpectException(
        daemon_.client.Push(ctx_, kRef, resolver_->target, With({WithPlatform("linux/amd64")})),
        who);
  }
}

TEST_F(RemoteTest, WhatASnapshotterOrAnApplierThrowsIsAnError) {
  const auto boom = ::testing::Throw(std::runtime_error("boom"));
  ON_CALL(*daemon_.snapshotter, Prepare).WillByDefault(boom);
  ExpectException(Pull({Unpacking()}).status(), "a snapshotter");
  ExpectNothing();
  daemon_.snapshotter->DelegateTo(stores_.snapshotter);
  ON_CALL(*daemon_.snapshotter, Commit).WillByDefault(boom);
  ExpectException(Pull({Unpacking()}).status(), "a snapshotter");
  ExpectNothing();
  daemon_.snapshotter->DelegateTo(stores_.snapshotter);
  // In parallel, too.
  ON_CALL(*daemon_.introspection, Plugins)
      .WillByDefault(::testing::Return(
          std::vector<introspection::Plugin>{{.type = "io.containerd.snapshotter.v1",
                                              .id = "fake",
                                              .capabilities = {snapshots::kRebaseCap}}}));
  ON_CALL(*daemon_.diff, Apply)
      .WillByDefault([](const Context&, const ocispec::Descriptor&,
                        const std::vector<mount::Mount>&,
                        const std::vector<diff::ApplyOpt>&) -> absl::StatusOr<ocispec::Descriptor> {
        throw std::runtime_error("boom");
      });
  for (const bool parallel : {false, true}) {
    std::vector<UnpackOpt> opts;
    if (parallel) opts.push_back(WithUnpackLimiter(std::make_shared<Semaphore>(3)));
    ExpectException(Pull({Unpacking(), WithUnpackOpts(opts)}).status(), "an applier");
    ExpectNothing();
  }
  // And without a pull.
  ASSERT_TRUE(Pull().ok());
  ON_CALL(*daemon_.snapshotter, Prepare).WillByDefault(boom);
  auto image = daemon_.client.GetImage(ctx_, kRef);
  ExpectException(image->Unpack(ctx_, "fake"), "a snapshotter");
  EXPECT_THAT(*daemon_.leases->List(ctx_, {}), IsEmpty());
}

TEST_F(RemoteTest, WhatAnArchivesReaderOrWriterThrowsIsAnError) {
  struct Writer final : io::Writer {
    absl::Status Write(const Context&, std::string_view) override {
      throw std::runtime_error("boom");
    }
  };
  ASSERT_TRUE(Pull().ok());
  Writer broken;
  const std::vector<images::archive::ExportOpt> what = {
      images::archive::WithPlatform(daemon_.client.Platform()),
      images::archive::WithManifest(images_[0].target, {std::string(kRef)})};
  ExpectException(daemon_.client.Export(ctx_, broken, what), "a writer");

  std::string archive;
  io::StringWriter writer(&archive);
  ASSERT_TRUE(daemon_.client.Export(ctx_, writer, what).ok());
  // At the beginning, and when something has been stored.
  for (const int after : {0, 10}) {
    const testing::MemoryStores other;
    HookedReader reader(archive, [left = after]() mutable {
      if (left-- == 0) throw std::runtime_error("boom");
    });
    ExpectException(testing::MockDaemon(other).client.Import(ctx_, reader).status(), "a reader");
    EXPECT_THAT(*other.images->List(ctx_, {}), IsEmpty());
    EXPECT_THAT(*other.leases->List(ctx_, {}), IsEmpty());
  }
}

// Also where a lease of the caller's own makes it unnecessary to ask the daemon for one.
TEST_F(RemoteTest, AfterCloseNothingIsAskedOfAnybody) {
  auto lease = daemon_.client.WithLease(ctx_);
  ASSERT_TRUE(lease.ok()) << lease.status();
  ASSERT_TRUE(daemon_.client.Close().ok());
  std::string archive;
  io::StringReader reader(archive);
  io::StringWriter writer(&archive);
  const transfer::Message nothing{typeurl::Any()};
  for (const Context& ctx : {ctx_, lease->context()}) {
    const std::pair<const char*, absl::Status> calls[] = {
        {"Pull", daemon_.client.Pull(ctx, kRef, With({})).status()},
        {"Fetch", daemon_.client.Fetch(ctx, kRef, With({})).status()},
        {"Push", daemon_.client.Push(ctx, kRef, resolver_->target, With({}))},
        {"Import", daemon_.client.Import(ctx, reader).status()},
        {"Export", daemon_.client.Export(ctx, writer, {})},
        {"Transfer", daemon_.client.Transfer(ctx, nothing, nothing)},
    };
    for (const auto& [name, status] : calls) {
      EXPECT_TRUE(errdefs::IsUnavailable(status)) << name << ": " << status;
    }
  }
  EXPECT_EQ(resolver_->calls, 0);
  EXPECT_EQ(content_.count(), 0U);
  EXPECT_THAT(*daemon_.leases->List(ctx_, {}), SizeIs(1));
}

TEST_F(RemoteTest, Handlers) {
  std::mutex mu;
  std::set<std::string> before;
  std::set<std::string> around;
  auto image =
      Pull({WithImageHandler([&](const Context&, const ocispec::Descriptor& desc)
                                 -> absl::StatusOr<images::Descriptors> {
              const std::lock_guard lock(mu);
              before.insert(desc.digest);
              return images::Descriptors();
            }),
            WithImageHandlerWrapper([&](images::Handler h) {
              return [&, h = std::move(h)](const Context& ctx, const ocispec::Descriptor& desc) {
                auto children = h(ctx, desc);
                const std::lock_guard lock(mu);
                around.insert(desc.digest);
                return children;
              };
            })});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_THAT(before, SizeIs(5));
  EXPECT_EQ(before, around);
}

TEST_F(RemoteTest, LimitsGoToTheResolver) {
  ASSERT_TRUE(Pull({WithMaxConcurrentDownloads(3), WithConcurrentLayerFetchBuffer(1 << 20)}).ok());
  EXPECT_EQ(resolver_->options.performances.max_concurrent_downloads, 3);
  EXPECT_EQ(resolver_->options.performances.concurrent_layer_fetch_buffer, 1 << 20);
  ASSERT_NE(resolver_->options.download_limiter, nullptr);
  int free = 0;
  while (resolver_->options.download_limiter->TryAcquire()) ++free;
  EXPECT_EQ(free, 3);
  const auto limiter = std::make_shared<Semaphore>(1);
  ASSERT_TRUE(Pull({WithDownloadLimiter(limiter)}).ok());
  EXPECT_EQ(resolver_->options.download_limiter, limiter);
}

TEST_F(RemoteTest, ReferrersOfAnIndexAreKept) {
  class Provider final : public content::ReferrersProvider {
   public:
    absl::StatusOr<std::vector<ocispec::Descriptor>> Referrers(
        const Context&, const ocispec::Descriptor& desc) override {
      if (desc.digest != subject) return std::vector<ocispec::Descriptor>();
      return std::vector{referrer};
    }
    std::string subject;
    ocispec::Descriptor referrer;
  };
  const auto provider = std::make_shared<Provider>();
  const std::string config = "{}";
  ocispec::Manifest manifest;
  manifest.schema_version = 2;
  manifest.media_type = ocispec::kMediaTypeImageManifest;
  manifest.artifact_type = "application/vnd.test.sig";
  manifest.config = testing::Describe("application/vnd.oci.empty.v1+json", config);
  const std::string text = ocispec::Marshal(manifest);
  Add(config);
  Add(text);
  provider->subject = resolver_->target.digest;
  provider->referrer = testing::Describe(ocispec::kMediaTypeImageManifest, text);
  for (const bool pull : {true, false}) {
    resolver_->fetched.clear();
    auto got =
        pull ? Pull({WithReferrersProvider(provider)}).status()
             : daemon_.client.Fetch(ctx_, kRef, With({WithReferrersProvider(provider)})).status();
    ASSERT_TRUE(got.ok()) << got;
    EXPECT_TRUE(content_.Has(provider->referrer.digest));
    EXPECT_TRUE(content_.Has(images_.front().target.digest));
    if (pull) {
      EXPECT_FALSE(content_.Has(images_.back().target.digest));
    }
  }
}

TEST_F(RemoteTest, LimitsAreKeptForAnyResolver) {
  // Knows of no options.
  class Plain final : public remotes::Resolver {
   public:
    explicit Plain(std::shared_ptr<FakeResolver> inner) : inner_(std::move(inner)) {}
    absl::StatusOr<Resolved> Resolve(const Context& ctx, std::string_view ref) override {
      return inner_->Resolve(ctx, ref);
    }
    absl::StatusOr<std::shared_ptr<remotes::Fetcher>> Fetcher(const Context& ctx,
                                                              std::string_view ref) override {
      return inner_->Fetcher(ctx, ref);
    }
    absl::StatusOr<std::shared_ptr<remotes::Pusher>> Pusher(const Context& ctx,
                                                            std::string_view ref) override {
      return inner_->Pusher(ctx, ref);
    }

   private:
    const std::shared_ptr<FakeResolver> inner_;
  };
  std::vector<std::string> layers;
  for (int i = 0; i < 12; ++i) {
    layers.push_back(testing::TarOf({{.name = "layer" + std::to_string(i)}}));
  }
  const testing::BuiltImage image =
      testing::BuildImage({.layers = layers, .platform = *platforms::Parse("linux/amd64")});
  Add(image.config);
  Add(image.manifest);
  for (const std::string& blob : image.blobs) Add(blob);
  resolver_->target = image.target;
  for (const int limit : {2, 12}) {
    std::atomic<int> now = 0;
    std::atomic<int> most = 0;
    resolver_->on_fetch = [&](const Context&, const ocispec::Descriptor&) {
      const int n = ++now;
      for (int seen = most; seen < n && !most.compare_exchange_weak(seen, n);) {
      }
      // Until there are as many as there may be, or no more come.
      for (int i = 0; i < 100 && most < limit; ++i) absl::SleepFor(absl::Milliseconds(10));
      --now;
      return absl::OkStatus();
    };
    auto got = testing::MockDaemon(testing::MemoryStores())
                   .client.Fetch(ctx_, kRef,
                                 {WithResolver(std::make_shared<Plain>(resolver_)),
                                  WithMaxConcurrentDownloads(limit)});
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(most, limit);
  }
}

TEST_F(RemoteTest, WhatIsRefused) {
  Client& client = daemon_.client;
  EXPECT_TRUE(errdefs::IsInvalidArgument(
      client.Pull(ctx_, kRef, With({WithPlatform("linux/amd64"), WithPlatform("linux/arm64")}))
          .status()));
  EXPECT_TRUE(errdefs::IsInvalidArgument(
      client.Pull(ctx_, kRef, With({WithPlatform("a/b/c/d")})).status()));
  EXPECT_TRUE(errdefs::IsInvalidArgument(
      client.Fetch(ctx_, kRef, With({WithPlatform("a/b/c/d")})).status()));
  EXPECT_TRUE(errdefs::IsNotImplemented(client.Fetch(ctx_, kRef, With({WithPullUnpack})).status()));
  EXPECT_TRUE(errdefs::IsNotFound(client.Pull(ctx_, "example.com/other:1", With({})).status()));
  EXPECT_TRUE(
      errdefs::IsNotFound(client.Pull(ctx_, kRef, With({WithPlatform("windows/amd64")})).status()));
  EXPECT_TRUE(
      errdefs::IsInvalidArgument(Pull({WithPullLabel("k", std::string(5000, 'v'))}).status()));
  EXPECT_FALSE(Pull({WithPullUnpack, WithPullSnapshotter("missing")}).ok());
  resolver_->target.media_type = images::kMediaTypeDockerSchema1Manifest;
  EXPECT_TRUE(errdefs::IsNotImplemented(Pull().status()));
  resolver_->target.media_type = ocispec::kMediaTypeImageIndex;
  resolver_->target.size = std::int64_t{100} << 20;
  EXPECT_TRUE(errdefs::IsResourceExhausted(Pull().status()));
  ExpectNothing();
}

TEST_F(RemoteTest, Pushes) {
  ASSERT_TRUE(daemon_.client.Fetch(ctx_, kRef, With({})).ok());
  std::map<std::string, std::vector<BlobState>> states;
  absl::Status s = daemon_.client.Push(
      ctx_, "example.com/copy:1", resolver_->target,
      With({WithProgress([&](const BlobProgress& p) { states[p.desc.digest].push_back(p.state); }),
            WithMaxConcurrentUploadedLayers(1)}));
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_EQ(resolver_->push_ref, "example.com/copy:1@" + resolver_->target.digest);
  EXPECT_EQ(Pushed().count(), 8U);
  EXPECT_EQ(resolver_->pushed.back(), resolver_->target.digest);
  EXPECT_THAT(states.at(resolver_->target.digest),
              ElementsAre(BlobState::kWaiting, BlobState::kTransferring, BlobState::kDone));
  states.clear();
  s = daemon_.client.Push(ctx_, "example.com/copy@" + resolver_->target.digest, resolver_->target,
                          With({WithProgress([&](const BlobProgress& p) {
                            states[p.desc.digest].push_back(p.state);
                          })}));
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_EQ(resolver_->push_ref, "example.com/copy@" + resolver_->target.digest);
  for (const auto& [dgst, all] : states) EXPECT_EQ(all.back(), BlobState::kExists) << dgst;
}

TEST_F(RemoteTest, PushesOnePlatform) {
  ASSERT_TRUE(Pull().ok());
  std::mutex mu;
  std::set<std::string> seen;
  EXPECT_TRUE(errdefs::IsNotFound(
      daemon_.client.Push(ctx_, "example.com/copy:1", resolver_->target, With({}))));
  absl::Status s = daemon_.client.Push(
      ctx_, "example.com/copy:1", resolver_->target,
      With({WithPlatform("linux/amd64"),
            WithImageHandler([&](const Context&, const ocispec::Descriptor& desc)
                                 -> absl::StatusOr<images::Descriptors> {
              const std::lock_guard lock(mu);
              seen.insert(desc.digest);
              return images::Descriptors();
            })}));
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_THAT(seen, SizeIs(5));
  EXPECT_TRUE(Pushed().Has(images_[0].target.digest));
  EXPECT_FALSE(Pushed().Has(images_[1].target.digest));
}

}  // namespace
}  // namespace containerd
