// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/services/snapshots/v1/snapshots.grpc.pb.h"
#include "containerd/services/snapshots/v1/snapshots_mock.grpc.pb.h"
#include "containerd/snapshots/snapshots.h"

#include "tests/support/proto.h"

namespace containerd::snapshots {

// On a stub of the test's: defined beside the proxy, and declared nowhere else.
std::shared_ptr<Snapshotter> NewSnapshotter(
    std::shared_ptr<services::snapshots::v1::Snapshots::StubInterface> stub, std::string name);

namespace {

namespace pb = ::containerd::services::snapshots::v1;
using ::containerd::testing::Answer;
using ::containerd::testing::EqualsProto;
using ::containerd::testing::Fail;
using ::containerd::testing::Stream;
using ::containerd::testing::Unset;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Return;
using ::testing::StrictMock;

constexpr char kInfoText[] = R"(
  info {
    name: "n"
    parent: "p"
    kind: ACTIVE
    created_at { seconds: 7 nanos: 8 }
    updated_at { seconds: 9 nanos: 10 }
    labels { key: "l" value: "1" }
  })";

constexpr char kMountsText[] = R"(
  mounts { type: "overlay" source: "overlay" target: "sub" options: "a=b" options: "ro" }
  mounts { type: "bind" source: "/x" target: "/y" options: "rbind" })";

class ProxySnapshotterTest : public ::testing::Test {
 protected:
  const Context ctx_ = Context::Background();
  const std::shared_ptr<StrictMock<pb::MockSnapshotsStub>> stub_ =
      std::make_shared<StrictMock<pb::MockSnapshotsStub>>();
  const std::shared_ptr<Snapshotter> snapshotter_ = NewSnapshotter(stub_, "sn");
  const Info info_{.kind = Kind::kActive,
                   .name = "n",
                   .parent = "p",
                   .labels = {{"l", "1"}},
                   .created = absl::FromUnixSeconds(7) + absl::Nanoseconds(8),
                   .updated = absl::FromUnixSeconds(9) + absl::Nanoseconds(10)};
  const std::vector<mount::Mount> mounts_ = {
      {.type = "overlay", .source = "overlay", .target = "sub", .options = {"a=b", "ro"}},
      {.type = "bind", .source = "/x", .target = "/y", .options = {"rbind"}}};
};

TEST_F(ProxySnapshotterTest, Stat) {
  ASSERT_THAT(Unset<pb::StatSnapshotResponse>(kInfoText), IsEmpty());
  EXPECT_CALL(*stub_, Stat(_, EqualsProto(R"pb(snapshotter: "sn" key: "n")pb"), _))
      .WillOnce(Answer<pb::StatSnapshotResponse>(kInfoText));
  EXPECT_EQ(*snapshotter_->Stat(ctx_, "n"), info_);
}

TEST_F(ProxySnapshotterTest, Kinds) {
  struct Case {
    Kind kind;
    std::string sent;
    std::string received;
    Kind want;
  };
  for (const Case& c : {Case{Kind::kActive, "ACTIVE", "ACTIVE", Kind::kActive},
                        Case{Kind::kView, "VIEW", "VIEW", Kind::kView},
                        Case{Kind::kCommitted, "COMMITTED", "COMMITTED", Kind::kCommitted},
                        Case{Kind::kUnknown, "COMMITTED", "UNKNOWN", Kind::kCommitted}}) {
    EXPECT_CALL(*stub_, Update(_,
                               EqualsProto(R"pb(snapshotter: "sn"
                                                update_mask {}
                                                info { kind:)pb" +
                                           c.sent + " }"),
                               _))
        .WillOnce(Answer<pb::UpdateSnapshotResponse>("info { kind: " + c.received + " }"));
    EXPECT_EQ(snapshotter_->Update(ctx_, {.kind = c.kind})->kind, c.want);
  }
}

TEST_F(ProxySnapshotterTest, Update) {
  const std::string request =
      std::string(kInfoText) +
      R"(snapshotter: "sn" update_mask { paths: "labels.l" paths: "labels.m" })";
  ASSERT_THAT(Unset<pb::UpdateSnapshotRequest>(request), IsEmpty());
  EXPECT_CALL(*stub_, Update(_, EqualsProto(request), _))
      .WillOnce(Answer<pb::UpdateSnapshotResponse>(kInfoText));
  EXPECT_EQ(*snapshotter_->Update(ctx_, info_, {"labels.l", "labels.m"}), info_);
}

