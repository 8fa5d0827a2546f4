// SPDX-License-Identifier: Apache-2.0
//
// Many at once, and a daemon that dies: what must not cost a thread, lose a byte, or hang.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <signal.h>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/content/content.h"
#include "containerd/content/helpers.h"
#include "containerd/digest/digest.h"
#include "containerd/events/events.h"
#include "containerd/snapshots/snapshots.h"
#include "containerd/tasks/tasks.h"

#include "amount.h"
#include "container_fixture.h"

namespace containerd::testing {
namespace {

std::size_t CountEntries(const char* dir) {
  const std::filesystem::directory_iterator entries(dir);
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

std::size_t Threads() { return CountEntries("/proc/self/task"); }

using EnduranceTest = ContainerTest;

TEST_F(EnduranceTest, AThousandWaitsAndASubscriptionCostNoThread) {
  auto container = Make({"sleep", "1000"});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), Streams({}, std::make_shared<cio::Buffer>(), {}));
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Start(ctx()).ok());

  // gRPC and the reactor start their few threads with the first use of each.
  const auto [ctx1, cancel] = WithCancel(ctx());
  auto first = client_->Subscribe(ctx1, {"topic==\"/none\""});
  ASSERT_TRUE(first->WaitReady(ctx()).ok());
  std::vector<Future<ExitStatus>> exits = {task->Wait(ctx())};
  // Where one of its own is busy, gRPC may start another for its timers.
  const std::size_t most = Threads() + 2;

  auto subscription = client_->Subscribe(ctx1, {"topic==\"/tasks/exit\""});
  ASSERT_TRUE(subscription->WaitReady(ctx()).ok());
  while (exits.size() < 1000) exits.push_back(task->Wait(ctx()));
  EXPECT_LE(Threads(), most);

  ASSERT_TRUE(task->Kill(ctx(), SIGKILL).ok());
  for (const Future<ExitStatus>& exit : exits) {
    auto status = exit.Get(WithTimeout(ctx(), absl::Seconds(60)));
    ASSERT_TRUE(status.ok()) << status.status();
    EXPECT_EQ(status->ExitCode(), 137U);
  }
  EXPECT_LE(Threads(), most);
  auto item = subscription->Next(WithTimeout(ctx(), absl::Seconds(10)));
  ASSERT_TRUE(item.ok()) << item.status();
  EXPECT_TRUE(std::holds_alternative<events::Envelope>(*item));
  cancel();
  EXPECT_TRUE(task->Delete(ctx()).ok());
}

