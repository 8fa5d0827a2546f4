// SPDX-License-Identifier: Apache-2.0
#include "containerd/images/image.h"

#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/handlers.h"
#include "containerd/images/mediatypes.h"
#include "containerd/images/usage.h"
#include "containerd/labels/labels.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/testing/image_builder.h"

#include "tests/support/memory_store.h"

namespace containerd::images {
namespace {

using ::containerd::testing::BuildImage;
using ::containerd::testing::BuiltImage;
using ::containerd::testing::Compressed;
using ::containerd::testing::Describe;
using ::containerd::testing::MemoryStore;
using ::containerd::testing::TarOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

platforms::MatchComparerPtr Only(std::string_view platform) {
  return platforms::Only(platforms::MustParse(platform));
}

// Puts an image's content into a store; the descriptor names no platform.
ocispec::Descriptor Put(MemoryStore& store, const BuiltImage& image, bool with_layers = true) {
  if (with_layers) {
    for (const std::string& blob : image.blobs) store.Add("", blob);
  }
  store.Add("", image.config);
  return store.Add(ocispec::kMediaTypeImageManifest, image.manifest);
}

BuiltImage ImageFor(std::string_view platform, std::string author = "") {
  return BuildImage({.layers = {TarOf({{.name = "f", .data = std::string(platform)}})},
                     .platform = platforms::MustParse(platform),
                     .author = std::move(author)});
}

ocispec::Descriptor PutIndex(MemoryStore& store, std::vector<ocispec::Descriptor> manifests) {
  ocispec::Index index;
  index.schema_version = 2;
  index.manifests = std::move(manifests);
  return store.Add(ocispec::kMediaTypeImageIndex, ocispec::Marshal(index));
}

ocispec::Descriptor With(ocispec::Descriptor desc, std::string_view platform) {
  desc.platform = platforms::MustParse(platform);
  return desc;
}

// The tables of Go's TestValidateMediaType.
TEST(ValidateMediaType, Documents) {
  ocispec::Manifest manifest;
  manifest.config.size = 1;
  manifest.layers = {ocispec::Descriptor{.size = 2}};
  ocispec::Index index;
  index.manifests = {ocispec::Descriptor{.size = 1}};
  for (const char* type : {kMediaTypeDockerSchema2Manifest, ocispec::kMediaTypeImageManifest}) {
    EXPECT_TRUE(ValidateMediaType(ocispec::Marshal(manifest), type).ok());
    EXPECT_TRUE(errdefs::IsInvalidArgument(ValidateMediaType(ocispec::Marshal(index), type)));
  }
  for (const char* type : {kMediaTypeDockerSchema2ManifestList, ocispec::kMediaTypeImageIndex}) {
    EXPECT_TRUE(errdefs::IsInvalidArgument(ValidateMediaType(ocispec::Marshal(manifest), type)));
    EXPECT_TRUE(ValidateMediaType(ocispec::Marshal(index), type).ok());
  }
}

TEST(ValidateMediaType, MediaTypes) {
  const std::vector<std::string> manifests = {kMediaTypeDockerSchema2Manifest,
                                              ocispec::kMediaTypeImageManifest};
  const std::vector<std::string> indexes = {kMediaTypeDockerSchema2ManifestList,
                                            ocispec::kMediaTypeImageIndex};
  const auto document = [](const std::string& type) { return R"({"mediaType":")" + type + "\"}"; };
  for (const std::string& manifest : manifests) {
    for (const std::string& other : manifests) {
      EXPECT_TRUE(ValidateMediaType(document(other), manifest).ok());
    }
    for (const std::string& index : indexes) {
      EXPECT_FALSE(ValidateMediaType(document(index), manifest).ok());
      EXPECT_FALSE(ValidateMediaType(document(manifest), index).ok());
    }
  }
  for (const std::string& index : indexes) {
    for (const std::string& other : indexes) {
      EXPECT_TRUE(ValidateMediaType(document(other), index).ok());
    }
  }
}

TEST(ValidateMediaType, Schema1AndNoJSON) {
  EXPECT_TRUE(errdefs::IsInvalidArgument(ValidateMediaType(R"({"fsLayers":["1"]})", "")));
  EXPECT_TRUE(errdefs::IsInvalidArgument(ValidateMediaType("<html>", "")));
}

TEST(Manifest, OfAManifestIsForAnyPlatform) {
  MemoryStore store;
  const BuiltImage image = ImageFor("linux/s390x");
  const ocispec::Descriptor desc = Put(store, image);
  for (const auto& platform : {Only("linux/amd64"), platforms::MatchComparerPtr()}) {
    auto manifest = Manifest({}, store, desc, platform);
    ASSERT_TRUE(manifest.ok()) << manifest.status();
    EXPECT_EQ(*manifest, image.parsed);
  }
}

TEST(Manifest, OfAnIndexIsThatForThePlatform) {
  MemoryStore store;
  const ocispec::Descriptor arm = Put(store, ImageFor("linux/arm64"));
  const ocispec::Descriptor amd = Put(store, ImageFor("linux/amd64"));
  const ocispec::Descriptor ppc = Put(store, ImageFor("linux/ppc64le"));
  const ocispec::Descriptor v7 = Put(store, ImageFor("linux/arm/v7"));
  const ocispec::Descriptor attestation{
      .media_type = ocispec::kMediaTypeImageManifest,
      .digest = digest::FromString("attestation").String(),
      .size = 1,
      .platform = ocispec::Platform{.architecture = "unknown", .os = "unknown"}};
  // The platform of ppc is in its config only.
  const ocispec::Descriptor index =
      PutIndex(store, {attestation, With(v7, "linux/arm/v7"), With(arm, "linux/arm64"),
                       With(amd, "linux/amd64"), ppc});
  const auto config = [&](const char* platform) {
    auto desc = Config({}, store, index, Only(platform));
    return desc.ok() ? desc->digest : std::string(errdefs::Message(desc.status()));
  };
  const auto config_of = [](std::string_view platform) {
    return digest::FromString(ImageFor(platform).config).String();
  };
  EXPECT_EQ(config("linux/arm64"), config_of("linux/arm64"));
  EXPECT_EQ(config("linux/amd64"), config_of("linux/amd64"));
  EXPECT_EQ(config("linux/arm/v7"), config_of("linux/arm/v7"));
  EXPECT_EQ(config("linux/ppc64le"), config_of("linux/ppc64le"));
  EXPECT_EQ(config("linux/riscv64"), "no match for platform in manifest \"" + index.digest + "\"");
  // Within another index.
  const ocispec::Descriptor outer = PutIndex(store, {index});
  EXPECT_EQ(Config({}, store, outer, Only("linux/arm64"))->digest, config_of("linux/arm64"));

  EXPECT_THAT(
      *Platforms({}, store, PutIndex(store, {attestation, With(arm, "linux/arm64"), ppc})),
      ElementsAre(platforms::MustParse("linux/arm64"), platforms::MustParse("linux/ppc64le")));
}

TEST(Manifest, Errors) {
  MemoryStore store;
  const std::string big(static_cast<std::size_t>(kMaxManifestSize) + 1, ' ');
  const ocispec::Descriptor missing = Describe(ocispec::kMediaTypeImageManifest, "missing");
  const ocispec::Descriptor html = store.Add(ocispec::kMediaTypeImageManifest, "<html>");
  const ocispec::Descriptor huge = store.Add(ocispec::kMediaTypeImageIndex, big);
  const ocispec::Descriptor other = store.Add("text/plain", "hello");
  const ocispec::Descriptor both =
      store.Add(ocispec::kMediaTypeImageIndex, R"({"manifests":[],"layers":[]})");
  ocispec::Descriptor wrong_size = store.Add(ocispec::kMediaTypeImageManifest, "{}");
  wrong_size.size = 3;
  struct Case {
    ocispec::Descriptor desc;
    errdefs::Class want_class;
    std::string want;
  };
  for (const auto& [desc, want_class, want] : std::vector<Case>{
           {missing, errdefs::Class::ErrNotFound, missing.digest},
           {html, errdefs::Class::ErrInvalidArgument, "manifest \"" + html.digest + "\": json"},
           {huge, errdefs::Class::ErrResourceExhausted, huge.digest},
           {other, errdefs::Class::ErrNotFound, "unexpected media type \"text/plain\""},
           {both, errdefs::Class::ErrInvalidArgument, "expected index but found manifest"},
           {wrong_size, errdefs::Class::ErrFailedPrecondition, "has 2 bytes"},
       }) {
    auto manifest = Manifest({}, store, desc, Only("linux/amd64"));
    EXPECT_EQ(errdefs::Resolve(manifest.status()), want_class) << manifest.status();
    EXPECT_THAT(std::string(errdefs::Message(manifest.status())), HasSubstr(want));
    if (desc.digest == other.digest) {
      EXPECT_THAT(*Children({}, store, desc), IsEmpty());
    } else {
      EXPECT_EQ(errdefs::Resolve(Children({}, store, desc).status()), want_class);
    }
  }
}

TEST(Manifest, IndexThatContainsItself) {
  MemoryStore store;
  const std::string dgst = digest::FromString("a lie").String();
  ocispec::Index index;
  index.schema_version = 2;
  index.manifests = {{.media_type = ocispec::kMediaTypeImageIndex, .digest = dgst}};
  store.Plant(dgst, ocispec::Marshal(index));
  const ocispec::Descriptor desc{.media_type = ocispec::kMediaTypeImageIndex, .digest = dgst};
  for (const absl::Status& s :
       {Manifest({}, store, desc, Only("linux/amd64")).status(),
        Manifest({}, store, desc, nullptr).status(), Platforms({}, store, desc).status(),
        Image{.target = desc}.Size({}, store, nullptr).status()}) {
    EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
    EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr(dgst + "\" contains itself"));
  }
}

