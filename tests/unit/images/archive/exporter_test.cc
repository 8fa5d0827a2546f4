// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/annotations.h"
#include "containerd/images/archive.h"
#include "containerd/images/image.h"
#include "containerd/images/mediatypes.h"
#include "containerd/ocispec/annotations.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/testing/image_builder.h"
#include "containerd/testing/stores.h"

#include "tests/support/memory_store.h"

namespace containerd::images::archive {
namespace {

using namespace ::containerd::testing;  // NOLINT(google-build-using-namespace): the builder
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

BuiltImage SomeImage(const std::string& author = "",
                     const ocispec::Platform& platform = platforms::DefaultSpec()) {
  return BuildImage({.layers = {TarOf({{.name = "a", .data = std::string(5000, 'a')}}),
                                TarOf({{.name = "b", .data = "bee " + author}})},
                     .platform = platform,
                     .author = author});
}

// Puts all of an image into the store, and returns its manifest's descriptor.
ocispec::Descriptor Put(MemoryStore& store, const BuiltImage& image) {
  for (const std::string& blob : image.blobs) store.Add(ocispec::kMediaTypeImageLayerGzip, blob);
  store.Add(ocispec::kMediaTypeImageConfig, image.config);
  return store.Add(ocispec::kMediaTypeImageManifest, image.manifest);
}

ocispec::Descriptor For(ocispec::Descriptor desc, const std::string& platform) {
  desc.platform = *platforms::Parse(platform);
  return desc;
}

ocispec::Descriptor PutIndex(MemoryStore& store, std::vector<ocispec::Descriptor> manifests) {
  ocispec::Index index;
  index.schema_version = 2;
  index.manifests = std::move(manifests);
  return store.Add(ocispec::kMediaTypeImageIndex, ocispec::Marshal(index));
}

const Context kCtx = WithNamespace(Context::Background(), "test");

absl::StatusOr<std::string> ExportOf(MemoryStore& store, const std::vector<ExportOpt>& opts) {
  std::string out;
  io::StringWriter writer(&out);
  if (absl::Status s = Export(kCtx, store, writer, opts); !s.ok()) return s;
  return out;
}

struct Entry {
  tar::Header header;
  std::string data;
};

std::map<std::string, Entry> EntriesOf(const std::string& archive) {
  std::map<std::string, Entry> entries;
  io::StringReader input(archive);
  tar::Reader reader(input);
  for (;;) {
    auto header = reader.Next({});
    EXPECT_TRUE(header.ok()) << header.status();
    if (!header.ok() || !header->has_value()) return entries;
    auto data = io::ReadAll({}, reader, 1 << 20);
    EXPECT_TRUE(data.ok()) << data.status();
    EXPECT_FALSE(entries.contains((*header)->name)) << (*header)->name;
    entries[(*header)->name] = {**header, data.value_or("")};
  }
}

std::vector<std::string> NamesOf(const std::map<std::string, Entry>& entries) {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries) names.push_back(name);
  return names;
}

std::vector<std::string> NamesOf(const std::string& archive) { return NamesOf(EntriesOf(archive)); }

ocispec::Index IndexOf(const std::map<std::string, Entry>& entries) {
  auto index = ocispec::Unmarshal<ocispec::Index>(entries.at("index.json").data);
  EXPECT_TRUE(index.ok()) << index.status();
  return index.value_or(ocispec::Index());
}

class KnownReferrers final : public content::ReferrersProvider {
 public:
  explicit KnownReferrers(std::map<std::string, Descriptors> of) : of_(std::move(of)) {}
  absl::StatusOr<std::vector<ocispec::Descriptor>> Referrers(
      const Context& /*ctx*/, const ocispec::Descriptor& desc) override {
    const auto found = of_.find(desc.digest);
    return found == of_.end() ? Descriptors() : found->second;
  }

