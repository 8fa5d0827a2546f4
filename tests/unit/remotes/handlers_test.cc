// SPDX-License-Identifier: Apache-2.0
#include "containerd/remotes/handlers.h"

#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"
#include "containerd/ocispec/annotations.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/manifest.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/remotes/errors.h"

#include "tests/support/memory_store.h"

namespace containerd::remotes {
namespace {

using containerd::testing::MemoryStore;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

const Context kCtx = Context::Background();

std::vector<std::string> DigestsOf(const images::Descriptors& descs) {
  std::vector<std::string> out;
  for (const ocispec::Descriptor& desc : descs) out.push_back(desc.digest);
  return out;
}

TEST(MakeRefKey, ContextCustomKeyPrefix) {
  Context ctx = WithMediaTypeKeyPrefix(kCtx, images::kMediaTypeDockerSchema2Layer, "bananas");
  ctx = WithMediaTypeKeyPrefix(ctx, "testing/custom.media.type", "apples");
  const std::pair<const char*, const char*> cases[] = {
      {ocispec::kMediaTypeImageLayer, "layer-"},
      {"we.dont.know.what.this.is", "unknown-"},
      {images::kMediaTypeDockerSchema2Layer, "bananas-"},
      {"testing/custom.media.type", "apples-"},
  };
  for (const auto& [media_type, want] : cases) {
    EXPECT_EQ(MakeRefKey(ctx, {.media_type = media_type}), want);
  }
}

TEST(MakeRefKey, NamesTheKindAndTheReference) {
  const std::pair<const char*, const char*> cases[] = {
      {ocispec::kMediaTypeImageManifest, "manifest-d"},
      {images::kMediaTypeDockerSchema2Manifest, "manifest-d"},
      {ocispec::kMediaTypeImageIndex, "index-d"},
      {images::kMediaTypeDockerSchema2ManifestList, "index-d"},
      {ocispec::kMediaTypeImageLayerGzip, "layer-d"},
      {ocispec::kMediaTypeImageConfig, "config-d"},
      {images::kMediaTypeContainerd1CheckpointConfig, "config-d"},
      {images::kMediaTypeInToto, "attestation-d"},
      {"", "unknown-d"},
  };
  for (const auto& [media_type, want] : cases) {
    EXPECT_EQ(MakeRefKey(kCtx, {.media_type = media_type, .digest = "d"}), want);
  }
  ocispec::Descriptor named{.media_type = ocispec::kMediaTypeImageManifest, .digest = "d"};
  named.annotations[ocispec::kAnnotationRefName] = "latest";
  EXPECT_EQ(MakeRefKey(kCtx, named), "manifest-latest@d");
}

images::HandlerFunc Gives(images::Descriptors children) {
  return [children](const Context&, const ocispec::Descriptor&) { return children; };
}

TEST(Handlers, SkipNonDistributableBlobs) {
  const auto handler = SkipNonDistributableBlobs(Gives({
      {.media_type = images::kMediaTypeDockerSchema2Layer, .digest = "test:1"},
      {.media_type = images::kMediaTypeDockerSchema2LayerForeign, .digest = "test:2"},
      {.media_type = images::kMediaTypeDockerSchema2LayerForeignGzip, .digest = "test:3"},
      {.media_type = ocispec::kMediaTypeImageLayerNonDistributable, .digest = "test:4"},
      {.media_type = ocispec::kMediaTypeImageLayerNonDistributableGzip, .digest = "test:5"},
      {.media_type = ocispec::kMediaTypeImageLayerNonDistributableZstd, .digest = "test:6"},
  }));
  auto out = handler(kCtx, {.media_type = images::kMediaTypeDockerSchema2Manifest});
  ASSERT_TRUE(out.ok());
  EXPECT_THAT(DigestsOf(*out), ElementsAre("test:1"));
  EXPECT_TRUE(images::IsErrSkipDesc(
      handler(kCtx, {.media_type = images::kMediaTypeDockerSchema2LayerForeign}).status()));
}

TEST(Handlers, FilterManifestByPlatformKeepsTheConfigOfOthers) {
  const images::Descriptors children = {
      {.media_type = ocispec::kMediaTypeImageConfig, .digest = "config"},
      {.media_type = ocispec::kMediaTypeImageLayer, .digest = "layer"}};
  const auto handler = FilterManifestByPlatformHandler(
      Gives(children), platforms::NewMatcher({.architecture = "amd64", .os = "linux"}));
  ocispec::Descriptor manifest{.media_type = ocispec::kMediaTypeImageManifest};
  EXPECT_EQ(handler(kCtx, manifest)->size(), 2U);
  manifest.platform = ocispec::Platform{.architecture = "amd64", .os = "linux"};
  EXPECT_EQ(handler(kCtx, manifest)->size(), 2U);
  manifest.platform->architecture = "s390x";
  EXPECT_THAT(DigestsOf(*handler(kCtx, manifest)), ElementsAre("config"));
}

// Serves the blobs of a store and counts.
class StoreFetcher final : public Fetcher {
 public:
  explicit StoreFetcher(std::shared_ptr<MemoryStore> store) : store_(std::move(store)) {}
  absl::StatusOr<std::unique_ptr<io::Reader>> Fetch(const Context&,
                                                    const ocispec::Descriptor& desc) override {
    ++fetched;
    return std::make_unique<io::StringReader>(store_->Blob(desc.digest));
  }
  int fetched = 0;

