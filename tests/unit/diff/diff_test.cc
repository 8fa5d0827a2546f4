// SPDX-License-Identifier: Apache-2.0
#include "containerd/diff/diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/services/diff/v1/diff.grpc.pb.h"
#include "containerd/services/diff/v1/diff_mock.grpc.pb.h"

#include "tests/support/proto.h"

namespace containerd::diff {

// On a stub of the test's: defined beside the proxy, and declared nowhere else.
std::shared_ptr<DiffService> NewDiffService(
    std::shared_ptr<services::diff::v1::Diff::StubInterface> stub);

namespace {

namespace pb = ::containerd::services::diff::v1;
using ::containerd::testing::Answer;
using ::containerd::testing::EqualsProto;
using ::containerd::testing::Fail;
using ::containerd::testing::Unset;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::StrictMock;

constexpr char kDescriptorFields[] = R"({
    media_type: "application/vnd.oci.image.layer.v1.tar+gzip"
    digest: "sha256:12"
    size: 34
    annotations { key: "n" value: "2" }
  })";

class DiffRemoteTest : public ::testing::Test {
 protected:
  const Context ctx_ = Context::Background();
  const std::shared_ptr<StrictMock<pb::MockDiffStub>> stub_ =
      std::make_shared<StrictMock<pb::MockDiffStub>>();
  const std::shared_ptr<DiffService> service_ = NewDiffService(stub_);
  const ocispec::Descriptor layer_{.media_type = "application/vnd.oci.image.layer.v1.tar+gzip",
                                   .digest = "sha256:12",
                                   .size = 34,
                                   .annotations = {{"n", "2"}}};
  const std::vector<mount::Mount> mounts_ = {
      {.type = "overlay", .source = "o", .target = "t", .options = {"a=b", "ro"}}};
  const std::vector<mount::Mount> others_ = {
      {.type = "bind", .source = "/x", .target = "y", .options = {"rbind"}}};
};

TEST_F(DiffRemoteTest, Apply) {
  const std::string request = "diff " + std::string(kDescriptorFields) + R"(
      mounts { type: "overlay" source: "o" target: "t" options: "a=b" options: "ro" }
      payloads { key: "p" value { type_url: "t/P" value: "x" } }
      sync_fs: true)";
  const std::string response = "applied " + std::string(kDescriptorFields);
  ASSERT_THAT(Unset<pb::ApplyRequest>(request), IsEmpty());
  ASSERT_THAT(Unset<pb::ApplyResponse>(response), IsEmpty());
  EXPECT_CALL(*stub_, Apply(_, EqualsProto(request), _))
      .WillOnce(Answer<pb::ApplyResponse>(response));
  std::vector<std::pair<std::string, std::int64_t>> progress;
  absl::StatusOr<ocispec::Descriptor> applied =
      service_->Apply(ctx_, layer_, mounts_,
                      {WithPayloads({{"p", {.type_url = "t/P", .value = "x"}}}), WithSyncFs(true),
                       WithProgress([&](const ocispec::Descriptor& desc, std::int64_t bytes) {
                         progress.emplace_back(desc.digest, bytes);
                       })});
  ASSERT_TRUE(applied.ok());
  EXPECT_EQ(*applied, layer_);
  EXPECT_THAT(progress, ElementsAre(Pair("sha256:12", 0), Pair("sha256:12", 34)));
}

TEST_F(DiffRemoteTest, ApplyWithoutOptions) {
  EXPECT_CALL(*stub_, Apply(_, EqualsProto("diff " + std::string(kDescriptorFields)), _))
      .WillOnce(Answer<pb::ApplyResponse>());
  EXPECT_EQ(*service_->Apply(ctx_, layer_, {}), ocispec::Descriptor());
}

TEST_F(DiffRemoteTest, Compare) {
  const std::string request = R"(
      left { type: "overlay" source: "o" target: "t" options: "a=b" options: "ro" }
      right { type: "bind" source: "/x" target: "y" options: "rbind" }
      media_type: "m"
      ref: "r"
      labels { key: "l" value: "1" }
      source_date_epoch { seconds: 5 nanos: 6 })";
  const std::string response = "diff " + std::string(kDescriptorFields);
  ASSERT_THAT(Unset<pb::DiffRequest>(request), IsEmpty());
  EXPECT_CALL(*stub_, Diff(_, EqualsProto(request), _))
      .WillOnce(Answer<pb::DiffResponse>(response));
  EXPECT_EQ(
      *service_->Compare(ctx_, mounts_, others_,
                         {WithMediaType("m"), WithReference("r"), WithLabels({{"l", "1"}}),
                          WithSourceDateEpoch(absl::FromUnixSeconds(5) + absl::Nanoseconds(6))}),
      layer_);
}

TEST_F(DiffRemoteTest, CompareTakesTheContextsSourceDateEpoch) {
  const Context ctx = WithSourceDateEpoch(ctx_, absl::FromUnixSeconds(7));
  EXPECT_CALL(*stub_, Diff(_, EqualsProto("source_date_epoch { seconds: 7 }"), _))
      .WillOnce(Answer<pb::DiffResponse>());
  EXPECT_TRUE(service_->Compare(ctx, {}, {}).ok());
  EXPECT_CALL(*stub_, Diff(_, EqualsProto("source_date_epoch { seconds: 8 }"), _))
      .WillOnce(Answer<pb::DiffResponse>());
  EXPECT_TRUE(service_->Compare(ctx, {}, {}, {WithSourceDateEpoch(absl::FromUnixSeconds(8))}).ok());
  EXPECT_CALL(*stub_, Diff(_, EqualsProto(""), _)).WillOnce(Answer<pb::DiffResponse>());
  EXPECT_TRUE(service_->Compare(ctx_, {}, {}, {WithSourceDateEpoch(std::nullopt)}).ok());
}

TEST_F(DiffRemoteTest, Errors) {
  EXPECT_CALL(*stub_, Apply).WillOnce(Fail(grpc::StatusCode::UNIMPLEMENTED, "not supported"));
  EXPECT_CALL(*stub_, Diff).WillOnce(Fail(grpc::StatusCode::UNAVAILABLE, "refused"));
  std::vector<std::int64_t> progress;
  EXPECT_EQ(service_
                ->Apply(ctx_, layer_, mounts_,
                        {WithProgress([&](const ocispec::Descriptor&, std::int64_t bytes) {
                          progress.push_back(bytes);
                        })})
                .status(),
            errdefs::NotImplemented("apply layer \"sha256:12\": not supported"));
  EXPECT_THAT(progress, ElementsAre(0));
  EXPECT_EQ(service_->Compare(ctx_, mounts_, others_).status(),
            errdefs::Unavailable("compare mounts: refused"));
  EXPECT_EQ(service_
                ->Apply(ctx_, layer_, mounts_,
                        {[](const Context&, const ocispec::Descriptor& desc, ApplyConfig*) {
                          return errdefs::Aborted(desc.digest);
                        }})
                .status(),
            errdefs::Aborted("sha256:12"));
  EXPECT_EQ(
      service_->Compare(ctx_, {}, {}, {[](Config*) { return errdefs::Aborted("no"); }}).status(),
      errdefs::Aborted("no"));
}

}  // namespace
}  // namespace containerd::diff
