// SPDX-License-Identifier: Apache-2.0
#include "containerd/snapshotters/annotations.h"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"
#include "containerd/labels/labels.h"
#include "containerd/ocispec/mediatypes.h"

namespace containerd::snapshotters {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

std::string Digest(char c) { return "sha256:" + std::string(64, c); }

images::Handler Gives(images::Descriptors children) {
  return [children = std::move(children)](const Context&, const ocispec::Descriptor&) {
    return children;
  };
}

const ocispec::Descriptor kManifest{.media_type = ocispec::kMediaTypeImageManifest,
                                    .digest = Digest('0')};

TEST(AppendInfoHandlerWrapper, TellsLayersOfTheirImage) {
  const images::Handler handler = AppendInfoHandlerWrapper("example.com/app:1")(
      Gives({{.media_type = ocispec::kMediaTypeImageConfig, .digest = Digest('c')},
             {.media_type = ocispec::kMediaTypeImageLayerGzip, .digest = Digest('1')},
             {.media_type = images::kMediaTypeDockerSchema2LayerGzip, .digest = Digest('2')}}));
  const auto children = handler(Context::Background(), kManifest);
  ASSERT_TRUE(children.ok()) << children.status();
  ASSERT_EQ(children->size(), 3U);
  EXPECT_THAT((*children)[0].annotations, IsEmpty());
  EXPECT_THAT((*children)[1].annotations,
              ElementsAre(Pair(kTargetImageLayersLabel, Digest('1') + "," + Digest('2')),
                          Pair(kTargetRefLabel, "example.com/app:1"),
                          Pair(kTargetLayerDigestLabel, Digest('1')),
                          Pair(kTargetManifestDigestLabel, Digest('0'))));
  EXPECT_EQ((*children)[2].annotations.at(kTargetImageLayersLabel), Digest('2'));
}

TEST(AppendInfoHandlerWrapper, LeavesOutTheLayersThatDoNotFit) {
  const images::Handler handler = AppendInfoHandlerWrapper("ref")(Gives(images::Descriptors(
      100, {.media_type = ocispec::kMediaTypeImageLayer, .digest = Digest('1')})));
  const auto children = handler(Context::Background(), kManifest);
  ASSERT_TRUE(children.ok()) << children.status();
  const std::string label = children->front().annotations.at(kTargetImageLayersLabel);
  EXPECT_TRUE(labels::Validate(kTargetImageLayersLabel, label).ok());
  // One more would not fit.
  EXPECT_FALSE(labels::Validate(kTargetImageLayersLabel, label + "," + Digest('1')).ok());
  EXPECT_TRUE(label.ends_with(Digest('1')));
}

TEST(AppendInfoHandlerWrapper, LeavesOthersAlone) {
  const images::Descriptors layers = {
      {.media_type = ocispec::kMediaTypeImageLayer, .digest = Digest('1')}};
  const auto of_index = AppendInfoHandlerWrapper("ref")(Gives(layers))(
      Context::Background(), {.media_type = ocispec::kMediaTypeImageIndex});
  ASSERT_TRUE(of_index.ok());
  EXPECT_EQ(*of_index, layers);

  const images::Handler fails = [](const Context&, const ocispec::Descriptor&) {
    return absl::StatusOr<images::Descriptors>(errdefs::NotFound("gone"));
  };
  EXPECT_TRUE(errdefs::IsNotFound(
      AppendInfoHandlerWrapper("ref")(fails)(Context::Background(), kManifest).status()));
}

}  // namespace
}  // namespace containerd::snapshotters
