// SPDX-License-Identifier: Apache-2.0
//
// Events of a real daemon, over its restarts too.
#include "containerd/events/events.h"

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include <absl/time/clock.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/events/container.pb.h"
#include "containerd/events/namespace.pb.h"
#include "containerd/events/task.pb.h"
#include "containerd/events/typed.h"
#include "containerd/namespaces/store.h"

#include "harness.h"

namespace containerd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The topic of an item, "gap" for a gap, or the error.
std::string Describe(const absl::StatusOr<events::Item>& item) {
  if (!item.ok()) return item.status().ToString();
  if (std::holds_alternative<events::Gap>(*item)) return "gap";
  return std::get<events::Envelope>(*item).topic;
}

class EventsTest : public ::testing::Test {
 protected:
  const Context& ctx() const { return ns_.ctx(); }

  Context Soon() const { return WithTimeout(ctx(), absl::Minutes(1)); }

  // Events of this test only.
  std::vector<std::string> Mine(std::string_view filter = "") const {
    return {fmt::format("namespace=={}{}{}", ns_.name(), filter.empty() ? "" : ",", filter)};
  }

  absl::Status Publish(const std::string& topic, const std::string& id) {
    events::TaskExit exit;
    exit.set_container_id(id);
    return events::Publish(ctx(), *client_->EventService(), topic, exit);
  }

  const std::shared_ptr<Client> client_ = testing::SharedClient();
  const testing::TestNamespace ns_{*client_};
};

TEST_F(EventsTest, PublishAndSubscribe) {
  auto subscription = client_->Subscribe(ctx(), Mine());
  ASSERT_TRUE(subscription->WaitReady(Soon()).ok());
  const absl::Time before = absl::Now();
  ASSERT_TRUE(Publish("/orders/shipped", "one").ok());
  const auto item = subscription->Next(Soon());
  ASSERT_TRUE(item.ok()) << item.status();
  const auto& envelope = std::get<events::Envelope>(*item);
  EXPECT_EQ(envelope.ns, ns_.name());
  EXPECT_EQ(envelope.topic, "/orders/shipped");
  EXPECT_GE(envelope.timestamp, before - absl::Seconds(1));
  EXPECT_LE(envelope.timestamp, absl::Now() + absl::Seconds(1));
  EXPECT_EQ(events::Decode<events::TaskExit>(envelope)->container_id(), "one");
}

TEST_F(EventsTest, Filters) {
  auto subscription =
      client_->Subscribe(ctx(), {Mine("event.container_id==two")[0], Mine("topic~=^/b")[0]});
  ASSERT_TRUE(subscription->WaitReady(Soon()).ok());
  for (const auto& [topic, id] : std::vector<std::pair<std::string, std::string>>{
           {"/a/1", "one"}, {"/a/2", "two"}, {"/b/3", "one"}, {"/a/4", "one"}, {"/b/5", "two"}}) {
    ASSERT_TRUE(Publish(topic, id).ok());
  }
  std::vector<std::string> topics;
  for (int i = 0; i < 3; ++i) topics.push_back(Describe(subscription->Next(Soon())));
  EXPECT_THAT(topics, ElementsAre("/a/2", "/b/3", "/b/5"));
}

TEST_F(EventsTest, Forward) {
  auto subscription = client_->Subscribe(ctx(), Mine());
  ASSERT_TRUE(subscription->WaitReady(Soon()).ok());
  const events::Envelope sent{.timestamp = absl::FromUnixNanos(1'234'567'890),
                              .ns = ns_.name(),
                              .topic = "/forwarded",
                              .event = *typeurl::MarshalAny(events::TaskStart())};
  const absl::Status s = client_->EventService()->Forward(ctx(), sent);
  ASSERT_TRUE(s.ok()) << s;
  const auto item = subscription->Next(Soon());
  ASSERT_TRUE(item.ok()) << item.status();
  const auto& got = std::get<events::Envelope>(*item);
  EXPECT_EQ(got.timestamp, sent.timestamp);
  EXPECT_EQ(got.topic, "/forwarded");
  EXPECT_TRUE(events::Is<events::TaskStart>(got));

  events::Envelope bad = sent;
  bad.topic = "no-slash";
  EXPECT_TRUE(errdefs::IsInvalidArgument(client_->EventService()->Forward(ctx(), bad)));
  bad = sent;
  bad.ns = "";
  EXPECT_FALSE(client_->EventService()->Forward(ctx(), bad).ok());
}

TEST_F(EventsTest, EventsOfTheDaemonItself) {
  auto subscription = client_->Subscribe(ctx(), Mine(R"(topic=="/namespaces/update")"));
  ASSERT_TRUE(subscription->WaitReady(Soon()).ok());
  ASSERT_TRUE(client_->NamespaceService()->SetLabel(ctx(), ns_.name(), "color", "blue").ok());
  const auto item = subscription->Next(Soon());
  ASSERT_TRUE(item.ok()) << item.status();
  const auto& envelope = std::get<events::Envelope>(*item);
  EXPECT_EQ(envelope.Field(std::vector<std::string>{"event", "labels", "color"}), "blue");
  EXPECT_EQ(events::Decode<events::NamespaceUpdate>(envelope)->name(), ns_.name());
}

TEST_F(EventsTest, BadInput) {
  for (const char* topic : {"", "no-slash", "/", "/a//b", "/a b"}) {
    const absl::Status s = Publish(topic, "x");
    EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << "\"" << topic << "\": " << s;
    EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr(topic));
  }
  for (const auto& opts : {std::vector<events::SubscribeOpt>{},
                           std::vector<events::SubscribeOpt>{events::WithResume()}}) {
    auto subscription = client_->Subscribe(ctx(), {"topic==\"/a\"", "not a filter=="}, opts);
    const absl::Status s = subscription->Next(Soon()).status();
    EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
    // With a mark where it stops making sense.
    EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("filter=="));
    EXPECT_FALSE(subscription->WaitReady(Soon()).ok());
  }
}

