// SPDX-License-Identifier: Apache-2.0
//
// Snapshots with other owners. The mappings here move nothing, so that no root is needed; package
// userns tests the moving, and the integration tests both together.
#include "containerd/snapshotter_opts.h"

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/container.h"
#include "containerd/container_opts.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/testing/mocks/client.h"
#include "containerd/testing/stores.h"

#include "src/client/remap.h"
#include "tests/support/contents.h"

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
        image_(Image(daemon_.client, stores_.AddImage("testing", "example.com/app:1", built_))),
        parent_(digest::FromString(built_.layers.front()).String()),
        remapped_(internal::RemappedID(parent_, {kSame, kSame})) {
    // What the stores do, but that there is something that can be mounted.
    ON_CALL(*daemon_.snapshotter, Prepare)
        .WillByDefault([this](const Context& ctx, std::string_view key, std::string_view parent,
                              const std::vector<snapshots::Opt>& opts) {
          if (on_prepare_) on_prepare_(key);
          return With(mounts_, stores_.snapshotter->Prepare(ctx, key, parent, opts));
        });
    ON_CALL(*daemon_.snapshotter, View)
        .WillByDefault([this](const Context& ctx, std::string_view key, std::string_view parent,
                              const std::vector<snapshots::Opt>& opts) {
          return With(mounts_, stores_.snapshotter->View(ctx, key, parent, opts));
        });
    ON_CALL(*daemon_.snapshotter, Mounts)
        .WillByDefault([this](const Context& ctx, std::string_view key) {
          return With(mounts_, stores_.snapshotter->Mounts(ctx, key));
        });
  }

  using Mounts = std::vector<mount::Mount>;
  static absl::StatusOr<Mounts> With(const Mounts& mounts, const absl::StatusOr<Mounts>& made) {
    if (!made.ok()) return made.status();
    return mounts;
  }

  // A snapshot that somebody else has committed.
  void Add(const std::string& name, const std::string& parent, const Labels& labels = {}) {
    EXPECT_TRUE(stores_.snapshotter->Prepare(ctx_, "another's", parent).ok());
    EXPECT_TRUE(
        stores_.snapshotter->Commit(ctx_, name, "another's", {snapshots::WithLabels(labels)}).ok());
  }

  std::vector<std::string> Names() { return testing::SnapshotNames(ctx_, *stores_.snapshotter); }

  // What the daemon says of the snapshotter.
  void SetCapabilities(std::vector<std::string> capabilities) {
    ON_CALL(*daemon_.introspection, Plugins)
        .WillByDefault(::testing::Return(
            std::vector<introspection::Plugin>{{.type = "io.containerd.snapshotter.v1",
                                                .id = "fake",
                                                .capabilities = std::move(capabilities)}}));
  }

  absl::StatusOr<Container> New(const std::string& id, NewContainerOpts opt) {
    return daemon_.client.NewContainer(ctx_, id, {WithSnapshotter("fake"), std::move(opt)});
  }

  absl::StatusOr<snapshots::Info> Stat(const std::string& name) {
    return stores_.snapshotter->Stat(ctx_, name);
  }

  static std::string Text(const absl::Status& status) {
    return std::string(errdefs::Message(status));
  }

  const Context ctx_ = WithNamespace(Context::Background(), "testing");
  const testing::MemoryStores stores_{"fake"};
  testing::MockDaemon daemon_{stores_, {WithDefaultRuntime("io.containerd.runc.v2")}};
  Mounts mounts_;
  std::function<void(std::string_view key)> on_prepare_;
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
  EXPECT_THAT(Names(), UnorderedElementsAre(parent_, remapped_, "a", "b"));
  EXPECT_EQ(Stat(remapped_)->kind, snapshots::Kind::kCommitted);
  EXPECT_EQ(Stat(remapped_)->parent, parent_);
  EXPECT_EQ(Stat("a")->parent, remapped_);
  EXPECT_EQ(Stat("a")->kind, snapshots::Kind::kActive);
  // Read-only also when the remapped snapshot is there already.
  EXPECT_EQ(Stat("b")->kind, snapshots::Kind::kView);

  const auto record = stores_.containers->Get(ctx_, "a");
  EXPECT_EQ(record->snapshot_key, "a");
  EXPECT_EQ(record->snapshotter, "fake");
  EXPECT_EQ(record->image, "example.com/app:1");
}

