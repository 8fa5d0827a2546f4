// SPDX-License-Identifier: Apache-2.0
//
// Containers in user namespaces, on snapshots whose files belong to the mapped ids.
#include "containerd/userns/userns.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/snapshots/snapshots.h"
#include "containerd/testing/image_builder.h"

#include "container_fixture.h"
#include "harness.h"

namespace containerd::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

using IDs = std::vector<specs::LinuxIDMapping>;

class UserNSTest : public ContainerTest {
 protected:
  // Busybox with a program that has the set-user-id bit, and a file of another owner.
  void SetUp() override {
    const BuiltImage built = BuildImage(
        {.layers = {BusyboxLayer(),
                    TarOf({{.name = "run/", .type = tar::kTypeDir, .mode = 0755},
                           {.name = "usr/", .type = tar::kTypeDir, .mode = 0755},
                           {.name = "usr/bin/", .type = tar::kTypeDir, .mode = 0755},
                           {.name = "usr/bin/passwd", .data = "#!/bin/sh\n", .mode = 04755},
                           {.name = "owned", .data = "", .mode = 0600, .uid = 34, .gid = 34}})},
         .config = {.env = {"PATH=/bin:/usr/bin"}, .cmd = {"sh"}}});
    constexpr char kName[] = "docker.io/library/userns:latest";
    io::StringReader archive(TarOf(OCIFiles(built, {kName})));
    auto imported = client_->Import(ctx(), archive);
    ASSERT_TRUE(imported.ok()) << imported.status();
    auto image = client_->GetImage(ctx(), kName);
    ASSERT_TRUE(image.ok()) << image.status();
    const absl::Status unpacked = image->Unpack(ctx(), "");
    ASSERT_TRUE(unpacked.ok()) << unpacked;
    image_ = std::make_unique<Image>(*std::move(image));
  }

  std::vector<std::string> Snapshots() {
    std::vector<std::string> names;
    const absl::Status walked = client_->SnapshotService("overlayfs")
                                    ->Walk(ctx(), [&](const Context&, const snapshots::Info& info) {
                                      names.push_back(info.name);
                                      return absl::OkStatus();
                                    });
    EXPECT_TRUE(walked.ok()) << walked;
    return names;
  }

  // No part of a remapping that failed, or was not needed after all.
  void ExpectNoLeftovers() {
    EXPECT_THAT(Snapshots(), ::testing::Not(Contains(HasSubstr("-remap"))));
  }

  // Runs a shell command in a container with that snapshot, as user 34.
  absl::StatusOr<Outcome> RunMapped(const std::string& id, const NewContainerOpts& snapshot,
                                    const IDs& uids, const IDs& gids, const std::string& command) {
    auto container = client_->NewContainer(
        ctx(), id,
        {snapshot,
         WithNewSpec({oci::WithImageConfig(*image_), oci::WithProcessArgs({"sh", "-c", command}),
                      oci::WithUserID(34), oci::WithUserNamespace(uids, gids)})});
    if (!container.ok()) return container.status();
    const auto host = userns::IDMap{uids, gids}.ToHost({34, 0});
    if (!host.ok()) return host.status();
    auto out = std::make_shared<cio::Buffer>();
    auto err = std::make_shared<cio::Buffer>();
    auto task = container->NewTask(ctx(), Streams({}, out, err),
                                   {WithUIDOwner(host->uid), WithGIDOwner(host->gid)});
    if (!task.ok()) return task.status();
    const Future<ExitStatus> exit = task->Wait(ctx());
    if (absl::Status s = task->Start(ctx()); !s.ok()) {
      static_cast<void>(task->Delete(ctx(), {WithProcessKill}));
      return s;
    }
    auto status = exit.Get(WithTimeout(ctx(), absl::Seconds(60)));
    if (!status.ok()) return status.status();
    Outcome outcome{*status, out->String(), err->String()};
    if (auto deleted = task->Delete(ctx()); !deleted.ok()) return deleted.status();
    if (absl::Status s = container->Delete(ctx(), {WithSnapshotCleanup}); !s.ok()) return s;
    return outcome;
  }
};

TEST_F(UserNSTest, UserNamespaces) {
  const IDs one_uids = {{.container_id = 0, .host_id = 1000, .size = 65535}};
  const IDs one_gids = {{.container_id = 0, .host_id = 2000, .size = 65535}};
  const IDs two_uids = {{.container_id = 0, .host_id = 0, .size = 10},
                        {.container_id = 10, .host_id = 1000, .size = 65535}};
  const IDs two_gids = {{.container_id = 0, .host_id = 0, .size = 20},
                        {.container_id = 20, .host_id = 2000, .size = 65535}};
  const char* const kExit7 = "exit 7";
  const char* const kCheckSetUID = "[ -u /usr/bin/passwd ] && exit 7";
  const char* const kCheckOwners = "set -- $(ls -ln /owned); [ \"$3\" = 34 ] && exit 7";
  const struct {
    const char* name;
    bool readonly;
    const IDs& uids;
    const IDs& gids;
    const char* command;
  } kRows[] = {
      {"WritableRootFS", false, one_uids, one_gids, kExit7},
      {"ReadonlyRootFS", true, one_uids, one_gids, kExit7},
      {"CheckSetUidBit", false, one_uids, one_gids, kCheckSetUID},
      {"WritableRootFSMultipleMap", false, two_uids, two_gids, kExit7},
      {"ReadonlyRootFSMultipleMap", true, two_uids, two_gids, kExit7},
      {"CheckSetUidBitMultipleMap", false, two_uids, two_gids, kCheckSetUID},
      {"CheckOwners", false, one_uids, one_gids, kCheckOwners},
  };
  for (const auto& row : kRows) {
    SCOPED_TRACE(row.name);
    const std::string id = Name();
    const bool several = row.uids.size() > 1;
    NewContainerOpts snapshot =
        several ? (row.readonly ? WithUserNSRemappedSnapshotView(id, *image_, row.uids, row.gids)
                                : WithUserNSRemappedSnapshot(id, *image_, row.uids, row.gids))
                : (row.readonly ? WithRemappedSnapshotView(id, *image_, 1000, 2000)
                                : WithRemappedSnapshot(id, *image_, 1000, 2000));
    auto outcome = RunMapped(id, snapshot, row.uids, row.gids, row.command);
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(outcome->exit.ExitCode(), 7U) << outcome->out << outcome->err;
  }
  ExpectNoLeftovers();
}

