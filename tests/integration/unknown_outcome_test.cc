// SPDX-License-Identifier: Apache-2.0
//
// What is left of an operation whose answer was lost: the daemon stands still while the deadline
// passes, and does the work afterwards.
#include <csignal>
#include <memory>
#include <string>
#include <thread>

#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"

#include "container_fixture.h"

namespace containerd::testing {
namespace {

using ::testing::IsEmpty;

// Stops a daemon, and lets it go on after a while.
class Standstill {
 public:
  explicit Standstill(supervisor::Daemon& daemon) : daemon_(daemon) {}
  Standstill(const Standstill&) = delete;
  Standstill& operator=(const Standstill&) = delete;
  ~Standstill() { End(); }

  void Begin(absl::Duration duration) {
    const pid_t pid = daemon_.Pid();
    kill(pid, SIGSTOP);
    end_ = std::thread([pid, duration] {
      absl::SleepFor(duration);
      kill(pid, SIGCONT);
    });
  }

  void End() {
    if (end_.joinable()) end_.join();
  }

 private:
  supervisor::Daemon& daemon_;
  std::thread end_;
};

class UnknownOutcomeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto image = ImportBusybox(client_, ctx());
    ASSERT_TRUE(image.ok()) << image.status();
    image_ = std::make_unique<Image>(*std::move(image));
  }

  const Context& ctx() const { return ns_.ctx(); }

  PrivateDaemon daemon_;
  Client& client_ = *daemon_.client();
  const TestNamespace ns_{client_};
  std::unique_ptr<Image> image_;
};

TEST_F(UnknownOutcomeTest, AContainerNeverKeepsItsRecordWithoutItsSnapshot) {
  auto snapshotter = client_.GetSnapshotter(ctx(), "");
  ASSERT_TRUE(snapshotter.ok()) << snapshotter.status();
  int kept = 0;
  int left = 0;
  int open = 0;
  for (int i = 0; i < 40 && open < 20; ++i) {
    const std::string id = UniqueName("c");
    Standstill standstill(daemon_.daemon());
    // The last option: what comes after it is the record.
    const NewContainerOpt stop = [&](const Context&, Client&, containers::Container&) {
      standstill.Begin(absl::Milliseconds(400));
    };
    auto made = client_.NewContainer(
        WithTimeout(ctx(), absl::Milliseconds(300)), id,
        {WithNewSnapshot(id, *image_), WithNewSpec({oci::WithImageConfig(*image_)}), stop});
    standstill.End();
    // On a busy machine this process may see the deadline and the answer at once.
    if (made.ok()) {
      EXPECT_TRUE(made->Delete(ctx(), {WithSnapshotCleanup}).ok());
      continue;
    }
    ++open;
    const absl::Status snapshot = (*snapshotter)->Stat(ctx(), id).status();
    if (auto there = client_.LoadContainer(ctx(), id); there.ok()) {
      ++kept;
      EXPECT_TRUE(snapshot.ok()) << snapshot << " though there is a container";
      EXPECT_TRUE(there->Delete(ctx(), {WithSnapshotCleanup}).ok());
    } else {
      EXPECT_TRUE(errdefs::IsNotFound(there.status())) << there.status();
      // Whether there is one could not be asked in time: then the snapshot is rather kept.
      if (snapshot.ok()) {
        ++left;
        EXPECT_OK((*snapshotter)->Remove(ctx(), id));
      } else {
        EXPECT_TRUE(errdefs::IsNotFound(snapshot)) << snapshot << " though there is no container";
      }
    }
  }
  EXPECT_EQ(open, 20);
  EXPECT_LE(left, 1) << "snapshots without a container";
  RecordProperty("kept", kept);
}

TEST_F(UnknownOutcomeTest, NoLeaseIsLeftOfARequestThatTimedOut) {
  int open = 0;
  for (int i = 0; i < 10 && open < 5; ++i) {
    Standstill standstill(daemon_.daemon());
    standstill.Begin(absl::Milliseconds(300));
    // One that was had after all, on a busy machine, goes with its guard.
    if (!client_.WithLease(WithTimeout(ctx(), absl::Milliseconds(100))).ok()) ++open;
  }
  EXPECT_EQ(open, 5);
  auto leases = client_.LeasesService()->List(ctx());
  ASSERT_TRUE(leases.ok()) << leases.status();
  EXPECT_THAT(*leases, IsEmpty());
}

}  // namespace
}  // namespace containerd::testing
