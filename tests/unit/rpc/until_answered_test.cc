// SPDX-License-Identifier: Apache-2.0
#include "src/rpc/internal/until_answered.h"

#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include "containerd/context/context.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/rpc/connection.h"

#include "src/rpc/internal/call.h"
#include "src/tracing/internal/observation.h"
#include "tests/support/recorded_calls.h"

namespace containerd::rpc {
namespace {

TEST(IsCutOff, WhenNobodyWasThereToAnswer) {
  EXPECT_TRUE(IsCutOff(errdefs::Unavailable("Socket closed")));
  EXPECT_TRUE(IsCutOff(errdefs::Canceled("context canceled")));
  EXPECT_TRUE(IsCutOff(errdefs::Unknown("ttrpc: closed")));
  EXPECT_FALSE(IsCutOff(errdefs::Unknown("exit status 1")));
  EXPECT_FALSE(IsCutOff(errdefs::NotFound("ttrpc: closed")));
  EXPECT_FALSE(IsCutOff(errdefs::DeadlineExceeded("context deadline exceeded")));
  EXPECT_FALSE(IsCutOff(absl::OkStatus()));
}

TEST(FromGrpc, SaysHowToNameANamespace) {
  const absl::Status forgotten = FromGrpc(
      {grpc::StatusCode::FAILED_PRECONDITION, "namespace is required: failed precondition"});
  EXPECT_TRUE(errdefs::IsFailedPrecondition(forgotten));
  EXPECT_EQ(
      forgotten.message(),
      "namespace is required (WithNamespace names one for a context, WithDefaultNamespace for "
      "a client)");
  EXPECT_EQ(FromGrpc({grpc::StatusCode::FAILED_PRECONDITION, "task must be stopped"}).message(),
            "task must be stopped");
}

TEST(NextRetryDelay, DoublesUpToALimit) {
  EXPECT_EQ(NextRetryDelay(absl::ZeroDuration()), absl::Milliseconds(50));
  EXPECT_EQ(NextRetryDelay(absl::Milliseconds(50)), absl::Milliseconds(100));
  EXPECT_EQ(NextRetryDelay(absl::Seconds(2)), absl::Seconds(2));
}

class UntilAnsweredTest : public ::testing::Test {
 protected:
  using Response = absl::StatusOr<int>;

  ~UntilAnsweredTest() override { conn_->Close(); }

  // Gives `answers_` one after the other, the last again and again.
  std::future<Response> Start(const Context& ctx) {
    auto outcome = std::make_shared<std::promise<Response>>();
    CallAsyncUntilAnswered<int>(
        ctx, conn_,
        [this](const Context& attempt, const std::function<void(const Response&)>& answered) {
          ++calls_;
          tracing::Observation::Begin(attempt, observer_, [] { return tracing::Call(); });
          const Response answer = answers_.front();
          if (answers_.size() > 1) answers_.pop_front();
          answered(answer);
        },
        [outcome](Response response) { outcome->set_value(std::move(response)); });
    return outcome->get_future();
  }

  const std::shared_ptr<Connection> conn_ = std::make_shared<Connection>(nullptr);
  std::deque<Response> answers_;
  int calls_ = 0;
  const std::shared_ptr<tracing::testing::RecordedCalls> observer_ =
      std::make_shared<tracing::testing::RecordedCalls>();
};

TEST_F(UntilAnsweredTest, AsksAgainWhenItWasCutOff) {
  answers_ = {errdefs::Unavailable("Socket closed"), errdefs::Canceled("context canceled"),
              errdefs::Unknown("ttrpc: closed"), 7};
  const Response outcome = Start({}).get();
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(*outcome, 7);
  EXPECT_EQ(calls_, 4);
  int attempt = 0;
  for (const auto& call : observer_->calls()) EXPECT_EQ(call.attempt, ++attempt);
  EXPECT_EQ(attempt, 4);
}

TEST_F(UntilAnsweredTest, GivesAnErrorThatIsAnAnswer) {
  answers_ = {errdefs::Unavailable("Socket closed"), errdefs::NotFound("no such task"), 7};
  EXPECT_TRUE(errdefs::IsNotFound(Start({}).get().status()));
  EXPECT_EQ(calls_, 2);
}

TEST_F(UntilAnsweredTest, EndsWithItsContext) {
  answers_ = {errdefs::Unavailable("no daemon")};
  auto [ctx, cancel] = WithCancel({});
  std::future<Response> outcome = Start(ctx);
  cancel();
  EXPECT_TRUE(errdefs::IsCanceled(outcome.get().status()));
  const absl::Status late = Start(WithTimeout({}, absl::Milliseconds(80))).get().status();
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(late)) << late;
}

TEST_F(UntilAnsweredTest, EndsWithTheConnection) {
  answers_ = {errdefs::Unavailable("no daemon")};
  std::future<Response> outcome = Start({});
  conn_->Close();
  EXPECT_TRUE(errdefs::IsCanceled(outcome.get().status()));
  // And what was asked after that is not asked again.
  EXPECT_TRUE(errdefs::IsUnavailable(Start({}).get().status()));
}

}  // namespace
}  // namespace containerd::rpc