 private:
  const std::map<std::string, Descriptors> of_;
};

TEST(Export, OneImage) {
  MemoryStore store;
  const BuiltImage image = SomeImage();
  const ocispec::Descriptor target = Put(store, image);
  const auto images = MemoryStores().images;
  ASSERT_TRUE(
      images->Create(kCtx, {.name = "docker.io/library/alpine:3.19", .target = target}).ok());
  const auto archive = ExportOf(store, {WithImage(images, "docker.io/library/alpine:3.19")});
  ASSERT_TRUE(archive.ok()) << archive.status();

  auto entries = EntriesOf(*archive);
  std::vector<std::string> want = {"blobs/",
                                   "blobs/sha256/",
                                   BlobPath(image.blobs[0]),
                                   BlobPath(image.blobs[1]),
                                   BlobPath(image.config),
                                   BlobPath(image.manifest),
                                   "index.json",
                                   "manifest.json",
                                   "oci-layout"};
  std::ranges::sort(want);
  EXPECT_EQ(NamesOf(entries), want);
  EXPECT_EQ(entries["oci-layout"].data, R"({"imageLayoutVersion":"1.0.0"})");
  EXPECT_EQ(
      entries["manifest.json"].data,
      fmt::format(R"([{{"Config":"{}","RepoTags":["alpine:3.19"],"Layers":["{}","{}"]}}])",
                  BlobPath(image.config), BlobPath(image.blobs[0]), BlobPath(image.blobs[1])));
  EXPECT_EQ(entries["index.json"].data,
            fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","manifests":[{{"mediaType":"{}",)"
                        R"("digest":"{}","size":{},"annotations":{{"{}":"docker.io/library/)"
                        R"(alpine:3.19","org.opencontainers.image.ref.name":"3.19"}}}}]}})",
                        ocispec::kMediaTypeImageIndex, ocispec::kMediaTypeImageManifest,
                        target.digest, target.size, kAnnotationImageName));
  for (const auto& [name, entry] : entries) {
    const bool is_dir = name.ends_with('/');
    const bool is_document = name == "index.json" || name == "manifest.json";
    EXPECT_EQ(entry.header.typeflag, is_dir ? tar::kTypeDir : tar::kTypeReg) << name;
    EXPECT_EQ(entry.header.mode, is_dir ? 0755 : is_document ? 0644 : 0444) << name;
    EXPECT_EQ(entry.header.mod_time, absl::UnixEpoch()) << name;
  }
  EXPECT_EQ(entries[BlobPath(image.blobs[0])].data, image.blobs[0]);

  // What Import makes of it.
  MemoryStore other;
  io::StringReader reader(*archive);
  const auto index = ImportIndex({}, other, reader);
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_EQ(other.Data(index->digest), entries["index.json"].data);
  for (const std::string& blob : image.blobs) {
    EXPECT_TRUE(other.Has(digest::FromString(blob).String()));
  }
}

TEST(Export, ManyImagesAreTheSameBytesEachTime) {
  MemoryStore store;
  std::vector<Image> images;
  for (int i = 0; i < 20; ++i) {
    const ocispec::Descriptor target = Put(store, SomeImage(fmt::format("author {}", i)));
    for (const char* tag : {"a", "b"}) {
      images.push_back({.name = fmt::format("example.com/image{}:{}", i, tag), .target = target});
    }
  }
  const auto first = ExportOf(store, {WithImages(images)});
  ASSERT_TRUE(first.ok()) << first.status();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(*ExportOf(store, {WithImages(images)}) == *first);

  auto entries = EntriesOf(*first);
  EXPECT_EQ(IndexOf(entries).manifests.size(), 40U);
  // In the order in which they were given, once for each image.
  std::size_t at = 0;
  for (int i = 0; i < 20; ++i) {
    const std::size_t next = entries["manifest.json"].data.find(
        fmt::format(R"("RepoTags":["example.com/image{0}:a","example.com/image{0}:b"])", i), at);
    ASSERT_NE(next, std::string::npos) << i;
    at = next;
  }
}

