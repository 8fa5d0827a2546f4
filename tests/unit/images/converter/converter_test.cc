// SPDX-License-Identifier: Apache-2.0
#include "containerd/images/converter/converter.h"

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/converter/compress.h"
#include "containerd/images/converter/uncompress.h"
#include "containerd/images/image.h"
#include "containerd/images/mediatypes.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/testing/image_builder.h"
#include "containerd/testing/stores.h"

#include "tests/support/memory_store.h"

namespace containerd::images::converter {
namespace {

using namespace ::containerd::testing;  // NOLINT(google-build-using-namespace): the builder
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

using compression::Compression;

const Context kCtx = WithNamespace(Context::Background(), "test");

struct FakeLease {
  Context ctx;
  const Context& context() const { return ctx; }
};

// As Convert wants a client to be.
struct FakeClient {
  std::shared_ptr<MemoryStore> content = std::make_shared<MemoryStore>();
  std::shared_ptr<Store> images = MemoryStores().images;
  int leases = 0;

  absl::StatusOr<FakeLease> WithLease(const Context& ctx) {
    ++leases;
    return FakeLease{ctx};
  }
  std::shared_ptr<content::Store> ContentStore() const { return content; }
  std::shared_ptr<Store> ImageService() const { return images; }
};

class ConvertTest : public ::testing::Test {
 protected:
  // Puts an image into the store, labelled as a pull does it, and returns its manifest.
  ocispec::Descriptor Put(const BuiltImage& image) {
    const std::map<std::string, std::string> source = {
        {"containerd.io/distribution.source.x", "y"}};
    for (std::size_t i = 0; i < image.blobs.size(); ++i) {
      Labels labels = source;
      labels[labels::kLabelUncompressed] = digest::FromString(image.layers[i]).String();
      content().Add("", image.blobs[i], labels);
    }
    content().Add("", image.config, source);
    Labels labels = source;
    labels["containerd.io/gc.ref.content.config"] = image.parsed.config.digest;
    for (std::size_t i = 0; i < image.parsed.layers.size(); ++i) {
      labels[fmt::format("containerd.io/gc.ref.content.l.{}", i)] = image.parsed.layers[i].digest;
    }
    return content().Add(image.target.media_type, image.manifest, labels);
  }

  ocispec::Descriptor PutIndex(std::vector<ocispec::Descriptor> manifests,
                               const std::string& type = ocispec::kMediaTypeImageIndex) {
    ocispec::Index index;
    index.schema_version = 2;
    index.media_type = type;
    Labels labels;
    for (std::size_t i = 0; i < manifests.size(); ++i) {
      labels[fmt::format("containerd.io/gc.ref.content.m.{}", i)] = manifests[i].digest;
    }
    index.manifests = std::move(manifests);
    return content().Add(type, ocispec::Marshal(index), labels);
  }

  void Name(const ocispec::Descriptor& target) {
    ASSERT_TRUE(
        client_.images->Create(kCtx, {.name = "source", .labels = {{"a", "b"}}, .target = target})
            .ok());
  }

  absl::StatusOr<Image> To(std::vector<Opt> opts) {
    return Convert(kCtx, client_, "converted", "source", opts);
  }

  ocispec::Manifest ManifestOf(const ocispec::Descriptor& target) {
    auto manifest = images::Manifest({}, content(), target, nullptr);
    EXPECT_TRUE(manifest.ok()) << manifest.status();
    return manifest.value_or(ocispec::Manifest());
  }

  // That labels hold all that is reachable, and nothing else.
  void ExpectHeld(const ocispec::Descriptor& desc) {
    auto children = Children({}, content(), desc);
    ASSERT_TRUE(children.ok()) << children.status();
    std::set<std::string> held;
    for (const auto& [key, value] : content().LabelsOf(desc.digest)) {
      if (key.starts_with("containerd.io/gc.ref.content.")) held.insert(value);
    }
    std::set<std::string> want;
    for (const ocispec::Descriptor& child : *children) want.insert(child.digest);
    EXPECT_EQ(held, want) << desc.media_type;
    for (const ocispec::Descriptor& child : *children) {
      EXPECT_TRUE(content().Has(child.digest)) << child.media_type;
      ExpectHeld(child);
    }
  }

  MemoryStore& content() { return *client_.content; }

