// SPDX-License-Identifier: Apache-2.0
//
// Images from archives into a real daemon. Scenarios that containerd runs against its own client
// have the names that they have there.
#include "containerd/import.h"

#include <algorithm>
#include <fcntl.h>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"
#include "containerd/content/helpers.h"
#include "containerd/digest/identity.h"
#include "containerd/images/annotations.h"
#include "containerd/images/archive.h"
#include "containerd/images/image.h"
#include "containerd/images/store.h"
#include "containerd/leases/leases.h"
#include "containerd/testing/image_builder.h"
#include "containerd/transfer/archive.h"
#include "containerd/transfer/image.h"

#include "container_fixture.h"
#include "harness.h"

namespace containerd::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

namespace archive = images::archive;

class ImportTest : public ::testing::Test {
 protected:
  const Context& ctx() const { return ns_.ctx(); }

  absl::StatusOr<std::vector<images::Image>> Import(const std::string& archive,
                                                    const std::vector<ImportOpt>& opts = {}) {
    io::StringReader reader(archive);
    return client_->Import(ctx(), reader, opts);
  }

  std::vector<std::string> Blobs() {
    std::vector<std::string> digests;
    EXPECT_TRUE(client_->ContentStore()
                    ->Walk(ctx(),
                           [&](const content::Info& info) {
                             digests.push_back(info.digest);
                             return absl::OkStatus();
                           })
                    .ok());
    return digests;
  }

  bool Has(const std::string& digest) { return client_->ContentStore()->Info(ctx(), digest).ok(); }

  // Lets the garbage collector take what nothing holds.
  void CollectGarbage() {
    auto manager = client_->LeasesService();
    auto lease =
        manager->Create(ctx(), {leases::WithRandomID(), leases::WithExpiration(absl::Hours(1))});
    ASSERT_TRUE(lease.ok()) << lease.status();
    ASSERT_TRUE(manager->Delete(ctx(), *lease, {leases::SynchronousDelete}).ok());
  }

  // That a failed import left nothing.
  void ExpectNothing() {
    EXPECT_THAT(*client_->ImageService()->List(ctx()), IsEmpty());
    EXPECT_THAT(Blobs(), IsEmpty());
    EXPECT_THAT(*client_->ContentStore()->ListStatuses(ctx()), IsEmpty());
    EXPECT_THAT(*client_->LeasesService()->List(ctx()), IsEmpty());
  }

  const std::shared_ptr<Client> client_ = SharedClient();
  const TestNamespace ns_{*client_};
};

std::vector<std::string> Names(const std::vector<images::Image>& images) {
  std::vector<std::string> names;
  names.reserve(images.size());
  for (const images::Image& image : images) names.push_back(image.name);
  return names;
}

