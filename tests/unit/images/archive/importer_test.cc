// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/annotations.h"
#include "containerd/images/archive.h"
#include "containerd/images/image.h"
#include "containerd/images/mediatypes.h"
#include "containerd/labels/labels.h"
#include "containerd/ocispec/annotations.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/testing/image_builder.h"

#include "src/base/utf8.h"
#include "src/images/archive/reference.h"
#include "tests/support/memory_store.h"

namespace containerd::images::archive {
namespace {

using namespace ::containerd::testing;  // NOLINT(google-build-using-namespace): the builder
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::StatusOr<ocispec::Descriptor> Import(MemoryStore& store, const std::string& archive,
                                           const std::vector<ImportOpt>& opts = {}) {
  io::StringReader reader(archive);
  return ImportIndex({}, store, reader, opts);
}

BuiltImage ArchivedImage(compression::Compression how = compression::Compression::kGzip) {
  return BuildImage({.layers = {TarOf({{.name = "a", .data = std::string(5000, 'a')}}),
                                TarOf({{.name = "b", .data = "bee"}})},
                     .compression = how});
}

// The manifests of an index in the store.
std::vector<ocispec::Descriptor> Manifests(MemoryStore& store, const ocispec::Descriptor& index) {
  auto children = Children({}, store, index);
  EXPECT_TRUE(children.ok()) << children.status();
  return children.value_or(std::vector<ocispec::Descriptor>());
}

TEST(ImportIndex, OCILayout) {
  for (const auto how : {compression::Compression::kUncompressed, compression::Compression::kGzip,
                         compression::Compression::kZstd}) {
    const BuiltImage image = ArchivedImage(how);
    std::vector<TarFile> files = OCIFiles(image, {"docker.io/library/a:1", "2"});
    files.insert(files.begin(), {{.name = "blobs/", .type = tar::kTypeDir},
                                 {.name = "./blobs/sha256", .type = tar::kTypeDir}});
    const std::string archive = TarOf(files);
    // As it is, compressed as a whole, and the entries in the other order.
    std::reverse(files.begin(), files.end());
    for (const std::string& form :
         {archive, Compressed(archive, compression::Compression::kGzip),
          Compressed(archive, compression::Compression::kZstd), TarOf(files)}) {
      MemoryStore store;
      auto index = Import(store, form);
      ASSERT_TRUE(index.ok()) << index.status();
      EXPECT_EQ(*index, Describe(ocispec::kMediaTypeImageIndex,
                                 IndexFile(image.target, {"docker.io/library/a:1", "2"}).data));
      EXPECT_EQ(Manifests(store, *index).size(), 2U);
      EXPECT_EQ(store.Data(image.target.digest), image.manifest);
      for (const std::string& blob : image.blobs) {
        EXPECT_TRUE(store.Has(digest::FromString(blob).String()));
      }
      EXPECT_EQ(store.count(), 3 + image.blobs.size());
      EXPECT_EQ(store.ingests(), 0U);
      // Once more: everything is there.
      EXPECT_EQ(*Import(store, form), *index);
    }
  }
}

TEST(ImportIndex, Docker) {
  for (const auto how : {compression::Compression::kUncompressed, compression::Compression::kGzip,
                         compression::Compression::kZstd}) {
    const BuiltImage image = ArchivedImage(how);
    MemoryStore store;
    auto index =
        Import(store, TarOf(DockerFiles(image, {"test-import:notlatest", "another/repo",
                                                "x/y@" + digest::FromString("z").String()})));
    ASSERT_TRUE(index.ok()) << index.status();
    EXPECT_EQ(index->media_type, ocispec::kMediaTypeImageIndex);
    const std::vector<ocispec::Descriptor> manifests = Manifests(store, *index);
    ASSERT_EQ(manifests.size(), 3U);
    const auto name = [&](std::size_t i) {
      return manifests[i].annotations.at(kAnnotationImageName) + " " +
             manifests[i].annotations.at(ocispec::kAnnotationRefName);
    };
    EXPECT_EQ(name(0), "docker.io/library/test-import:notlatest notlatest");
    EXPECT_EQ(name(1), "docker.io/another/repo:latest latest");
    EXPECT_THAT(name(2), HasSubstr("docker.io/x/y@sha256:"));
    EXPECT_EQ(manifests[0].platform, platforms::DefaultSpec());
    EXPECT_EQ(manifests[0].media_type, kMediaTypeDockerSchema2Manifest);

    auto manifest = Manifest({}, store, manifests[0], nullptr);
    ASSERT_TRUE(manifest.ok()) << manifest.status();
    EXPECT_EQ(manifest->config, Describe(kMediaTypeDockerSchema2Config, image.config));
    const char* type = how == compression::Compression::kUncompressed
                           ? kMediaTypeDockerSchema2Layer
                           : kMediaTypeDockerSchema2LayerGzip;
    EXPECT_THAT(std::vector<ocispec::Descriptor>(manifest->layers),
                ElementsAre(Describe(type, image.blobs[0]), Describe(type, image.blobs[1])));
    // What Go writes for the same archive.
    EXPECT_EQ(store.Data(manifests[0].digest),
              fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"{}",)"
                          R"("digest":"{}","size":{}}},"layers":[{{"mediaType":"{}","digest":"{}",)"
                          R"("size":{}}},{{"mediaType":"{}","digest":"{}","size":{}}}]}})",
                          kMediaTypeDockerSchema2Manifest, kMediaTypeDockerSchema2Config,
                          manifest->config.digest, manifest->config.size, type,
                          manifest->layers[0].digest, manifest->layers[0].size, type,
                          manifest->layers[1].digest, manifest->layers[1].size));
  }
}

