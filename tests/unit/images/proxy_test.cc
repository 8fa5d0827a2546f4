// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/store.h"
#include "containerd/services/images/v1/images.grpc.pb.h"
#include "containerd/services/images/v1/images_mock.grpc.pb.h"

#include "tests/support/proto.h"

namespace containerd::images {

// On a stub of the test's: defined beside the proxy, and declared nowhere else.
std::shared_ptr<Store> NewImageStore(
    std::shared_ptr<services::images::v1::Images::StubInterface> stub);

namespace {

namespace pb = ::containerd::services::images::v1;
using ::containerd::testing::Answer;
using ::containerd::testing::EqualsProto;
using ::containerd::testing::Fail;
using ::containerd::testing::Unset;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StrictMock;

constexpr char kImageText[] = R"(
  image {
    name: "docker.io/library/a:1"
    labels { key: "l" value: "1" }
    target {
      media_type: "application/vnd.oci.image.index.v1+json"
      digest: "sha256:12"
      size: 34
      annotations { key: "n" value: "2" }
    }
    created_at { seconds: 7 nanos: 8 }
    updated_at { seconds: 9 nanos: 10 }
  })";

class RemoteImagesTest : public ::testing::Test {
 protected:
  const Context ctx_ = Context::Background();
  const std::shared_ptr<StrictMock<pb::MockImagesStub>> stub_ =
      std::make_shared<StrictMock<pb::MockImagesStub>>();
  const std::shared_ptr<Store> store_ = NewImageStore(stub_);
  const Image image_{.name = "docker.io/library/a:1",
                     .labels = {{"l", "1"}},
                     .target = {.media_type = "application/vnd.oci.image.index.v1+json",
                                .digest = "sha256:12",
                                .size = 34,
                                .annotations = {{"n", "2"}}},
                     .created_at = absl::FromUnixSeconds(7) + absl::Nanoseconds(8),
                     .updated_at = absl::FromUnixSeconds(9) + absl::Nanoseconds(10)};
};

TEST_F(RemoteImagesTest, Get) {
  ASSERT_THAT(Unset<pb::GetImageResponse>(kImageText), IsEmpty());
  EXPECT_CALL(*stub_, Get(_, EqualsProto(R"pb(name: "docker.io/library/a:1")pb"), _))
      .WillOnce(Answer<pb::GetImageResponse>(kImageText));
  EXPECT_EQ(*store_->Get(ctx_, image_.name), image_);
}

TEST_F(RemoteImagesTest, AnEmptyAnswerIsAnEmptyImage) {
  EXPECT_CALL(*stub_, Get).WillOnce(Answer<pb::GetImageResponse>());
  EXPECT_EQ(*store_->Get(ctx_, "a"), Image());
}

TEST_F(RemoteImagesTest, List) {
  EXPECT_CALL(*stub_, List(_, EqualsProto(R"pb(filters: "name==a" filters: "name==b")pb"), _))
      .WillOnce(Answer<pb::ListImagesResponse>(R"(images { name: "a" } images { name: "b" })"));
  EXPECT_THAT(*store_->List(ctx_, {"name==a", "name==b"}),
              ElementsAre(Image{.name = "a"}, Image{.name = "b"}));
}

TEST_F(RemoteImagesTest, CreateAndUpdate) {
  EXPECT_CALL(*stub_, Create(_, EqualsProto(kImageText), _))
      .WillOnce(Answer<pb::CreateImageResponse>(kImageText));
  EXPECT_EQ(*store_->Create(ctx_, image_), image_);
  EXPECT_CALL(*stub_, Update(_, EqualsProto(kImageText), _))
      .WillOnce(Answer<pb::UpdateImageResponse>(kImageText));
  EXPECT_EQ(*store_->Update(ctx_, image_), image_);
  const std::string mask = R"(update_mask { paths: "labels.l" paths: "target" })";
  EXPECT_CALL(*stub_, Update(_, EqualsProto(kImageText + mask), _))
      .WillOnce(Answer<pb::UpdateImageResponse>(kImageText));
  EXPECT_EQ(*store_->Update(ctx_, image_, {"labels.l", "target"}), image_);
}

TEST_F(RemoteImagesTest, SourceDateEpochGoesWithCreateAndUpdate) {
  const Context ctx = WithSourceDateEpoch(ctx_, absl::FromUnixSeconds(5));
  const std::string epoch = "source_date_epoch { seconds: 5 }";
  const std::string image = R"(image { name: "a" target {} })";
  EXPECT_CALL(*stub_, Create(_, EqualsProto(image + epoch), _))
      .WillOnce(Answer<pb::CreateImageResponse>());
  EXPECT_CALL(*stub_, Update(_, EqualsProto(image + epoch), _))
      .WillOnce(Answer<pb::UpdateImageResponse>());
  EXPECT_TRUE(store_->Create(ctx, {.name = "a"}).ok());
  EXPECT_TRUE(store_->Update(ctx, {.name = "a"}).ok());
}

TEST_F(RemoteImagesTest, Delete) {
  const std::string all = R"(
      name: "a"
      sync: true
      target {
        media_type: "application/vnd.oci.image.index.v1+json"
        digest: "sha256:12"
        size: 34
        annotations { key: "n" value: "2" }
      })";
  ASSERT_THAT(Unset<pb::DeleteImageRequest>(all), IsEmpty());
  EXPECT_CALL(*stub_, Delete(_, EqualsProto(R"pb(name: "a")pb"), _))
      .WillOnce(Answer<google::protobuf::Empty>());
  EXPECT_TRUE(store_->Delete(ctx_, "a").ok());
  EXPECT_CALL(*stub_, Delete(_, EqualsProto(all), _)).WillOnce(Answer<google::protobuf::Empty>());
  EXPECT_TRUE(store_->Delete(ctx_, "a", {SynchronousDelete(), DeleteTarget(image_.target)}).ok());
  EXPECT_EQ(store_->Delete(ctx_, "a",
                           {[](const Context&, DeleteOptions*) { return errdefs::Aborted("no"); }}),
            errdefs::Aborted("no"));
}

TEST_F(RemoteImagesTest, ErrorsKeepTheirClassAndNameTheImage) {
  const auto gone = Fail(grpc::StatusCode::UNAVAILABLE, "refused");
  EXPECT_CALL(*stub_, Get).WillOnce(Fail(grpc::StatusCode::NOT_FOUND, "image \"a\": not found"));
  EXPECT_CALL(*stub_, List).WillOnce(gone);
  EXPECT_CALL(*stub_, Create).WillOnce(gone);
  EXPECT_CALL(*stub_, Update).WillOnce(gone);
  EXPECT_CALL(*stub_, Delete).WillOnce(gone);
  EXPECT_EQ(store_->Get(ctx_, "a").status(), errdefs::NotFound("image \"a\""));
  EXPECT_EQ(store_->List(ctx_).status(), errdefs::Unavailable("list images: refused"));
  EXPECT_EQ(store_->Create(ctx_, {.name = "a"}).status(),
            errdefs::Unavailable("create image \"a\": refused"));
  EXPECT_EQ(store_->Update(ctx_, {.name = "a"}).status(),
            errdefs::Unavailable("update image \"a\": refused"));
  EXPECT_EQ(store_->Delete(ctx_, "a"), errdefs::Unavailable("delete image \"a\": refused"));
}

}  // namespace
}  // namespace containerd::images