TEST(Export, NamesAndSources) {
  MemoryStore store;
  const BuiltImage image = SomeImage();
  ocispec::Descriptor target = Put(store, image);
  store.Add(
      ocispec::kMediaTypeImageManifest, image.manifest,
      {{"containerd.io/distribution.source.docker.io", "library/alpine"}, {"other", "label"}});
  target.annotations = {{"mine", "too"}};
  const auto archive = ExportOf(
      store, {WithManifest(target), WithManifest(target, {"docker.io/library/a:1",
                                                          "localhost:5000/b@" + target.digest})});
  ASSERT_TRUE(archive.ok()) << archive.status();
  auto entries = EntriesOf(*archive);
  const ocispec::Index index = IndexOf(entries);
  ASSERT_EQ(index.manifests.size(), 3U);
  using Annotations = std::map<std::string, std::string>;
  const std::pair<std::string, std::string> source = {"containerd.io/distribution.source.docker.io",
                                                      "library/alpine"};
  EXPECT_EQ(index.manifests[0].annotations, (Annotations{{"mine", "too"}, source}));
  EXPECT_EQ(index.manifests[1].annotations,
            (Annotations{{"mine", "too"},
                         source,
                         {kAnnotationImageName, "docker.io/library/a:1"},
                         {ocispec::kAnnotationRefName, "1"}}));
  // Of a name by digest there is no tag to give.
  EXPECT_EQ(index.manifests[2].annotations.at(ocispec::kAnnotationRefName),
            "localhost:5000/b@" + target.digest);
  EXPECT_THAT(entries["manifest.json"].data,
              HasSubstr(fmt::format(R"("RepoTags":["a:1","localhost:5000/b@{}"])", target.digest)));

  // Without names Docker gets none; `null` as Go writes it.
  const auto unnamed = ExportOf(store, {WithManifest(target)});
  EXPECT_THAT(EntriesOf(*unnamed)["manifest.json"].data, HasSubstr(R"("RepoTags":null)"));
  // And nothing at all if it is not asked for.
  EXPECT_THAT(NamesOf(*ExportOf(store, {WithManifest(target), WithSkipDockerManifest()})),
              Not(Contains("manifest.json")));
}

class ExportPlatformsTest : public ::testing::Test {
 protected:
  MemoryStore store_;
  const BuiltImage amd_ = SomeImage("amd", *platforms::Parse("linux/amd64"));
  const BuiltImage arm_ = SomeImage("arm", *platforms::Parse("linux/arm64"));
  const BuiltImage v7_ = SomeImage("v7", *platforms::Parse("linux/arm/v7"));
  const ocispec::Descriptor index_ = PutIndex(
      store_, {For(Put(store_, v7_), "linux/arm/v7"), For(Put(store_, amd_), "linux/amd64"),
               For(Put(store_, arm_), "linux/arm64")});
  const ExportOpt image_ = WithManifest(index_, {"docker.io/library/multi:1"});

  static platforms::MatchComparerPtr Platform(const std::string& text) {
    return platforms::Only(*platforms::Parse(text));
  }
};

TEST_F(ExportPlatformsTest, Chosen) {
  struct Case {
    const char* name;
    std::vector<ExportOpt> opts;
    std::vector<BuiltImage> want;
    std::vector<BuiltImage> not_want;
    const BuiltImage* docker;
  };
  const std::vector<Case> cases = {
      {"no platform", {}, {amd_, arm_, v7_}, {}, nullptr},
      {"one", {WithPlatform(Platform("linux/amd64"))}, {amd_}, {arm_, v7_}, &amd_},
      // An arm64 machine runs programs for v7, too, but rather its own.
      {"some", {WithPlatform(Platform("linux/arm64"))}, {arm_, v7_}, {amd_}, &arm_},
      {"all, one for Docker",
       {WithPlatform(Platform("linux/arm64")), WithAllPlatforms()},
       {amd_, arm_, v7_},
       {},
       &arm_},
      {"any", {WithPlatform(platforms::All())}, {amd_, arm_, v7_}, {}, &v7_},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    std::vector<ExportOpt> opts = c.opts;
    opts.push_back(image_);
    const auto archive = ExportOf(store_, opts);
    ASSERT_TRUE(archive.ok()) << archive.status();
    auto entries = EntriesOf(*archive);
    for (const BuiltImage& image : c.want) {
      EXPECT_TRUE(entries.contains(BlobPath(image.manifest)));
      EXPECT_TRUE(entries.contains(BlobPath(image.config)));
    }
    for (const BuiltImage& image : c.not_want) {
      EXPECT_FALSE(entries.contains(BlobPath(image.manifest)));
      EXPECT_FALSE(entries.contains(BlobPath(image.config)));
    }
    // The index itself is exported as it is, so that digests stay.
    EXPECT_EQ(IndexOf(entries).manifests[0].digest, index_.digest);
    EXPECT_EQ(entries.contains("manifest.json"), c.docker != nullptr);
    if (c.docker != nullptr) {
      EXPECT_THAT(entries["manifest.json"].data,
                  HasSubstr(fmt::format(R"([{{"Config":"{}","RepoTags":["multi:1"])",
                                        BlobPath(c.docker->config))));
    }
  }

  const auto none = ExportOf(store_, {image_, WithPlatform(Platform("linux/s390x"))});
  EXPECT_TRUE(errdefs::IsNotFound(none.status())) << none.status();
}