  FakeClient client_;
  const std::string first_ = TarOf({{.name = "a", .data = std::string(50000, 'a')}});
  const std::string second_ = TarOf({{.name = "b", .data = "bee"}});
};

TEST_F(ConvertTest, CompressionsOfLayers) {
  for (const Compression from :
       {Compression::kUncompressed, Compression::kGzip, Compression::kZstd}) {
    for (const Compression to :
         {Compression::kUncompressed, Compression::kGzip, Compression::kZstd}) {
      SCOPED_TRACE(fmt::format("\"{}\" to \"{}\"", Extension(from), Extension(to)));
      client_ = FakeClient();
      const BuiltImage image =
          BuildImage({.layers = {first_, second_, first_}, .compression = from});
      const ocispec::Descriptor target = Put(image);
      Name(target);
      const auto converted = To({WithLayerConvertFunc(compress::LayerConvertFunc(to))});
      ASSERT_TRUE(converted.ok()) << converted.status();
      EXPECT_EQ(converted->labels, (Labels{{"a", "b"}}));
      EXPECT_EQ(client_.leases, 1);
      ExpectHeld(converted->target);
      EXPECT_EQ(content().ingests(), 0U);
      if (from == to) {
        EXPECT_EQ(converted->target, target);
        continue;
      }
      const ocispec::Manifest manifest = ManifestOf(converted->target);
      ASSERT_EQ(manifest.layers.size(), 3U);
      const BuiltImage want = BuildImage({.layers = {first_, second_}, .compression = to});
      EXPECT_EQ(manifest.layers[0], want.parsed.layers[0]);
      EXPECT_EQ(manifest.layers[1], want.parsed.layers[1]);
      EXPECT_EQ(manifest.layers[2], want.parsed.layers[0]);
      // Diff ids are the same, and so is the config.
      EXPECT_EQ(manifest.config.digest, image.parsed.config.digest);
      const Labels labels = content().LabelsOf(manifest.layers[1].digest);
      EXPECT_THAT(labels, Contains(Key("containerd.io/distribution.source.x")));
      if (to == Compression::kUncompressed) {
        EXPECT_THAT(labels, Not(Contains(Key(labels::kLabelUncompressed))));
      } else {
        EXPECT_THAT(labels, Contains(Pair(labels::kLabelUncompressed,
                                          digest::FromString(second_).String())));
      }
    }
  }
}

BuiltImage AsDocker(BuiltImage image) {
  image.parsed.media_type = kMediaTypeDockerSchema2Manifest;
  image.parsed.config.media_type = kMediaTypeDockerSchema2Config;
  for (ocispec::Descriptor& layer : image.parsed.layers) {
    layer.media_type = ConvertOCIMediaTypeToDocker(layer.media_type);
  }
  image.manifest = ocispec::Marshal(image.parsed);
  image.target = Describe(kMediaTypeDockerSchema2Manifest, image.manifest);
  return image;
}

TEST_F(ConvertTest, DockerToOCIAndBack) {
  const BuiltImage oci = BuildImage({.layers = {first_, second_}});
  const BuiltImage docker = AsDocker(oci);
  ocispec::Descriptor entry = Put(docker);
  entry.platform = platforms::DefaultSpec();
  const ocispec::Descriptor list = PutIndex({entry}, kMediaTypeDockerSchema2ManifestList);
  Name(list);
  const auto converted = To({WithDockerToOCI(true)});
  ASSERT_TRUE(converted.ok()) << converted.status();
  EXPECT_EQ(converted->target.media_type, ocispec::kMediaTypeImageIndex);
  const auto children = *Children({}, content(), converted->target);
  ASSERT_EQ(children.size(), 1U);
  EXPECT_EQ(children[0].digest, oci.target.digest);
  EXPECT_EQ(children[0].media_type, ocispec::kMediaTypeImageManifest);
  EXPECT_EQ(children[0].platform, entry.platform);
  EXPECT_EQ(content().Data(children[0].digest), oci.manifest);
  ExpectHeld(converted->target);

  const auto back = Convert(kCtx, client_, "converted", "converted", {WithOCIToDocker(true)});
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->target.digest, list.digest);
  EXPECT_EQ(back->target.media_type, kMediaTypeDockerSchema2ManifestList);
  ExpectHeld(back->target);
  EXPECT_EQ(client_.images->List(kCtx)->size(), 2U);

