// SPDX-License-Identifier: Apache-2.0
//
// The daemon's mount manager, which containerd has since 2.2.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <absl/time/time.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"
#include "containerd/digest/identity.h"

#include "container_fixture.h"
#include "harness.h"

namespace containerd {
namespace {

using ::testing::IsEmpty;

bool HasMountManager(const Context& ctx) {
  return !errdefs::IsNotImplemented(testing::SharedClient()->MountManager()->List(ctx).status());
}

TEST(MountManagerTest, MountManager) {
  const auto client = testing::SharedClient();
  const testing::TestNamespace ns(*client);
  if (!HasMountManager(ns.ctx())) GTEST_SKIP() << "the daemon has no mount manager";
  const auto mounts = client->MountManager()->List(ns.ctx());
  ASSERT_OK(mounts);
  EXPECT_THAT(*mounts, IsEmpty());
}

TEST(MountManagerTest, ActivatesUntilDeactivated) {
  const auto client = testing::SharedClient();
  const testing::TestNamespace ns(*client);
  const Context ctx = WithTimeout(ns.ctx(), absl::Minutes(1));
  const auto manager = client->MountManager();
  auto list = manager->List(ctx);
  if (errdefs::IsNotImplemented(list.status())) {
    EXPECT_TRUE(errdefs::IsNotImplemented(manager->Info(ctx, "x").status()));
    EXPECT_TRUE(errdefs::IsNotImplemented(manager->Activate(ctx, "x", {}).status()));
    EXPECT_TRUE(errdefs::IsNotImplemented(manager->Deactivate(ctx, "x")));
    GTEST_SKIP() << "the daemon has no mount manager";
  }
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_THAT(*list, IsEmpty());
  const testing::TestDir dir;
  auto info =
      manager->Activate(ctx, "one", {{.type = "bind", .source = dir.path(), .options = {"rbind"}}},
                        {mount::WithTemporary, mount::WithLabels({{"a", "b"}})});
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->name, "one");
  EXPECT_FALSE(info->system.empty());
  info = manager->Info(ctx, "one");
  ASSERT_OK(info);
  EXPECT_EQ(info->labels, (Labels{{"a", "b"}}));
  const auto listed = manager->List(ctx);
  ASSERT_OK(listed);
  EXPECT_EQ(listed->size(), 1U);
  EXPECT_TRUE(manager->Deactivate(ctx, "one").ok());
  EXPECT_TRUE(errdefs::IsNotFound(manager->Info(ctx, "one").status()));
}

// A root file system whose upper layer lies on a file that the daemon mounts.
class MountAtRuntimeTest : public testing::ContainerTest {
 protected:
  void SetUp() override {
    if (!HasMountManager(ctx())) GTEST_SKIP() << "the daemon has no mount manager";
    ContainerTest::SetUp();
  }

  // A file with a file system which has the given folders.
  std::string FileSystem(const std::vector<std::string>& folders) const {
    const std::string tree = dir_.path() + "/tree";
    for (const std::string& folder : folders)
      std::filesystem::create_directories(tree + "/" + folder);
    const std::string file = dir_.path() + "/fs.img";
    std::ofstream(file).close();
    std::filesystem::resize_file(file, 64 << 20);
    const std::string command = fmt::format("/sbin/mkfs.ext4 -q -d {} {}", tree, file);
    return std::system(command.c_str()) == 0 ? file : "";  // NOLINT(concurrency-mt-unsafe)
  }

  // The mounts of a container whose root file system is the image's, below `lower`, with what it
  // writes in `upper`.
  static std::vector<mount::Mount> Mounts(std::vector<mount::Mount> image, const std::string& file,
                                          const std::string& lower, const std::string& upper) {
    image.push_back({.type = "ext4", .source = file, .options = {"loop"}});
    image.push_back({.type = "format/overlay",
                     .source = "overlay",
                     .options = {"lowerdir=" + lower, "upperdir={{ mount 1 }}/" + upper,
                                 "workdir={{ mount 1 }}/work", "index=off"}});
    return image;
  }

  absl::StatusOr<std::string> RunOn(const std::vector<mount::Mount>& mounts,
                                    const std::vector<std::string>& args) {
    const std::string id = Name();
    auto container = client_->NewContainer(
        ctx(), id, {WithNewSpec({oci::WithImageConfig(*image_), oci::WithProcessArgs(args)})});
    if (!container.ok()) return container.status();
    auto out = std::make_shared<cio::Buffer>();
    auto task = container->NewTask(ctx(), Streams({}, out, {}), {WithRootFS(mounts)});
    if (!task.ok()) return task.status();
    auto info = client_->MountManager()->Info(ctx(), id);
    if (!info.ok()) return info.status();
    EXPECT_EQ(info->active.size(), 2U);
    const Future<ExitStatus> exit = task->Wait(ctx());
    if (absl::Status s = task->Start(ctx()); !s.ok()) return s;
    if (auto status = exit.Get(WithTimeout(ctx(), absl::Minutes(1))); !status.ok()) {
      return status.status();
    }
    if (auto deleted = task->Delete(ctx()); !deleted.ok()) return deleted.status();
    EXPECT_TRUE(errdefs::IsNotFound(client_->MountManager()->Info(ctx(), id).status()));
    if (absl::Status s = container->Delete(ctx()); !s.ok()) return s;
    return out->String();
  }

  const testing::TestDir dir_;
};

TEST_F(MountAtRuntimeTest, MountAtRuntime) {
  const std::string file = FileSystem({"root1", "root2", "work"});
  ASSERT_NE(file, "");
  const auto layers = image_->RootFS(ctx());
  ASSERT_OK(layers);
  auto lease = client_->WithLease(ctx());
  ASSERT_OK(lease);
  const auto view = client_->SnapshotService("")->View(lease->context(), Name(),
                                                       identity::ChainID(*layers).String());
  ASSERT_OK(view);
  if (view->size() > 1) GTEST_SKIP() << "the image's view is of several mounts";
  EXPECT_OK(RunOn(Mounts(*view, file, "{{ mount 0 }}", "root1"),
                  {"sh", "-c", "echo -n written > /etc/first"}));
  const auto read = RunOn(Mounts(*view, file, "{{ mount 1 }}/root1:{{ mount 0 }}", "root2"),
                          {"cat", "/etc/first"});
  ASSERT_OK(read);
  EXPECT_EQ(*read, "written");
}

}  // namespace
}  // namespace containerd