TEST(ImportIndex, DockerWithoutTags) {
  const BuiltImage image = ArchivedImage();
  MemoryStore store;
  auto index = Import(store, TarOf(DockerFiles(image, {})));
  ASSERT_TRUE(index.ok()) << index.status();
  const std::vector<ocispec::Descriptor> manifests = Manifests(store, *index);
  ASSERT_EQ(manifests.size(), 1U);
  EXPECT_THAT(manifests[0].annotations, IsEmpty());
}

// As encoding/json reads the file.
TEST(ImportIndex, DockerNamesInOtherCase) {
  const BuiltImage image = ArchivedImage();
  MemoryStore store;
  const std::vector<TarFile> files = {
      {.name = "a/layer.tar", .data = image.blobs[0]},
      {.name = "b/layer.tar", .data = image.blobs[1]},
      {.name = "c.json", .data = image.config},
      {.name = "manifest.json",
       .data = R"([{"config":"c.json","repoTags":["other:1"],"RepoTags":["case:2"],)"
               R"("LAYERS":["a/layer.tar","b/layer.tar"]}])"}};
  auto index = Import(store, TarOf(files));
  ASSERT_TRUE(index.ok()) << index.status();
  const std::vector<ocispec::Descriptor> manifests = Manifests(store, *index);
  ASSERT_EQ(manifests.size(), 1U);
  EXPECT_EQ(manifests[0].annotations.at(kAnnotationImageName), "docker.io/library/case:2");
  auto manifest = Manifest({}, store, manifests[0], nullptr);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->config.digest, digest::FromString(image.config).String());
  EXPECT_EQ(manifest->layers.size(), 2U);
}