// Each container writes its own pattern, so that a byte of another's would show.
TEST_F(EnduranceTest, AllOutputOf200ContainersComesBeforeTheirExit) {
  const int containers = testing::Amount(200, 100, 24);
  constexpr int kAtOnce = 8;
  constexpr std::size_t kBytes = 1 << 20;
  std::atomic<int> next{0};
  std::atomic<int> whole{0};
  const std::size_t fds = CountEntries("/proc/self/fd");
  const auto worker = [&] {
    for (int i = next++; i < containers; i = next++) {
      // 16-byte lines: 15 characters of the pattern and a newline, 65536 times.
      const std::string a = fmt::format("out-{:011d}", i);
      const std::string b = fmt::format("err-{:011d}", i);
      auto container = Make({"sh", "-c",
                             fmt::format("yes {} | head -c {} & yes {} | head -c {} >&2; wait", a,
                                         kBytes, b, kBytes)});
      ASSERT_TRUE(container.ok()) << container.status();
      auto out = std::make_shared<cio::Buffer>();
      auto err = std::make_shared<cio::Buffer>();
      auto task = container->NewTask(ctx(), Streams({}, out, err));
      ASSERT_TRUE(task.ok()) << task.status();
      const Future<ExitStatus> exit = task->Wait(ctx());
      std::size_t out_bytes = 0;
      std::size_t err_bytes = 0;
      std::promise<void> reported;
      exit.Then([&](const absl::StatusOr<ExitStatus>&) {
        out_bytes = out->String().size();  // at the moment of the report, not later
        err_bytes = err->String().size();
        reported.set_value();
      });
      ASSERT_TRUE(task->Start(ctx()).ok());
      auto status = exit.Get(WithTimeout(ctx(), absl::Minutes(2)));
      ASSERT_TRUE(status.ok()) << status.status();
      reported.get_future().wait();
      EXPECT_EQ(out_bytes, kBytes);
      EXPECT_EQ(err_bytes, kBytes);
      const auto want = [&](const std::string& line) {
        std::string text;
        text.reserve(kBytes);
        while (text.size() < kBytes) text.append(line).push_back('\n');
        return text;
      };
      if (out->String() == want(a) && err->String() == want(b)) ++whole;
      ASSERT_TRUE(task->Delete(ctx()).ok());
      ASSERT_TRUE(container->Delete(ctx(), {WithSnapshotCleanup}).ok());
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kAtOnce; ++i) threads.emplace_back(worker);
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(whole.load(), containers);
  EXPECT_TRUE(std::filesystem::is_empty(fifos_.path())) << "FIFOs were left behind";
  EXPECT_LE(CountEntries("/proc/self/fd"), fds + 2) << "descriptors leaked";
}

// Created, started, exec'd into, killed and deleted, by many threads with one client.
TEST_F(EnduranceTest, FiveHundredContainersLeaveNothing) {
  const int containers = testing::Amount(500, 250, 48);
  constexpr int kThreads = 16;
  // What is opened once for good.
  ASSERT_TRUE(Run({"true"}).ok());
  const std::size_t fds = CountEntries("/proc/self/fd");
  std::atomic<int> next{0};
  std::atomic<int> done{0};
  const auto worker = [&] {
    while (next++ < containers) {
      auto container = Make({"sleep", "1000"});
      ASSERT_TRUE(container.ok()) << container.status();
      auto task = container->NewTask(ctx(), Streams({}, std::make_shared<cio::Buffer>(), {}));
      ASSERT_TRUE(task.ok()) << task.status();
      const Future<ExitStatus> exit = task->Wait(ctx());
      absl::Status s = task->Start(ctx());
      ASSERT_TRUE(s.ok()) << s;

      specs::Process process = *(*container->Spec(ctx())).process;
      process.args = {"sh", "-c", "echo $$; exit 5"};
      auto out = std::make_shared<cio::Buffer>();
      auto exec = task->Exec(ctx(), "sh", process, Streams({}, out, {}));
      ASSERT_TRUE(exec.ok()) << exec.status();
      const Future<ExitStatus> exec_exit = exec->Wait(ctx());
      s = exec->Start(ctx());
      ASSERT_TRUE(s.ok()) << s;
      auto ended = exec_exit.Get(WithTimeout(ctx(), absl::Minutes(2)));
      ASSERT_TRUE(ended.ok()) << ended.status();
      EXPECT_EQ(ended->ExitCode(), 5U);
      EXPECT_FALSE(out->String().empty());
      ASSERT_TRUE(exec->Delete(ctx()).ok());

      s = task->Kill(ctx(), SIGKILL);
      ASSERT_TRUE(s.ok()) << s;
      auto killed = exit.Get(WithTimeout(ctx(), absl::Minutes(2)));
      ASSERT_TRUE(killed.ok()) << killed.status();
      EXPECT_EQ(killed->ExitCode(), 137U);
      auto deleted = task->Delete(ctx());
      ASSERT_TRUE(deleted.ok()) << deleted.status();
      s = container->Delete(ctx(), {WithSnapshotCleanup});
      ASSERT_TRUE(s.ok()) << s;
      ++done;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(worker);
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(done.load(), containers);

  EXPECT_TRUE(client_->Containers(ctx())->empty());
  auto tasks = client_->TaskService()->List(ctx());
  ASSERT_TRUE(tasks.ok()) << tasks.status();
  EXPECT_TRUE(tasks->empty());
  int active = 0;
  const absl::Status walked = client_->SnapshotService("overlayfs")
                                  ->Walk(ctx(), [&](const Context&, const snapshots::Info& info) {
                                    if (info.kind != snapshots::Kind::kCommitted) ++active;
                                    return absl::OkStatus();
                                  });
  EXPECT_TRUE(walked.ok()) << walked;
  EXPECT_EQ(active, 0) << "snapshots of containers were left behind";
  EXPECT_TRUE(std::filesystem::is_empty(fifos_.path())) << "FIFOs were left behind";
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    EXPECT_EQ(line.find("/" + ns_.name() + "/"), std::string::npos) << "left mounted: " << line;
  }
  EXPECT_LE(CountEntries("/proc/self/fd"), fds + 2) << "descriptors leaked";
}

class DaemonDeathTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto image = ImportBusybox(*client_, ctx());
    ASSERT_TRUE(image.ok()) << image.status();
    image_ = std::make_unique<Image>(*std::move(image));
  }

  void TearDown() override {
    // The namespace is emptied through this daemon, which has to be up for it.
    EXPECT_TRUE(
        private_.daemon().WaitReady(WithTimeout(Context::Background(), absl::Minutes(1))).ok());
  }

  absl::StatusOr<Task> Start(const std::vector<std::string>& args) {
    const std::string id = UniqueName("c");
    auto container = client_->NewContainer(
        ctx(), id,
        {WithNewSnapshot(id, *image_),
         WithNewSpec({oci::WithImageConfig(*image_), oci::WithProcessArgs(args)})});
    if (!container.ok()) return container.status();
    auto task = container->NewTask(ctx(), cio::NullIO);
    if (!task.ok()) return task.status();
    if (absl::Status s = task->Start(ctx()); !s.ok()) return s;
    return task;
  }

  const Context& ctx() const { return ns_.ctx(); }
  Context Limited() const { return WithTimeout(ctx(), absl::Minutes(1)); }

  PrivateDaemon private_;
  const std::shared_ptr<Client> client_ = private_.client();
  const TestNamespace ns_{*client_};
  std::unique_ptr<Image> image_;
};

