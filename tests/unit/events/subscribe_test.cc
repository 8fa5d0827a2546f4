// SPDX-License-Identifier: Apache-2.0
//
// Subscriptions to a daemon that can be told to do anything: stall, end streams, die and come back.
#include <atomic>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <future>
#include <iterator>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/events/events.h"
#include "containerd/rpc/connection.h"
#include "containerd/services/events/v1/events.grpc.pb.h"

namespace containerd::events {
namespace {

namespace pb = ::containerd::services::events::v1;
using google::protobuf::Empty;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FakeDaemon final : public pb::Events::CallbackService {
 public:
  explicit FakeDaemon(const std::string& socket) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials());
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }

  // Streams break as if the process had died.
  ~FakeDaemon() override {
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
  }

  void Broadcast(const std::string& topic, std::int64_t seconds = 0) {
    types::Envelope envelope;
    envelope.set_topic(topic);
    if (seconds != 0) envelope.mutable_timestamp()->set_seconds(seconds);
    const std::lock_guard lock(mu_);
    for (Subscriber* subscriber : subscribers_) subscriber->Push(envelope);
  }

  // Ends all streams.
  void EndAll(const grpc::Status& status) {
    const std::lock_guard lock(mu_);
    for (Subscriber* subscriber : subscribers_) subscriber->End(status);
  }

  void WaitForSubscribers(std::size_t count) {
    std::unique_lock lock(mu_);
    changed_.wait(lock, [&] { return subscribers_.size() == count; });
  }

  std::vector<std::string> last_filters() {
    const std::lock_guard lock(mu_);
    return last_filters_;
  }

  std::size_t written() {
    const std::lock_guard lock(mu_);
    return written_;
  }

  // Every new subscription ends with this.
  void Refuse(grpc::Status status) {
    const std::lock_guard lock(mu_);
    refusal_ = std::move(status);
  }

 private:
  // Everything in it is guarded by the daemon's mutex.
  struct Subscriber final : grpc::ServerWriteReactor<types::Envelope> {
    explicit Subscriber(FakeDaemon* d) : daemon(d) {}

    void Push(const types::Envelope& envelope) {
      queue.push_back(envelope);
      Write();
    }
    void Write() {
      if (writing || ended) return;
      if (!queue.empty()) {
        writing = true;
        StartWrite(&queue.front());
      } else if (end.has_value()) {
        ended = true;
        Finish(*end);
      }
    }
    void End(const grpc::Status& status) {
      end = status;
      Write();
    }
    void OnWriteDone(bool ok) override {
      const std::lock_guard lock(daemon->mu_);
      writing = false;
      queue.pop_front();
      if (ok) ++daemon->written_;
      if (!ok) queue.clear();
      Write();
    }
    void OnCancel() override {
      const std::lock_guard lock(daemon->mu_);
      queue.resize(std::min<std::size_t>(queue.size(), writing ? 1 : 0));
      End(grpc::Status::CANCELLED);
    }
    void OnDone() override {
      {
        const std::lock_guard lock(daemon->mu_);
        std::erase(daemon->subscribers_, this);
        daemon->changed_.notify_all();
      }
      delete this;
    }

    FakeDaemon* daemon;
    std::deque<types::Envelope> queue;
    std::optional<grpc::Status> end;
    bool writing = false;
    bool ended = false;
  };

  grpc::ServerWriteReactor<types::Envelope>* Subscribe(
      grpc::CallbackServerContext* /*ctx*/, const pb::SubscribeRequest* request) override {
    auto* subscriber = new Subscriber(this);
    const std::lock_guard lock(mu_);
    last_filters_ = {request->filters().begin(), request->filters().end()};
    subscribers_.push_back(subscriber);
    if (!refusal_.ok()) subscriber->End(refusal_);
    changed_.notify_all();
    return subscriber;
  }

  grpc::ServerUnaryReactor* Publish(grpc::CallbackServerContext* ctx,
                                    const pb::PublishRequest* request, Empty* /*out*/) override {
    grpc::ServerUnaryReactor* reactor = ctx->DefaultReactor();
    if (request->topic().empty()) {
      reactor->Finish({grpc::StatusCode::INVALID_ARGUMENT, "topic must not be empty"});
    } else {
      Broadcast(request->topic());
      reactor->Finish(grpc::Status::OK);
    }
    return reactor;
  }

