// SPDX-License-Identifier: Apache-2.0
//
// Images of a real daemon converted. Scenarios that containerd runs against its own client have the
// names that they have there.
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"
#include "containerd/images/converter/compress.h"
#include "containerd/images/converter/converter.h"
#include "containerd/images/converter/uncompress.h"
#include "containerd/images/image.h"
#include "containerd/images/mediatypes.h"
#include "containerd/leases/leases.h"
#include "containerd/testing/image_builder.h"

#include "container_fixture.h"
#include "harness.h"

namespace containerd::testing {
namespace {

using ::testing::IsEmpty;

namespace converter = images::converter;

class ConvertTest : public ContainerTest {
 protected:
  // Lets the garbage collector take what nothing holds.
  void CollectGarbage() {
    auto manager = client_->LeasesService();
    auto lease =
        manager->Create(ctx(), {leases::WithRandomID(), leases::WithExpiration(absl::Hours(1))});
    ASSERT_TRUE(lease.ok()) << lease.status();
    ASSERT_TRUE(manager->Delete(ctx(), *lease, {leases::SynchronousDelete}).ok());
  }

  // Brings an index of this platform and others in, of Docker's types, with busybox.
  void ImportDocker(const std::string& name) {
    ocispec::Index list;
    list.schema_version = 2;
    list.media_type = images::kMediaTypeDockerSchema2ManifestList;
    std::vector<TarFile> files;
    for (const std::string& other :
         {platforms::DefaultString(), std::string("linux/s390x"), std::string("linux/riscv64")}) {
      const ocispec::Platform platform = platforms::MustParse(other);
      BuiltImage image =
          BuildImage({.layers = {BusyboxLayer(), TarOf({{.name = "platform", .data = other}})},
                      .platform = platform,
                      .config = {.env = {"PATH=/bin"}, .cmd = {"sh"}}});
      image.parsed.media_type = images::kMediaTypeDockerSchema2Manifest;
      image.parsed.config.media_type = images::kMediaTypeDockerSchema2Config;
      for (ocispec::Descriptor& layer : image.parsed.layers) {
        layer.media_type = images::kMediaTypeDockerSchema2LayerGzip;
      }
      image.manifest = ocispec::Marshal(image.parsed);
      list.manifests.push_back(Describe(images::kMediaTypeDockerSchema2Manifest, image.manifest));
      list.manifests.back().platform = platform;
      for (const std::string& blob :
           {image.manifest, image.config, image.blobs[0], image.blobs[1]}) {
        files.push_back(BlobFile(blob));
      }
    }
    const std::string text = ocispec::Marshal(list);
    files.push_back(BlobFile(text));
    files.push_back(LayoutFile());
    files.push_back(IndexFile(Describe(images::kMediaTypeDockerSchema2ManifestList, text), {name}));
    io::StringReader reader(TarOf(files));
    auto imported = client_->Import(ctx(), reader, {WithAllPlatforms(true)});
    ASSERT_TRUE(imported.ok()) << imported.status();
  }

  // That the image has all its content after a collection, unpacks and runs.
  void ExpectRuns(const images::Image& record) {
    CollectGarbage();
    image_ = std::make_unique<Image>(*client_, record);
    const absl::Status unpacked = image_->Unpack(ctx(), "");
    ASSERT_TRUE(unpacked.ok()) << unpacked;
    const auto outcome = Run({"sh", "-c", "echo converted"});
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(outcome->out, "converted\n") << outcome->err;
  }
};

TEST_F(ConvertTest, Convert) {
  const std::string source = "docker.io/library/multi:1";
  ImportDocker(source);
  const std::string target = source + "-testconvert";
  const auto platform = platforms::DefaultStrict();
  const auto image =
      converter::Convert(ctx(), *client_, target, source,
                         {converter::WithDockerToOCI(true),
                          converter::WithLayerConvertFunc(converter::uncompress::LayerConvertFunc),
                          converter::WithPlatform(platform)});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->name, target);
  CollectGarbage();
  const auto store = client_->ContentStore();
  const auto all = images::Platforms(ctx(), *store, image->target);
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->size(), 1U);
  EXPECT_TRUE(platform->Match(all->at(0)));
  const auto manifest = images::Manifest(ctx(), *store, image->target, platform);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->media_type, ocispec::kMediaTypeImageManifest);
  EXPECT_EQ(manifest->config.media_type, ocispec::kMediaTypeImageConfig);
  ASSERT_EQ(manifest->layers.size(), 2U);
  for (const ocispec::Descriptor& layer : manifest->layers) {
    EXPECT_EQ(layer.media_type, ocispec::kMediaTypeImageLayer);
  }
  ExpectRuns(*image);
  EXPECT_THAT(*client_->LeasesService()->List(ctx()), IsEmpty());
  EXPECT_THAT(*store->ListStatuses(ctx()), IsEmpty());
}