TEST(Check, TellsWhatIsMissing) {
  MemoryStore store;
  const BuiltImage image = BuildImage({.layers = {TarOf({{.name = "a"}}), TarOf({{.name = "b"}})}});
  const ocispec::Descriptor desc = Put(store, image, false);
  store.Add("", image.blobs[1]);
  auto result = Check({}, store, desc, platforms::Default());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->available);
  EXPECT_THAT(result->required,
              ElementsAre(image.parsed.config, image.parsed.layers[0], image.parsed.layers[1]));
  EXPECT_THAT(result->present, ElementsAre(image.parsed.config, image.parsed.layers[1]));
  EXPECT_THAT(result->missing, ElementsAre(image.parsed.layers[0]));

  const ocispec::Descriptor nothing = Describe(ocispec::kMediaTypeImageManifest, "nothing");
  result = Check({}, store, nothing, platforms::Default());
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result->available);
  EXPECT_THAT(result->required, ElementsAre(nothing));
  EXPECT_THAT(result->present, IsEmpty());
  EXPECT_THAT(result->missing, ElementsAre(nothing));

  EXPECT_FALSE(Check({}, store, store.Add(ocispec::kMediaTypeImageManifest, "x"), nullptr).ok());
}

TEST(Children, InOrder) {
  MemoryStore store;
  const BuiltImage image = BuildImage({.layers = {TarOf({{.name = "a"}}), TarOf({{.name = "b"}})}});
  const ocispec::Descriptor desc = Put(store, image);
  EXPECT_THAT(*Children({}, store, desc),
              ElementsAre(image.parsed.config, image.parsed.layers[0], image.parsed.layers[1]));
  EXPECT_THAT(*Children({}, store, PutIndex(store, {desc, desc})), ElementsAre(desc, desc));
  EXPECT_THAT(*Children({}, store, image.parsed.config), IsEmpty());
  EXPECT_THAT(*Children({}, store, image.parsed.layers[0]), IsEmpty());
}