TEST_F(RemapOptsTest, OneRangeIsOf65536IDs) {
  // What is moved for real needs root; the name of the snapshot tells the mapping.
  const IDs uids = {{.container_id = 0, .host_id = 1000, .size = 65536}};
  const IDs gids = {{.container_id = 0, .host_id = 2000, .size = 65536}};
  Add(internal::RemappedID(parent_, {uids, gids}), parent_);
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

  mounts_ = {{.type = "bind", .source = "/nonexistent/of/this/test"}};
  const auto unmountable = New("a", WithUserNSRemappedSnapshot("a", image_, kSame, kSame));
  EXPECT_FALSE(unmountable.ok());
  mounts_.clear();

  ON_CALL(*daemon_.snapshotter, Commit)
      .WillByDefault(::testing::Return(errdefs::Unavailable("down")));
  const auto uncommitted = New("a", WithUserNSRemappedSnapshot("a", image_, kSame, kSame));
  EXPECT_TRUE(errdefs::IsUnavailable(uncommitted.status())) << uncommitted.status();

  EXPECT_THAT(Names(), ElementsAre(parent_));
  EXPECT_EQ(stores_.containers->List(ctx_)->size(), 0U);
}

TEST_F(RemapOptsTest, AnotherThatIsFasterCounts) {
  ON_CALL(*daemon_.snapshotter, Commit)
      .WillByDefault([&](const Context& ctx, std::string_view name, std::string_view key,
                         const std::vector<snapshots::Opt>& opts) {
        Add(std::string(name), parent_, {{"by", "another"}});
        return stores_.snapshotter->Commit(ctx, name, key, opts);
      });
  auto a = New("a", WithUserNSRemappedSnapshot("a", image_, kSame, kSame));
  ASSERT_TRUE(a.ok()) << a.status();
  EXPECT_THAT(Names(), UnorderedElementsAre(parent_, remapped_, "a"));
  EXPECT_THAT(Stat(remapped_)->labels, ElementsAre(Pair("by", "another")));
}

TEST_F(RemapOptsTest, OneThatIsCollectedMeanwhileIsMadeAgain) {
  int removed = 0;
  on_prepare_ = [&](std::string_view key) {
    if (key != "a" || removed == 2) return;
    ++removed;
    EXPECT_TRUE(stores_.snapshotter->Remove(ctx_, remapped_).ok());
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
  EXPECT_EQ(Names().size(), 2U + 8U);
}

TEST_F(RemapOptsTest, AnImageThatIsNotUnpackedIsNotFound) {
  ASSERT_TRUE(stores_.snapshotter->Remove(ctx_, parent_).ok());
  const auto a = New("a", WithUserNSRemappedSnapshot("a", image_, kSame, kSame));
  EXPECT_TRUE(errdefs::IsNotFound(a.status())) << a.status();
  EXPECT_THAT(Text(a.status()), HasSubstr(parent_));
}

// WithNewSnapshot, for a snapshotter that can shift owners, one that can't, and one that could.
TEST_F(RemapOptsTest, LabelsOfANewSnapshot) {
  const auto labels = WithUserNSRemapperLabels(kSame, kSame);
  SetCapabilities({"rebase", "remap-ids"});
  ASSERT_TRUE(New("able", WithNewSnapshot("able", image_, {labels})).ok());
  EXPECT_EQ(Stat("able")->parent, parent_);
  EXPECT_EQ(Stat("able")->labels[snapshots::kLabelSnapshotUIDMapping], "0:0:2147483647");

  SetCapabilities({});
  ASSERT_TRUE(New("unable", WithNewSnapshotView("unable", image_, {labels})).ok());
  EXPECT_EQ(Stat("unable")->parent, remapped_);
  EXPECT_EQ(Stat("unable")->kind, snapshots::Kind::kView);

  SetCapabilities({"only-remap-ids"});
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
  EXPECT_THAT(Names(), Not(ElementsAre("a")));
}

}  // namespace
}  // namespace containerd