// What is published after WaitReady always arrives, however soon after.
TEST_F(EventsTest, NothingIsMissedOnceReady) {
  for (int i = 0; i < 100; ++i) {
    auto subscription = client_->Subscribe(ctx(), Mine());
    ASSERT_TRUE(subscription->WaitReady(Soon()).ok());
    const std::string topic = fmt::format("/n{}", i);
    ASSERT_TRUE(Publish(topic, "x").ok());
    ASSERT_EQ(Describe(subscription->Next(Soon())), topic);
  }
}

TEST_F(EventsTest, ManySubscriptionsSeeAll) {
  constexpr int kSubscriptions = 50;
  constexpr int kEvents = 200;
  std::atomic<int> seen = 0;
  std::mutex mu;
  std::condition_variable changed;
  std::vector<std::unique_ptr<events::CallbackSubscription>> subscriptions;
  for (int i = 0; i < kSubscriptions; ++i) {
    subscriptions.push_back(client_->EventService()->Subscribe(
        ctx(), Mine(),
        [&](const events::Item&) {
          if (++seen < kSubscriptions * kEvents) return;
          const std::lock_guard lock(mu);
          changed.notify_all();
        },
        nullptr));
  }
  for (auto& subscription : subscriptions) ASSERT_TRUE(subscription->WaitReady(Soon()).ok());
  for (int i = 0; i < kEvents; ++i) ASSERT_TRUE(Publish("/x", "y").ok());
  std::unique_lock lock(mu);
  EXPECT_TRUE(changed.wait_for(lock, std::chrono::minutes(1),
                               [&] { return seen == kSubscriptions * kEvents; }));
}

// Publishes without a pause while the daemon is killed and comes back, thrice. Each event that was
// accepted after a gap was reported arrives, in order.
TEST(EventsOverRestarts, ResumeWithGapsAndLoseNothingAfterThem) {
  const testing::PrivateDaemon daemon;
  const Context ctx = WithTimeout(WithNamespace(Context::Background(), "resume"), absl::Minutes(3));
  auto& events = *daemon.client()->EventService();
  auto subscription =
      daemon.client()->Subscribe(ctx, {"namespace==resume"}, {events::WithResume()});
  ASSERT_TRUE(subscription->WaitReady(ctx).ok());

  const auto publish = [&](const std::string& topic) {
    return events::Publish(ctx, events, topic, events::TaskStart());
  };
  absl::Time last = absl::InfinitePast();
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(publish("/before").ok());
    auto item = subscription->Next(ctx);
    ASSERT_EQ(Describe(item), "/before");
    last = std::get<events::Envelope>(*item).timestamp;

    ASSERT_EQ(kill(daemon.daemon().Pid(), SIGKILL), 0);
    item = subscription->Next(ctx);
    ASSERT_EQ(Describe(item), "gap");
    const auto& gap = std::get<events::Gap>(*item);
    EXPECT_EQ(gap.since, last);
    EXPECT_GT(gap.until, gap.since);
    EXPECT_FALSE(gap.cause.ok());

    // At once, without a moment for the daemon to settle.
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(publish(fmt::format("/after{}", i)).ok());
    for (int i = 0; i < 20; ++i) {
      ASSERT_EQ(Describe(subscription->Next(ctx)), fmt::format("/after{}", i));
    }
  }
  ASSERT_TRUE(daemon.daemon().WaitReady(ctx).ok());
}

TEST(EventsOverRestarts, EndWithoutResume) {
  const testing::PrivateDaemon daemon;
  const Context ctx = WithTimeout(WithNamespace(Context::Background(), "resume"), absl::Minutes(1));
  auto subscription = daemon.client()->Subscribe(ctx, {});
  ASSERT_TRUE(subscription->WaitReady(ctx).ok());
  ASSERT_EQ(kill(daemon.daemon().Pid(), SIGKILL), 0);
  absl::StatusOr<events::Item> item = subscription->Next(ctx);
  while (item.ok()) item = subscription->Next(ctx);
  EXPECT_TRUE(errdefs::IsUnavailable(item.status())) << item.status();
  ASSERT_TRUE(daemon.daemon().WaitReady(ctx).ok());
}

}  // namespace
}  // namespace containerd
