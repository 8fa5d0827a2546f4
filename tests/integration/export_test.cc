// SPDX-License-Identifier: Apache-2.0
//
// Archives of a real daemon's images, and whether others take them: ctr, skopeo, and this library's
// own import. Scenarios that containerd runs against its own client have the names that they have
// there.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"
#include "containerd/images/annotations.h"
#include "containerd/images/archive.h"
#include "containerd/images/handlers.h"
#include "containerd/images/image.h"
#include "containerd/images/mediatypes.h"
#include "containerd/leases/leases.h"
#include "containerd/testing/image_builder.h"

#include "container_fixture.h"
#include "harness.h"
#include "registry.h"

namespace containerd::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

namespace archive = images::archive;

constexpr char kName[] = "docker.io/library/export:1";

std::map<std::string, std::string> EntriesOf(const std::string& archive) {
  std::map<std::string, std::string> entries;
  io::StringReader input(archive);
  tar::Reader reader(input);
  for (;;) {
    auto header = reader.Next({});
    EXPECT_TRUE(header.ok()) << header.status();
    if (!header.ok() || !header->has_value()) return entries;
    auto data = io::ReadAll({}, reader, std::size_t{64} << 20);
    EXPECT_TRUE(data.ok()) << data.status();
    entries[(*header)->name] = data.value_or("");
  }
}

class ExportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ocispec::Index list;
    list.schema_version = 2;
    for (const char* other : {"linux/s390x", "linux/riscv64"}) Add(other, list);
    Add(platforms::DefaultString(), list);
    index_text_ = ocispec::Marshal(list);
    index_ = Describe(ocispec::kMediaTypeImageIndex, index_text_);
    ours_ = list.manifests.back();
  }

  const Context& ctx() const { return ns_.ctx(); }

  // Brings the image of three platforms in: all of it, or the content for this machine.
  void Have(bool all, const std::string& name = kName) {
    std::vector<TarFile> files = {LayoutFile(), IndexFile(index_, {name}), BlobFile(index_text_)};
    for (const BuiltImage& image : images_) {
      const bool is_ours = image.target.digest == ours_.digest;
      files.push_back(BlobFile(image.manifest));
      if (!all && !is_ours) continue;
      for (const std::string& blob : {image.config, image.blobs[0], image.blobs[1]}) {
        files.push_back(BlobFile(blob));
      }
    }
    io::StringReader reader(TarOf(files));
    auto imported = client_->Import(ctx(), reader, {WithAllPlatforms(true), WithSkipMissing()});
    ASSERT_TRUE(imported.ok()) << imported.status();
  }

  absl::StatusOr<std::string> Export(const std::vector<archive::ExportOpt>& opts) {
    std::string out;
    io::StringWriter writer(&out);
    if (absl::Status s = client_->Export(ctx(), writer, opts); !s.ok()) return s;
    return out;
  }

  archive::ExportOpt Image(const std::string& name = kName) {
    return archive::WithImage(client_->ImageService(), name);
  }

  // Whether the archive has all that the descriptor leads to.
  bool Has(const std::map<std::string, std::string>& entries, const ocispec::Descriptor& target) {
    bool all = true;
    const absl::Status s =
        images::Walk(ctx(),
                     [&](const Context& c,
                         const ocispec::Descriptor& desc) -> absl::StatusOr<images::Descriptors> {
                       const std::string name =
                           fmt::format("blobs/sha256/{}", digest::Digest(desc.digest).Encoded());
                       if (!entries.contains(name)) {
                         all = false;
                         return images::ErrSkipDesc();
                       }
                       return images::Children(c, *client_->ContentStore(), desc);
                     },
                     {target});
    EXPECT_TRUE(s.ok()) << s;
    return all;
  }

  static void ExpectLayout(const std::map<std::string, std::string>& entries, bool docker) {
    EXPECT_TRUE(entries.contains("oci-layout"));
    EXPECT_TRUE(entries.contains("index.json"));
    EXPECT_EQ(entries.contains("manifest.json"), docker);
  }

  const std::shared_ptr<Client> client_ = SharedClient();
  const TestNamespace ns_{*client_};
  std::vector<BuiltImage> images_;
  std::string index_text_;
  ocispec::Descriptor index_;
  ocispec::Descriptor ours_;  // The manifest for this machine.

 private:
  void Add(const std::string& name, ocispec::Index& list) {
    const ocispec::Platform platform = platforms::MustParse(name);
    images_.push_back(BuildImage({.layers = {TarOf({{.name = "shared", .data = "by all"}}),
                                             TarOf({{.name = "platform", .data = name}})},
                                  .platform = platform}));
    list.manifests.push_back(images_.back().target);
    list.manifests.back().platform = platform;
  }
};