TEST_F(ProxySnapshotterTest, Usage) {
  EXPECT_CALL(*stub_, Usage(_, EqualsProto(R"pb(snapshotter: "sn" key: "n")pb"), _))
      .WillOnce(Answer<pb::UsageResponse>("size: 12 inodes: 3"));
  EXPECT_EQ(*snapshotter_->Usage(ctx_, "n"), (snapshots::Usage{.inodes = 3, .size = 12}));
}

TEST_F(ProxySnapshotterTest, Mounts) {
  ASSERT_THAT(Unset<pb::MountsResponse>(kMountsText), IsEmpty());
  EXPECT_CALL(*stub_, Mounts(_, EqualsProto(R"pb(snapshotter: "sn" key: "n")pb"), _))
      .WillOnce(Answer<pb::MountsResponse>(kMountsText));
  EXPECT_EQ(*snapshotter_->Mounts(ctx_, "n"), mounts_);
}

TEST_F(ProxySnapshotterTest, PrepareAndView) {
  const std::string request =
      R"(snapshotter: "sn" key: "n" parent: "p" labels { key: "l" value: "1" })";
  ASSERT_THAT(Unset<pb::PrepareSnapshotRequest>(request), IsEmpty());
  ASSERT_THAT(Unset<pb::ViewSnapshotRequest>(request), IsEmpty());
  EXPECT_CALL(*stub_, Prepare(_, EqualsProto(request), _))
      .WillOnce(Answer<pb::PrepareSnapshotResponse>(kMountsText));
  EXPECT_CALL(*stub_, View(_, EqualsProto(request), _))
      .WillOnce(Answer<pb::ViewSnapshotResponse>(kMountsText));
  EXPECT_EQ(*snapshotter_->Prepare(ctx_, "n", "p", {WithLabels({{"l", "1"}})}), mounts_);
  EXPECT_EQ(*snapshotter_->View(ctx_, "n", "p", {WithLabels({{"l", "1"}})}), mounts_);
}

TEST_F(ProxySnapshotterTest, Commit) {
  const std::string request =
      R"(snapshotter: "sn" name: "m" key: "n" parent: "p" labels { key: "l" value: "1" })";
  ASSERT_THAT(Unset<pb::CommitSnapshotRequest>(request), IsEmpty());
  EXPECT_CALL(*stub_, Commit(_, EqualsProto(request), _))
      .WillOnce(Answer<google::protobuf::Empty>());
  EXPECT_TRUE(
      snapshotter_->Commit(ctx_, "m", "n", {WithLabels({{"l", "1"}}), WithParent("p")}).ok());
}

TEST_F(ProxySnapshotterTest, AFailingOptionEndsTheCallBeforeItIsMade) {
  const std::vector<Opt> opts = {[](Info*) { return errdefs::Aborted("no"); }};
  EXPECT_EQ(snapshotter_->Prepare(ctx_, "n", "", opts).status(), errdefs::Aborted("no"));
  EXPECT_EQ(snapshotter_->View(ctx_, "n", "", opts).status(), errdefs::Aborted("no"));
  EXPECT_EQ(snapshotter_->Commit(ctx_, "m", "n", opts), errdefs::Aborted("no"));
}

TEST_F(ProxySnapshotterTest, RemoveCleanupClose) {
  EXPECT_CALL(*stub_, Remove(_, EqualsProto(R"pb(snapshotter: "sn" key: "n")pb"), _))
      .WillOnce(Answer<google::protobuf::Empty>());
  EXPECT_CALL(*stub_, Cleanup(_, EqualsProto(R"pb(snapshotter: "sn")pb"), _))
      .WillOnce(Answer<google::protobuf::Empty>());
  EXPECT_TRUE(snapshotter_->Remove(ctx_, "n").ok());
  auto* cleaner = dynamic_cast<Cleaner*>(snapshotter_.get());
  ASSERT_NE(cleaner, nullptr);
  EXPECT_TRUE(cleaner->Cleanup(ctx_).ok());
  EXPECT_TRUE(snapshotter_->Close().ok());
  EXPECT_TRUE(snapshotter_->Close().ok());
}

