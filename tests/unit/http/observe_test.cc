// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/http/http.h"
#include "containerd/tracing/call_observer.h"
#include "containerd/tracing/trace_context.h"

#include "tests/support/recorded_calls.h"
#include "tests/support/test_server.h"

namespace containerd::http {
namespace {

using testing::ResponseWriter;
using testing::ServerRequest;
using testing::TestServer;
using tracing::testing::Recorded;
using tracing::testing::RecordedCalls;

constexpr char kTrace[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr char kSpan[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-1111111111111111-01";

class ObservedHttpTest : public ::testing::Test {
 protected:
  const std::shared_ptr<RecordedCalls> calls_ = std::make_shared<RecordedCalls>();
  const Context ctx_ = tracing::WithCallObserver(Context::Background(), calls_);
  const Client client_{.transport = NewTransport()};
  const TestServer server_{[](const ServerRequest& req, ResponseWriter& w) {
    if (req.path == "/moved") {
      w.header.Set("Location", "/here");
      return w.Send(307, "gone");
    }
    w.header.Set("X-Trace", req.header.Get("Traceparent") + " " + req.header.Get("Tracestate"));
    w.Send(req.path == "/none" ? 404 : 200, std::string(1000, 'x'));
  }};
};

TEST_F(ObservedHttpTest, ARequestEndsWithItsBody) {
  const Context ctx = WithNamespace(ctx_, "k8s.io");
  std::string url = server_.Url("/none?token=secret#part");
  url.insert(url.find("//") + 2, "user:password@");
  auto response = client_.Do(ctx, {.method = "POST", .url = url, .body = NewStringBody("hello")});
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_EQ(calls_->calls().size(), 1U);
  EXPECT_FALSE(calls_->calls().front().ended);
  EXPECT_EQ(io::ReadAll(ctx, *(*response)->body, 1 << 20)->size(), 1000U);
  const Recorded call = calls_->calls().front();
  EXPECT_TRUE(call.ended);
  EXPECT_EQ(call.kind, tracing::CallKind::kHTTP);
  EXPECT_EQ(call.method, "POST");
  EXPECT_EQ(call.url, server_.Url("/none"));
  EXPECT_EQ(call.ns, "k8s.io");
  EXPECT_TRUE(call.end.status.ok());
  EXPECT_EQ(call.end.http_status, 404);
  EXPECT_EQ(call.end.bytes_sent, 5);
  EXPECT_EQ(call.end.bytes_received, 1000);
  EXPECT_GT(call.end.duration, absl::ZeroDuration());
}

TEST_F(ObservedHttpTest, EndsAtOnceWithoutABodyAndWhenItsReaderGoes) {
  ASSERT_TRUE(client_.Do(ctx_, {.method = "HEAD", .url = server_.Url("/")}).ok());
  EXPECT_TRUE(calls_->calls().front().ended);
  {
    auto response = client_.Do(ctx_, {.url = server_.Url("/")});
    ASSERT_TRUE(response.ok());
    EXPECT_FALSE(calls_->calls().back().ended);
  }
  const Recorded dropped = calls_->AwaitEnds().back();
  EXPECT_TRUE(dropped.ended);
  EXPECT_TRUE(dropped.end.status.ok());
  EXPECT_EQ(dropped.end.bytes_received, 0);
}

TEST_F(ObservedHttpTest, RedirectsAreRequestsOfTheirOwn) {
  auto response = client_.Do(ctx_, {.url = server_.Url("/moved")});
  ASSERT_TRUE(response.ok());
  EXPECT_TRUE(io::ReadAll(ctx_, *(*response)->body, 1 << 20).ok());
  const std::vector<Recorded> calls = calls_->AwaitEnds();
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls[0].end.http_status, 307);
  EXPECT_EQ(calls[1].url, server_.Url("/here"));
}

TEST_F(ObservedHttpTest, FailuresAreTold) {
  struct Refuses final : RoundTripper {
    Future<std::shared_ptr<Response>> RoundTrip(const Context&, Request) override {
      return Future<std::shared_ptr<Response>>::Ready(
          NewError(ErrorKind::kConnectionRefused, "dial"));
    }
  };
  const Client client{.transport = std::make_shared<Refuses>()};
  EXPECT_FALSE(client.Do(ctx_, {.url = "http://registry.example/"}).ok());
  const Recorded call = calls_->calls().front();
  EXPECT_TRUE(call.ended);
  EXPECT_EQ(KindOf(call.end.status), ErrorKind::kConnectionRefused);
  EXPECT_EQ(call.end.http_status, 0);
}

TEST_F(ObservedHttpTest, TheTraceTravelsInTheHeader) {
  const auto sent = [&](const Context& ctx) {
    auto response = client_.Do(
        ctx, {.url = server_.Url("/"), .header = {{"Traceparent", "mine"}, {"Tracestate", "m=1"}}});
    return response.ok() ? (*response)->header.Get("X-Trace") : response.status().ToString();
  };
  const Context plain = Context::Background();
  EXPECT_EQ(sent(plain), "mine m=1");
  EXPECT_EQ(sent(*tracing::WithTraceparent(plain, kTrace)), kTrace);
  EXPECT_EQ(sent(*tracing::WithTraceparent(plain, kTrace, "a=1")), std::string(kTrace) + " a=1");
  const auto spans = std::make_shared<RecordedCalls>(tracing::TraceContext{kSpan, "s=2"});
  EXPECT_EQ(sent(tracing::WithCallObserver(plain, spans)), std::string(kSpan) + " s=2");
}

}  // namespace
}  // namespace containerd::http