 private:
  std::shared_ptr<MemoryStore> store_;
};

TEST(Fetch, StoresWhatTheStoreLacks) {
  const auto remote = std::make_shared<MemoryStore>();
  const auto local = std::make_shared<MemoryStore>();
  const auto fetcher = std::make_shared<StoreFetcher>(remote);
  const ocispec::Descriptor layer = remote->Add(ocispec::kMediaTypeImageLayer, "the layer");
  const auto handler = FetchHandler(local, fetcher);
  ASSERT_TRUE(handler(kCtx, layer).ok());
  EXPECT_EQ(local->Blob(layer.digest), "the layer");
  ASSERT_TRUE(handler(kCtx, layer).ok());
  EXPECT_EQ(fetcher->fetched, 1);
  EXPECT_TRUE(errdefs::IsAlreadyExists(Fetch(kCtx, *local, *fetcher, layer)));
}

TEST(Fetch, GoesOnWithAnIngestion) {
  const auto remote = std::make_shared<MemoryStore>();
  const auto fetcher = std::make_shared<StoreFetcher>(remote);
  const ocispec::Descriptor layer = remote->Add(ocispec::kMediaTypeImageLayer, "the layer");
  for (const char* had : {"", "the", "the layer"}) {
    MemoryStore local;
    local.PutIngest(MakeRefKey(kCtx, layer), had);
    fetcher->fetched = 0;
    ASSERT_TRUE(Fetch(kCtx, local, *fetcher, layer).ok());
    EXPECT_EQ(local.Blob(layer.digest), "the layer");
    EXPECT_EQ(fetcher->fetched, std::string_view(had).size() == 9 ? 0 : 1);
  }
}

TEST(Fetch, TakesEmbeddedData) {
  MemoryStore local;
  const auto remote = std::make_shared<MemoryStore>();
  StoreFetcher fetcher(remote);
  ocispec::Descriptor config = remote->Add(ocispec::kMediaTypeImageConfig, "{}");
  config.data = "{}";
  ASSERT_TRUE(Fetch(kCtx, local, fetcher, config).ok());
  EXPECT_EQ(local.Blob(config.digest), "{}");
  EXPECT_EQ(fetcher.fetched, 0);
}

TEST(Fetch, RefusesWhatIsNotTheDescriptors) {
  const auto remote = std::make_shared<MemoryStore>();
  const auto local = std::make_shared<MemoryStore>();
  const auto fetcher = std::make_shared<StoreFetcher>(remote);
  ocispec::Descriptor layer = remote->Add(ocispec::kMediaTypeImageLayer, "the layer");
  for (const std::int64_t size : {5, 50}) {
    ocispec::Descriptor wrong = layer;
    wrong.size = size;
    EXPECT_FALSE(Fetch(kCtx, *local, *fetcher, wrong).ok()) << size;
  }
  ocispec::Descriptor wrong = layer;
  wrong.digest = digest::FromString("other").String();
  wrong.size = 6;  // "<none>"
  EXPECT_FALSE(Fetch(kCtx, *local, *fetcher, wrong).ok());
  wrong.size = 0;
  EXPECT_TRUE(errdefs::IsInvalidArgument(Fetch(kCtx, *local, *fetcher, wrong)));
  layer.media_type = images::kMediaTypeDockerSchema1Manifest;
  EXPECT_TRUE(errdefs::IsNotImplemented(FetchHandler(local, fetcher)(kCtx, layer).status()));
}

// Takes what is pushed into a store and notes the order.
class StorePusher final : public Pusher {
 public:
  absl::StatusOr<std::unique_ptr<content::Writer>> Push(const Context& ctx,
                                                        const ocispec::Descriptor& desc) override {
    std::lock_guard lock(mu_);
    pushed.push_back(desc);
    if (desc.digest == fail_for) {
      return errors::NewUnexpectedStatusErr({.status = "400 Bad Request",
                                             .status_code = 400,
                                             .request_url = "u",
                                             .request_method = "PUT"});
    }
    return store.Writer(ctx, {content::WithRef("x" + desc.digest), content::WithDescriptor(desc)});
  }
  MemoryStore store;
  std::vector<ocispec::Descriptor> pushed;
  std::string fail_for;