TEST(ImportIndex, DockerLinks) {
  const BuiltImage image = ArchivedImage();
  const std::vector<TarFile> files = {
      {.name = "one/layer.tar", .data = image.blobs[0]},
      {.name = "two/layer.tar", .type = tar::kTypeSymlink, .link = "../three/layer.tar"},
      {.name = "three/layer.tar", .type = tar::kTypeLink, .link = "./four.tar"},
      {.name = "four.tar", .data = image.blobs[1]},
      {.name = "unused", .type = tar::kTypeSymlink, .link = "../../nowhere"},
      {.name = "c.json", .data = image.config},
      {.name = "manifest.json",
       .data = R"([{"Config":"./c.json","RepoTags":null,)"
               R"("Layers":["one/layer.tar","two/layer.tar"]}])"}};
  MemoryStore store;
  auto index = Import(store, TarOf(files));
  ASSERT_TRUE(index.ok()) << index.status();
  auto manifest = Manifest({}, store, Manifests(store, *index).at(0), nullptr);
  EXPECT_EQ(manifest->layers.at(0).digest, digest::FromString(image.blobs[0]).String());
  EXPECT_EQ(manifest->layers.at(1).digest, digest::FromString(image.blobs[1]).String());
}

// What deduplicates files on its way makes links of any of them.
TEST(ImportIndex, DocumentsMayBeLinks) {
  const BuiltImage image = ArchivedImage();
  const std::vector<TarFile> oci = OCIFiles(image, {"name"});
  const TarFile index_file = IndexFile(image.target, {"name"});
  for (const char type : {tar::kTypeSymlink, tar::kTypeLink}) {
    std::vector<TarFile> files = oci;
    for (TarFile& file : files) {
      if (file.name != "index.json" && file.name != "oci-layout") continue;
      file = {.name = file.name, .type = type, .link = "shared/" + file.name};
    }
    files.push_back({.name = "shared/index.json", .data = index_file.data});
    files.push_back({.name = "shared/oci-layout", .data = LayoutFile().data});
    MemoryStore store;
    auto index = Import(store, TarOf(files));
    ASSERT_TRUE(index.ok()) << index.status();
    EXPECT_EQ(index->digest, digest::FromString(index_file.data).String());
    EXPECT_EQ(index->media_type, ocispec::kMediaTypeImageIndex);
    EXPECT_EQ(Manifests(store, *index).size(), 1U);
    std::reverse(files.begin(), files.end());
    MemoryStore other;
    EXPECT_TRUE(Import(other, TarOf(files)).ok());

    std::vector<TarFile> docker = DockerFiles(image, {"name"});
    std::string list;
    for (TarFile& file : docker) {
      if (file.name != "manifest.json") continue;
      list = file.data;
      file = {.name = file.name, .type = type, .link = "m"};
    }
    docker.push_back({.name = "m", .data = list});
    MemoryStore third;
    index = Import(third, TarOf(docker));
    ASSERT_TRUE(index.ok()) << index.status();
    EXPECT_EQ(Manifests(third, *index).size(), 1U);
  }
  // And the other way round: a layer that is a link to a document, and to nothing.
  std::vector<TarFile> files = {
      {.name = "c.json", .data = image.config},
      {.name = "manifest.json", .data = R"([{"Config":"c.json","Layers":["layer"]}])"},
      {.name = "layer", .type = tar::kTypeLink, .link = "manifest.json"}};
  MemoryStore store;
  EXPECT_TRUE(Import(store, TarOf(files)).ok());
  files = oci;
  std::erase_if(files, [](const TarFile& file) { return file.name == "index.json"; });
  files.push_back({.name = "index.json", .type = tar::kTypeSymlink, .link = "../gone"});
  auto index = Import(store, TarOf(files));
  EXPECT_TRUE(errdefs::IsNotFound(index.status())) << index.status();
  EXPECT_THAT(std::string(errdefs::Message(index.status())),
              HasSubstr("entry \"index.json\": it is a link to \"../gone\""));
}