TEST_F(DaemonDeathTest, DaemonRestart) {
  auto task = Start({"sleep", "1000"});
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_TRUE(private_.daemon().Restart(Limited()).ok());
  EXPECT_FALSE(exit.IsReady());
  ASSERT_TRUE(client_->IsServing(Limited()).ok());
  ASSERT_TRUE(task->Kill(ctx(), SIGKILL).ok());
  auto status = exit.Get(Limited());
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->ExitCode(), 137U);
  EXPECT_TRUE(task->Delete(ctx()).ok());
}

TEST_F(DaemonDeathTest, AWaitGivesTheExitOfATaskThatEndedWhileTheDaemonWasDown) {
  auto task = Start({"sh", "-c", "sleep 2; exit 42"});
  ASSERT_TRUE(task.ok()) << task.status();
  const Future<ExitStatus> exit = task->Wait(ctx());
  ASSERT_TRUE(private_.daemon().Down(Limited(), SIGKILL).ok());
  while (::kill(static_cast<pid_t>(task->Pid()), 0) == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_FALSE(exit.IsReady());
  ASSERT_TRUE(private_.daemon().Restart(Limited()).ok());
  auto status = exit.Get(Limited());
  if (errdefs::IsNotFound(status.status())) {
    // The wait came to its end all the same.
    GTEST_SKIP() << "the daemon forgets tasks that ended while it was down: " << status.status();
  }
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->ExitCode(), 42U);
  EXPECT_TRUE(task->Delete(ctx()).ok());
}

