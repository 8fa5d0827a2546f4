// SPDX-License-Identifier: Apache-2.0
//
// libcontainerd's checkpoints, to a folder and from it.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <sys/mount.h>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/archive/diff.h"
#include "containerd/content/content.h"
#include "containerd/content/helpers.h"
#include "containerd/digest/digest.h"
#include "containerd/images/store.h"
#include "containerd/io/io.h"
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

  // What NewTask uploads of the folder.
  absl::StatusOr<std::string> Archive() {
    std::string archive;
    io::StringWriter writer(&archive);
    absl::Status s = archive::WriteDiff(ctx(), writer, "", Folder());
    if (!s.ok()) return s;
    return archive;
  }

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

// Not even root may read it.
constexpr char kUnreadable[] = "/sys/bus/cpu/drivers_probe";

TEST_F(LibcontainerdCheckpointTest, AFolderThatCannotBeRead) {
  if (!fs::exists(kUnreadable)) GTEST_SKIP() << "there is no " << kUnreadable;
  auto container = Make({"true"});
  ASSERT_OK(container);
  fs::create_directories(Folder());
  std::ofstream(Folder() + "/inventory.img") << "x";
  std::ofstream(Folder() + "/pages") << "x";
  ASSERT_EQ(::mount(kUnreadable, (Folder() + "/pages").c_str(), nullptr, MS_BIND, nullptr), 0);
  const auto task = container->NewTask(ctx(), Folder(), true, lc::AttachStreams({}, {}, {}));
  EXPECT_EQ(::umount2((Folder() + "/pages").c_str(), MNT_DETACH), 0);
  EXPECT_TRUE(errdefs::IsPermissionDenied(task.status())) << task.status();
  EXPECT_THAT(Text(task.status()), HasSubstr(Folder() + "/pages"));
  EXPECT_THAT(FilesIn(BundleOf(container->ID())), IsEmpty());
  ExpectNothingLeft();
}

// Has those who upload wait for each other, so that they are at it at the same time.
class MeetingStore final : public content::Store {
 public:
  MeetingStore(std::shared_ptr<content::Store> store, int uploads)
      : store_(std::move(store)), missing_(uploads) {}

  absl::StatusOr<std::unique_ptr<content::Writer>> Writer(
      const Context& ctx, const std::vector<content::WriterOpt>& opts) override {
    auto writer = store_->Writer(ctx, opts);
    std::unique_lock lock(mu_);
    --missing_;
    met_.notify_all();
    EXPECT_TRUE(met_.wait_for(lock, std::chrono::seconds(30), [&] { return missing_ <= 0; }));
    return writer;
  }
  absl::StatusOr<std::unique_ptr<content::ReaderAt>> ReaderAt(
      const Context& ctx, const ocispec::Descriptor& desc) override {
    return store_->ReaderAt(ctx, desc);
  }
  absl::StatusOr<content::Info> Info(const Context& ctx, const digest::Digest& dgst) override {
    return store_->Info(ctx, dgst);
  }
  absl::StatusOr<content::Info> Update(const Context& ctx, const content::Info& info,
                                       const std::vector<std::string>& fieldpaths) override {
    return store_->Update(ctx, info, fieldpaths);
  }
  absl::Status Walk(const Context& ctx, const content::WalkFunc& fn,
                    const std::vector<std::string>& filters) override {
    return store_->Walk(ctx, fn, filters);
  }
  absl::Status Delete(const Context& ctx, const digest::Digest& dgst) override {
    return store_->Delete(ctx, dgst);
  }
  absl::StatusOr<content::Status> Status(const Context& ctx, std::string_view ref) override {
    return store_->Status(ctx, ref);
  }
  absl::StatusOr<std::vector<content::Status>> ListStatuses(
      const Context& ctx, const std::vector<std::string>& filters) override {
    return store_->ListStatuses(ctx, filters);
  }
  absl::Status Abort(const Context& ctx, std::string_view ref) override {
    return store_->Abort(ctx, ref);
  }

 private:
  const std::shared_ptr<content::Store> store_;
  std::mutex mu_;
  std::condition_variable met_;
  int missing_;
};