TEST_F(ExportPlatformsTest, AManifestAndItsIndexAreOneImageForDocker) {
  ocispec::Descriptor amd = Describe(ocispec::kMediaTypeImageManifest, amd_.manifest);
  const auto archive = ExportOf(store_, {WithPlatform(Platform("linux/amd64")),
                                         WithManifest(amd, {"docker.io/library/single:1"}), image_,
                                         WithManifest(index_, {"docker.io/library/again:1"})});
  ASSERT_TRUE(archive.ok()) << archive.status();
  EXPECT_THAT(EntriesOf(*archive)["manifest.json"].data,
              HasSubstr(R"("RepoTags":["single:1","multi:1","again:1"])"));
}

TEST_F(ExportPlatformsTest, SkipMissing) {
  const auto store = std::shared_ptr<content::InfoReaderProvider>(&store_, [](auto*) {});
  // Of v7 the manifest, of arm64 a layer.
  ASSERT_TRUE(store_.Delete({}, digest::FromString(v7_.manifest)).ok());
  ASSERT_TRUE(store_.Delete({}, digest::FromString(arm_.blobs[1])).ok());
  for (const auto& platform : {platforms::MatchComparerPtr(), platforms::All()}) {
    std::vector<ExportOpt> opts = {image_};
    if (platform != nullptr) opts.push_back(WithPlatform(platform));
    const auto failed = ExportOf(store_, opts);
    EXPECT_TRUE(errdefs::IsNotFound(failed.status())) << failed.status();

    opts.push_back(WithSkipMissing(store));
    const auto archive = ExportOf(store_, opts);
    ASSERT_TRUE(archive.ok()) << archive.status();
    auto entries = EntriesOf(*archive);
    EXPECT_TRUE(entries.contains(BlobPath(amd_.blobs[1])));
    EXPECT_TRUE(entries.contains(BlobPath(arm_.manifest)));
    EXPECT_FALSE(entries.contains(BlobPath(arm_.config)));
    EXPECT_FALSE(entries.contains(BlobPath(v7_.manifest)));
    EXPECT_EQ(entries.contains("manifest.json"), platform != nullptr);
    if (platform != nullptr) {
      EXPECT_THAT(entries["manifest.json"].data, HasSubstr(BlobPath(amd_.config)));
    }
  }

  // Only the index is left, or not even that.
  for (const BuiltImage* image : {&amd_, &arm_}) {
    ASSERT_TRUE(store_.Delete({}, digest::FromString(image->manifest)).ok());
  }
  const std::vector<ExportOpt> opts = {image_, WithSkipMissing(store),
                                       WithPlatform(platforms::All())};
  EXPECT_THAT(
      NamesOf(*ExportOf(store_, opts)),
      UnorderedElementsAre("index.json", "oci-layout", BlobPath(store_.Data(index_.digest))));
  ASSERT_TRUE(store_.Delete({}, index_.digest).ok());
  EXPECT_THAT(NamesOf(*ExportOf(store_, opts)), UnorderedElementsAre("index.json", "oci-layout"));
  EXPECT_TRUE(errdefs::IsNotFound(ExportOf(store_, {image_}).status()));
}