  std::mutex mu_;
  std::condition_variable changed_;
  std::vector<Subscriber*> subscribers_;
  std::vector<std::string> last_filters_;
  std::size_t written_ = 0;
  grpc::Status refusal_;
  std::unique_ptr<grpc::Server> server_;
};

std::shared_ptr<grpc::Channel> Dial(const std::string& socket) {
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 20);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), args);
}

class SubscribeTest : public testing::Test {
 protected:
  SubscribeTest() {
    char dir[] = "/tmp/events-test-XXXXXX";
    EXPECT_NE(mkdtemp(dir), nullptr);
    dir_ = dir;
    daemon_ = std::make_unique<FakeDaemon>(Socket());
    conn_ = std::make_shared<rpc::Connection>(Dial(Socket()));
    events_ = NewEventService(conn_);
  }

  ~SubscribeTest() override {
    conn_->Close();
    daemon_ = nullptr;
    std::filesystem::remove_all(dir_);
  }

  std::string Socket(const std::string& name = "s") const { return dir_ + "/" + name; }

  void StopDaemon() { daemon_ = nullptr; }
  void StartDaemon() { daemon_ = std::make_unique<FakeDaemon>(Socket()); }

  // The topic of the next event, or what came instead of one.
  std::string Next(Subscription& subscription) { return Describe(subscription.Next(ctx_)); }

  static std::string Describe(const absl::StatusOr<Item>& item) {
    if (!item.ok()) return item.status().ToString();
    if (const auto* gap = std::get_if<Gap>(&*item)) return "gap: " + gap->cause.ToString();
    return std::get<Envelope>(*item).topic;
  }

  // A test that would hang fails instead.
  const Context ctx_ = WithTimeout(Context::Background(), absl::Seconds(60));
  std::string dir_;
  std::unique_ptr<FakeDaemon> daemon_;
  std::shared_ptr<rpc::Connection> conn_;
  std::shared_ptr<EventService> events_;
};

std::vector<SubscribeOpt> Resuming() {
  return {WithResume(), WithBackoff(absl::Milliseconds(5), absl::Milliseconds(50))};
}

TEST_F(SubscribeTest, DeliversInOrder) {
  auto subscription = events_->Subscribe(ctx_, {"topic~=^/a", "namespace==b"});
  ASSERT_TRUE(subscription->WaitReady(ctx_).ok());
  EXPECT_THAT(daemon_->last_filters(),
              ElementsAre("topic~=^/a", "namespace==b", HasSubstr("topic==\"/containerd-cpp/")));
  EXPECT_FALSE((*subscription->TryNext()).has_value());
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(events_->Publish(ctx_, fmt::format("/{}", i), {}).ok());
  }
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(Next(*subscription), fmt::format("/{}", i));
}

TEST_F(SubscribeTest, ABatchIsWhatIsThere) {
  auto subscription = events_->Subscribe(ctx_, {}, {WithQueueSize(8)});
  ASSERT_TRUE(subscription->WaitReady(ctx_).ok());
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(
      subscription->NextBatch(WithTimeout(ctx_, absl::Milliseconds(1))).status()));
  // However they are cut, all come, in order; and at some time more than one at once.
  std::size_t most = 0;
  int seen = 0;
  for (int sent = 0; most < 2;) {
    for (int i = 0; i < 100; ++i) daemon_->Broadcast(fmt::format("/{}", sent++));
    while (seen < sent) {
      absl::StatusOr<std::vector<Item>> batch = subscription->NextBatch(ctx_, 3);
      ASSERT_TRUE(batch.ok()) << batch.status();
      ASSERT_GE(batch->size(), 1U);
      ASSERT_LE(batch->size(), 3U);
      for (const Item& item : *batch) ASSERT_EQ(Describe(item), fmt::format("/{}", seen++));
      most = std::max(most, batch->size());
    }
  }
  daemon_->Broadcast("/last");
  EXPECT_EQ((*subscription->NextBatch(ctx_, 0)).size(), 1U);
  daemon_->EndAll(grpc::Status::OK);
  EXPECT_TRUE(errdefs::IsOutOfRange(subscription->NextBatch(ctx_).status()));
}