// That these are no processes is seen when they are to run.
TEST_F(LibcontainerdCheckpointTest, UploadedTwiceAtOnce) {
  constexpr int kRestores = 2;
  auto meeting =
      Client::New(SharedAddress(), {WithServices({WithContentStore(std::make_shared<MeetingStore>(
                                       daemon_client_->ContentStore(), kRestores))})});
  ASSERT_OK(meeting);
  auto client = lc::Client::New(ctx(), *meeting, State(), ns_.name(), std::make_shared<Notes>());
  ASSERT_OK(client);
  fs::create_directories(Folder());
  std::ofstream(Folder() + "/inventory.img") << "x";
  std::ofstream(Folder() + "/pages") << std::string(1 << 20, 'p');
  std::vector<lc::Container> containers;
  for (int i = 0; i < kRestores; ++i) {
    auto made = Make({"true"});
    ASSERT_OK(made);
    auto loaded = client->LoadContainer(ctx(), made->ID());
    ASSERT_OK(loaded);
    containers.push_back(*loaded);
  }
  std::vector<std::thread> restorers;
  restorers.reserve(containers.size());
  for (lc::Container& container : containers) {
    restorers.emplace_back([&] {
      auto task = container.NewTask(Limited(), Folder(), false, lc::AttachStreams({}, {}, {}));
      ASSERT_OK(task);
      EXPECT_FALSE(task->Start(Limited()).ok()) << "of these files";
      EXPECT_OK(task->ForceDelete(Limited()));
      EXPECT_THAT(FilesIn(BundleOf(container.ID())), IsEmpty());
    });
  }
  for (std::thread& restorer : restorers) restorer.join();
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
  const auto restore = [&] {
    auto restored = container_->NewTask(Limited(), Folder(), false, lc::AttachStreams({}, {}, {}));
    ASSERT_OK(restored);
    ASSERT_OK(restored->Start(Limited()));
    EXPECT_EQ(restored->Status(ctx())->status, ProcessStatus::kRunning);
    ASSERT_OK(restored->ForceDelete(Limited()));
  };
  ASSERT_NO_FATAL_FAILURE(restore());
  ASSERT_NO_FATAL_FAILURE(restore());
  ExpectNothingLeft();
  // An engine that crashed has left it in the store.
  auto archive = Archive();
  ASSERT_OK(archive);
  auto store = daemon_client_->ContentStore();
  const digest::Digest digest = digest::FromString(*archive);
  const Labels root = {{"containerd.io/gc.root", "2026-01-01T00:00:00Z"}};
  ASSERT_OK(content::WriteBlob(
      ctx(), *store, "left-over", std::string_view(*archive),
      {.digest = digest.String(), .size = static_cast<std::int64_t>(archive->size())},
      {content::WithLabels(root)}));
  ASSERT_NO_FATAL_FAILURE(restore());
  EXPECT_OK(store->Info(ctx(), digest)) << "it was somebody's";
  EXPECT_OK(store->Delete(ctx(), digest));
  ExpectNothingLeft();
}

TEST_F(LibcontainerdCRIUTest, RestoredTwiceAtOnce) {
  auto task = Run({"sleep", "1000"});
  ASSERT_OK(task);
  ASSERT_OK(task->CreateCheckpoint(Limited(), Folder(), false));
  ASSERT_OK(task->ForceDelete(Limited()));
  auto other = Make({"sleep", "1000"});
  ASSERT_OK(other);
  // Neither gets on before both are at it.
  auto meeting =
      Client::New(SharedAddress(), {WithServices({WithContentStore(std::make_shared<MeetingStore>(
                                       daemon_client_->ContentStore(), 2))})});
  ASSERT_OK(meeting);
  auto client = lc::Client::New(ctx(), *meeting, State(), ns_.name(), std::make_shared<Notes>());
  ASSERT_OK(client);
  std::vector<lc::Container> containers;
  for (const std::string& id : {container_->ID(), other->ID()}) {
    auto loaded = client->LoadContainer(ctx(), id);
    ASSERT_OK(loaded);
    containers.push_back(*loaded);
  }
  std::vector<std::thread> restorers;
  restorers.reserve(containers.size());
  for (lc::Container& container : containers) {
    restorers.emplace_back([&] {
      auto restored = container.NewTask(Limited(), Folder(), false, lc::AttachStreams({}, {}, {}));
      ASSERT_OK(restored);
      ASSERT_OK(restored->Start(Limited()));
      EXPECT_EQ(restored->Status(ctx())->status, ProcessStatus::kRunning);
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