TEST_F(DaemonDeathTest, EverythingUnderWaySurvivesKillNine) {
  auto task = Start({"sh", "-c", "sleep 1000"});
  ASSERT_TRUE(task.ok()) << task.status();
  const std::size_t fds = CountEntries("/proc/self/fd");

  const Future<ExitStatus> exit = task->Wait(ctx());
  auto subscription = client_->Subscribe(ctx(), {"topic==\"/tasks/exit\""}, {events::WithResume()});
  ASSERT_TRUE(subscription->WaitReady(Limited()).ok());

  // An upload of 64 MiB whose source waits in the middle until the daemon has been killed.
  constexpr std::size_t kHalf = 32 << 20;
  std::string blob(2 * kHalf, '\0');
  for (std::size_t i = 0; i < blob.size(); ++i)
    blob[i] = static_cast<char>((i * 2654435761U) >> 13);
  const ocispec::Descriptor desc{.media_type = "application/octet-stream",
                                 .digest = digest::FromString(blob).String(),
                                 .size = static_cast<std::int64_t>(blob.size())};
  std::promise<void> half_way;
  std::promise<void> killed;
  std::shared_future<void> go_on = killed.get_future().share();
  class HaltingReader final : public io::Reader {
   public:
    HaltingReader(std::string_view text, std::promise<void>* half_way, std::shared_future<void> go)
        : text_(text), half_way_(half_way), go_on_(std::move(go)) {}
    absl::StatusOr<std::size_t> Read(const Context& /*ctx*/, std::span<char> buffer) override {
      if (offset_ >= text_.size() / 2 && half_way_ != nullptr) {
        std::exchange(half_way_, nullptr)->set_value();
        go_on_.wait();
      }
      const std::size_t n = std::min(buffer.size(), text_.size() - offset_);
      std::copy_n(text_.data() + offset_, n, buffer.data());
      offset_ += n;
      return n;
    }

   private:
    const std::string_view text_;
    std::promise<void>* half_way_;
    const std::shared_future<void> go_on_;
    std::size_t offset_ = 0;
  };
  auto lease = client_->WithLease(ctx());
  ASSERT_TRUE(lease.ok());
  std::future<absl::Status> upload = std::async(std::launch::async, [&] {
    HaltingReader reader(blob, &half_way, go_on);
    absl::Status s;
    // What a caller does: a broken upload is written again, from where the daemon has it.
    for (int attempt = 0; attempt < 100; ++attempt) {
      if (attempt == 0) {
        s = content::WriteBlob(lease->context(), *client_->ContentStore(), "upload", reader, desc);
      } else {
        io::StringReader again(blob);
        s = content::WriteBlob(lease->context(), *client_->ContentStore(), "upload", again, desc);
      }
      if (!errdefs::IsUnavailable(s)) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return s;
  });
  half_way.get_future().wait();

  // Calls without end, while the daemon dies and comes back.
  std::atomic<bool> stop{false};
  std::atomic<int> failed{0};
  std::atomic<int> strange{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      while (!stop) {
        const auto containers = client_->Containers(WithTimeout(ctx(), absl::Seconds(5)));
        if (containers.ok()) continue;
        ++failed;
        if (!errdefs::IsUnavailable(containers.status()) &&
            !errdefs::IsDeadlineExceeded(containers.status())) {
          ++strange;
          ADD_FAILURE() << containers.status();
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    });
  }
  ASSERT_TRUE(private_.daemon().Kill(Limited()).ok());
  killed.set_value();
  ASSERT_TRUE(private_.daemon().WaitReady(Limited()).ok());

  auto gap = subscription->Next(Limited());
  ASSERT_TRUE(gap.ok()) << gap.status();
  ASSERT_TRUE(std::holds_alternative<events::Gap>(*gap));
  EXPECT_FALSE(std::get<events::Gap>(*gap).cause.ok());

  const absl::Status uploaded = upload.get();
  EXPECT_TRUE(uploaded.ok()) << uploaded;
  auto stored = content::ReadBlob(ctx(), *client_->ContentStore(), desc);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(*stored, blob);

  ASSERT_TRUE(client_->IsServing(Limited()).ok());
  EXPECT_FALSE(exit.IsReady());
  ASSERT_TRUE(task->Kill(ctx(), SIGKILL).ok());
  auto status = exit.Get(Limited());
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->ExitCode(), 137U);
  auto event = subscription->Next(Limited());
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_TRUE(std::holds_alternative<events::Envelope>(*event));

  stop = true;
  for (std::thread& t : callers) t.join();
  EXPECT_GT(failed.load(), 0) << "the daemon died unnoticed";
  EXPECT_EQ(strange.load(), 0);
  EXPECT_TRUE(task->Delete(ctx()).ok());
  EXPECT_TRUE(lease->Release(ctx()).ok());
  subscription = nullptr;
  EXPECT_LE(CountEntries("/proc/self/fd"), fds + 2) << "descriptors leaked";
}

TEST_F(DaemonDeathTest, CallsOnADeadDaemonEndWithinTheirDeadline) {
  ASSERT_TRUE(private_.daemon().Down(Limited(), SIGKILL).ok());
  const absl::Time before = absl::Now();
  const auto containers = client_->Containers(WithTimeout(ctx(), absl::Seconds(2)));
  EXPECT_TRUE(errdefs::IsUnavailable(containers.status()) ||
              errdefs::IsDeadlineExceeded(containers.status()))
      << containers.status();
  const auto serving = client_->IsServing(WithTimeout(ctx(), absl::Seconds(1)));
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(serving.status())) << serving.status();
  EXPECT_LT(absl::Now() - before, absl::Seconds(30));
  ASSERT_TRUE(private_.daemon().Restart(Limited()).ok());
  EXPECT_TRUE(client_->Reconnect().ok());
  EXPECT_TRUE(client_->Containers(ctx()).ok());
}

}  // namespace
}  // namespace containerd::testing