TEST_F(SubscribeTest, NextHasAContextOfItsOwn) {
  auto subscription = events_->Subscribe(ctx_, {});
  ASSERT_TRUE(subscription->WaitReady(ctx_).ok());
  const auto late = subscription->Next(WithTimeout(ctx_, absl::Milliseconds(10)));
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(late.status())) << late.status();

  auto [ctx, cancel] = WithCancel(ctx_);
  std::thread canceller(cancel);
  EXPECT_TRUE(errdefs::IsCanceled(subscription->Next(ctx).status()));
  canceller.join();

  daemon_->Broadcast("/still-here");
  EXPECT_EQ(Next(*subscription), "/still-here");
}

TEST_F(SubscribeTest, EndsWithItsContext) {
  for (const auto& opts : {std::vector<SubscribeOpt>{}, Resuming()}) {
    auto [ctx, cancel] = WithCancel(ctx_);
    auto subscription = events_->Subscribe(ctx, {}, opts);
    ASSERT_TRUE(subscription->WaitReady(ctx_).ok());
    daemon_->Broadcast("/before");
    EXPECT_EQ(Next(*subscription), "/before");
    cancel();
    EXPECT_TRUE(errdefs::IsCanceled(subscription->Next(ctx_).status()));
    EXPECT_TRUE(errdefs::IsCanceled(subscription->TryNext().status()));
    EXPECT_FALSE(subscription->WaitReady(ctx_).ok());
    daemon_->WaitForSubscribers(0);
  }
  auto subscription = events_->Subscribe(WithTimeout(ctx_, absl::Milliseconds(50)), {}, Resuming());
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(subscription->Next(ctx_).status()));
}

TEST_F(SubscribeTest, CancelAndDestroy) {
  auto subscription = events_->Subscribe(ctx_, {}, Resuming());
  auto other = events_->Subscribe(ctx_, {});
  daemon_->WaitForSubscribers(2);
  subscription->Cancel();
  EXPECT_TRUE(errdefs::IsCanceled(subscription->Next(ctx_).status()));
  other = nullptr;
  daemon_->WaitForSubscribers(0);
}

TEST_F(SubscribeTest, SaysHowTheDaemonEndedIt) {
  auto subscription = events_->Subscribe(ctx_, {});
  daemon_->WaitForSubscribers(1);
  daemon_->Broadcast("/last");
  daemon_->EndAll(grpc::Status::OK);
  EXPECT_EQ(Next(*subscription), "/last");
  const absl::Status end = subscription->Next(ctx_).status();
  EXPECT_TRUE(errdefs::IsOutOfRange(end)) << end;
  EXPECT_THAT(std::string(errdefs::Message(end)), HasSubstr("end of stream"));

  subscription = events_->Subscribe(ctx_, {});
  daemon_->WaitForSubscribers(1);
  StopDaemon();
  const absl::Status lost = subscription->Next(ctx_).status();
  EXPECT_TRUE(errdefs::IsUnavailable(lost) || errdefs::IsCanceled(lost)) << lost;

  subscription = events_->Subscribe(ctx_, {});
  EXPECT_TRUE(errdefs::IsUnavailable(subscription->WaitReady(ctx_)));
  EXPECT_TRUE(errdefs::IsUnavailable(subscription->Next(ctx_).status())) << "no daemon";
}

TEST_F(SubscribeTest, WrongFilterEndsEvenAResumingSubscription) {
  daemon_->Refuse({grpc::StatusCode::UNKNOWN,
                   "subscription error: failed parsing subscription filters: [bad==]: x"});
  for (const auto& opts : {std::vector<SubscribeOpt>{}, Resuming()}) {
    auto subscription = events_->Subscribe(ctx_, {"bad=="}, opts);
    const absl::Status s = subscription->Next(ctx_).status();
    EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
    EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("bad=="));
  }
}