// What a manifest of an index is, as Go's test finds it.
TEST_F(ExportTest, ExportAllCases) {
  const auto store = client_->ContentStore();
  {
    SCOPED_TRACE("export all platforms without SkipMissing");
    Have(false);
    const auto out = Export({Image(), archive::WithPlatform(platforms::All())});
    EXPECT_TRUE(errdefs::IsNotFound(out.status())) << out.status();
  }
  {
    SCOPED_TRACE("export all platforms with SkipMissing");
    const auto out =
        Export({Image(), archive::WithPlatform(platforms::All()), archive::WithSkipMissing(store)});
    ASSERT_TRUE(out.ok()) << out.status();
    const auto entries = EntriesOf(*out);
    ExpectLayout(entries, true);
    EXPECT_TRUE(Has(entries, ours_));
    EXPECT_FALSE(Has(entries, index_));
  }
  Have(true);
  {
    SCOPED_TRACE("export full image");
    const auto out = Export({Image(), archive::WithPlatform(platforms::All())});
    ASSERT_TRUE(out.ok()) << out.status();
    const auto entries = EntriesOf(*out);
    ExpectLayout(entries, true);
    EXPECT_TRUE(Has(entries, index_));
  }
  {
    SCOPED_TRACE("export multi-platform with SkipDockerManifest");
    const auto out =
        Export({Image(), archive::WithManifest(index_), archive::WithSkipDockerManifest()});
    ASSERT_TRUE(out.ok()) << out.status();
    const auto entries = EntriesOf(*out);
    ExpectLayout(entries, false);
    EXPECT_TRUE(Has(entries, index_));
  }
  {
    SCOPED_TRACE("export single-platform with SkipDockerManifest");
    const auto out = Export({archive::WithManifest(ours_), archive::WithSkipDockerManifest()});
    ASSERT_TRUE(out.ok()) << out.status();
    const auto entries = EntriesOf(*out);
    ExpectLayout(entries, false);
    EXPECT_TRUE(Has(entries, ours_));
  }
  {
    SCOPED_TRACE("export image setting ocispec.AnnotationRefName");
    const std::string by_digest = "docker.io/library/export@" + index_.digest;
    Have(true, by_digest);
    const auto out = Export({Image(by_digest), archive::WithPlatform(platforms::All())});
    ASSERT_TRUE(out.ok()) << out.status();
    const auto index = ocispec::Unmarshal<ocispec::Index>(EntriesOf(*out).at("index.json"));
    ASSERT_TRUE(index.ok()) << index.status();
    ASSERT_EQ(index->manifests.size(), 1U);
    const std::string ref = index->manifests[0].annotations.at("org.opencontainers.image.ref.name");
    // The grammar of the image-spec.
    const std::string part = "[A-Za-z0-9]+(([-._:@+]|--)[A-Za-z0-9]+)*";
    EXPECT_THAT(ref, ::testing::MatchesRegex(fmt::format("{}(/{})*", part, part)));
  }
  {
    SCOPED_TRACE("export index only");
    for (const BuiltImage& image : images_) {
      for (const std::string& blob :
           {image.manifest, image.config, image.blobs[0], image.blobs[1]}) {
        const absl::Status s = store->Delete(ctx(), digest::FromString(blob));
        EXPECT_TRUE(s.ok() || errdefs::IsNotFound(s)) << s;
      }
    }
    const auto out = Export({Image(), archive::WithSkipMissing(store)});
    ASSERT_TRUE(out.ok()) << out.status();
    const auto entries = EntriesOf(*out);
    ExpectLayout(entries, false);
    EXPECT_FALSE(entries.contains(BlobPath(images_.back().manifest)));
    EXPECT_TRUE(entries.contains(BlobPath(index_text_)));
  }
}