// As encoding/json reads the files.
TEST(ImportIndex, LayoutNamesInOtherCase) {
  BuiltImage image = ArchivedImage();
  const auto replace = [](std::string text, std::string_view from, std::string_view to) {
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from << " in " << text;
    return at == std::string::npos ? text : text.replace(at, from.size(), to);
  };
  std::vector<TarFile> files = OCIFiles(image, {"name"});
  for (TarFile& file : files) {
    if (file.name == "oci-layout") file.data = R"({"ImageLAYOUTversion":"1.0.0"})";
    if (file.name == "index.json") {
      file.data = replace(replace(file.data, "\"manifests\"", "\"Manifests\""), "\"mediaType\"",
                          "\"MEDIATYPE\"");
    }
  }
  MemoryStore store;
  auto index = Import(store, TarOf(files));
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_EQ(Manifests(store, *index).size(), 1U);

  const std::string config = replace(
      replace(replace(image.config, "\"rootfs\"", "\"rootfS\""), "\"diff_ids\"", "\"DIFF_IDS\""),
      "\"architecture\"", "\"Architecture\"");
  const ocispec::Descriptor desc = store.Add(ocispec::kMediaTypeImageConfig, config, {});
  auto diff_ids = RootFS({}, store, desc);
  ASSERT_TRUE(diff_ids.ok()) << diff_ids.status();
  EXPECT_EQ(diff_ids->size(), image.layers.size());
  EXPECT_EQ(ConfigPlatform({}, store, desc)->architecture, platforms::DefaultSpec().architecture);
}

// Writes down the uploads that are under way while the archive is read.
class Watching final : public io::Reader {
 public:
  Watching(MemoryStore& store, std::string archive) : store_(store), archive_(std::move(archive)) {}
  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    for (const auto& [ref, data] : store_.Ingests()) refs.insert(ref);
    return archive_.Read(ctx, buf.first(std::min<std::size_t>(buf.size(), 100)));
  }
  std::set<std::string> refs;

 private:
  MemoryStore& store_;
  io::StringReader archive_;
};

std::set<std::string> UploadsOf(const std::string& archive) {
  MemoryStore store;
  Watching reader(store, archive);
  EXPECT_TRUE(ImportIndex({}, store, reader, {}).ok());
  return reader.refs;
}

// A crash leaves the upload that was under way; the next import of the archive drops it.
TEST(ImportIndex, AnUploadThatWasCutOffIsDropped) {
  const BuiltImage image = ArchivedImage(compression::Compression::kUncompressed);
  for (const auto& files : {DockerFiles(image, {"name"}), OCIFiles(image, {"name"})}) {
    const std::string archive = TarOf(files);
    const std::set<std::string> refs = UploadsOf(archive);
    EXPECT_FALSE(refs.empty());
    MemoryStore store;
    for (const std::string& ref : refs)
      store.PutIngest(ref, "bytes of an archive that was damaged");
    auto index = Import(store, archive);
    ASSERT_TRUE(index.ok()) << index.status();
    EXPECT_EQ(store.ingests(), 0U);
    for (const std::string& blob : image.blobs) {
      EXPECT_EQ(store.Data(digest::FromString(blob).String()), blob);
    }
  }
}

TEST(ImportIndex, NamesOfUploadsAreUTF8) {
  std::vector<TarFile> files = OCIFiles(ArchivedImage(), {"name"});
  std::string umlauts = "x";
  for (int i = 0; i < 100; ++i) umlauts += "ä";
  files.push_back({.name = umlauts, .data = std::string(1000, 'x')});
  files.push_back({.name = "latin-\xe4", .data = std::string(1000, 'y')});
  const std::set<std::string> refs = UploadsOf(TarOf(files));
  bool cut = false;
  for (const std::string& ref : refs) {
    EXPECT_TRUE(base::IsValidUTF8(ref)) << ref;
    EXPECT_LE(ref.size(), 180U);
    cut = cut || ref.ends_with("ä");
  }
  EXPECT_TRUE(cut);
  // The same at the next import, and others for other archives.
  EXPECT_EQ(UploadsOf(TarOf(files)), refs);
  files.back().data += "z";
  EXPECT_NE(UploadsOf(TarOf(files)), refs);
}