TEST_F(ConvertTest, EveryCompressionRuns) {
  // Each from what came of the one before.
  std::string source = kBusyboxName;
  const auto diff_ids = client_->GetImage(ctx(), source)->RootFS(ctx());
  ASSERT_TRUE(diff_ids.ok());
  for (const auto to : {compression::Compression::kZstd, compression::Compression::kUncompressed,
                        compression::Compression::kGzip, compression::Compression::kZstd}) {
    SCOPED_TRACE(compression::Extension(to));
    const std::string target =
        fmt::format("docker.io/library/converted:{}x", compression::Extension(to));
    const auto image = converter::Convert(
        ctx(), *client_, target, source,
        {converter::WithLayerConvertFunc(converter::compress::LayerConvertFunc(to))});
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ(*containerd::Image(*client_, *image).RootFS(ctx()), *diff_ids);
    // So that nothing but the labels of the new image holds its content.
    ASSERT_TRUE(client_->ImageService()->Delete(ctx(), source, {images::SynchronousDelete()}).ok());
    ExpectRuns(*image);
    source = target;
  }
}

TEST_F(ConvertTest, InPlaceAndBack) {
  const std::string name = "docker.io/library/multi:1";
  ImportDocker(name);
  const auto before = client_->ImageService()->Get(ctx(), name);
  ASSERT_TRUE(before.ok());
  auto image = converter::Convert(ctx(), *client_, name, name, {converter::WithDockerToOCI(true)});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->target.media_type, ocispec::kMediaTypeImageIndex);
  CollectGarbage();
  image = converter::Convert(ctx(), *client_, name, name, {converter::WithOCIToDocker(true)});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->target.digest, before->target.digest);
  ExpectRuns(*image);
}

TEST_F(ConvertTest, FailuresLeaveNothing) {
  const auto blobs = [&] {
    std::vector<std::string> digests;
    EXPECT_TRUE(client_->ContentStore()
                    ->Walk(ctx(),
                           [&](const content::Info& info) {
                             digests.push_back(info.digest);
                             return absl::OkStatus();
                           })
                    .ok());
    return digests;
  };
  CollectGarbage();
  const std::vector<std::string> before = blobs();
  auto image = converter::Convert(ctx(), *client_, "b", "no-such-image");
  EXPECT_TRUE(errdefs::IsNotFound(image.status())) << image.status();

  // The first layer is converted, then the manifest's callback fails.
  image = converter::Convert(
      ctx(), *client_, "b", kBusyboxName,
      {converter::WithLayerConvertFunc(converter::uncompress::LayerConvertFunc),
       converter::WithUpdateManifest(
           [](const Context&, content::Store&, const ocispec::Descriptor&,
              const ocispec::Descriptor&) -> absl::StatusOr<std::optional<ocispec::Descriptor>> {
             return errdefs::Aborted("enough");
           })});
  EXPECT_TRUE(errdefs::IsAborted(image.status())) << image.status();
  EXPECT_TRUE(errdefs::IsNotFound(client_->ImageService()->Get(ctx(), "b").status()));
  EXPECT_THAT(*client_->LeasesService()->List(ctx()), IsEmpty());
  EXPECT_THAT(*client_->ContentStore()->ListStatuses(ctx()), IsEmpty());
  CollectGarbage();
  EXPECT_EQ(blobs(), before);
}

}  // namespace
}  // namespace containerd::testing
