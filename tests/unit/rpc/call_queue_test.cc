// SPDX-License-Identifier: Apache-2.0
//
// One queue for all calls of a connection: who gets what, on which thread, and for how long there
// is one.
#include "src/rpc/internal/call_queue.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

#include "src/threads/internal/callback.h"
#include "tests/unit/rpc/rpc_fixture.h"

namespace containerd::rpc {
namespace {

// Threads of this process with that name.
int ThreadsNamed(const std::string& name) {
  int count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream comm(task.path() / "comm");
    std::string found;
    std::getline(comm, found);
    if (found == name) ++count;
  }
  return count;
}

class CallQueueTest : public RpcTest {
 protected:
  // How many threads connections have, after a while for those that are ending.
  static int Threads(int wanted) {
    int count = ThreadsNamed("containerd-rpc");
    for (int i = 0; i < 1000 && count != wanted; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      count = ThreadsNamed("containerd-rpc");
    }
    return count;
  }

  // What thread an asynchronous call comes back on.
  std::future<std::thread::id> Ask() {
    auto came = std::make_shared<std::promise<std::thread::id>>();
    CallAsync<Version, VersionResponse>(background_, Stubs<Version>(conn_), Empty(),
                                        [came](const absl::StatusOr<VersionResponse>& response) {
                                          EXPECT_TRUE(response.ok()) << response.status();
                                          EXPECT_TRUE(threads::MustNotBlock());
                                          came->set_value(std::this_thread::get_id());
                                        });
    return came->get_future();
  }
};

TEST_F(CallQueueTest, CallsThatAreWaitedForNeedNoThread) {
  ASSERT_EQ(Threads(0), 0);
  EXPECT_TRUE(CallVersion(background_).ok());
  EXPECT_EQ(Threads(0), 0);
}

// And a few after the crowd, which wait for themselves again.
TEST_F(CallQueueTest, ManyCallersAtOnceAreServedByTheThread) {
  std::atomic<int> asked = 0;
  daemon_->on_version = [&](grpc::ServerContext*) {
    ++asked;
    while (asked < 16) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return grpc::Status::OK;
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] { EXPECT_TRUE(CallVersion(background_).ok()); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Threads(1), 1);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(CallVersion(background_).ok());
}

TEST_F(CallQueueTest, AsynchronousCallsComeBackOnOneThreadThatCloseEnds) {
  const std::thread::id first = Ask().get();
  EXPECT_EQ(Ask().get(), first);
  EXPECT_EQ(Threads(1), 1);
  conn_->Close();
  EXPECT_EQ(Threads(0), 0);
}

// The thread that waits for the slow answer reads that of the other call, too, and must not run
// what belongs to that: its caller may hold what that wants.
TEST_F(CallQueueTest, AThreadThatWaitsForItsAnswerRunsNobodyElsesCallback) {
  const std::thread::id thread = Ask().get();
  std::atomic<bool> slow = true;
  std::promise<void> asked;
  std::promise<void> answer;
  daemon_->on_version = [&](grpc::ServerContext*) {
    if (slow.exchange(false)) {
      asked.set_value();
      answer.get_future().wait();
    }
    return grpc::Status::OK;
  };
  std::thread waiter([&] { EXPECT_TRUE(CallVersion(background_).ok()); });
  asked.get_future().wait();
  std::future<std::thread::id> other = Ask();
  // The answer need not wait for the other.
  const bool came = other.wait_for(std::chrono::seconds(60)) == std::future_status::ready;
  EXPECT_TRUE(came);
  answer.set_value();
  EXPECT_EQ(other.get(), thread);
  waiter.join();
}

TEST_F(CallQueueTest, EveryoneGetsTheirOwnHoweverManyAreAtIt) {
  std::atomic<int> events = 0;
  std::atomic<int> answers = 0;
  std::vector<std::promise<absl::Status>> ends(8);
  std::vector<std::thread> threads;
  constexpr int kCalls = 100;
  for (auto& end : ends) {
    StartServerStream<Envelope>(
        background_, Stubs<Events>(conn_), Subscribe(kCalls, false),
        [&](Envelope&) {
          ++events;
          return true;
        },
        [&end](absl::Status status) { end.set_value(std::move(status)); });
  }
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int call = 0; call < kCalls; ++call) {
        EXPECT_TRUE(CallVersion(background_).ok());
        // Between these there is at times no asynchronous call at all.
        if (call % 10 == 0) {
          Ask().get();
          ++answers;
        }
      }
    });
  }
  threads.emplace_back([&] {
    auto stream = StartEcho(background_);
    ASSERT_TRUE(stream.ok());
    for (int call = 0; call < kCalls; ++call) {
      Any message;
      message.set_type_url(std::to_string(call));
      EXPECT_TRUE((*stream)->Write(background_, message).ok());
      const absl::StatusOr<Any> echo = (*stream)->Read(background_);
      ASSERT_TRUE(echo.ok()) << echo.status();
      EXPECT_EQ(echo->type_url(), message.type_url());
    }
  });
  for (std::thread& thread : threads) thread.join();
  for (auto& end : ends) EXPECT_TRUE(end.get_future().get().ok());
  EXPECT_EQ(events, 8 * kCalls);
  EXPECT_EQ(answers, 8 * kCalls / 10);
}

TEST_F(CallQueueTest, WhatIsToBeDoneLaterComesAfterAllThatIsThere) {
  std::vector<std::string> order;
  std::promise<void> done;
  std::atomic<int> later = 0;
  StartServerStream<Envelope>(
      background_, Stubs<Events>(conn_), Subscribe(20, false),
      [&](Envelope& envelope) {
        order.push_back(envelope.topic());
        EXPECT_TRUE(conn_->call_queue().Later([&] { ++later; }));
        return true;
      },
      [&](const absl::Status& status) {
        EXPECT_TRUE(status.ok()) << status;
        EXPECT_TRUE(conn_->call_queue().Later([&] { done.set_value(); }));
      });
  done.get_future().wait();
  EXPECT_EQ(order.size(), 20U);
  EXPECT_EQ(later, 20);
  EXPECT_FALSE(conn_->call_queue().Later([] { ADD_FAILURE() << "on another thread"; }));
}

TEST_F(CallQueueTest, AConnectionCanBeDroppedInItsOwnCallback) {
  for (int i = 0; i < 20; ++i) {
    auto conn = std::make_shared<Connection>(Dial());
    std::promise<void> dropped;
    CallAsync<Version, VersionResponse>(background_, Stubs<Version>(conn), Empty(),
                                        [&](const absl::StatusOr<VersionResponse>&) {
                                          conn = nullptr;
                                          dropped.set_value();
                                        });
    dropped.get_future().wait();
  }
  EXPECT_EQ(Threads(0), 0);  // they end by themselves
}

TEST_F(CallQueueTest, NothingBeginsAfterClose) {
  conn_->call_queue().Close();
  EXPECT_TRUE(errdefs::IsUnavailable(conn_->call_queue().Begin().status()));
  EXPECT_FALSE(CallVersion(background_).ok());
  std::promise<absl::Status> refused;
  CallAsync<Version, VersionResponse>(
      background_, Stubs<Version>(conn_), Empty(),
      [&](const absl::StatusOr<VersionResponse>& r) { refused.set_value(r.status()); });
  EXPECT_TRUE(errdefs::IsUnavailable(refused.get_future().get()));
}

}  // namespace
}  // namespace containerd::rpc