  EXPECT_TRUE(
      errdefs::IsInvalidArgument(To({WithOCIToDocker(true), WithDockerToOCI(true)}).status()));
}

TEST_F(ConvertTest, DockerHasNoAnnotations) {
  BuiltImage image = BuildImage({.layers = {first_}});
  image.parsed.annotations = {{"of", "the manifest"}};
  image.parsed.layers[0].annotations = {{"of", "a layer"}};
  image.manifest = ocispec::Marshal(image.parsed);
  ocispec::Descriptor target = Put(image);
  target.annotations = {{"of", "the image"}};
  // An attestation is no image for Docker.
  const std::string attestation = fmt::format(
      R"({{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"application/vnd.oci.empty.v1)"
      R"(+json","digest":"{}","size":2}},"layers":[]}})",
      ocispec::kMediaTypeImageManifest, digest::FromString("{}").String());
  content().Add("", "{}");
  Name(PutIndex({target, content().Add(ocispec::kMediaTypeImageManifest, attestation)}));
  const auto converted = To({WithOCIToDocker(true)});
  ASSERT_TRUE(converted.ok()) << converted.status();
  const auto children = *Children({}, content(), converted->target);
  ASSERT_EQ(children.size(), 2U);
  EXPECT_EQ(children[0].digest, AsDocker(BuildImage({.layers = {first_}})).target.digest);
  EXPECT_THAT(children[0].annotations, IsEmpty());
  EXPECT_EQ(children[1].media_type, ocispec::kMediaTypeImageManifest);
  EXPECT_EQ(content().Data(children[1].digest), attestation);
}

TEST_F(ConvertTest, Platforms) {
  std::vector<ocispec::Descriptor> manifests;
  for (const char* name : {"linux/amd64", "linux/arm64", "linux/s390x"}) {
    const auto platform = *platforms::Parse(name);
    manifests.push_back(Put(BuildImage({.layers = {first_}, .platform = platform})));
    manifests.back().platform = platform;
  }
  Name(PutIndex(manifests));
  const auto converted =
      To({WithPlatform(platforms::OnlyStrict(*platforms::Parse("linux/arm64")))});
  ASSERT_TRUE(converted.ok()) << converted.status();
  const auto children = *Children({}, content(), converted->target);
  ASSERT_EQ(children.size(), 1U);
  EXPECT_EQ(children[0].digest, manifests[1].digest);
  ExpectHeld(converted->target);

  EXPECT_TRUE(errdefs::IsNotFound(
      To({WithPlatform(platforms::OnlyStrict(*platforms::Parse("linux/riscv64")))}).status()));
  // Without options nothing is converted: a copy.
  EXPECT_EQ(To({})->target, client_.images->Get(kCtx, "source")->target);
}

// BuildKit's attestations name the manifest that they are about, in the index and as subject.
TEST_F(ConvertTest, AttestationsFollowTheirManifests) {
  const auto amd64 = *platforms::Parse("linux/amd64");
  const auto arm64 = *platforms::Parse("linux/arm64");
  std::vector<ocispec::Descriptor> images = {
      Put(BuildImage({.layers = {first_}, .platform = amd64})),
      Put(BuildImage({.layers = {second_}, .platform = arm64}))};
  images[0].platform = amd64;
  images[1].platform = arm64;
  std::vector<ocispec::Descriptor> attestations;
  for (const ocispec::Descriptor& image : images) {
    BuiltImage about = BuildImage({.layers = {image.digest}});
    about.parsed.subject = image;
    about.manifest = ocispec::Marshal(about.parsed);
    about.target = Describe(ocispec::kMediaTypeImageManifest, about.manifest);
    attestations.push_back(Put(about));
    attestations.back().annotations = {{"vnd.docker.reference.type", "attestation-manifest"},
                                       {"vnd.docker.reference.digest", image.digest}};
  }
  // The one of the first image stands before it.
  Name(PutIndex({attestations[0], images[0], images[1], attestations[1]}));
  auto converted = To({WithLayerConvertFunc(compress::LayerConvertFunc(Compression::kZstd))});
  ASSERT_TRUE(converted.ok()) << converted.status();
  auto children = *Children({}, content(), converted->target);
  ASSERT_EQ(children.size(), 4U);
  for (const auto& [attestation, image] :
       {std::pair<std::size_t, std::size_t>(0, 1), std::pair<std::size_t, std::size_t>(3, 2)}) {
    EXPECT_NE(children[image].digest, images[image - 1].digest);
    EXPECT_EQ(children[attestation].annotations.at("vnd.docker.reference.digest"),
              children[image].digest);
    const ocispec::Manifest manifest = ManifestOf(children[attestation]);
    ASSERT_TRUE(manifest.subject.has_value());
    EXPECT_EQ(manifest.subject->digest, children[image].digest);
    EXPECT_EQ(manifest.subject->size, children[image].size);
  }
  ExpectHeld(converted->target);

  // What is about an image that is left out goes with it.
  converted = To({WithPlatform(platforms::OnlyStrict(arm64))});
  ASSERT_TRUE(converted.ok()) << converted.status();
  children = *Children({}, content(), converted->target);
  ASSERT_EQ(children.size(), 2U);
  EXPECT_EQ(children[0].digest, images[1].digest);
  EXPECT_EQ(children[1].digest, attestations[1].digest);
}