TEST_F(ExportTest, ManyImagesOfChosenPlatformsComeBackTheSame) {
  Have(true);
  std::vector<images::Image> images;
  for (int i = 0; i < 10; ++i) {
    auto image = client_->ImageService()->Create(
        ctx(),
        {.name = fmt::format("example.com/many:{}", i), .target = i % 2 == 0 ? index_ : ours_});
    ASSERT_TRUE(image.ok()) << image.status();
    images.push_back(*std::move(image));
  }
  const std::vector<archive::ExportOpt> opts = {archive::WithImages(images),
                                                archive::WithPlatform(platforms::DefaultStrict())};
  const auto first = Export(opts);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(*Export(opts) == *first) << "another archive each time";
  const auto entries = EntriesOf(*first);
  EXPECT_TRUE(Has(entries, ours_));
  EXPECT_FALSE(entries.contains(BlobPath(images_[0].config))) << "of another platform";

  const TestNamespace other{*client_};
  io::StringReader reader(*first);
  const auto imported = client_->Import(other.ctx(), reader);
  ASSERT_TRUE(imported.ok()) << imported.status();
  ASSERT_EQ(imported->size(), images.size());
  for (std::size_t i = 0; i < images.size(); ++i) {
    EXPECT_EQ(imported->at(i).name, images[i].name);
    EXPECT_EQ(imported->at(i).target.digest, images[i].target.digest);
    auto unpacked = containerd::Image(*client_, imported->at(i)).Unpack(other.ctx(), "");
    EXPECT_TRUE(unpacked.ok()) << unpacked;
  }
}

TEST_F(ExportTest, EndsWithItsContextAndItsWriter) {
  Have(true);
  class Full final : public io::Writer {
   public:
    absl::Status Write(const Context& /*ctx*/, std::string_view /*data*/) override {
      return errdefs::ResourceExhausted("disk full");
    }
  } full;
  absl::Status s = client_->Export(ctx(), full, {Image()});
  EXPECT_TRUE(errdefs::IsResourceExhausted(s)) << s;
  auto [cancelled, cancel] = WithCancel(ctx());
  cancel();
  std::string out;
  io::StringWriter writer(&out);
  s = client_->Export(cancelled, writer, {Image()});
  EXPECT_TRUE(errdefs::IsCanceled(s)) << s;
  EXPECT_EQ(out, "");
  EXPECT_TRUE(errdefs::IsNotFound(Export({Image("no-such-image")}).status()));
}

// ---- Others.

std::string CtrPath() {
  const char* bin = std::getenv("CONTAINERD_CPP_DAEMON_BIN");
  return bin == nullptr ? "ctr" : fmt::format("{}/ctr", bin);
}

class ExportInteropTest : public ExportTest {
 protected:
  void SetUp() override {
    if (!Installed(CtrPath()) || !Installed("skopeo")) GTEST_SKIP() << "no ctr, or no skopeo";
    ExportTest::SetUp();
    auto image = ImportBusybox(*client_, ctx());
    ASSERT_TRUE(image.ok()) << image.status();
  }

  std::string Ctr(const Context& ctx, std::vector<std::string> args) {
    args.insert(args.begin(),
                {CtrPath(), "-a", SharedAddress(), "-n", ctx.Namespace().value_or("")});
    return RunProgram(std::move(args));
  }

  std::string Path(const std::string& name) const { return dir_.path() + "/" + name; }

  std::string Write(const std::string& name, const std::string& data) const {
    std::ofstream(Path(name), std::ios::binary) << data;
    return Path(name);
  }

