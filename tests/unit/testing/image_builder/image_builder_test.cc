// SPDX-License-Identifier: Apache-2.0
#include "containerd/testing/image_builder.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/content/helpers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/image.h"
#include "containerd/testing/status.h"
#include "containerd/testing/stores.h"

namespace containerd::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class ImageBuilderTest : public ::testing::Test {
 protected:
  const MemoryStores stores_;
  const Context ctx_ = WithNamespace(Context::Background(), "test");
};

TEST_F(ImageBuilderTest, AnImageIsWhole) {
  const std::string base = TarOf({{.name = "etc/", .type = tar::kTypeDir, .mode = 0755},
                                  {.name = "etc/motd", .data = "hello"}});
  const std::string top = TarOf({{.name = "bin/sh", .type = tar::kTypeSymlink, .link = "busybox"}});
  const BuiltImage built = BuildImage({.layers = {base, top}, .config = {.cmd = {"/bin/sh"}}});
  ASSERT_THAT(AddImage(ctx_, *stores_.content, *stores_.images, "example.com/a:1", built), IsOk());
  EXPECT_THAT(images::RootFS(ctx_, *stores_.content, built.parsed.config),
              IsOkAndHolds(ElementsAre(digest::FromString(base), digest::FromString(top))));
  for (const ocispec::Descriptor& layer : built.parsed.layers) {
    EXPECT_THAT(content::ReadBlob(ctx_, *stores_.content, layer), IsOk());
  }
  // All of it is held by the image, and is written once.
  EXPECT_THAT(stores_.Collect(ctx_), IsOk());
  EXPECT_THAT(content::ReadBlob(ctx_, *stores_.content, built.parsed.layers[1]),
              IsOkAndHolds(built.blobs[1]));
  EXPECT_THAT(content::ReadBlob(ctx_, *stores_.content, built.parsed.config),
              IsOkAndHolds(built.config));
  EXPECT_THAT(WriteImage(ctx_, *stores_.content, built), IsOk());
  EXPECT_THAT(AddImage(ctx_, *stores_.content, *stores_.images, "example.com/a:1", built),
              StatusIs(errdefs::IsAlreadyExists));
}

TEST_F(ImageBuilderTest, AnIndexNamesEachPlatform) {
  const ocispec::Platform arm{.architecture = "arm64", .os = "linux"};
  const ocispec::Platform s390x{.architecture = "s390x", .os = "linux"};
  const std::string layer = TarOf({{.name = "a", .data = "a"}});
  const BuiltIndex built = BuildIndex({BuildImage({.layers = {layer}, .platform = arm}),
                                       BuildImage({.layers = {layer}, .platform = s390x})});
  ASSERT_THAT(AddImage(ctx_, *stores_.content, *stores_.images, "example.com/b:1", built), IsOk());
  EXPECT_THAT(stores_.Collect(ctx_), IsOk());
  EXPECT_THAT(images::Platforms(ctx_, *stores_.content, built.target),
              IsOkAndHolds(ElementsAre(arm, s390x)));
  auto manifest =
      images::Manifest(ctx_, *stores_.content, built.target, platforms::OnlyStrict(s390x));
  ASSERT_THAT(manifest, IsOk());
  EXPECT_EQ(manifest->config, built.images[1].parsed.config);
  EXPECT_THAT(manifest->layers, SizeIs(1));
}

}  // namespace
}  // namespace containerd::testing