TEST_F(ConvertTest, AnnotationsOfTheOldBytesGo) {
  BuiltImage image = BuildImage({.layers = {first_}});
  image.parsed.layers[0].annotations = {
      {"containerd.io/snapshot/stargz/toc.digest", "sha256:of the old ones"},
      {"io.github.containers.zstd-chunked.manifest-position", "1:2:3:4"},
      {"org.opencontainers.image.title", "kept"}};
  image.manifest = ocispec::Marshal(image.parsed);
  image.target = Describe(ocispec::kMediaTypeImageManifest, image.manifest);
  Name(Put(image));
  auto converted = To({WithLayerConvertFunc(compress::LayerConvertFunc(Compression::kZstd))});
  ASSERT_TRUE(converted.ok()) << converted.status();
  std::map<std::string, std::string> left = ManifestOf(converted->target).layers[0].annotations;
  EXPECT_EQ(left, (std::map<std::string, std::string>{{"org.opencontainers.image.title", "kept"}}));
  // What the conversion says itself stays, and so does all if the bytes do.
  converted = To({WithLayerConvertFunc(
      [](const Context& ctx, content::Store& cs,
         const ocispec::Descriptor& desc) -> absl::StatusOr<std::optional<ocispec::Descriptor>> {
        auto layer = compress::LayerConvertFunc(Compression::kUncompressed)(ctx, cs, desc);
        if (layer.ok() && layer->has_value()) {
          (*layer)->annotations["containerd.io/snapshot/stargz/toc.digest"] = "sha256:of the new";
        }
        return layer;
      })});
  ASSERT_TRUE(converted.ok()) << converted.status();
  left = ManifestOf(converted->target).layers[0].annotations;
  EXPECT_EQ(left.at("containerd.io/snapshot/stargz/toc.digest"), "sha256:of the new");
  EXPECT_EQ(left.size(), 2U);
  EXPECT_EQ(ManifestOf(To({})->target).layers[0].annotations.size(), 3U);
}

// Layers that become others, not just otherwise compressed: the config is told.
TEST_F(ConvertTest, NewDiffIDs) {
  BuiltImage image = BuildImage({.layers = {first_, second_}});
  image.config = fmt::format(
      R"({{"os":"linux","unknown":{{"b":1,"a":2}},"config":{{"Image":"sha256:dummy","Cmd":["x"]}},)"
      R"("container_config":{{"Image":"sha256:dummy"}},"architecture":"amd64",)"
      R"("rootfs":{{"type":"layers","diff_ids":["{}","{}"]}}}})",
      digest::FromString(first_).String(), digest::FromString(second_).String());
  image.parsed.config = Describe(ocispec::kMediaTypeImageConfig, image.config);
  image.manifest = ocispec::Marshal(image.parsed);
  Name(Put(image));
  const std::string other = TarOf({{.name = "c", .data = "sea"}});
  const std::string second = image.parsed.layers[1].digest;
  const auto converted = To({WithLayerConvertFunc(
      [&](const Context&, content::Store&,
          const ocispec::Descriptor& desc) -> absl::StatusOr<std::optional<ocispec::Descriptor>> {
        if (desc.digest != second) return std::nullopt;
        return content().Add(ocispec::kMediaTypeImageLayer, other);
      })});
  ASSERT_TRUE(converted.ok()) << converted.status();
  const ocispec::Manifest manifest = ManifestOf(converted->target);
  EXPECT_EQ(manifest.layers[0], image.parsed.layers[0]);
  EXPECT_EQ(manifest.layers[1].digest, digest::FromString(other).String());
  EXPECT_EQ(content().Data(manifest.config.digest),
            fmt::format(R"({{"architecture":"amd64","config":{{"Cmd":["x"]}},)"
                        R"("container_config":{{}},"os":"linux",)"
                        R"("rootfs":{{"type":"layers","diff_ids":["{}","{}"]}},)"
                        R"("unknown":{{"b":1,"a":2}}}})",
                        digest::FromString(first_).String(), digest::FromString(other).String()));
  ExpectHeld(converted->target);
}