TEST_F(SubscribeTest, FullQueueHoldsTheDaemonBack) {
  constexpr std::size_t kEvents = 2000;
  auto subscription = events_->Subscribe(ctx_, {}, {WithQueueSize(2)});
  auto other = events_->Subscribe(ctx_, {}, {WithQueueSize(kEvents)});
  daemon_->WaitForSubscribers(2);
  const std::string padding(20000, 'x');
  for (std::size_t i = 0; i < kEvents; ++i) daemon_->Broadcast(fmt::format("/{}/{}", i, padding));
  for (std::size_t i = 0; i < kEvents; ++i) {
    ASSERT_EQ(Next(*other), fmt::format("/{}/{}", i, padding));
  }
  // All was written to one; 40 MB do not fit into what is buffered on the way to the other.
  EXPECT_LT(daemon_->written(), kEvents + kEvents / 2);
  for (std::size_t i = 0; i < kEvents; ++i) {
    ASSERT_EQ(Next(*subscription), fmt::format("/{}/{}", i, padding));
  }
}

TEST_F(SubscribeTest, ResumesWithAGap) {
  auto subscription = events_->Subscribe(ctx_, {"topic~=^/x"}, Resuming());
  ASSERT_TRUE(subscription->WaitReady(ctx_).ok());
  // Later than the subscription's beginning by the clock of the daemon.
  const absl::Time first = absl::Now() + absl::Hours(1);
  for (int round = 0; round < 3; ++round) {
    const absl::Time stamp = first + absl::Hours(round);
    daemon_->Broadcast("/before", absl::ToUnixSeconds(stamp));
    ASSERT_EQ(Next(*subscription), "/before");
    StopDaemon();
    StartDaemon();
    const auto item = subscription->Next(ctx_);
    ASSERT_TRUE(item.ok()) << item.status();
    const auto* gap = std::get_if<Gap>(&*item);
    ASSERT_NE(gap, nullptr) << Describe(item);
    EXPECT_EQ(gap->since, absl::FromUnixSeconds(absl::ToUnixSeconds(stamp)));
    EXPECT_LE(gap->until, absl::Now());
    EXPECT_FALSE(gap->cause.ok());
    EXPECT_THAT(daemon_->last_filters(), Contains("topic~=^/x"));
    // The gap comes with the new subscription in place, so nothing after it is lost.
    daemon_->Broadcast("/after", absl::ToUnixSeconds(stamp));
    ASSERT_EQ(Next(*subscription), "/after");
  }
}

TEST_F(SubscribeTest, ResumesAfterTheDaemonEndedTheStream) {
  auto subscription = events_->Subscribe(ctx_, {}, Resuming());
  for (const grpc::Status& status :
       {grpc::Status::OK, grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "too large"),
        grpc::Status(grpc::StatusCode::UNAVAILABLE, "going away")}) {
    daemon_->WaitForSubscribers(1);
    daemon_->EndAll(status);
    const std::string cause = status.ok() ? "end of stream" : status.error_message();
    EXPECT_THAT(Next(*subscription), testing::AllOf(HasSubstr("gap:"), HasSubstr(cause)));
    daemon_->Broadcast("/after");
    EXPECT_EQ(Next(*subscription), "/after");
  }
}

TEST_F(SubscribeTest, WaitsForADaemonThatIsNotThereYet) {
  StopDaemon();
  auto subscription = events_->Subscribe(ctx_, {}, Resuming());
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(
      subscription->WaitReady(WithTimeout(ctx_, absl::Milliseconds(100)))));
  StartDaemon();
  ASSERT_TRUE(subscription->WaitReady(ctx_).ok());
  EXPECT_THAT(Next(*subscription), HasSubstr("gap:"));
  daemon_->Broadcast("/x");
  EXPECT_EQ(Next(*subscription), "/x");
}

TEST_F(SubscribeTest, FollowsAReplacedConnection) {
  auto subscription = events_->Subscribe(ctx_, {}, Resuming());
  ASSERT_TRUE(subscription->WaitReady(ctx_).ok());
  StopDaemon();
  daemon_ = std::make_unique<FakeDaemon>(Socket("other"));
  conn_->Replace(Dial(Socket("other")));
  EXPECT_THAT(Next(*subscription), HasSubstr("gap:"));
  daemon_->Broadcast("/x");
  EXPECT_EQ(Next(*subscription), "/x");
}