TEST(Config, RootFSAndPlatform) {
  MemoryStore store;
  const BuiltImage image = BuildImage({.layers = {TarOf({{.name = "a"}}), TarOf({{.name = "b"}})},
                                       .platform = {.architecture = "AMD64", .os = "Linux"}});
  const Image record{.name = "i", .target = Put(store, image)};
  auto diff_ids = record.RootFS({}, store, platforms::Default());
  ASSERT_TRUE(diff_ids.ok()) << diff_ids.status();
  EXPECT_THAT(*diff_ids, ElementsAre(digest::FromString(image.layers[0]),
                                     digest::FromString(image.layers[1])));
  EXPECT_EQ(*ConfigPlatform({}, store, image.parsed.config), platforms::MustParse("linux/amd64"));
  EXPECT_EQ(*record.Config({}, store, platforms::Default()), image.parsed.config);
  EXPECT_TRUE(errdefs::IsNotFound(RootFS({}, store, Describe("", "no")).status()));
  const ocispec::Descriptor bad = store.Add("", R"({"rootfs":7})");
  EXPECT_TRUE(errdefs::IsInvalidArgument(RootFS({}, store, bad).status()));
}

TEST(Size, OfOnePlatform) {
  MemoryStore store;
  const BuiltImage small = ImageFor("linux/amd64");
  const BuiltImage large =
      BuildImage({.layers = {TarOf({{.name = "f", .data = std::string(100'000, 'x')}})},
                  .compression = compression::Compression::kUncompressed,
                  .platform = platforms::MustParse("linux/arm64")});
  const ocispec::Descriptor index = PutIndex(
      store, {With(Put(store, large), "linux/arm64"), With(Put(store, small), "linux/amd64")});
  const auto size = [](const BuiltImage& image) {
    return image.target.size + image.parsed.config.size + image.parsed.layers[0].size;
  };
  const Image record{.name = "i", .target = index};
  EXPECT_EQ(*record.Size({}, store, Only("linux/amd64")), index.size + size(small));
  EXPECT_EQ(*record.Size({}, store, nullptr), index.size + size(small) + size(large));
  const Image negative{.name = "n", .target = {.media_type = "x", .digest = "d", .size = -1}};
  EXPECT_TRUE(errdefs::IsInvalidArgument(negative.Size({}, store, nullptr).status()));
}

TEST(GetDiffID, Table) {
  MemoryStore store;
  const std::string layer = TarOf({{.name = "f", .data = std::string(10'000, 'x')}});
  const std::string diff_id = digest::FromString(layer).String();
  const auto id = [&](const ocispec::Descriptor& desc) {
    auto dgst = GetDiffID({}, store, desc);
    return dgst.ok() ? dgst->String() : std::string(errdefs::Message(dgst.status()));
  };
  EXPECT_EQ(id(Describe(ocispec::kMediaTypeImageLayer, layer)), diff_id);
  for (const auto how : {compression::Compression::kUncompressed, compression::Compression::kGzip,
                         compression::Compression::kZstd}) {
    const ocispec::Descriptor desc =
        store.Add(ocispec::kMediaTypeImageLayerGzip, Compressed(layer, how), {{"kept", "yes"}});
    EXPECT_EQ(id(desc), diff_id);
    EXPECT_EQ(store.LabelsOf(desc.digest).at(labels::kLabelUncompressed), diff_id);
    EXPECT_EQ(store.LabelsOf(desc.digest).at("kept"), "yes");
  }
  // The label is believed.
  const std::string labelled = digest::FromString("something").String();
  EXPECT_EQ(id(store.Add(ocispec::kMediaTypeImageLayerGzip, "other",
                         {{labels::kLabelUncompressed, labelled}})),
            labelled);
  const std::string cut = Compressed(layer, compression::Compression::kGzip).substr(0, 50);
  const ocispec::Descriptor damaged = store.Add(ocispec::kMediaTypeImageLayerGzip, cut);
  EXPECT_THAT(id(damaged), HasSubstr("layer \"" + damaged.digest + "\": gzip: "));
  EXPECT_FALSE(store.LabelsOf(damaged.digest).contains(labels::kLabelUncompressed));
  EXPECT_FALSE(GetDiffID({}, store, Describe(ocispec::kMediaTypeImageLayerGzip, "no")).ok());
}

// The table of Go's TestUsageCalculation.
TEST(CalculateImageUsage, Table) {
  auto store = std::make_shared<MemoryStore>();
  const auto total = [&](const ocispec::Descriptor& target, bool existing_only) {
    std::int64_t sum = 0;
    EXPECT_TRUE(Walk({},
                     [&](const Context& c, const ocispec::Descriptor& desc) {
                       if (!existing_only || store->Has(desc.digest)) sum += desc.size;
                       return Children(c, *store, desc);
                     },
                     {target})
                    .ok());
    return sum;
  };
  const auto image = [](std::string_view platform, std::size_t layer) {
    return BuildImage({.layers = {std::string(layer, 'x')},
                       .compression = compression::Compression::kUncompressed,
                       .platform = platforms::MustParse(platform)});
  };
  const ocispec::Descriptor simple = Put(*store, image("linux/amd64", 50));
  const ocispec::Descriptor five = Put(*store, image("linux/amd64", 5));
  const ocispec::Descriptor ten = Put(*store, image("linux/arm64", 10));
  const ocispec::Descriptor stripped = Put(*store, image("linux/amd64", 60), false);
  const ocispec::Descriptor index = PutIndex(*store, {simple, ten, five});
  const ocispec::Descriptor stripped_index = PutIndex(*store, {stripped, stripped});
  const ocispec::Descriptor both =
      PutIndex(*store, {With(five, "linux/amd64"), With(ten, "linux/arm64")});
  const auto usage = [&](const ocispec::Descriptor& target, const std::vector<usage::Opt>& opts) {
    auto bytes = usage::CalculateImageUsage({}, {.name = "i", .target = target}, store, opts);
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    return bytes.value_or(-1);
  };
  EXPECT_EQ(usage(simple, {usage::WithManifestUsage()}), total(simple, false));
  EXPECT_EQ(usage(index, {}), total(index, false));
  EXPECT_EQ(usage(stripped_index, {usage::WithManifestUsage()}), total(stripped_index, false));
  EXPECT_EQ(usage(stripped_index, {}), total(stripped_index, true));
  EXPECT_LT(total(stripped_index, true), total(stripped_index, false));
  EXPECT_EQ(
      usage(both, {usage::WithManifestLimit(Only("linux/amd64"), 1), usage::WithManifestUsage()}),
      both.size + total(five, false));

  // A manifest that is missing: not counted, or an error.
  const ocispec::Descriptor partial =
      PutIndex(*store, {five, Describe(ocispec::kMediaTypeImageManifest, "missing")});
  EXPECT_EQ(usage(partial, {}), partial.size + total(five, false));
  EXPECT_TRUE(errdefs::IsNotFound(
      usage::CalculateImageUsage({}, {.name = "i", .target = partial}, store,
                                 {usage::WithManifestLimit(Only("linux/amd64"), 0)})
          .status()));
}

}  // namespace
}  // namespace containerd::images