TEST_F(ConvertTest, HooksAndUpdates) {
  const ocispec::Descriptor target = Put(BuildImage({.layers = {first_, second_}}));
  Name(target);
  std::mutex mu;
  std::map<std::string, bool> seen;  // By media type, whether converted.
  const ConvertFunc hooked = IndexConvertFuncWithHook(
      uncompress::LayerConvertFunc, false, nullptr,
      {.post_convert_hook = [&](const Context&, content::Store&,
                                const ocispec::Descriptor& original,
                                const std::optional<ocispec::Descriptor>& converted)
           -> absl::StatusOr<std::optional<ocispec::Descriptor>> {
        const std::lock_guard lock(mu);
        seen[original.media_type] = converted.has_value();
        if (!IsManifestType(original.media_type)) return std::nullopt;
        ocispec::Descriptor annotated = converted.value_or(original);
        annotated.annotations["hook"] = "was here";
        return annotated;
      }});
  const auto converted = To({WithIndexConvertFunc(hooked)});
  ASSERT_TRUE(converted.ok()) << converted.status();
  EXPECT_EQ(converted->target.annotations.at("hook"), "was here");
  EXPECT_EQ(seen, (std::map<std::string, bool>{{ocispec::kMediaTypeImageManifest, true},
                                               {ocispec::kMediaTypeImageLayerGzip, true},
                                               {ocispec::kMediaTypeImageConfig, false}}));

  // The callback after manifests sees both, also if they are the same.
  for (const bool convert : {true, false}) {
    std::vector<Opt> opts = {WithUpdateManifest(
        [&](const Context&, content::Store&, const ocispec::Descriptor& original,
            const ocispec::Descriptor& now) -> absl::StatusOr<std::optional<ocispec::Descriptor>> {
          EXPECT_EQ(original.digest, target.digest);
          EXPECT_EQ(now.digest == target.digest, !convert);
          ocispec::Descriptor updated = now;
          updated.artifact_type = "updated";
          return updated;
        })};
    if (convert) opts.push_back(WithLayerConvertFunc(uncompress::LayerConvertFunc));
    const auto updated = To(opts);
    ASSERT_TRUE(updated.ok()) << updated.status();
    EXPECT_EQ(updated->target.artifact_type, "updated");
  }
}

TEST_F(ConvertTest, Failures) {
  const BuiltImage image = BuildImage({.layers = {first_, second_}});
  const ocispec::Descriptor target = Put(image);
  EXPECT_TRUE(errdefs::IsNotFound(To({}).status()));
  Name(target);
  const std::vector<Opt> opts = {WithLayerConvertFunc(uncompress::LayerConvertFunc)};

  // A damaged layer: no image, no ingestion.
  const std::string damaged = image.blobs[0].substr(0, image.blobs[0].size() / 2);
  content().Plant(image.parsed.layers[0].digest, damaged);
  auto converted = To(opts);
  EXPECT_TRUE(errdefs::IsDataLoss(converted.status())) << converted.status();
  EXPECT_THAT(std::string(errdefs::Message(converted.status())),
              HasSubstr(image.parsed.layers[0].digest));
  EXPECT_EQ(content().ingests(), 0U);
  EXPECT_EQ(client_.images->List(kCtx)->size(), 1U);

  // A missing layer.
  ASSERT_TRUE(content().Delete({}, image.parsed.layers[0].digest).ok());
  EXPECT_TRUE(errdefs::IsNotFound(To(opts).status()));

  // A function that fails keeps the others from beginning, and its error is the result.
  const absl::Status aborted =
      To({WithLayerConvertFunc([](const Context&, content::Store&, const ocispec::Descriptor&)
                                   -> absl::StatusOr<std::optional<ocispec::Descriptor>> {
        return errdefs::Aborted("enough");
      })}).status();
  EXPECT_TRUE(errdefs::IsAborted(aborted)) << aborted;

  auto [ctx, cancel] = WithCancel(kCtx);
  cancel();
  EXPECT_TRUE(errdefs::IsCanceled(Convert(ctx, client_, "converted", "source", opts).status()));

  // Documents that are not what they are said to be.
  const ocispec::Descriptor bad = content().Add(ocispec::kMediaTypeImageManifest, "[]");
  ASSERT_TRUE(client_.images->Update(kCtx, {.name = "source", .target = bad}, {}).ok());
  EXPECT_TRUE(errdefs::IsInvalidArgument(To(opts).status())) << To(opts).status();
}