TEST(Export, BlobFilters) {
  MemoryStore store;
  BuiltImage image = SomeImage();
  image.parsed.layers[0].media_type = ocispec::kMediaTypeImageLayerNonDistributableGzip;
  image.manifest = ocispec::Marshal(image.parsed);
  const ocispec::Descriptor target = Put(store, image);
  const auto with = [&](std::vector<ExportOpt> opts) {
    opts.push_back(WithManifest(target));
    return NamesOf(*ExportOf(store, opts));
  };
  const ExportOpt no_second = WithBlobFilter([&](const ocispec::Descriptor& desc) {
    return desc.digest != image.parsed.layers[1].digest;
  });
  EXPECT_THAT(with({}), Contains(BlobPath(image.blobs[0])));
  EXPECT_THAT(with({WithSkipNonDistributableBlobs()}), Not(Contains(BlobPath(image.blobs[0]))));
  EXPECT_THAT(with({no_second}), Not(Contains(BlobPath(image.blobs[1]))));
  const auto both = with({no_second, WithSkipNonDistributableBlobs()});
  EXPECT_THAT(both, Not(Contains(BlobPath(image.blobs[0]))));
  EXPECT_THAT(both, Not(Contains(BlobPath(image.blobs[1]))));
  EXPECT_THAT(both, Contains(BlobPath(image.config)));
}

TEST(Export, ReferrersAreNamedUnlessSomethingLeadsToThem) {
  MemoryStore store;
  const BuiltImage image = SomeImage();
  const ocispec::Descriptor target = Put(store, image);
  const BuiltImage signature = SomeImage("signature");
  const BuiltImage sbom = SomeImage("sbom");
  const ocispec::Descriptor loose = Put(store, signature);
  const ocispec::Descriptor in_index = Put(store, sbom);
  const ocispec::Descriptor index = PutIndex(store, {target, in_index});
  const auto referrers = std::make_shared<KnownReferrers>(
      std::map<std::string, Descriptors>{{target.digest, {loose, in_index}}});
  const auto archive = ExportOf(store, {WithManifest(index, {"docker.io/library/signed:1"}),
                                        WithReferrersProvider(referrers)});
  ASSERT_TRUE(archive.ok()) << archive.status();
  auto entries = EntriesOf(*archive);
  EXPECT_TRUE(entries.contains(BlobPath(signature.config)));
  const ocispec::Index written = IndexOf(entries);
  ASSERT_EQ(written.manifests.size(), 2U);
  EXPECT_EQ(written.manifests[0].digest, index.digest);
  EXPECT_EQ(written.manifests[1].digest, loose.digest);
  EXPECT_EQ(written.manifests[1].annotations.at(kAnnotationManifestSubject), target.digest);
}

