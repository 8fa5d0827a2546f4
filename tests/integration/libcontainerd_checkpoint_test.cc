// SPDX-License-Identifier: Apache-2.0
//
// libcontainerd's checkpoints, to a folder and from it.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/content/content.h"
#include "containerd/images/store.h"
#include "containerd/leases/leases.h"
#include "containerd/libcontainerd/client.h"

#include "libcontainerd_fixture.h"

namespace containerd::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class LibcontainerdCheckpointTest : public LibcontainerdTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(LibcontainerdTest::SetUp());
    before_ = Left();
  }

  // What the daemon has besides containers.
  std::vector<std::string> Left() {
    std::vector<std::string> left;
    EXPECT_OK(daemon_client_->ContentStore()->Walk(ctx(), [&](const content::Info& info) {
      left.push_back("content " + info.digest);
      return absl::OkStatus();
    }));
    auto ingests = daemon_client_->ContentStore()->ListStatuses(ctx());
    EXPECT_OK(ingests);
    if (ingests.ok()) {
      for (const auto& status : *ingests) left.push_back("ingest " + status.ref);
    }
    auto images = daemon_client_->ImageService()->List(ctx());
    EXPECT_OK(images);
    if (images.ok()) {
      for (const auto& image : *images) left.push_back("image " + image.name);
    }
    auto leases = daemon_client_->LeasesService()->List(ctx());
    EXPECT_OK(leases);
    if (leases.ok()) {
      for (const auto& lease : *leases) left.push_back("lease " + lease.id);
    }
    std::sort(left.begin(), left.end());
    return left;
  }

  // Nothing that was not there before; some of which the garbage collector may have got to.
  void ExpectNothingLeft() {
    const auto more = [this] {
      const std::vector<std::string> left = Left();
      std::vector<std::string> added;
      std::set_difference(left.begin(), left.end(), before_.begin(), before_.end(),
                          std::back_inserter(added));
      return added;
    };
    static_cast<void>(Eventually([&] { return more().empty(); }));
    EXPECT_THAT(more(), IsEmpty());
  }

  std::string Folder() const { return dir_.path() + "/checkpoint"; }

  std::vector<std::string> before_;
};

// Whether processes can be checkpointed is asked of the first one.
class LibcontainerdCRIUTest : public LibcontainerdCheckpointTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(LibcontainerdCheckpointTest::SetUp());
    static const bool kWorks = Works();
    if (!kWorks) GTEST_SKIP() << "processes can't be checkpointed: no CRIU that works here";
  }

 private:
  bool Works() {
    auto task = Run({"sleep", "1000"});
    if (!task.ok()) return false;
    const absl::Status s = task->CreateCheckpoint(Limited(), dir_.path() + "/try", false);
    EXPECT_OK(task->ForceDelete(Limited()));
    if (!s.ok()) std::cerr << s << "\n";
    return s.ok();
  }
};

TEST_F(LibcontainerdCheckpointTest, AFolderWithoutCRIUsData) {
  auto container = Make({"true"});
  ASSERT_OK(container);
  fs::create_directories(Folder());
  std::ofstream(dir_.path() + "/file") << "x";
  for (const std::string& dir : {Folder(), dir_.path() + "/file", dir_.path() + "/none"}) {
    const auto task = container->NewTask(ctx(), dir, false, lc::AttachStreams({}, {}, {}));
    ASSERT_FALSE(task.ok());
    EXPECT_THAT(Text(task.status()), HasSubstr(dir));
    EXPECT_THAT(Text(task.status()), HasSubstr("failed to upload checkpoint"));
  }
  EXPECT_THAT(FilesIn(BundleOf(container->ID())), IsEmpty());
  ExpectNothingLeft();
}

TEST_F(LibcontainerdCheckpointTest, AContextThatEndsWhileACheckpointIsUploaded) {
  auto container = Make({"true"});
  ASSERT_OK(container);
  fs::create_directories(Folder());
  std::ofstream(Folder() + "/inventory.img") << "x";
  std::ofstream(Folder() + "/pages") << std::string(20 << 20, 'p');
  for (const int milliseconds : {1, 10, 40}) {
    auto [limited, cancel] = WithCancel(ctx());
    std::thread canceller([&, cancel = cancel] {
      absl::SleepFor(absl::Milliseconds(milliseconds));
      cancel();
    });
    const auto task = container->NewTask(limited, Folder(), true, lc::AttachStreams({}, {}, {}));
    canceller.join();
    EXPECT_FALSE(task.ok());
    EXPECT_THAT(FilesIn(BundleOf(container->ID())), IsEmpty());
  }
  ExpectNothingLeft();
}