TEST_F(ProxySnapshotterTest, Walk) {
  EXPECT_CALL(*stub_, ListRaw(_, EqualsProto(R"pb(snapshotter: "sn"
                                                  filters: "kind==active"
                                                  filters: "b")pb")))
      .WillOnce(Return(Stream<pb::ListSnapshotsResponse>(
          {R"(info { name: "a" } info { name: "b" })", "", R"(info { name: "c" })"})));
  std::vector<std::string> names;
  EXPECT_TRUE(snapshotter_
                  ->Walk(ctx_,
                         [&](const Context&, const Info& info) {
                           names.push_back(info.name);
                           return absl::OkStatus();
                         },
                         {"kind==active", "b"})
                  .ok());
  EXPECT_THAT(names, ElementsAre("a", "b", "c"));
}

TEST_F(ProxySnapshotterTest, WalkEndsWithTheFirstErrorOfItsFunction) {
  EXPECT_CALL(*stub_, ListRaw)
      .WillOnce(Return(Stream<pb::ListSnapshotsResponse>(
          {R"(info { name: "a" } info { name: "b" })", R"(info { name: "c" })"},
          grpc::Status(grpc::StatusCode::CANCELLED, "cancelled"))));
  int calls = 0;
  EXPECT_EQ(snapshotter_->Walk(ctx_,
                               [&](const Context&, const Info&) {
                                 ++calls;
                                 return errdefs::Aborted("enough");
                               }),
            errdefs::Aborted("enough"));
  EXPECT_EQ(calls, 1);
}

TEST_F(ProxySnapshotterTest, WalkReportsAStreamThatBreaks) {
  EXPECT_CALL(*stub_, ListRaw)
      .WillOnce(Return(Stream<pb::ListSnapshotsResponse>(
          {R"(info { name: "a" })"}, grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone"))));
  int calls = 0;
  EXPECT_EQ(snapshotter_->Walk(ctx_,
                               [&](const Context&, const Info&) {
                                 ++calls;
                                 return absl::OkStatus();
                               }),
            errdefs::Unavailable("walk snapshots of \"sn\": gone"));
  EXPECT_EQ(calls, 1);
}

TEST_F(ProxySnapshotterTest, ErrorsKeepTheirClassAndNameTheSnapshot) {
  const auto gone = Fail(grpc::StatusCode::UNAVAILABLE, "refused");
  EXPECT_CALL(*stub_, Stat)
      .WillOnce(Fail(grpc::StatusCode::NOT_FOUND, "snapshot key does not exist: not found"));
  EXPECT_CALL(*stub_, Update).WillOnce(gone);
  EXPECT_CALL(*stub_, Usage).WillOnce(gone);
  EXPECT_CALL(*stub_, Mounts).WillOnce(gone);
  EXPECT_CALL(*stub_, Prepare).WillOnce(gone);
  EXPECT_CALL(*stub_, View).WillOnce(gone);
  EXPECT_CALL(*stub_, Commit).WillOnce(gone);
  EXPECT_CALL(*stub_, Remove).WillOnce(gone);
  EXPECT_CALL(*stub_, Cleanup).WillOnce(gone);
  EXPECT_EQ(snapshotter_->Stat(ctx_, "key").status(),
            errdefs::NotFound("snapshot key does not exist"));
  EXPECT_EQ(snapshotter_->Update(ctx_, {.name = "n"}).status(),
            errdefs::Unavailable("update snapshot \"n\": refused"));
  EXPECT_EQ(snapshotter_->Usage(ctx_, "n").status(),
            errdefs::Unavailable("usage of snapshot \"n\": refused"));
  EXPECT_EQ(snapshotter_->Mounts(ctx_, "n").status(),
            errdefs::Unavailable("mounts of snapshot \"n\": refused"));
  EXPECT_EQ(snapshotter_->Prepare(ctx_, "n", "").status(),
            errdefs::Unavailable("prepare snapshot \"n\": refused"));
  EXPECT_EQ(snapshotter_->View(ctx_, "n", "").status(),
            errdefs::Unavailable("view snapshot \"n\": refused"));
  EXPECT_EQ(snapshotter_->Commit(ctx_, "m", "n"),
            errdefs::Unavailable("commit snapshot \"n\": refused"));
  EXPECT_EQ(snapshotter_->Remove(ctx_, "n"),
            errdefs::Unavailable("remove snapshot \"n\": refused"));
  EXPECT_EQ(dynamic_cast<Cleaner&>(*snapshotter_).Cleanup(ctx_),
            errdefs::Unavailable("clean up snapshotter \"sn\": refused"));
}

}  // namespace
}  // namespace containerd::snapshots