TEST_F(ImportTest, Import) {
  const auto image_of = [](std::string author, std::string layer,
                           ocispec::Platform platform = platforms::DefaultSpec()) {
    return BuildImage({.layers = {std::move(layer)},
                       .platform = std::move(platform),
                       .author = std::move(author)});
  };
  const std::string layer = TarOf({{.name = "f", .data = std::string(256, 'x')}});
  const BuiltImage image = image_of("test", layer);
  const BuiltImage second = image_of("test2", "12345");
  const BuiltImage bad =
      image_of("test", layer, ocispec::Platform{.architecture = "lish", .os = "foo"});
  ocispec::Index list;
  list.schema_version = 2;
  list.manifests = {image.target, second.target};
  const std::string list_text = ocispec::Marshal(list);
  const ocispec::Descriptor list_desc = Describe(ocispec::kMediaTypeImageIndex, list_text);
  const Labels labels = {{"foo", "bar"}};

  struct Case {
    const char* name;
    std::vector<TarFile> files;
    std::vector<std::string> want;  // Nothing: an error is due.
    std::string target;
    std::vector<ImportOpt> opts = {};
    std::function<void(const std::vector<images::Image>&)> check = nullptr;
  };
  const auto store = client_->ContentStore();
  const std::vector<Case> cases = {
      {"OCI-IndexWithoutAnyManifest",
       {LayoutFile(), IndexFile(list_desc, {"docker.io/library/sparse:ok"}), BlobFile(list_text)},
       {"docker.io/library/sparse:ok"},
       list_desc.digest,
       {WithSkipMissing()},
       [&](const std::vector<images::Image>&) {
         EXPECT_FALSE(Has(image.target.digest));
         EXPECT_FALSE(Has(second.target.digest));
       }},
      {"DockerV2.0",
       {{.name = "bd76/json", .data = "{}"},
        {.name = "bd76/layer.tar", .data = image.blobs[0]},
        {.name = "bd76/VERSION", .data = "1.0"},
        {.name = "repositories", .data = R"({"any":{"1":"bd76"}})"}},
       {},
       ""},
      {"DockerV2.1",
       DockerFiles(image, {"test-import:notlatest", "another/repo:tag"}),
       {"docker.io/library/test-import:notlatest", "docker.io/another/repo:tag"},
       "",
       {},
       [&](const std::vector<images::Image>& images) {
         auto manifest = images::Manifest(ctx(), *store, images[0].target, nullptr);
         ASSERT_TRUE(manifest.ok()) << manifest.status();
         EXPECT_EQ(manifest->config.digest, image.parsed.config.digest);
         ASSERT_EQ(manifest->layers.size(), 1U);
         EXPECT_EQ(manifest->layers[0].digest, image.parsed.layers[0].digest);
       }},
      {"DockerV2.1-BadOSArch", DockerFiles(bad, {"test-import:notlatest"}), {}, ""},
      {"OCI-BadFormat", {LayoutFile("2.0.0")}, {}, ""},
      {"OCI",
       OCIFiles(image, {"latest", "docker.io/lib/img:ok"}),
       {"latest", "docker.io/lib/img:ok"},
       image.target.digest,
       {},
       [&](const std::vector<images::Image>& images) {
         auto manifest = images::Manifest(ctx(), *store, images[0].target, nullptr);
         ASSERT_TRUE(manifest.ok()) << manifest.status();
         EXPECT_EQ(*manifest, image.parsed);
       }},
      {"OCI-Labels",
       OCIFiles(image, {"latest", "docker.io/lib/img:ok"}),
       {"localhost:5000/myimage:latest", "docker.io/lib/img:ok"},
       image.target.digest,
       {WithImageLabels(labels),
        WithImageRefTranslator(archive::AddRefPrefix("localhost:5000/myimage"))},
       [&](const std::vector<images::Image>& images) {
         for (const images::Image& i : images) EXPECT_EQ(i.labels, labels);
       }},
      {"OCIPrefixName",
       OCIFiles(image, {"latest", "docker.io/lib/img:ok"}),
       {"localhost:5000/myimage:latest", "docker.io/lib/img:ok"},
       image.target.digest,
       {WithImageRefTranslator(archive::AddRefPrefix("localhost:5000/myimage"))}},
      {"OCIPrefixName2",
       OCIFiles(image, {"latest", "localhost:5000/myimage:old", "docker.io/lib/img:ok"}),
       {"localhost:5000/myimage:latest", "localhost:5000/myimage:old"},
       image.target.digest,
       {WithImageRefTranslator(archive::FilterRefPrefix("localhost:5000/myimage"))}},
      {"OCI-IndexWithMissingManifestDescendants",
       {LayoutFile(), IndexFile(list_desc, {"docker.io/library/sparse:ok"}), BlobFile(list_text),
        BlobFile(image.manifest), BlobFile(image.config), BlobFile(image.blobs[0]),
        BlobFile(second.manifest)},
       {"docker.io/library/sparse:ok"},
       list_desc.digest,
       {WithSkipMissing()},
       [&](const std::vector<images::Image>&) {
         auto manifest = images::Manifest(ctx(), *store, image.target, nullptr);
         ASSERT_TRUE(manifest.ok()) << manifest.status();
         EXPECT_EQ(*manifest, image.parsed);
         auto found = images::Check(ctx(), *store, second.target, nullptr);
         ASSERT_TRUE(found.ok()) << found.status();
         EXPECT_EQ(found->missing.size(), 2U);
       }},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    auto images = Import(TarOf(c.files), c.opts);
    if (c.want.empty()) {
      EXPECT_FALSE(images.ok());
      ExpectNothing();
      continue;
    }
    ASSERT_TRUE(images.ok()) << images.status();
    EXPECT_EQ(Names(*images), c.want);
    for (const images::Image& i : *images) {
      if (!c.target.empty()) {
        EXPECT_EQ(i.target.digest, c.target);
      }
      EXPECT_EQ(*client_->ImageService()->Get(ctx(), i.name), i);
    }
    if (c.check) c.check(*images);
    for (const images::Image& i : *images) {
      ASSERT_TRUE(
          client_->ImageService()->Delete(ctx(), i.name, {images::SynchronousDelete()}).ok());
    }
    ExpectNothing();
  }
}