TEST(ImportIndex, Compresses) {
  const BuiltImage image = ArchivedImage(compression::Compression::kUncompressed);
  const std::string archive = TarOf(DockerFiles(image, {"a"}));
  MemoryStore store;
  auto index = Import(store, archive, {WithImportCompression()});
  ASSERT_TRUE(index.ok()) << index.status();
  auto manifest = Manifest({}, store, Manifests(store, *index).at(0), nullptr);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  for (std::size_t i = 0; i < 2; ++i) {
    const ocispec::Descriptor& layer = manifest->layers.at(i);
    EXPECT_EQ(layer.media_type, kMediaTypeDockerSchema2LayerGzip);
    EXPECT_EQ(layer.size, static_cast<std::int64_t>(store.Data(layer.digest).size()));
    EXPECT_EQ(store.LabelsOf(layer.digest).at(labels::kLabelUncompressed),
              digest::FromString(image.layers[i]).String());
    EXPECT_EQ(GetDiffID({}, store, layer)->String(), digest::FromString(image.layers[i]).String());
  }
  EXPECT_EQ(store.ingests(), 0U);
  // The compressed forms serve the next import, also one that does not ask for them.
  EXPECT_EQ(*Import(store, archive), *index);
  EXPECT_EQ(*Import(store, archive, {WithImportCompression()}), *index);
}

TEST(ImportIndex, TheLaterEntryCounts) {
  const BuiltImage image = ArchivedImage();
  std::vector<TarFile> files = OCIFiles(image, {"name"});
  files.insert(files.begin(), {.name = "index.json", .data = "old"});
  files.insert(files.begin(), LayoutFile("0.1"));
  MemoryStore store;
  EXPECT_TRUE(Import(store, TarOf(files)).ok());
}

TEST(ImportIndex, StreamsBlobs) {
  // A layer is given to the store in pieces.
  const BuiltImage image = BuildImage({.layers = {std::string(20'000'000, 'x')},
                                       .compression = compression::Compression::kUncompressed});
  MemoryStore store;
  ASSERT_TRUE(Import(store, TarOf(OCIFiles(image, {"a"}))).ok());
  EXPECT_LE(store.largest_write(), io::kCopyBufferSize);
}