TEST_F(SubscribeTest, CloseEndsIt) {
  auto running = events_->Subscribe(ctx_, {}, Resuming());
  ASSERT_TRUE(running->WaitReady(ctx_).ok());
  StopDaemon();
  // It waits for the alarm, or for the daemon to answer.
  auto waiting =
      events_->Subscribe(ctx_, {}, {WithResume(), WithBackoff(absl::Hours(1), absl::Hours(1))});
  EXPECT_FALSE(waiting->WaitReady(WithTimeout(ctx_, absl::Milliseconds(50))).ok());
  conn_->Close();
  EXPECT_TRUE(errdefs::IsCanceled(running->Next(ctx_).status()));
  EXPECT_TRUE(errdefs::IsCanceled(waiting->Next(ctx_).status()));
  auto late = events_->Subscribe(ctx_, {}, Resuming());
  const absl::Status after = late->Next(ctx_).status();
  EXPECT_TRUE(errdefs::IsUnavailable(after)) << after;
}

TEST_F(SubscribeTest, ContextEndsABackoff) {
  StopDaemon();
  auto [ctx, cancel] = WithCancel(ctx_);
  auto subscription =
      events_->Subscribe(ctx, {}, {WithResume(), WithBackoff(absl::Hours(1), absl::Hours(1))});
  EXPECT_FALSE(subscription->WaitReady(WithTimeout(ctx_, absl::Milliseconds(50))).ok());
  cancel();
  EXPECT_TRUE(errdefs::IsCanceled(subscription->Next(ctx_).status()));

  subscription = events_->Subscribe(WithTimeout(ctx_, absl::Milliseconds(100)), {},
                                    {WithResume(), WithBackoff(absl::Hours(1), absl::Hours(1))});
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(subscription->Next(ctx_).status()));
}

// Collects what callbacks are given.
class Collector {
 public:
  auto OnItem() {
    return [this](const Item& item) {
      const std::lock_guard lock(mu_);
      items_.push_back(SubscribeItem(item));
      changed_.notify_all();
    };
  }
  auto OnEnd() {
    return [this](const absl::Status& status) {
      const std::lock_guard lock(mu_);
      end_ = status;
      changed_.notify_all();
    };
  }
  std::vector<std::string> WaitFor(std::size_t count) {
    std::unique_lock lock(mu_);
    changed_.wait(lock, [&] { return items_.size() >= count; });
    return items_;
  }
  absl::Status WaitForEnd() {
    std::unique_lock lock(mu_);
    changed_.wait(lock, [&] { return end_.has_value(); });
    return *end_;
  }

 private:
  static std::string SubscribeItem(const Item& item) {
    return std::holds_alternative<Gap>(item) ? "gap" : std::get<Envelope>(item).topic;
  }

  std::mutex mu_;
  std::condition_variable changed_;
  std::vector<std::string> items_;
  std::optional<absl::Status> end_;
};

TEST_F(SubscribeTest, Callbacks) {
  Collector got;
  auto subscription = events_->Subscribe(ctx_, {}, got.OnItem(), got.OnEnd(), Resuming());
  ASSERT_TRUE(subscription->WaitReady(ctx_).ok());
  daemon_->Broadcast("/1");
  daemon_->Broadcast("/2");
  EXPECT_THAT(got.WaitFor(2), ElementsAre("/1", "/2"));
  StopDaemon();
  StartDaemon();
  EXPECT_THAT(got.WaitFor(3), ElementsAre("/1", "/2", "gap"));
  daemon_->Broadcast("/3");
  EXPECT_THAT(got.WaitFor(4), ElementsAre("/1", "/2", "gap", "/3"));
  subscription->Cancel();
  EXPECT_TRUE(errdefs::IsCanceled(got.WaitForEnd()));
}

TEST_F(SubscribeTest, CallbackForAnEndAtOnce) {
  conn_->Close();
  Collector got;
  auto subscription = events_->Subscribe(ctx_, {}, got.OnItem(), got.OnEnd());
  const absl::Status end = got.WaitForEnd();
  EXPECT_TRUE(errdefs::IsUnavailable(end)) << end;
}