TEST_F(LibcontainerdCRIUTest, ToAFolderAndFromItTwice) {
  auto task = Run({"sh", "-c", "i=0; while :; do i=$((i+1)); sleep 0.1; done"});
  ASSERT_OK(task);
  ASSERT_OK(task->CreateCheckpoint(Limited(), Folder(), false));
  EXPECT_EQ(task->Status(ctx())->status, ProcessStatus::kRunning);
  EXPECT_THAT(FilesIn(Folder()), ::testing::Contains("inventory.img"));
  EXPECT_THAT(FilesIn(Folder()), Not(::testing::Contains(::testing::StartsWith(".incoming"))));
  ASSERT_OK(task->ForceDelete(Limited()));
  for (int i = 0; i < 2; ++i) {
    auto restored = container_->NewTask(Limited(), Folder(), false, lc::AttachStreams({}, {}, {}));
    ASSERT_OK(restored);
    ASSERT_OK(restored->Start(Limited()));
    EXPECT_EQ(restored->Status(ctx())->status, ProcessStatus::kRunning);
    ASSERT_OK(restored->ForceDelete(Limited()));
  }
  ExpectNothingLeft();
}

TEST_F(LibcontainerdCRIUTest, RestoredTwiceAtOnce) {
  auto task = Run({"sleep", "1000"});
  ASSERT_OK(task);
  ASSERT_OK(task->CreateCheckpoint(Limited(), Folder(), false));
  ASSERT_OK(task->ForceDelete(Limited()));
  auto other = Make({"sleep", "1000"});
  ASSERT_OK(other);
  std::vector<lc::Container> containers = {*container_, *other};
  std::vector<std::thread> restorers;
  restorers.reserve(containers.size());
  for (lc::Container& container : containers) {
    restorers.emplace_back([&] {
      auto restored = container.NewTask(Limited(), Folder(), false, lc::AttachStreams({}, {}, {}));
      // CRIU may refuse the other's names; that the folder is in use is no reason.
      if (!restored.ok()) {
        EXPECT_THAT(Text(restored.status()), Not(HasSubstr("failed to upload checkpoint")));
        return;
      }
      EXPECT_OK(restored->ForceDelete(Limited()));
    });
  }
  for (std::thread& restorer : restorers) restorer.join();
  ExpectNothingLeft();
}

TEST_F(LibcontainerdCRIUTest, ExitEndsALoadedOneToo) {
  auto task = Run({"sleep", "1000"});
  ASSERT_OK(task);
  auto loaded = client_->LoadContainer(ctx(), task->ID());
  ASSERT_OK(loaded);
  auto again = loaded->Task(ctx());
  ASSERT_OK(again);
  ASSERT_OK(again->CreateCheckpoint(Limited(), Folder(), true));
  ExitOf(task->ID());
  EXPECT_TRUE(Eventually([&] {
    auto status = again->Status(ctx());
    return !status.ok() || status->status == ProcessStatus::kStopped;
  }));
  EXPECT_OK(task->ForceDelete(Limited()));
  ExpectNothingLeft();
}

TEST_F(LibcontainerdCRIUTest, AContextThatEndsInACheckpointLeavesNothing) {
  auto task = Run({"sleep", "1000"});
  ASSERT_OK(task);
  for (const int milliseconds : {5, 50, 200}) {
    const absl::Status s = task->CreateCheckpoint(
        WithTimeout(ctx(), absl::Milliseconds(milliseconds)), Folder(), false);
    if (!s.ok()) EXPECT_FALSE(fs::exists(Folder())) << s;
    fs::remove_all(Folder());
  }
  EXPECT_OK(task->ForceDelete(Limited()));
  ExpectNothingLeft();
}

}  // namespace
}  // namespace containerd::testing