TEST_F(UserNSTest, ManyThreadsRemapOneImage) {
  constexpr int kThreads = 6;
  std::vector<absl::Status> results(kThreads, absl::UnknownError("did not run"));
  std::vector<std::thread> threads;
  for (absl::Status& result : results) {
    threads.emplace_back([this, &result, id = Name()] {
      result =
          client_
              ->NewContainer(ctx(), id,
                             {WithRemappedSnapshot(id, *image_, 300000, 300000), WithNewSpec()})
              .status();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& result : results) EXPECT_TRUE(result.ok()) << result;
  ExpectNoLeftovers();
}

TEST_F(UserNSTest, AnOwnerOutsideOfTheMappingIsNamed) {
  const IDs few = {{.container_id = 0, .host_id = 1000, .size = 10}};
  const std::string id = Name();
  const auto container =
      client_->NewContainer(ctx(), id, {WithUserNSRemappedSnapshot(id, *image_, few, few)});
  EXPECT_TRUE(errdefs::IsInvalidArgument(container.status())) << container.status();
  EXPECT_THAT(Text(container.status()), HasSubstr("\"/owned\""));
  EXPECT_THAT(Text(container.status()), HasSubstr("34"));
  ExpectNoLeftovers();
  EXPECT_THAT(Snapshots(), ::testing::Not(Contains(id)));
}

TEST_F(UserNSTest, IDMappedOverlay) {
  const auto capabilities = client_->GetSnapshotterCapabilities(ctx(), "overlayfs");
  ASSERT_TRUE(capabilities.ok()) << capabilities.status();
  const bool maps =
      std::find(capabilities->begin(), capabilities->end(), "remap-ids") != capabilities->end();
  if (!maps) GTEST_SKIP() << "the daemon's overlayfs can't map ids on mounts";
  const IDs uids = {{.container_id = 0, .host_id = 33, .size = 100},
                    {.container_id = 100, .host_id = 333, .size = 65536}};
  const IDs gids = {{.container_id = 0, .host_id = 66, .size = 100},
                    {.container_id = 100, .host_id = 666, .size = 65536}};
  const struct {
    const char* name;
    snapshots::Opt opt;
    std::uint32_t uid;
    std::uint32_t gid;
  } kRows[] = {
      {"SingleMapping", WithRemapperLabels(0, 33, 0, 33, 65535), 33, 33},
      {"MultiMapping", WithUserNSRemapperLabels(uids, gids), 33, 66},
  };
  for (const auto& row : kRows) {
    SCOPED_TRACE(row.name);
    const std::string id = Name();
    auto container = client_->NewContainer(
        ctx(), id,
        {WithSnapshotter("overlayfs"), WithNewSnapshot(id, *image_, {row.opt}),
         WithNewSpec({oci::WithImageConfig(*image_), oci::WithUserNamespace(uids, gids)})});
    ASSERT_TRUE(container.ok()) << container.status();
    const auto mounts = client_->SnapshotService("overlayfs")->Mounts(ctx(), id);
    ASSERT_TRUE(mounts.ok()) << mounts.status();
    ASSERT_EQ(mounts->front().type, "overlay");
    std::string upper;
    for (const std::string& option : mounts->front().options) {
      if (option.starts_with("upperdir=")) upper = option.substr(9);
    }
    struct stat st {};
    ASSERT_EQ(::stat(upper.c_str(), &st), 0) << upper;
    EXPECT_EQ(st.st_uid, row.uid);
    EXPECT_EQ(st.st_gid, row.gid);
    EXPECT_TRUE(container->Delete(ctx(), {WithSnapshotCleanup}).ok());
  }
}

// What WithNewSnapshot makes of the labels: shifted by the snapshotter or remapped here, or refused
// by a snapshotter that could do it on another host.
TEST_F(UserNSTest, LabelsOfANewSnapshotAreEnough) {
  const IDs ids = {{.container_id = 0, .host_id = 100000, .size = 65536}};
  const std::string id = Name();
  auto outcome = RunMapped(id, WithNewSnapshot(id, *image_, {WithUserNSRemapperLabels(ids, ids)}),
                           ids, ids, "for f in / /owned; do set -- $(ls -ldn $f); echo $3; done");
  const auto capabilities = client_->GetSnapshotterCapabilities(ctx(), "overlayfs");
  ASSERT_TRUE(capabilities.ok()) << capabilities.status();
  const auto has = [&](const char* name) {
    return std::find(capabilities->begin(), capabilities->end(), name) != capabilities->end();
  };
  if (has("only-remap-ids") && !has("remap-ids")) {
    EXPECT_TRUE(errdefs::IsNotImplemented(outcome.status())) << outcome.status();
    return;
  }
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->out, "0\n34\n") << outcome->err;
}

}  // namespace
}  // namespace containerd::testing