  // Imports a file into a namespace of its own, and runs nothing but unpacks it.
  void ExpectImports(const std::string& path, const std::string& name,
                     const std::string& target = "") {
    const TestNamespace other{*client_};
    io::StringReader reader(ReadFile(path));
    const auto imported = client_->Import(other.ctx(), reader);
    ASSERT_TRUE(imported.ok()) << imported.status();
    ASSERT_EQ(imported->size(), 1U);
    EXPECT_EQ(imported->at(0).name, name);
    if (!target.empty()) {
      EXPECT_EQ(imported->at(0).target.digest, target);
    }
    const containerd::Image image = containerd::Image(*client_, imported->at(0));
    const absl::Status s = image.Unpack(other.ctx(), "");
    EXPECT_TRUE(s.ok()) << s;
    EXPECT_EQ(*image.RootFS(other.ctx()), *client_->GetImage(ctx(), kBusyboxName)->RootFS(ctx()));
  }

  const TestDir dir_;
};

TEST_F(ExportInteropTest, CtrTakesWhatWasExported) {
  const std::string path = Write("ours.tar", *Export({Image(kBusyboxName)}));
  const auto image = client_->GetImage(ctx(), kBusyboxName);
  ASSERT_TRUE(image.ok()) << image.status();
  const TestNamespace other{*client_};
  ASSERT_EQ(Ctr(other.ctx(), {"images", "import", path}), "");
  const auto imported = client_->GetImage(other.ctx(), kBusyboxName);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->Target().digest, image->Target().digest);
}

TEST_F(ExportInteropTest, WhatCtrExportsIsImported) {
  const std::string target = client_->GetImage(ctx(), kBusyboxName)->Target().digest;
  // Through the transfer service ctr may end before it has written all that it received.
  for (int tries = 0; tries < 10; ++tries) {
    ASSERT_EQ(Ctr(ctx(), {"images", "export", Path("ctr.tar"), kBusyboxName}), "");
    if (RunProgram({"tar", "--list", "--file", Path("ctr.tar")}).empty()) break;
  }
  ExpectImports(Path("ctr.tar"), kBusyboxName, target);
  // Here the Go client exports; from 2.0 on it writes what we write.
  if (!Ctr(ctx(), {"images", "export", "--local", Path("local.tar"), kBusyboxName}).empty()) return;
  const auto ours =
      Export({Image(kBusyboxName), archive::WithPlatform(platforms::DefaultStrict())});
  ASSERT_TRUE(ours.ok()) << ours.status();
  const std::string theirs = ReadFile(Path("local.tar"));
  EXPECT_EQ(EntriesOf(*ours), EntriesOf(theirs));
  EXPECT_TRUE(*ours == theirs) << "the same entries, but not the same bytes";
}

TEST_F(ExportInteropTest, SkopeoReadsWhatWasExported) {
  const auto whole = Export({Image(kBusyboxName), archive::WithPlatform(platforms::Default())});
  ASSERT_TRUE(whole.ok()) << whole.status();
  const std::string path = Write("ours.tar", *whole);
  const TestDir copies;
  for (const char* format : {"oci-archive", "docker-archive"}) {
    SCOPED_TRACE(format);
    EXPECT_EQ(RunProgram({"skopeo", "inspect", "--raw", fmt::format("{}:{}", format, path)}), "");
    EXPECT_EQ(RunProgram({"skopeo", "--insecure-policy", "copy", fmt::format("{}:{}", format, path),
                          fmt::format("dir:{}/{}", copies.path(), format)}),
              "");
  }
}

TEST_F(ExportInteropTest, WhatSkopeoWritesIsImported) {
  const std::string from = "oci-archive:" + Write("ours.tar", *Export({Image(kBusyboxName)}));
  ASSERT_EQ(RunProgram({"skopeo", "--insecure-policy", "copy", from,
                        fmt::format("docker-archive:{}:busybox:latest", Path("docker.tar"))}),
            "");
  ExpectImports(Path("docker.tar"), kBusyboxName);
  ASSERT_EQ(RunProgram({"skopeo", "--insecure-policy", "copy", from,
                        fmt::format("oci-archive:{}:{}", Path("oci.tar"), kBusyboxName)}),
            "");
  ExpectImports(Path("oci.tar"), kBusyboxName);
}

}  // namespace
}  // namespace containerd::testing