 private:
  std::mutex mu_;
};

struct TestImage {
  ocispec::Descriptor config, layer, manifest, foreign, index;
};

TestImage PutImage(MemoryStore& store) {
  TestImage image;
  image.config =
      store.Add(ocispec::kMediaTypeImageConfig, R"({"os":"linux","architecture":"amd64"})");
  image.layer = store.Add(ocispec::kMediaTypeImageLayer, "layer",
                          {{"containerd.io/distribution.source.docker.io", "library/base"}});
  image.foreign = store.Add(images::kMediaTypeDockerSchema2LayerForeign, "foreign");
  ocispec::Manifest manifest;
  manifest.schema_version = 2;
  manifest.media_type = ocispec::kMediaTypeImageManifest;
  manifest.config = image.config;
  manifest.layers = {image.layer, image.foreign};
  image.manifest = store.Add(ocispec::kMediaTypeImageManifest, ocispec::Marshal(manifest),
                             {{"containerd.io/distribution.source.quay.io", "a/b"}});
  ocispec::Index index;
  index.schema_version = 2;
  index.media_type = ocispec::kMediaTypeImageIndex;
  index.manifests = {image.manifest};
  image.index = store.Add(ocispec::kMediaTypeImageIndex, ocispec::Marshal(index));
  return image;
}

TEST(PushContent, PushesChildrenBeforeParents) {
  const auto store = std::make_shared<MemoryStore>();
  const TestImage image = PutImage(*store);
  const auto pusher = std::make_shared<StorePusher>();
  ASSERT_TRUE(PushContent(kCtx, pusher, image.index, store, 4, platforms::All()).ok());
  ASSERT_EQ(pusher->pushed.size(), 5U);
  EXPECT_EQ(pusher->pushed[3].digest, image.manifest.digest);
  EXPECT_EQ(pusher->pushed[4].digest, image.index.digest);
  for (const auto& d : {image.config, image.layer, image.foreign, image.manifest, image.index}) {
    EXPECT_EQ(pusher->store.Blob(d.digest), store->Blob(d.digest));
  }
  for (const ocispec::Descriptor& d : pusher->pushed) {
    if (d.digest != image.layer.digest) continue;
    EXPECT_THAT(d.annotations,
                ElementsAre(Pair("containerd.io/distribution.source.docker.io", "library/base"),
                            Pair("containerd.io/distribution.source.quay.io", "a/b")));
  }
  // What is there already is no error.
  EXPECT_TRUE(PushContent(kCtx, pusher, image.index, store, 4, platforms::All()).ok());
}

TEST(PushContent, MayBeWrapped) {
  const auto store = std::make_shared<MemoryStore>();
  const TestImage image = PutImage(*store);
  const auto pusher = std::make_shared<StorePusher>();
  ASSERT_TRUE(
      PushContent(kCtx, pusher, image.index, store, 1, platforms::All(), SkipNonDistributableBlobs)
          .ok());
  EXPECT_EQ(pusher->pushed.size(), 4U);
  EXPECT_EQ(pusher->store.Blob(image.foreign.digest), "<none>");
}

TEST(PushContent, SaysWhatAnIndexLacks) {
  const auto store = std::make_shared<MemoryStore>();
  const TestImage image = PutImage(*store);
  const auto pusher = std::make_shared<StorePusher>();
  pusher->fail_for = image.index.digest;
  absl::Status s = PushContent(kCtx, pusher, image.index, store, 1, platforms::All());
  EXPECT_THAT(s.ToString(), HasSubstr("are missing in your target registry"));
  EXPECT_TRUE(errors::AsUnexpectedStatus(s).has_value());
}

TEST(Errors, KeepTheAnswer) {
  const errors::ErrUnexpectedStatus answer{.status = "403 Forbidden",
                                           .status_code = 403,
                                           .body = std::string("{\0\xff", 3),
                                           .request_url = "https://r/v2/",
                                           .request_method = "GET"};
  const absl::Status s = errors::NewUnexpectedStatusErr(answer, "denied: no");
  EXPECT_EQ(errdefs::Message(s),
            "unexpected status from GET request to https://r/v2/: 403 Forbidden: denied: no");
  EXPECT_TRUE(errdefs::IsPermissionDenied(s));
  EXPECT_EQ(errors::AsUnexpectedStatus(errdefs::Annotate(s, "pulling")), answer);
  EXPECT_EQ(errors::AsUnexpectedStatus(errdefs::Unknown("x")), std::nullopt);
}

}  // namespace
}  // namespace containerd::remotes
