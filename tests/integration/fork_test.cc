// SPDX-License-Identifier: Apache-2.0
//
// Programs that fork: the parent's client works on as if nothing had happened, whatever the child
// does with what it inherited.
#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include <absl/time/clock.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"

#include "container_fixture.h"
#include "harness.h"

namespace containerd::testing {
namespace {

// Runs `child` in a child that returns what is wrong, and "" if nothing is.
std::string InAChild(const std::function<std::string()>& child) {
  int pipe_fds[2];
  if (::pipe(pipe_fds) != 0) return "no pipe";
  const pid_t pid = ::fork();
  if (pid == 0) {
    const std::string wrong = child() + ".";
    static_cast<void>(!::write(pipe_fds[1], wrong.data(), wrong.size()));
    ::_exit(0);
  }
  ::close(pipe_fds[1]);
  int status = 0;
  const bool ended = Eventually([&] { return ::waitpid(pid, &status, WNOHANG) == pid; });
  if (!ended) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, &status, 0);
  }
  std::string wrong(4096, '\0');
  wrong.resize(static_cast<std::size_t>(
      std::max<ssize_t>(::read(pipe_fds[0], wrong.data(), wrong.size()), 0)));
  ::close(pipe_fds[0]);
  if (!ended) return "the child hangs";
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return "the child crashed";
  if (!wrong.empty()) wrong.pop_back();
  return wrong;
}

std::string WantRefused(std::string_view what, const absl::Status& status) {
  if (errdefs::IsFailedPrecondition(status)) return "";
  return std::string(what) + ": " + status.ToString() + "; ";
}

// Everything of a client that a program may hold, busy.
class ForkTest : public ContainerTest {
 protected:
  struct Held {
    Client client;
    std::unique_ptr<events::Subscription> subscription;
    std::unique_ptr<events::CallbackSubscription> callbacks;
    std::optional<Container> container;
    std::optional<Task> task;
    std::optional<Future<ExitStatus>> exit;
    std::shared_ptr<cio::IO> io;
    leases::LeaseGuard lease;
  };

  void SetUp() override {
    ContainerTest::SetUp();
    auto client = Client::New(ctx(), SharedAddress());
    ASSERT_OK(client);
    held_ = std::make_unique<Held>(Held{.client = *client});
    held_->subscription = client->Subscribe(ctx(), {"namespace==" + ns_.name()});
    ASSERT_OK(held_->subscription->WaitReady(WithTimeout(ctx(), absl::Seconds(60))));
    held_->callbacks = client->EventService()->Subscribe(
        ctx(), {}, [](const events::Item&) {}, nullptr);
    const std::string id = Name();
    auto container = client->NewContainer(
        ctx(), id,
        {WithNewSnapshot(id, *image_),
         WithNewSpec(
             {oci::WithImageConfig(*image_),
              oci::WithProcessArgs({"sh", "-c", "while true; do echo tick; sleep 0.1; done"})})});
    ASSERT_OK(container);
    held_->container = *container;
    auto task = container->NewTask(ctx(), Streams({}, out_, {}));
    ASSERT_OK(task);
    held_->task = *task;
    held_->io = task->IO();
    held_->exit = task->Wait(ctx());
    ASSERT_OK(task->Start(ctx()));
    auto lease = client->WithLease(ctx());
    ASSERT_OK(lease);
    held_->lease = *std::move(lease);
  }

  void TearDown() override {
    if (held_ == nullptr || !held_->task.has_value()) return;
    // The parent works on: calls, output, events, the wait.
    EXPECT_OK(held_->client.Version(ctx()));
    const std::size_t before = out_->String().size();
    EXPECT_TRUE(Eventually([&] { return out_->String().size() > before; })) << "output has stopped";
    while (auto item = *held_->subscription->TryNext()) {
    }
    EXPECT_OK(held_->task->Kill(ctx(), SIGKILL));
    EXPECT_OK(held_->exit->Get(WithTimeout(ctx(), absl::Seconds(60))));
    EXPECT_OK(held_->subscription->Next(WithTimeout(ctx(), absl::Seconds(60))));
    EXPECT_OK(held_->task->Delete(ctx()));
    EXPECT_OK(held_->container->Delete(ctx(), {WithSnapshotCleanup}));
    EXPECT_OK(held_->lease.Release(ctx()));
  }

  const std::shared_ptr<cio::Buffer> out_ = std::make_shared<cio::Buffer>();
  std::unique_ptr<Held> held_;
};

TEST_F(ForkTest, AChildThatDestroysWhatItInheritedHarmsNobody) {
  EXPECT_EQ(InAChild([&] {
              held_.reset();
              return std::string();
            }),
            "");
}

TEST_F(ForkTest, AChildsCallsAreRefused) {
  EXPECT_EQ(InAChild([&] {
              const Context soon = WithTimeout(ctx(), absl::Seconds(20));
              Client& client = held_->client;
              std::string wrong;
              wrong += WantRefused("Version", client.Version(soon).status());
              wrong += WantRefused("Containers", client.Containers(soon).status());
              wrong += WantRefused("Reconnect", client.Reconnect(soon));
              wrong += WantRefused("Next", held_->subscription->Next(soon).status());
              wrong += WantRefused("WaitReady", held_->callbacks->WaitReady(soon));
              wrong += WantRefused("Start", held_->task->Start(soon));
              wrong += WantRefused("Kill", held_->task->Kill(soon, SIGKILL));
              wrong += WantRefused("Delete", held_->task->Delete(soon).status());
              wrong += WantRefused("Get", held_->exit->Get(soon).status());
              wrong += WantRefused("Wait", held_->task->Wait(soon).Get(soon).status());
              auto late = client.Subscribe(soon, {});
              wrong += WantRefused("Subscribe", late->Next(soon).status());
              held_->io->Cancel();
              static_cast<void>(client.Close());
              return wrong;
            }),
            "");
}

TEST_F(ForkTest, AChildThatMakesAClientIsToldToExecFirst) {
  EXPECT_EQ(InAChild([&] {
              const absl::StatusOr<Client> client = Client::New(ctx(), SharedAddress());
              if (Text(client.status()).find("exec") == std::string::npos)
                return std::string("no advice");
              return WantRefused("New", client.status());
            }),
            "");
}

}  // namespace
}  // namespace containerd::testing