TEST(Export, BadContent) {
  const BuiltImage image = SomeImage();
  struct Case {
    const char* name;
    std::function<std::vector<ExportOpt>(MemoryStore&)> make;
    bool (*is)(const absl::Status&);
    std::string text;
  };
  const auto options_of = [](const ocispec::Descriptor& desc) {
    return std::vector<ExportOpt>{WithManifest(desc, {"docker.io/library/a:1"})};
  };
  const std::vector<Case> cases = {
      {"an image that is not there",
       [](MemoryStore&) {
         return std::vector<ExportOpt>{WithImage(MemoryStores().images, "no-such")};
       },
       errdefs::IsNotFound, "no-such"},
      {"a layer is missing",
       [&](MemoryStore& store) {
         const ocispec::Descriptor target = Put(store, image);
         EXPECT_TRUE(store.Delete({}, digest::FromString(image.blobs[0])).ok());
         return options_of(target);
       },
       errdefs::IsNotFound, std::string(digest::FromString(image.blobs[0]).Encoded())},
      {"a layer of another digest",
       [&](MemoryStore& store) {
         const ocispec::Descriptor target = Put(store, image);
         store.Plant(digest::FromString(image.blobs[1]).String(),
                     std::string(image.blobs[1].size(), 'x'));
         return options_of(target);
       },
       errdefs::IsFailedPrecondition, "does not have that digest"},
      {"a layer longer than its descriptor says",
       [&](MemoryStore& store) {
         const ocispec::Descriptor target = Put(store, image);
         store.Plant(digest::FromString(image.blobs[1]).String(), image.blobs[1] + "x");
         return options_of(target);
       },
       errdefs::IsFailedPrecondition, "more than the"},
      {"a layer shorter than its descriptor says",
       [&](MemoryStore& store) {
         const ocispec::Descriptor target = Put(store, image);
         store.Plant(digest::FromString(image.blobs[1]).String(), "x");
         return options_of(target);
       },
       errdefs::IsFailedPrecondition, "fewer than the"},
      {"neither manifest nor index",
       [&](MemoryStore& store) {
         return options_of(store.Add(ocispec::kMediaTypeImageConfig, image.config));
       },
       errdefs::IsInvalidArgument, "only manifests may be exported"},
      {"a digest that leads elsewhere",
       [&](MemoryStore& store) {
         BuiltImage bad = image;
         bad.parsed.layers[0].digest = "sha256:../../../etc/passwd";
         bad.manifest = ocispec::Marshal(bad.parsed);
         return options_of(Put(store, bad));
       },
       errdefs::IsInvalidArgument, "passwd"},
      {"a name that Docker has no words for",
       [&](MemoryStore& store) {
         return std::vector<ExportOpt>{WithManifest(Put(store, image), {"NOT A NAME"})};
       },
       errdefs::IsInvalidArgument, "NOT A NAME"},
      {"a manifest that is an index",
       [&](MemoryStore& store) {
         return options_of(
             store.Add(ocispec::kMediaTypeImageManifest, R"({"schemaVersion":2,"manifests":[]})"));
       },
       errdefs::IsInvalidArgument, "expected manifest but found index"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    MemoryStore store;
    const auto archive = ExportOf(store, c.make(store));
    ASSERT_FALSE(archive.ok());
    EXPECT_TRUE(c.is(archive.status())) << archive.status();
    EXPECT_THAT(std::string(errdefs::Message(archive.status())), HasSubstr(c.text));
  }
}

// Counts, and fails when it has had enough.
class LimitedWriter final : public io::Writer {
 public:
  explicit LimitedWriter(std::size_t limit) : limit_(limit) {}
  absl::Status Write(const Context& /*ctx*/, std::string_view data) override {
    largest_ = std::max(largest_, data.size());
    if (data.size() > limit_) return absl::ResourceExhaustedError("disk full");
    limit_ -= data.size();
    return absl::OkStatus();
  }
  std::size_t largest() const { return largest_; }

 private:
  std::size_t limit_;
  std::size_t largest_ = 0;
};

TEST(Export, StreamsBlobs) {
  MemoryStore store;
  BuiltImage image = BuildImage({.layers = {std::string(std::size_t{5} << 20, 'x')},
                                 .compression = compression::Compression::kUncompressed});
  const ocispec::Descriptor target = Put(store, image);
  LimitedWriter all(std::size_t{10} << 20);
  ASSERT_TRUE(Export({}, store, all, {WithManifest(target)}).ok());
  EXPECT_LE(all.largest(), io::kCopyBufferSize);

  LimitedWriter little(std::size_t{2} << 20);
  const absl::Status s = Export({}, store, little, {WithManifest(target)});
  EXPECT_EQ(s.code(), absl::StatusCode::kResourceExhausted) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("disk full"));

  auto [ctx, cancel] = WithCancel(Context::Background());
  cancel();
  const absl::Status cancelled = Export(ctx, store, all, {WithManifest(target)});
  EXPECT_TRUE(errdefs::IsCanceled(cancelled)) << cancelled;
}

TEST(Export, NothingIsAnEmptyLayout) {
  MemoryStore store;
  const auto archive = ExportOf(store, {});
  ASSERT_TRUE(archive.ok()) << archive.status();
  EXPECT_THAT(NamesOf(*archive), ElementsAre("index.json", "oci-layout"));
  EXPECT_THAT(IndexOf(EntriesOf(*archive)).manifests, IsEmpty());
}

TEST(Export, OptionsMayFail) {
  MemoryStore store;
  const ExportOpt fails = [](const Context&, ExportOptions*) { return errdefs::Aborted("no"); };
  EXPECT_TRUE(errdefs::IsAborted(ExportOf(store, {fails}).status()));
}

}  // namespace
}  // namespace containerd::images::archive
