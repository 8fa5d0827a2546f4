// SPDX-License-Identifier: Apache-2.0
//
// Snapshots with other owners. The mappings here move nothing, so that no root is needed; package
// userns tests the moving, and the integration tests both together.
#include "containerd/snapshotter_opts.h"

#include <atomic>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/container.h"
#include "containerd/container_opts.h"
#include "containerd/errdefs/errdefs.h"

#include "src/client/remap.h"
#include "tests/support/fake_daemon.h"

namespace containerd {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

using IDs = std::vector<specs::LinuxIDMapping>;

const IDs kSame = {{.container_id = 0, .host_id = 0, .size = 0x7fffffff}};

class RemapOptsTest : public ::testing::Test {
 protected:
  RemapOptsTest()
      : built_(testing::BuildImage({.layers = {testing::TarOf({{.name = "hello"}})}})),
        image_(Image(daemon_.client, daemon_.AddImage("example.com/app:1", built_))),
        parent_(digest::FromString(built_.layers.front()).String()),
        remapped_(internal::RemappedID(parent_, {kSame, kSame})) {}

  absl::StatusOr<Container> New(const std::string& id, NewContainerOpts opt) {
    return daemon_.client.NewContainer(ctx_, id, {WithSnapshotter("fake"), std::move(opt)});
  }

  absl::StatusOr<snapshots::Info> Stat(const std::string& name) {
    return daemon_.snapshotter->Stat(ctx_, name);
  }

  static std::string Text(const absl::Status& status) {
    return std::string(errdefs::Message(status));
  }