class ExportAndImportTest : public ContainerTest {
 protected:
  // Exports the image, deletes it, imports the archive, and makes a container of what that gave.
  void ExportAndImport(const std::string& name) {
    std::string out;
    io::StringWriter writer(&out);
    absl::Status s = client_->Export(ctx(), writer,
                                     {archive::WithPlatform(platforms::Default()),
                                      archive::WithImage(client_->ImageService(), name)});
    ASSERT_TRUE(s.ok()) << s;
    s = client_->ImageService()->Delete(ctx(), name, {images::SynchronousDelete()});
    ASSERT_TRUE(s.ok()) << s;

    io::StringReader reader(out);
    auto images =
        client_->Import(ctx(), reader, {WithImageRefTranslator(archive::AddRefPrefix("foo/bar"))});
    ASSERT_TRUE(images.ok()) << images.status();
    for (const images::Image& record : *images) {
      s = containerd::Image(*client_, record).Unpack(ctx(), "");
      ASSERT_TRUE(s.ok()) << s;
    }
    // What the garbage collector would take it takes now.
    auto manager = client_->LeasesService();
    auto lease =
        manager->Create(ctx(), {leases::WithRandomID(), leases::WithExpiration(absl::Hours(1))});
    ASSERT_TRUE(lease.ok()) << lease.status();
    ASSERT_TRUE(manager->Delete(ctx(), *lease, {leases::SynchronousDelete}).ok());

    auto image = client_->GetImage(ctx(), name);
    ASSERT_TRUE(image.ok()) << image.status();
    image_ = std::make_unique<Image>(*std::move(image));
    const auto outcome = Run({"sh", "-c", "echo imported"});
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(outcome->out, "imported\n") << outcome->err;
  }
};

TEST_F(ExportAndImportTest, ExportAndImport) { ExportAndImport(kBusyboxName); }