TEST(ImportIndex, BadInput) {
  const BuiltImage image = ArchivedImage();
  const std::vector<TarFile> oci = OCIFiles(image, {"name"});
  const std::vector<TarFile> docker = DockerFiles(image, {"name"});
  const std::string good = TarOf(oci);
  // A copy with an entry changed.
  const auto with = [](std::vector<TarFile> files, std::string_view name, std::string data) {
    for (TarFile& file : files) {
      if (file.name == name) file.data = data;
    }
    return TarOf(files);
  };
  const auto without = [](std::vector<TarFile> files, std::string_view name) {
    std::erase_if(files, [&](const TarFile& file) { return file.name == name; });
    return TarOf(files);
  };
  const auto plus = [](std::vector<TarFile> files, TarFile file) {
    files.push_back(std::move(file));
    return TarOf(files);
  };
  std::string damaged = good;
  damaged[512] = 'x';  // The first byte of oci-layout's text.
  std::string damaged_header = good;
  damaged_header[1030] = 'X';
  const std::string gz = Compressed(good, compression::Compression::kGzip);
  const std::string blob = BlobPath(image.blobs[0]);
  const std::string config_name(digest::FromString(image.config).Encoded());
  const std::string layer_name(digest::FromString(image.blobs[1]).Encoded());

  struct Case {
    const char* name;
    std::string archive;
    errdefs::Class want_class;
    std::string want;
  };
  const std::vector<Case> cases = {
      {"nothing", "", errdefs::Class::ErrInvalidArgument, "unrecognized image format"},
      {"text", "hello, this is no archive at all" + std::string(600, '.'),
       errdefs::Class::ErrInvalidArgument, "not a tar archive"},
      {"short text", "hello", errdefs::Class::ErrDataLoss, "ends within a header"},
      {"another archive", TarOf({{.name = "readme", .data = "hi"}}),
       errdefs::Class::ErrInvalidArgument, "unrecognized image format"},
      {"Docker before 1.10",
       TarOf({{.name = "x/layer.tar", .data = image.layers[0]},
              {.name = "repositories", .data = R"({"any":{"1":"x"}})"}}),
       errdefs::Class::ErrInvalidArgument, "unrecognized image format"},
      {"truncated", good.substr(0, good.size() - 1024 - 500), errdefs::Class::ErrDataLoss,
       "ends within \"" + BlobPath(image.blobs[1]).substr(0, 20)},
      {"truncated gzip", gz.substr(0, gz.size() / 2), errdefs::Class::ErrDataLoss,
       "gzip: the input ends too early"},
      {"damaged header", damaged_header, errdefs::Class::ErrDataLoss,
       "damaged header at byte 1024, after \"oci-layout\""},
      {"wrong digest", with(oci, blob, "other"), errdefs::Class::ErrFailedPrecondition,
       "entry \"" + blob + "\": "},
      {"other layout", with(oci, "oci-layout", R"({"imageLayoutVersion":"2.0.0"})"),
       errdefs::Class::ErrInvalidArgument, "unsupported OCI version \"2.0.0\""},
      {"damaged layout", damaged, errdefs::Class::ErrInvalidArgument, "entry \"oci-layout\": json"},
      {"no index", without(oci, "index.json"), errdefs::Class::ErrNotFound, "missing index.json"},
      {"index is text", with(oci, "index.json", "hi"), errdefs::Class::ErrInvalidArgument,
       "entry \"index.json\": json"},
      {"index is a manifest", with(oci, "index.json", image.manifest),
       errdefs::Class::ErrInvalidArgument, "expected index but found manifest"},
      {"index too large",
       with(oci, "index.json", std::string(static_cast<std::size_t>(kMaxManifestSize) + 1, ' ')),
       errdefs::Class::ErrResourceExhausted, "entry \"index.json\": 4393217 bytes, limit 4393216"},
      {"manifest.json too large",
       with(docker, "manifest.json", std::string(static_cast<std::size_t>(kJSONLimit) + 1, ' ')),
       errdefs::Class::ErrResourceExhausted, "entry \"manifest.json\": 20971521 bytes, limit"},
      {"manifest.json is text", with(docker, "manifest.json", "[}"),
       errdefs::Class::ErrInvalidArgument, "entry \"manifest.json\": json"},
      {"manifest.json lists nothing", with(docker, "manifest.json", "[]"),
       errdefs::Class::ErrInvalidArgument, "it lists no image"},
      {"no config", without(docker, config_name + ".json"), errdefs::Class::ErrNotFound,
       "image config \"" + config_name + ".json\" not found"},
      {"no layer", without(docker, layer_name + "/layer.tar"), errdefs::Class::ErrNotFound,
       "layer \"" + layer_name + "/layer.tar\" not found"},
      {"layer is a link to nothing",
       plus(docker, {.name = layer_name + "/layer.tar", .type = tar::kTypeSymlink, .link = "gone"}),
       errdefs::Class::ErrNotFound, "is a link to \"" + layer_name + "/gone\""},
      {"layer is a link to itself",
       plus(docker,
            {.name = layer_name + "/layer.tar", .type = tar::kTypeSymlink, .link = "layer.tar"}),
       errdefs::Class::ErrNotFound, "layer \"" + layer_name + "/layer.tar\""},
      {"config is text", with(docker, config_name + ".json", "hi"),
       errdefs::Class::ErrInvalidArgument, "entry \"" + config_name + ".json\": image config"},
      {"bad tag", TarOf(DockerFiles(image, {"UPPER:tag"})), errdefs::Class::ErrInvalidArgument,
       "entry \"manifest.json\": normalize image ref \"UPPER:tag\""},
      {"absolute name", plus(oci, {.name = "/etc/passwd", .data = "x"}),
       errdefs::Class::ErrInvalidArgument, "entry \"/etc/passwd\": the name leads out"},
      {"name out of the archive", plus(oci, {.name = "a/../../etc/passwd", .data = "x"}),
       errdefs::Class::ErrInvalidArgument, "entry \"a/../../etc/passwd\": the name leads out"},
      {"file without a name", plus(oci, {.name = "./", .data = "x"}),
       errdefs::Class::ErrInvalidArgument, "entry \"./\": a file needs a name"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    MemoryStore store;
    auto index = Import(store, c.archive);
    ASSERT_FALSE(index.ok());
    EXPECT_EQ(errdefs::Resolve(index.status()), c.want_class) << index.status();
    EXPECT_THAT(std::string(errdefs::Message(index.status())), HasSubstr(c.want));
    EXPECT_EQ(store.ingests(), 0U);
  }
}

TEST(ImportIndex, ManyNames) {
  // Links cost no upload, only what is kept of them.
  std::vector<TarFile> files;
  const std::string target(30'000, 't');
  for (int i = 0; i < 600; ++i) {
    files.push_back({.name = fmt::format("{}", i), .type = tar::kTypeSymlink, .link = target});
  }
  MemoryStore store;
  auto index = Import(store, TarOf(files));
  EXPECT_TRUE(errdefs::IsResourceExhausted(index.status())) << index.status();
}

TEST(ImportIndex, OptionsMayFail) {
  MemoryStore store;
  io::StringReader reader("");
  EXPECT_EQ(ImportIndex({}, store, reader, {[](ImportOptions*) { return errdefs::Internal("no"); }})
                .status(),
            errdefs::Internal("no"));
}

TEST(RefPrefix, Table) {
  struct Case {
    const char* image;
    const char* ref;
    const char* added;
    const char* filtered;
  };
  for (const auto& [image, ref, added, filtered] : {
           Case{"", "latest", "", ""},
           Case{"foo/bar", "latest", "foo/bar:latest", "foo/bar:latest"},
           Case{"foo/bar", "foo/bar:old", "foo/bar:old", "foo/bar:old"},
           Case{"foo/bar", "foo/bar/baz:old", "foo/bar/baz:old", "foo/bar/baz:old"},
           Case{"foo/bar", "foo/bar@sha256:1", "foo/bar@sha256:1", "foo/bar@sha256:1"},
           Case{"foo/bar", "foo/barn:old", "foo/barn:old", ""},
           Case{"foo/bar", "other/img:ok", "other/img:ok", ""},
           Case{"localhost:5000/myimage", "localhost:5000/myimage", "localhost:5000/myimage",
                "localhost:5000/myimage"},
       }) {
    EXPECT_EQ(AddRefPrefix(image)(ref), added) << image << " " << ref;
    EXPECT_EQ(FilterRefPrefix(image)(ref), filtered) << image << " " << ref;
  }
  EXPECT_EQ(DigestTranslator("import")(digest::Digest("sha256:1")), "import@sha256:1");
}

TEST(Reference, Names) {
  EXPECT_EQ(*NormalizeReference("alpine"), "docker.io/library/alpine:latest");
  EXPECT_EQ(*NormalizeReference("alpine:3"), "docker.io/library/alpine:3");
  EXPECT_EQ(*NormalizeReference("r.example:5000/a/b:c"), "r.example:5000/a/b:c");
  EXPECT_FALSE(NormalizeReference("UPPER").ok());
  EXPECT_EQ(OCIReferenceName("docker.io/library/alpine:3"), "3");
  EXPECT_EQ(OCIReferenceName("docker.io/library/alpine"), "docker.io/library/alpine");
  const std::string by_digest = "docker.io/library/a@" + digest::FromString("x").String();
  EXPECT_EQ(OCIReferenceName(by_digest), by_digest);
}

}  // namespace
}  // namespace containerd::images::archive