TEST_F(SubscribeTest, NoCallbackAfterDestruction) {
  std::mutex mu;
  std::condition_variable changed;
  bool inside = false;
  bool go_on = false;
  std::atomic<int> calls = 0;
  auto subscription = events_->Subscribe(
      ctx_, {},
      [&](const Item&) {
        ++calls;
        std::unique_lock lock(mu);
        inside = true;
        changed.notify_all();
        changed.wait(lock, [&] { return go_on; });
      },
      [&](const absl::Status&) { ADD_FAILURE() << "end reported after destruction"; });
  ASSERT_TRUE(subscription->WaitReady(ctx_).ok());
  for (int i = 0; i < 10; ++i) daemon_->Broadcast("/x");
  {
    std::unique_lock lock(mu);
    changed.wait(lock, [&] { return inside; });
  }
  std::thread releaser([&] {
    daemon_->WaitForSubscribers(0);  // the destructor has cancelled the stream
    const std::lock_guard lock(mu);
    go_on = true;
    changed.notify_all();
  });
  subscription = nullptr;
  EXPECT_TRUE(go_on) << "destruction waits for the callback";
  EXPECT_EQ(calls, 1);
  releaser.join();
}

TEST_F(SubscribeTest, CallbackMayDestroyTheSubscription) {
  std::mutex mu;
  std::condition_variable changed;
  bool done = false;
  std::unique_ptr<CallbackSubscription> subscription;
  std::unique_lock lock(mu);
  subscription = events_->Subscribe(
      ctx_, {},
      [&](const Item&) {
        const std::lock_guard inner(mu);
        subscription = nullptr;
        done = true;
        changed.notify_all();
      },
      nullptr);
  lock.unlock();
  ASSERT_TRUE(subscription->WaitReady(ctx_).ok());
  daemon_->Broadcast("/x");
  lock.lock();
  changed.wait(lock, [&] { return done; });
  lock.unlock();
  daemon_->WaitForSubscribers(0);
}

TEST_F(SubscribeTest, CallbackMayBlockAndCallTheLibrary) {
  std::promise<absl::Status> called;
  auto subscription = events_->Subscribe(
      ctx_, {},
      [&](const Item&) { called.set_value(events_->Publish(ctx_, "/from/callback", {})); },
      nullptr);
  ASSERT_TRUE(subscription->WaitReady(ctx_).ok());
  daemon_->Broadcast("/x");
  EXPECT_FALSE(errdefs::IsFailedPrecondition(called.get_future().get()));
}

TEST_F(SubscribeTest, AnExceptionInACallbackEndsTheSubscription) {
  Collector got;
  std::atomic<int> calls = 0;
  auto subscription = events_->Subscribe(
      ctx_, {},
      [&](const Item&) {
        ++calls;
        throw std::runtime_error("odd item");
      },
      got.OnEnd(), Resuming());
  ASSERT_TRUE(subscription->WaitReady(ctx_).ok());
  daemon_->Broadcast("/1");
  daemon_->Broadcast("/2");
  const absl::Status end = got.WaitForEnd();
  EXPECT_TRUE(errdefs::IsInternal(end)) << end;
  EXPECT_THAT(std::string(errdefs::Message(end)), ::testing::HasSubstr("odd item"));
  EXPECT_EQ(calls, 1);
  daemon_->WaitForSubscribers(0);
  conn_->Close();  // waits for nothing that is left of it
}

std::ptrdiff_t Threads() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
}

TEST_F(SubscribeTest, CostNoThreads) {
  std::vector<std::unique_ptr<Subscription>> subscriptions;
  const auto add = [&](int count) {
    for (int i = 0; i < count; ++i)
      subscriptions.push_back(events_->Subscribe(ctx_, {}, Resuming()));
    for (auto& subscription : subscriptions) EXPECT_TRUE(subscription->WaitReady(ctx_).ok());
  };
  add(10);
  const std::ptrdiff_t before = Threads();
  add(500);
  // gRPC keeps a few more when many callbacks come at once.
  EXPECT_LT(Threads(), before + 50);
}

}  // namespace
}  // namespace containerd::events