TEST_F(ExportAndImportTest, ExportAndImportMultiLayer) {
  const std::string name = "docker.io/library/layers:1";
  std::vector<std::string> layers = {BusyboxLayer()};
  for (int i = 0; i < 6; ++i) {
    layers.push_back(TarOf({{.name = fmt::format("file{}", i), .data = std::string(10'000, 'x')}}));
  }
  io::StringReader reader(
      TarOf(OCIFiles(BuildImage({.layers = layers, .config = {.env = {"PATH=/bin"}}}), {name})));
  ASSERT_TRUE(client_->Import(ctx(), reader).ok());
  ExportAndImport(name);
}

// Images named by an archive, its index, or a prefix: what the daemon's own import makes of it.
TEST_F(ImportTest, TransferImport) {
  CONTAINERD_REQUIRE_PLUGIN("io.containerd.grpc.v1", "transfer");
  namespace timage = transfer::image;
  struct Case {
    const char* name;
    // The index's name or "", then the images': "base tag" only has the tag in the archive,
    // "<name>@<manifest>" and "<name>@<index>" come of the options.
    std::vector<std::string> images;
    std::vector<timage::StoreOpt> opts;
  };
  const std::vector<Case> cases = {
      {"Basic", {"", "registry.test/basic:latest"}, {timage::WithNamedPrefix("unused", true)}},
      {"IndexRef", {"registry.test/index-ref:latest", ""}, {}},
      {"AllRefs",
       {"registry.test/all-refs:index", "registry.test/all-refs:1"},
       {timage::WithNamedPrefix("registry.test/all-refs", false)}},
      {"DigestRefs",
       {"registry.test/all-refs:index", "registry.test/all-refs:1",
        "registry.test/all-refs@<manifest>", "registry.test/all-refs@<index>"},
       {timage::WithDigestRef("registry.test/all-refs", false, false)}},
      {"DigestRefsSkipNamed",
       {"registry.test/all-refs:index", "registry.test/all-refs:1",
        "registry.test/all-refs@<index>"},
       {timage::WithDigestRef("registry.test/all-refs", false, true)}},
      {"DigestOnly",
       {"", "", "imported-image@<manifest>", "imported-image@<index>"},
       {timage::WithDigestRef("imported-image", false, true)}},
      {"OverwriteDigestRefs",
       {"registry.test/all-refs:index", "registry.test/all-refs:1", "someimportname@<manifest>",
        "someimportname@<index>"},
       {timage::WithDigestRef("someimportname", true, false)}},
      {"TagOnlyRef",
       {"", "registry.test/myimage thebest"},
       {timage::WithNamedPrefix("registry.test/myimage", false)}},
      {"TagOnlyOverwriteDigestRefs",
       {"registry.test/all-refs:index", "registry.test/basename latest",
        "registry.test/basename@<manifest>", "registry.test/basename@<index>"},
       {timage::WithDigestRef("registry.test/basename", true, false)}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const TestNamespace ns{*client_};
    std::vector<TarFile> files = {LayoutFile()};
    ocispec::Index index;
    index.schema_version = 2;
    std::map<std::string, std::string> want;  // Digests by name.
    std::vector<std::string> of_index;
    for (std::string name : std::vector<std::string>(c.images.begin() + 1, c.images.end())) {
      if (name.ends_with("@<index>")) {
        of_index.push_back(name.substr(0, name.size() - 7));
        continue;
      }
      if (name.ends_with("@<manifest>")) {
        const std::string digest = index.manifests.back().digest;
        want[name.substr(0, name.size() - 10) + digest] = digest;
        continue;
      }
      const BuiltImage image =
          BuildImage({.layers = {TarOf({{.name = name + "file"}})}, .author = name});
      for (const std::string& blob : {image.manifest, image.config, image.blobs[0]}) {
        files.push_back(BlobFile(blob));
      }
      index.manifests.push_back(image.target);
      if (const std::size_t space = name.find(' '); space != std::string::npos) {
        index.manifests.back().annotations = {
            {ocispec::kAnnotationRefName, name.substr(space + 1)}};
        name[space] = ':';
      } else if (!name.empty()) {
        index.manifests.back().annotations = {{images::kAnnotationImageName, name}};
      }
      if (!name.empty()) want[name] = image.target.digest;
    }
    const std::string text = ocispec::Marshal(index);
    const std::string index_digest = digest::FromString(text).String();
    files.push_back({.name = ocispec::kImageIndexFile, .data = text});
    if (!c.images[0].empty()) want[c.images[0]] = index_digest;
    std::set<std::string> optional;  // Daemons before 2.2 make no reference to the index's digest.
    for (const std::string& name : of_index) optional.insert(name + index_digest);

    std::set<std::string> saved;
    const absl::Status s = client_->Transfer(
        ns.ctx(),
        transfer::archive::NewImageImportStream(std::make_shared<io::StringReader>(TarOf(files))),
        timage::NewStore(c.images[0], c.opts),
        {transfer::WithProgress([&](const transfer::Progress& p) {
          if (p.event == "saved") saved.insert(p.name);
        })});
    ASSERT_TRUE(s.ok()) << s;
    for (const auto& [name, digest] : want) {
      EXPECT_TRUE(saved.erase(name) == 1) << name;
      const auto image = client_->ImageService()->Get(ns.ctx(), name);
      ASSERT_TRUE(image.ok()) << image.status();
      EXPECT_EQ(image->target.digest, digest);
    }
    for (const std::string& name : optional) saved.erase(name);
    EXPECT_THAT(saved, IsEmpty());
  }
}

TEST_F(ImportTest, ImageIsUnpacked) {
  const BuiltImage built = BuildImage(
      {.layers = {TarOf({{.name = "a", .data = "1"}}), TarOf({{.name = "b", .data = "2"}})}});
  ASSERT_TRUE(Import(TarOf(OCIFiles(built, {"docker.io/library/i:1"}))).ok());
  auto image = client_->GetImage(ctx(), "docker.io/library/i:1");
  ASSERT_TRUE(image.ok()) << image.status();
  // Others want layers of their own kind.
  for (const std::string& snapshotter : Snapshotters(*client_)) {
    if (snapshotter != "overlayfs" && snapshotter != "native") continue;
    SCOPED_TRACE(snapshotter);
    EXPECT_FALSE(*image->IsUnpacked(ctx(), snapshotter));
    ASSERT_TRUE(image->Unpack(ctx(), snapshotter).ok());
    EXPECT_TRUE(*image->IsUnpacked(ctx(), snapshotter));
    ASSERT_TRUE(image->Unpack(ctx(), snapshotter).ok());

    const std::string chain_id = identity::ChainID(*image->RootFS(ctx())).String();
    auto config = client_->ContentStore()->Info(ctx(), built.parsed.config.digest);
    EXPECT_EQ(config->labels.at("containerd.io/gc.ref.snapshot." + snapshotter), chain_id);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    auto layer = client_->ContentStore()->Info(ctx(), built.parsed.layers[i].digest);
    EXPECT_EQ(layer->labels.at("containerd.io/uncompressed"),
              digest::FromString(built.layers[i]).String());
  }
  // What the image holds stays, and goes with it.
  CollectGarbage();
  EXPECT_TRUE(*image->IsUnpacked(ctx(), ""));
  ASSERT_TRUE(
      client_->ImageService()->Delete(ctx(), image->Name(), {images::SynchronousDelete()}).ok());
  auto snapshotter = client_->GetSnapshotter(ctx(), "");
  EXPECT_TRUE(snapshotter.ok());
  EXPECT_TRUE((*snapshotter)
                  ->Walk(ctx(),
                         [](const Context&, const snapshots::Info& info) {
                           return errdefs::Internal("left behind: " + info.name);
                         })
                  .ok());
}

TEST_F(ImportTest, WhatAnImageSays) {
  const BuiltImage built = BuildImage({.layers = {TarOf({{.name = "a", .data = "1"}})},
                                       .config = {.env = {"PATH=/bin"}, .cmd = {"sh"}},
                                       .author = "somebody"});
  ASSERT_TRUE(Import(TarOf(OCIFiles(built, {"docker.io/library/i:1", "docker.io/library/j:1"})),
                     {WithImageLabels({{"k", "v"}})})
                  .ok());
  auto image = client_->GetImage(ctx(), "docker.io/library/i:1");
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->Name(), "docker.io/library/i:1");
  EXPECT_EQ(image->Target().digest, built.target.digest);
  EXPECT_EQ(image->Labels(), (Labels{{"k", "v"}}));
  EXPECT_EQ(image->Config(ctx())->digest, built.parsed.config.digest);
  auto spec = image->Spec(ctx());
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->author, "somebody");
  EXPECT_THAT(spec->config.cmd, ElementsAre("sh"));
  EXPECT_THAT(*image->RootFS(ctx()), ElementsAre(digest::FromString(built.layers[0])));
  const std::int64_t size =
      built.target.size + built.parsed.config.size + built.parsed.layers[0].size;
  EXPECT_EQ(*image->Size(ctx()), size);
  EXPECT_EQ(*image->Usage(ctx()), size);
  ASSERT_TRUE(image->Unpack(ctx(), "").ok());
  EXPECT_GE(*image->Usage(ctx(), {WithSnapshotUsage()}), size);

  auto all = client_->ListImages(ctx());
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->size(), 2U);
  EXPECT_EQ(client_->ListImages(ctx(), {"name==docker.io/library/j:1"})->size(), 1U);
  EXPECT_TRUE(errdefs::IsNotFound(client_->GetImage(ctx(), "docker.io/library/k:1").status()));

  const Image other = containerd::Image(*client_, image->Metadata(),
                                        platforms::Only(platforms::MustParse("linux/s390x")));
  EXPECT_TRUE(other.Config(ctx()).ok());  // A manifest alone is for all.
}

TEST_F(ImportTest, OfEveryForm) {
  struct Case {
    const char* format;
    compression::Compression layers;
    compression::Compression whole;
    std::vector<ImportOpt> opts = {};
  };
  const std::string busybox = BusyboxLayer();
  int n = 0;
  for (const auto& [format, layers, whole, opts] : std::vector<Case>{
           {"oci", kGzip, kPlain},
           {"oci", kZstd, kPlain},
           {"oci", kPlain, kPlain},
           {"oci", kGzip, kZstd},
           {"docker", kGzip, kPlain},
           {"docker", kZstd, kPlain},
           {"docker", kPlain, kPlain},
           {"docker", kPlain, kGzip},
           {"docker", kPlain, kPlain, {WithImportCompression()}},
       }) {
    SCOPED_TRACE(::testing::Message() << format << " " << compression::Extension(layers) << " "
                                      << compression::Extension(whole));
    const BuiltImage built =
        BuildImage({.layers = {busybox, TarOf({{.name = "n", .data = fmt::format("{}\n", n)}})},
                    .compression = layers,
                    .config = {.env = {"PATH=/bin"}, .cmd = {"cat", "/n"}}});
    const std::string name = fmt::format("docker.io/library/form:{}", n);
    auto images =
        Import(Compressed(TarOf(format == std::string("oci") ? OCIFiles(built, {name})
                                                             : DockerFiles(built, {name})),
                          whole),
               opts);
    ASSERT_TRUE(images.ok()) << images.status();
    EXPECT_THAT(Names(*images), ElementsAre(name));
    const Image image = containerd::Image(*client_, images->at(0));
    absl::Status unpacked = image.Unpack(ctx(), "");
    ASSERT_TRUE(unpacked.ok()) << unpacked;
    EXPECT_THAT(*image.RootFS(ctx()), ElementsAre(digest::FromString(built.layers[0]),
                                                  digest::FromString(built.layers[1])));
    ++n;
  }
}

class ImportRunTest : public ContainerTest {};

TEST_F(ImportRunTest, AnImportedImageRuns) {
  for (const char* format : {"oci", "docker"}) {
    for (const char* layer : {"none", "gzip", "zstd"}) {
      SCOPED_TRACE(::testing::Message() << format << " " << layer);
      const std::string name = fmt::format("docker.io/library/{}:{}", format, layer);
      const std::string path = BusyboxArchive(format, layer, name);
      const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
      ASSERT_GE(fd, 0);
      io::FileReader reader(fd);
      auto images = client_->Import(ctx(), reader);
      ::close(fd);
      ASSERT_TRUE(images.ok()) << images.status();
      EXPECT_THAT(Names(*images), ElementsAre(name));
      image_ = std::make_unique<Image>(*client_, images->at(0));
      absl::Status unpacked = image_->Unpack(ctx(), "");
      ASSERT_TRUE(unpacked.ok()) << unpacked;
      auto outcome = Run({"sh", "-c", "echo from the import"});
      ASSERT_TRUE(outcome.ok()) << outcome.status();
      EXPECT_EQ(outcome->out, "from the import\n") << outcome->err;
    }
  }
}

TEST_F(ImportTest, Platforms) {
  const auto built = [](std::string_view platform) {
    return BuildImage({.layers = {TarOf({{.name = "p", .data = std::string(platform)}})},
                       .platform = platforms::MustParse(platform)});
  };
  const BuiltImage amd = built("linux/amd64");
  const BuiltImage arm = built("linux/arm64");
  ocispec::Index list;
  list.schema_version = 2;
  list.manifests = {amd.target, arm.target};
  list.manifests[0].platform = platforms::MustParse("linux/amd64");
  list.manifests[1].platform = platforms::MustParse("linux/arm64");
  const std::string text = ocispec::Marshal(list);
  std::vector<TarFile> files = {LayoutFile(),
                                IndexFile(Describe(ocispec::kMediaTypeImageIndex, text), {"multi"}),
                                BlobFile(text)};
  for (const BuiltImage* image : {&amd, &arm}) {
    for (const std::string& blob : {image->manifest, image->config, image->blobs[0]}) {
      files.push_back(BlobFile(blob));
    }
  }
  const auto kept = [&](const std::vector<ImportOpt>& opts) {
    auto images = Import(TarOf(files), opts);
    EXPECT_TRUE(images.ok()) << images.status();
    CollectGarbage();
    std::string result;
    if (Has(amd.parsed.layers[0].digest)) result += "amd64 ";
    if (Has(arm.parsed.layers[0].digest)) result += "arm64 ";
    EXPECT_TRUE(
        client_->ImageService()->Delete(ctx(), "multi", {images::SynchronousDelete()}).ok());
    return result;
  };
  EXPECT_EQ(kept({WithImportPlatform(platforms::Only(platforms::MustParse("linux/amd64")))}),
            "amd64 ");
  EXPECT_EQ(kept({WithImportPlatform(platforms::Only(platforms::MustParse("linux/arm64")))}),
            "arm64 ");
  EXPECT_EQ(kept({WithAllPlatforms(true)}), "amd64 arm64 ");
}

TEST_F(ImportTest, NamesOfIndexAndDigests) {
  const BuiltImage built = BuildImage({.layers = {TarOf({{.name = "a"}})}});
  const std::string archive = TarOf(OCIFiles(built, {"one", "two"}));
  const std::string by_digest = "import@" + built.target.digest;
  auto images = Import(
      archive, {WithIndexName("the-index"), WithDigestRef(archive::DigestTranslator("import"))});
  ASSERT_TRUE(images.ok()) << images.status();
  EXPECT_THAT(Names(*images), ElementsAre("the-index", "one", by_digest, "two", by_digest));
  EXPECT_EQ(images->at(0).target.media_type, ocispec::kMediaTypeImageIndex);

  images =
      Import(archive, {WithDigestRef(archive::DigestTranslator("import")),
                       WithSkipDigestRef([](std::string_view name) { return name == "one"; })});
  EXPECT_THAT(Names(*images), ElementsAre("one", "two", by_digest));
  // No name, no image; the index alone keeps the content.
  images = Import(TarOf(OCIFiles(built, {})), {WithIndexName("the-index")});
  EXPECT_THAT(Names(*images), ElementsAre("the-index"));
}

TEST_F(ImportTest, ChangesImagesThatExist) {
  const BuiltImage first = BuildImage({.layers = {TarOf({{.name = "a"}})}});
  const BuiltImage second = BuildImage({.layers = {TarOf({{.name = "b"}})}});
  ASSERT_TRUE(
      Import(TarOf(OCIFiles(first, {"name"})), {WithImageLabels({{"old", "1"}, {"k", "1"}})}).ok());
  auto images = Import(TarOf(OCIFiles(second, {"name"})));
  ASSERT_TRUE(images.ok()) << images.status();
  EXPECT_EQ(images->at(0).target.digest, second.target.digest);
  EXPECT_EQ(images->at(0).labels, (Labels{{"old", "1"}, {"k", "1"}}));
  images = Import(TarOf(OCIFiles(second, {"name"})), {WithImageLabels({{"k", "2"}})});
  EXPECT_EQ(images->at(0).labels, (Labels{{"k", "2"}}));
}

TEST_F(ImportTest, DiscardUnpackedLayers) {
  const BuiltImage built = BuildImage({.layers = {TarOf({{.name = "a"}})}});
  // A lease of the caller's own keeps the layer until it is unpacked.
  auto lease = client_->WithLease(ctx());
  ASSERT_TRUE(lease.ok());
  io::StringReader reader(TarOf(OCIFiles(built, {"name"})));
  auto images = client_->Import(lease->context(), reader, {WithDiscardUnpackedLayers()});
  ASSERT_TRUE(images.ok()) << images.status();
  const Image image = containerd::Image(*client_, images->at(0));
  ASSERT_TRUE(image.Unpack(lease->context(), "").ok());
  EXPECT_TRUE(Has(built.parsed.layers[0].digest));
  ASSERT_TRUE(lease->Release(ctx(), {leases::SynchronousDelete}).ok());
  EXPECT_FALSE(Has(built.parsed.layers[0].digest));
  EXPECT_TRUE(*image.IsUnpacked(ctx(), ""));
}

TEST_F(ImportTest, FailuresLeaveNothing) {
  const BuiltImage built = BuildImage(
      {.layers = {TarOf({{.name = "a", .data = "1"}}), TarOf({{.name = "b", .data = "2"}})}});
  const std::vector<TarFile> files = OCIFiles(built, {"name"});
  const std::string good = TarOf(files);
  const auto without = [&](std::string_view blob) {
    std::vector<TarFile> rest = files;
    std::erase_if(rest, [&](const TarFile& file) { return file.name == BlobPath(blob); });
    return TarOf(rest);
  };
  std::vector<TarFile> wrong = files;
  wrong.back().data = "something else";
  const BuiltImage foreign = BuildImage(
      {.layers = {TarOf({{.name = "a"}})}, .platform = platforms::MustParse("plan9/mips")});
  struct Case {
    const char* name;
    std::string archive;
    errdefs::Class want_class;
    std::string want;
    std::vector<ImportOpt> opts = {};
  };
  for (const auto& [name, archive, want_class, want, opts] : std::vector<Case>{
           {"truncated", good.substr(0, good.size() - 1500), errdefs::Class::ErrDataLoss,
            "tar: the archive ends within "},
           {"wrong digest", TarOf(wrong), errdefs::Class::ErrFailedPrecondition,
            "entry \"" + wrong.back().name + "\": "},
           {"no manifest", without(built.manifest), errdefs::Class::ErrNotFound,
            "the archive has no content \"" + built.target.digest + "\""},
           {"no config", without(built.config), errdefs::Class::ErrNotFound,
            "the archive has no content \"" + built.parsed.config.digest + "\""},
           {"no layer", without(built.blobs[1]), errdefs::Class::ErrNotFound,
            "the archive has no content \"" + built.parsed.layers[1].digest + "\""},
           {"nothing for the platform", TarOf(DockerFiles(foreign, {"name"})),
            errdefs::Class::ErrNotFound, "image might be filtered out"},
           {"label too long",
            good,
            errdefs::Class::ErrInvalidArgument,
            "label",
            {WithImageLabels({{"k", std::string(5000, 'v')}})}},
           {"option", good, errdefs::Class::ErrInternal, "no", {[](ImportOptions*) {
              return errdefs::Internal("no");
            }}},
           // The second image can't be stored, so the first one goes again.
           {"image's name too long",
            good,
            errdefs::Class::ErrUnknown,
            "import: image \"nnn",
            {WithDigestRef([](const digest::Digest&) { return std::string(40'000, 'n'); })}},
       }) {
    SCOPED_TRACE(name);
    auto images = Import(archive, opts);
    ASSERT_FALSE(images.ok());
    // Daemons differ in the class of a name that their database can't take.
    if (want_class != errdefs::Class::ErrUnknown) {
      EXPECT_EQ(errdefs::Resolve(images.status()), want_class) << images.status();
    }
    EXPECT_THAT(std::string(errdefs::Message(images.status())), HasSubstr(want));
    ExpectNothing();
  }
  EXPECT_TRUE(Import(good).ok());
}

// A header says what it likes: nothing is made ready for it.
TEST_F(ImportTest, HostileArchives) {
  const BuiltImage built = BuildImage({.layers = {TarOf({{.name = "a", .data = "1"}})}});
  const std::string good = TarOf(OCIFiles(built, {"name"}));
  const auto with_size = [&](std::string_view field) {
    std::string bad = good;
    // Of the last file, a layer.
    const std::size_t at = bad.rfind(BlobPath(built.blobs[0]));
    bad.replace(at + 124, 12, field);
    bad.replace(at + 148, 8, "        ");
    unsigned sum = 0;
    for (const char c : std::string_view(bad).substr(at, 512)) {
      sum += static_cast<unsigned char>(c);
    }
    bad.replace(at + 148, 8, fmt::format("{:06o}{} ", sum, '\0'));
    return bad;
  };
  std::vector<TarFile> too_many = OCIFiles(built, {"name"});
  too_many.push_back(IndexFile(built.target, std::vector<std::string>(50'000, "name")));
  std::vector<TarFile> loop = {LayoutFile()};
  loop.push_back({.name = "index.json",
                  .data = fmt::format(R"({{"schemaVersion":2,"manifests":[{{"mediaType":"{}",)"
                                      R"("digest":"sha256:{}","size":100}}]}})",
                                      ocispec::kMediaTypeImageIndex, std::string(64, 'a'))});
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"8 EiB", with_size(std::string("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12))},
      {"more than 8 EiB",
       with_size(std::string("\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12))},
      {"8 GiB", with_size("77777777777 ")},
      {"negative", with_size(std::string(12, '\xff'))},
      {"no number", with_size("abcdefghijkl")},
      {"an index of more than 4 MiB", TarOf(too_many)},
      {"an index that leads to nothing", TarOf(loop)},
      {"a name that leads out", TarOf({LayoutFile(), {.name = "../index.json", .data = "{}"}})},
      {"a compressed bomb of nothing", Compressed(std::string(std::size_t{8} << 20, '\0'), kGzip)},
      {"half of a gzip stream", Compressed(good, kGzip).substr(0, 300)},
      {"empty", ""},
  };
  for (const auto& [name, archive] : cases) {
    SCOPED_TRACE(name);
    auto images = Import(archive);
    EXPECT_FALSE(images.ok());
    ExpectNothing();
  }
  // Cut anywhere before the last file is whole; what follows that is only padding.
  const std::size_t whole = good.rfind(BlobPath(built.blobs[0])) + 512 + built.blobs[0].size();
  for (std::size_t size = 0; size < whole; size += 701) {
    EXPECT_FALSE(Import(good.substr(0, size)).ok()) << size;
  }
  ExpectNothing();
}

TEST_F(ImportTest, CancelledWhileReading) {
  // Gives the beginning of an archive, then cancels.
  class Cancelling final : public io::Reader {
   public:
    Cancelling(std::string data, CancelFunc cancel)
        : data_(std::move(data)), cancel_(std::move(cancel)) {}
    absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
      auto n = data_.Read(ctx, buf.first(std::min<std::size_t>(buf.size(), 4096)));
      if (!n.ok() || *n > 0) return n;
      cancel_();
      return ctx.Err();
    }

   private:
    io::StringReader data_;
    CancelFunc cancel_;
  };
  const BuiltImage built =
      BuildImage({.layers = {std::string(1 << 20, 'x')}, .compression = kPlain});
  const std::string good = TarOf(OCIFiles(built, {"name"}));
  auto [cancellable, cancel] = WithCancel(ctx());
  Cancelling reader(good.substr(0, good.size() / 2), cancel);
  auto images = client_->Import(cancellable, reader);
  EXPECT_TRUE(errdefs::IsCanceled(images.status())) << images.status();
  ExpectNothing();
}

TEST_F(ImportTest, UnpackErrors) {
  const std::string layer = TarOf({{.name = "a"}});
  const auto import = [&](const std::string& name, const BuiltImage& built) {
    auto images = Import(TarOf(OCIFiles(built, {name})));
    EXPECT_TRUE(images.ok()) << images.status();
    return containerd::Image(*client_, images->at(0));
  };
  const Image good = import("good", BuildImage({.layers = {layer}}));
  absl::Status s = good.Unpack(ctx(), "no-such-snapshotter");
  EXPECT_FALSE(s.ok());
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("no-such-snapshotter"));
  EXPECT_FALSE(good.IsUnpacked(ctx(), "no-such-snapshotter").ok());

  // The config lists another layer than the manifest.
  BuiltImage lying = BuildImage({.layers = {layer}});
  const std::string real = digest::FromString(layer).String();
  const std::string other = digest::FromString("other").String();
  lying.config.replace(lying.config.find(real), real.size(), other);
  lying.parsed.config = Describe(ocispec::kMediaTypeImageConfig, lying.config);
  lying.manifest = ocispec::Marshal(lying.parsed);
  lying.target = Describe(ocispec::kMediaTypeImageManifest, lying.manifest);
  s = import("lying", lying).Unpack(ctx(), "");
  EXPECT_TRUE(errdefs::IsDataLoss(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("image \"lying\": apply layer"));
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr(other));

  // More diff ids than layers.
  BuiltImage uneven = BuildImage({.layers = {layer, layer}});
  uneven.parsed.layers.pop_back();
  uneven.manifest = ocispec::Marshal(uneven.parsed);
  uneven.target = Describe(ocispec::kMediaTypeImageManifest, uneven.manifest);
  s = import("uneven", uneven).Unpack(ctx(), "");
  EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("lists 2, the manifest 1"));

  // No layer at all.
  BuiltImage damaged = BuildImage({.layers = {layer}});
  damaged.blobs[0] = "no gzip";
  damaged.parsed.layers = {Describe(ocispec::kMediaTypeImageLayerGzip, damaged.blobs[0])};
  damaged.manifest = ocispec::Marshal(damaged.parsed);
  damaged.target = Describe(ocispec::kMediaTypeImageManifest, damaged.manifest);
  s = import("damaged", damaged).Unpack(ctx(), "");
  EXPECT_FALSE(s.ok());
  EXPECT_THAT(std::string(errdefs::Message(s)),
              HasSubstr("image \"damaged\": apply layer: failed"));

  // Nothing of that stays but the images' content.
  auto snapshotter = client_->GetSnapshotter(ctx(), "");
  ASSERT_TRUE(snapshotter.ok());
  int snapshots = 0;
  EXPECT_TRUE((*snapshotter)
                  ->Walk(ctx(),
                         [&](const Context&, const snapshots::Info&) {
                           ++snapshots;
                           return absl::OkStatus();
                         })
                  .ok());
  EXPECT_EQ(snapshots, 0);
}

}  // namespace
}  // namespace containerd::testing