  const Context ctx_ = WithNamespace(Context::Background(), "testing");
  testing::FakeDaemon daemon_;
  const testing::BuiltImage built_;
  const Image image_;
  const std::string parent_;
  const std::string remapped_;
};

TEST(RemappedID, IsThatOfTheGoClient) {
  const std::string parent = "sha256:" + std::string(64, 'a');
  EXPECT_EQ(internal::RemappedID(parent, {{{.container_id = 0, .host_id = 1000, .size = 65536}},
                                          {{.container_id = 0, .host_id = 2000, .size = 65536}}}),
            "sha256:acccd57099a617cd417744f09bc5c7dafd44913284eeb259e11ade65d1c13b2a");
  // In any order of the ranges, and Go's null for none.
  EXPECT_EQ(internal::RemappedID(parent, {{{.container_id = 10, .host_id = 1000, .size = 65535},
                                           {.container_id = 0, .host_id = 0, .size = 10}},
                                          {}}),
            "sha256:67bfe0baacd3b299d0d374e594958304e48fbf2392110a999ab61f96f25deeb2");
}

TEST(RemapperLabels, AreWhatSnapshottersRead) {
  snapshots::Info info{.name = "a", .labels = {{"kept", "yes"}}};
  ASSERT_TRUE(WithRemapperLabels(0, 1000, 1, 2000, 65536)(&info).ok());
  EXPECT_THAT(info.labels,
              UnorderedElementsAre(Pair("kept", "yes"),
                                   Pair(snapshots::kLabelSnapshotUIDMapping, "0:1000:65536"),
                                   Pair(snapshots::kLabelSnapshotGIDMapping, "1:2000:65536")));
  ASSERT_TRUE(WithUserNSRemapperLabels({{.container_id = 0, .host_id = 0, .size = 10},
                                        {.container_id = 10, .host_id = 1000, .size = 20}},
                                       {{.container_id = 0, .host_id = 5, .size = 1}})(&info)
                  .ok());
  EXPECT_EQ(info.labels[snapshots::kLabelSnapshotUIDMapping], "0:0:10,10:1000:20");
  EXPECT_EQ(info.labels[snapshots::kLabelSnapshotGIDMapping], "0:5:1");
}

TEST_F(RemapOptsTest, ContainersShareTheRemappedSnapshot) {
  auto a = New("a", WithUserNSRemappedSnapshot("a", image_, kSame, kSame));
  ASSERT_TRUE(a.ok()) << a.status();
  auto b = New("b", WithUserNSRemappedSnapshotView("b", image_, kSame, kSame));
  ASSERT_TRUE(b.ok()) << b.status();
  EXPECT_THAT(daemon_.snapshotter->Names(), UnorderedElementsAre(parent_, remapped_, "a", "b"));
  EXPECT_EQ(Stat(remapped_)->kind, snapshots::Kind::kCommitted);
  EXPECT_EQ(Stat(remapped_)->parent, parent_);
  EXPECT_EQ(Stat("a")->parent, remapped_);
  EXPECT_EQ(Stat("a")->kind, snapshots::Kind::kActive);
  // Read-only also when the remapped snapshot is there already.
  EXPECT_EQ(Stat("b")->kind, snapshots::Kind::kView);

  const auto record = daemon_.containers->records.Get("a");
  EXPECT_EQ(record->snapshot_key, "a");
  EXPECT_EQ(record->snapshotter, "fake");
  EXPECT_EQ(record->image, "example.com/app:1");
}

TEST_F(RemapOptsTest, OneRangeIsOf65536IDs) {
  // What is moved for real needs root; the name of the snapshot tells the mapping.
  const IDs uids = {{.container_id = 0, .host_id = 1000, .size = 65536}};
  const IDs gids = {{.container_id = 0, .host_id = 2000, .size = 65536}};
  daemon_.snapshotter->Add({.kind = snapshots::Kind::kCommitted,
                            .name = internal::RemappedID(parent_, {uids, gids}),
                            .parent = parent_});
  ASSERT_TRUE(New("a", WithRemappedSnapshot("a", image_, 1000, 2000)).ok());
  ASSERT_TRUE(New("b", WithRemappedSnapshotView("b", image_, 1000, 2000)).ok());
  EXPECT_EQ(Stat("a")->parent, internal::RemappedID(parent_, {uids, gids}));
  EXPECT_EQ(Stat("b")->kind, snapshots::Kind::kView);
}

TEST_F(RemapOptsTest, AFailureLeavesNothingBehind) {
  const auto outside =
      New("a", WithUserNSRemappedSnapshot("a", image_,
                                          {{.container_id = 5, .host_id = 5, .size = 1}}, kSame));
  EXPECT_TRUE(errdefs::IsInvalidArgument(outside.status())) << outside.status();
  EXPECT_THAT(Text(outside.status()), HasSubstr("example.com/app:1"));

  daemon_.snapshotter->mounts = {{.type = "bind", .source = "/nonexistent/of/this/test"}};
  const auto unmountable = New("a", WithUserNSRemappedSnapshot("a", image_, kSame, kSame));
  EXPECT_FALSE(unmountable.ok());
  daemon_.snapshotter->mounts.clear();

  daemon_.snapshotter->on_commit = [](std::string_view) { return errdefs::Unavailable("down"); };
  const auto uncommitted = New("a", WithUserNSRemappedSnapshot("a", image_, kSame, kSame));
  EXPECT_TRUE(errdefs::IsUnavailable(uncommitted.status())) << uncommitted.status();

  EXPECT_THAT(daemon_.snapshotter->Names(), ElementsAre(parent_));
  EXPECT_EQ(daemon_.containers->records.size(), 0U);
}

TEST_F(RemapOptsTest, AnotherThatIsFasterCounts) {
  daemon_.snapshotter->on_commit = [&](std::string_view name) {
    daemon_.snapshotter->Add({.kind = snapshots::Kind::kCommitted,
                              .name = std::string(name),
                              .parent = parent_,
                              .labels = {{"by", "another"}}});
    return absl::OkStatus();
  };
  auto a = New("a", WithUserNSRemappedSnapshot("a", image_, kSame, kSame));
  ASSERT_TRUE(a.ok()) << a.status();
  EXPECT_THAT(daemon_.snapshotter->Names(), UnorderedElementsAre(parent_, remapped_, "a"));
  EXPECT_THAT(Stat(remapped_)->labels, ElementsAre(Pair("by", "another")));
}

TEST_F(RemapOptsTest, OneThatIsCollectedMeanwhileIsMadeAgain) {
  int removed = 0;
  daemon_.snapshotter->on_prepare = [&](const snapshots::Info& info) {
    if (info.name != "a" || removed == 2) return absl::OkStatus();
    ++removed;
    return daemon_.snapshotter->Remove(ctx_, remapped_);
  };
  auto a = New("a", WithUserNSRemappedSnapshot("a", image_, kSame, kSame));
  ASSERT_TRUE(a.ok()) << a.status();
  EXPECT_EQ(removed, 2);
}

TEST_F(RemapOptsTest, ManyAtOnce) {
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, id = "c" + std::to_string(i)] {
      if (!New(id, WithUserNSRemappedSnapshot(id, image_, kSame, kSame)).ok()) ++failed;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(daemon_.snapshotter->Names().size(), 2U + 8U);
}

TEST_F(RemapOptsTest, AnImageThatIsNotUnpackedIsNotFound) {
  ASSERT_TRUE(daemon_.snapshotter->Remove(ctx_, parent_).ok());
  const auto a = New("a", WithUserNSRemappedSnapshot("a", image_, kSame, kSame));
  EXPECT_TRUE(errdefs::IsNotFound(a.status())) << a.status();
  EXPECT_THAT(Text(a.status()), HasSubstr(parent_));
}

// WithNewSnapshot, for a snapshotter that can shift owners, one that can't, and one that could.
TEST_F(RemapOptsTest, LabelsOfANewSnapshot) {
  const auto labels = WithUserNSRemapperLabels(kSame, kSame);
  daemon_.introspection->capabilities = {"rebase", "remap-ids"};
  ASSERT_TRUE(New("able", WithNewSnapshot("able", image_, {labels})).ok());
  EXPECT_EQ(Stat("able")->parent, parent_);
  EXPECT_EQ(Stat("able")->labels[snapshots::kLabelSnapshotUIDMapping], "0:0:2147483647");

  daemon_.introspection->capabilities = {};
  ASSERT_TRUE(New("unable", WithNewSnapshotView("unable", image_, {labels})).ok());
  EXPECT_EQ(Stat("unable")->parent, remapped_);
  EXPECT_EQ(Stat("unable")->kind, snapshots::Kind::kView);

  daemon_.introspection->capabilities = {"only-remap-ids"};
  const auto refused = New("refused", WithNewSnapshot("refused", image_, {labels}));
  EXPECT_TRUE(errdefs::IsNotImplemented(refused.status())) << refused.status();
  EXPECT_THAT(Text(refused.status()), AllOf(HasSubstr("\"fake\""), HasSubstr("slow_chown")));

  // Without such labels nothing is remapped.
  ASSERT_TRUE(
      New("plain", WithNewSnapshot("plain", image_, {snapshots::WithLabels({{"a", "b"}})})).ok());
  EXPECT_EQ(Stat("plain")->parent, parent_);
}

TEST_F(RemapOptsTest, LabelsThatAreNoMapping) {
  const auto bad = New(
      "a", WithNewSnapshot("a", image_,
                           {snapshots::WithLabels({{snapshots::kLabelSnapshotUIDMapping, "x"}})}));
  EXPECT_TRUE(errdefs::IsInvalidArgument(bad.status())) << bad.status();
  EXPECT_THAT(Text(bad.status()), HasSubstr("\"x\""));
  EXPECT_THAT(daemon_.snapshotter->Names(), Not(ElementsAre("a")));
}

}  // namespace
}  // namespace containerd