TEST_F(ConvertTest, ADocumentThatIsThereGetsTheLabelsToo) {
  const BuiltImage oci = BuildImage({.layers = {first_}});
  content().Add("", oci.manifest, {{"mine", "stays"}});
  Put(AsDocker(oci));
  Name(AsDocker(oci).target);
  const auto converted = To({WithDockerToOCI(true)});
  ASSERT_TRUE(converted.ok()) << converted.status();
  EXPECT_EQ(converted->target.digest, oci.target.digest);
  ExpectHeld(converted->target);
  EXPECT_THAT(content().LabelsOf(oci.target.digest), Contains(Pair("mine", "stays")));
}

TEST(MediaTypes, BothWays) {
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {kMediaTypeDockerSchema2ManifestList, ocispec::kMediaTypeImageIndex},
      {kMediaTypeDockerSchema2Manifest, ocispec::kMediaTypeImageManifest},
      {kMediaTypeDockerSchema2LayerGzip, ocispec::kMediaTypeImageLayerGzip},
      {kMediaTypeDockerSchema2LayerForeignGzip, ocispec::kMediaTypeImageLayerNonDistributableGzip},
      {kMediaTypeDockerSchema2Layer, ocispec::kMediaTypeImageLayer},
      {kMediaTypeDockerSchema2LayerForeign, ocispec::kMediaTypeImageLayerNonDistributable},
      {kMediaTypeDockerSchema2Config, ocispec::kMediaTypeImageConfig},
  };
  for (const auto& [docker, oci] : pairs) {
    EXPECT_EQ(ConvertDockerMediaTypeToOCI(docker), oci);
    EXPECT_EQ(ConvertOCIMediaTypeToDocker(oci), docker);
    EXPECT_EQ(ConvertDockerMediaTypeToOCI(oci), oci);
  }
  EXPECT_EQ(ConvertDockerMediaTypeToOCI("text/plain"), "text/plain");
}

TEST(MediaTypes, Uncompressed) {
  for (const char* type :
       {kMediaTypeDockerSchema2Layer, kMediaTypeDockerSchema2LayerForeign,
        ocispec::kMediaTypeImageLayer, ocispec::kMediaTypeImageLayerNonDistributable}) {
    EXPECT_TRUE(uncompress::IsUncompressedType(type)) << type;
  }
  for (const char* type : {kMediaTypeDockerSchema2LayerGzip, ocispec::kMediaTypeImageLayerZstd,
                           ocispec::kMediaTypeImageConfig, kMediaTypeImageLayerEncrypted, ""}) {
    EXPECT_FALSE(uncompress::IsUncompressedType(type)) << type;
  }
}

TEST(ClearGCLabels, Table) {
  const std::string dgst = digest::FromString("a").String();
  Labels labels = {{"containerd.io/gc.ref.content.l.0", dgst},
                   {"containerd.io/gc.ref.content", dgst},
                   {"containerd.io/gc.ref.content.l.1", "sha256:other"},
                   {"containerd.io/gc.ref.snapshot.overlayfs", dgst},
                   {"mine", dgst}};
  ClearGCLabels(labels, dgst);
  EXPECT_EQ(labels, (Labels{{"containerd.io/gc.ref.content.l.1", "sha256:other"},
                            {"containerd.io/gc.ref.snapshot.overlayfs", dgst},
                            {"mine", dgst}}));
}

}  // namespace
}  // namespace containerd::images::converter
