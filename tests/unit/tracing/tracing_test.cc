// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"
#include "containerd/tracing/call_observer.h"
#include "containerd/tracing/trace_context.h"

#include "src/tracing/internal/observation.h"
#include "tests/support/recorded_calls.h"

namespace containerd::tracing {
namespace {

using ::testing::HasSubstr;
using testing::Recorded;
using testing::RecordedCalls;

const Context kCtx = Context::Background();
constexpr char kParent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr char kOther[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-1111111111111111-00";

TEST(WithTraceparent, TakesWhatTheStandardAllows) {
  const std::string big(256, 'v');
  for (const auto& [parent, state] : std::vector<std::pair<std::string, std::string>>{
           {kParent, ""},
           {"cc-12345678901234567890123456789012-1234567890123456-00", ""},
           {"01-12345678901234567890123456789012-1234567890123456-09-what-comes", ""},
           {kParent, "congo=t61rcWkgMzE"},
           {kParent, " rojo=00f067aa0ba902b7 ,\tcongo=t61rcWkgMzE,,"},
           {kParent, "fw529a3039@dt=FfIAAAAA,9a_-*/@x=a b!"},
           {kParent, "k=" + big}}) {
    const absl::StatusOr<Context> ctx = WithTraceparent(kCtx, parent, state);
    ASSERT_TRUE(ctx.ok()) << ctx.status();
    EXPECT_EQ(TraceContextOf(*ctx), (TraceContext{parent, state}));
  }
  EXPECT_EQ(TraceContextOf(kCtx), TraceContext());
  // The last one counts, alone.
  const Context twice = *WithTraceparent(*WithTraceparent(kCtx, kParent, "a=1"), kOther);
  EXPECT_EQ(TraceContextOf(twice), (TraceContext{kOther, ""}));
}

TEST(WithTraceparent, SaysWhatIsWrong) {
  std::string many;
  for (int i = 0; i < 33; ++i) many += fmt::format("k{}=v,", i);
  struct Case {
    std::string parent, state;
    std::string_view error;
  };
  for (const Case& c : std::vector<Case>{
           {"", "", "want <2 digits>-<32 digits>"},
           {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", "", "want <2 digits>"},
           {"00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "", "want <2 digits>"},
           {"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "", "lower case"},
           {"00-4bf92f3577b34da6a3ce929d0e0e473\n-00f067aa0ba902b7-01", "", "hexadecimal"},
           {"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "", "version ff"},
           {"00-00000000000000000000000000000000-00f067aa0ba902b7-01", "", "trace id is zero"},
           {"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", "", "parent id is zero"},
           {std::string(kParent) + "-x", "", "version 00 ends"},
           {"01" + std::string(kParent).substr(2) + "x", "", "begins with \"-\""},
           {"01" + std::string(kParent).substr(2) + "-\r\nHost: x", "", "begins with \"-\""},
           {kParent, "a", "want key=value"},
           {kParent, "A=1", "\"A\" is no key"},
           {kParent, "=1", "\"\" is no key"},
           {kParent, std::string(257, 'k') + "=1", "is no key"},
           {kParent, "a=", "the value of \"a\""},
           {kParent, "a=b=c", "the value of \"a\""},
           {kParent, "a=\x01", "the value of \"a\""},
           {kParent, "a=" + std::string(257, 'v'), "the value of \"a\""},
           {kParent, "a=1,b=2,a=3", "\"a\" is there twice"},
           {kParent, many, "33 members"}}) {
    const absl::Status s = WithTraceparent(kCtx, c.parent, c.state).status();
    EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << c.parent << c.state << s;
    EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr(c.error));
  }
}

Call Get() { return {.kind = CallKind::kUnary, .method = "/s/Get", .ns = "default"}; }

TEST(Observation, IsNoneWithoutAnObserver) {
  int described = 0;
  EXPECT_EQ(Observation::Begin(kCtx, nullptr,
                               [&] {
                                 ++described;
                                 return Get();
                               }),
            nullptr);
  EXPECT_EQ(described, 0);
}

TEST(Observation, TellsStartAndEnd) {
  const auto calls = std::make_shared<RecordedCalls>();
  {
    const Context ctx = WithAttempt(*WithTraceparent(WithNamespace(kCtx, "k8s.io"), kParent), 3);
    const auto seen = Observation::Begin(ctx, calls, Get);
    ASSERT_NE(seen, nullptr);
    seen->Sent(5);
    seen->Received(7);
    seen->Received(8);
    seen->Answered(404);
    seen->Ended(errdefs::NotFound("no such thing"));
    seen->Ended(absl::OkStatus());  // too late
    EXPECT_FALSE(calls->calls().front().ended);
  }
  const Recorded call = calls->calls().front();
  EXPECT_EQ(call.method, "/s/Get");
  EXPECT_EQ(call.ns, "k8s.io");
  EXPECT_EQ(call.attempt, 3);
  EXPECT_EQ(call.trace.traceparent, kParent);
  ASSERT_TRUE(call.ended);
  EXPECT_TRUE(errdefs::IsNotFound(call.end.status));
  EXPECT_GT(call.end.duration, absl::ZeroDuration());
  EXPECT_EQ(call.end.bytes_sent, 5);
  EXPECT_EQ(call.end.messages_sent, 1);
  EXPECT_EQ(call.end.bytes_received, 15);
  EXPECT_EQ(call.end.messages_received, 2);
  EXPECT_EQ(call.end.http_status, 404);
}

TEST(Observation, TheContextsObserverIsToldInPlaceOfTheClients) {
  const auto clients = std::make_shared<RecordedCalls>();
  const auto contexts = std::make_shared<RecordedCalls>();
  const Context own = WithCallObserver(kCtx, contexts);
  Observation::Begin(own, clients, Get);
  Observation::Begin(WithDefaultObserver(own, clients), nullptr, Get);
  EXPECT_EQ(contexts->calls().size(), 2U);
  EXPECT_EQ(clients->calls().size(), 0U);
  Observation::Begin(WithCallObserver(own, nullptr), clients, Get);
  Observation::Begin(WithDefaultObserver(kCtx, clients), nullptr, Get);
  EXPECT_EQ(clients->calls().size(), 2U);
  // Nobody said how these ended.
  EXPECT_TRUE(errdefs::IsCanceled(clients->calls().front().end.status));
}

TEST(Observation, TheObserversTraceGoesOutIfItIsValid) {
  const Context ctx = *WithTraceparent(kCtx, kParent, "a=1");
  const auto own_span = std::make_shared<RecordedCalls>(TraceContext{kOther, ""});
  EXPECT_EQ(TraceContextOf(Observation::Begin(ctx, own_span, Get)->context()),
            (TraceContext{kOther, ""}));
  EXPECT_EQ(TraceContextOf(ctx).traceparent, kParent);
  std::string logged;
  log::SetSink([&](log::Level, std::string_view text) { logged = text; });
  const auto odd = std::make_shared<RecordedCalls>(TraceContext{"odd\r\n", ""});
  EXPECT_EQ(TraceContextOf(Observation::Begin(ctx, odd, Get)->context()),
            (TraceContext{kParent, "a=1"}));
  log::SetSink(nullptr);
  EXPECT_THAT(logged, HasSubstr("invalid traceparent"));
}

TEST(Observation, ExceptionsOfAnObserverAreLogged) {
  struct Throws final : CallObserver {
    EndFunc Start(const Context&, Call&) override {
      if (++starts == 1) throw std::runtime_error("at the start");
      return [](const CallEnd&) { throw std::runtime_error("at the end"); };
    }
    int starts = 0;
  };
  std::vector<std::string> logged;
  log::SetSink([&](log::Level, std::string_view text) { logged.emplace_back(text); });
  const auto throws = std::make_shared<Throws>();
  EXPECT_NE(Observation::Begin(kCtx, throws, Get), nullptr);
  EXPECT_NE(Observation::Begin(kCtx, throws, Get), nullptr);
  log::SetSink(nullptr);
  EXPECT_THAT(logged, ::testing::ElementsAre(HasSubstr("at the start"), HasSubstr("at the end")));
}

}  // namespace
}  // namespace containerd::tracing
