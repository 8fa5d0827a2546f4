// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/rpc/connection.h"
#include "containerd/services/images/v1/images.pb.h"

#include "src/rpc/internal/call.h"
#include "src/rpc/internal/stream.h"
#include "tests/support/recorded_calls.h"
#include "tests/unit/rpc/rpc_fixture.h"

namespace containerd::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Any Message(const std::string& type, const std::string& value = "") {
  Any message;
  message.set_type_url(type);
  message.set_value(value);
  return message;
}

TEST_F(RpcTest, AContextsValuesTravelAsHeaders) {
  ASSERT_TRUE(CallVersion(background_).ok());
  EXPECT_THAT(daemon_->last_metadata()["containerd-namespace"], ElementsAre("default-ns"));
  EXPECT_THAT(daemon_->last_metadata()["containerd-lease"], IsEmpty());

  const Context ctx = WithMetadata(
      WithMetadata(WithLease(WithNamespace(background_, "k8s.io"), "l-1"), "x-a", "1"), "x-a", "2");
  ASSERT_TRUE(CallVersion(ctx).ok());
  EXPECT_THAT(daemon_->last_metadata()["containerd-namespace"], ElementsAre("k8s.io"));
  EXPECT_THAT(daemon_->last_metadata()["containerd-lease"], ElementsAre("l-1"));
  EXPECT_THAT(daemon_->last_metadata()["x-a"], ElementsAre("1", "2"));
}

TEST_F(RpcTest, TheTraceTravelsAsHeadersOnce) {
  constexpr char kTrace[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const Context by_hand = WithMetadata(background_, "traceparent", "by hand");
  ASSERT_TRUE(CallVersion(by_hand).ok());
  EXPECT_THAT(daemon_->last_metadata()["traceparent"], ElementsAre("by hand"));
  ASSERT_TRUE(CallVersion(*tracing::WithTraceparent(by_hand, kTrace, "a=1")).ok());
  EXPECT_THAT(daemon_->last_metadata()["traceparent"], ElementsAre(kTrace));
  EXPECT_THAT(daemon_->last_metadata()["tracestate"], ElementsAre("a=1"));
}

TEST(FindMethod, KnowsEveryMethodByItsMessages) {
  for (const char* service :
       {"containers.v1.Containers", "content.v1.Content", "diff.v1.Diff", "events.v1.Events",
        "images.v1.Images", "introspection.v1.Introspection", "leases.v1.Leases",
        "mounts.v1.Mounts", "namespaces.v1.Namespaces", "sandbox.v1.Controller", "sandbox.v1.Store",
        "snapshots.v1.Snapshots", "streaming.v1.Streaming", "tasks.v1.Tasks",
        "transfer.v1.Transfer", "version.v1.Version"}) {
    const std::string name = std::string("containerd.services.") + service;
    const auto* descriptor =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(name);
    if (descriptor == nullptr) continue;  // not linked
    for (int i = 0; i < descriptor->method_count(); ++i) {
      const auto& method = *descriptor->method(i);
      const auto kind = !method.server_streaming()  ? tracing::CallKind::kUnary
                        : method.client_streaming() ? tracing::CallKind::kBidiStream
                                                    : tracing::CallKind::kServerStream;
      EXPECT_EQ(FindMethod(name, kind, method.input_type(), method.output_type()),
                "/" + name + "/" + method.name());
    }
  }
}

// Calls of all kinds, told to an observer.
class ObservedRpcTest : public RpcTest {
 protected:
  using RecordedCalls = tracing::testing::RecordedCalls;
  using Recorded = tracing::testing::Recorded;

  ObservedRpcTest() {
    conn_->Close();
    conn_ = std::make_shared<Connection>(Dial(), "default-ns", calls_);
  }

  // The only call, once it has ended.
  Recorded Only() const {
    const std::vector<Recorded> calls = calls_->AwaitEnds();
    EXPECT_EQ(calls.size(), 1U);
    return calls.empty() ? Recorded() : calls.back();
  }

  static constexpr char kSpan[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-1111111111111111-01";
  const std::shared_ptr<RecordedCalls> calls_ =
      std::make_shared<RecordedCalls>(tracing::TraceContext{kSpan, ""});
};

TEST_F(ObservedRpcTest, UnaryCallsAndWhatTheyCarry) {
  const Context ctx =
      *tracing::WithTraceparent(WithNamespace(background_, "k8s.io"),
                                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "a=1");
  ASSERT_TRUE(CallVersion(ctx).ok());
  const Recorded call = Only();
  EXPECT_EQ(call.kind, tracing::CallKind::kUnary);
  EXPECT_EQ(call.method, "/containerd.services.version.v1.Version/Version");
  EXPECT_EQ(call.ns, "k8s.io");
  EXPECT_EQ(call.attempt, 1);
  EXPECT_EQ(call.trace.tracestate, "a=1");
  EXPECT_TRUE(call.end.status.ok());
  EXPECT_GT(call.end.duration, absl::ZeroDuration());
  EXPECT_EQ(call.end.messages_sent, 1);
  EXPECT_EQ(call.end.bytes_sent, 0);  // Empty
  EXPECT_EQ(call.end.messages_received, 1);
  EXPECT_EQ(call.end.bytes_received, 4);  // tag, length, "v9"
  // The observer's span is the daemon's parent.
  EXPECT_THAT(daemon_->last_metadata()["traceparent"], ElementsAre(kSpan));
  EXPECT_THAT(daemon_->last_metadata()["tracestate"], IsEmpty());
}

TEST_F(ObservedRpcTest, FailuresTheDaemonsAndOurs) {
  daemon_->on_version = [](grpc::ServerContext*) {
    return grpc::Status(grpc::StatusCode::NOT_FOUND, "no version");
  };
  EXPECT_TRUE(errdefs::IsNotFound(CallVersion(background_)));
  const Recorded call = Only();
  EXPECT_EQ(call.ns, "default-ns");
  EXPECT_TRUE(errdefs::IsNotFound(call.end.status));
  EXPECT_EQ(call.end.messages_received, 0);
  const auto [ended, cancel] = WithCancel(background_);
  cancel();
  EXPECT_TRUE(errdefs::IsCanceled(CallVersion(ended)));
  EXPECT_TRUE(errdefs::IsInvalidArgument(CallVersion(WithLease(background_, "l\x01"))));
  conn_->Close();
  EXPECT_TRUE(errdefs::IsUnavailable(CallVersion(background_)));  // none begins
  const std::vector<Recorded> calls = calls_->AwaitEnds();
  ASSERT_EQ(calls.size(), 3U);
  EXPECT_TRUE(errdefs::IsCanceled(calls[1].end.status));
  EXPECT_TRUE(errdefs::IsInvalidArgument(calls[2].end.status));
}

TEST_F(ObservedRpcTest, AsyncCallsAreToldBeforeTheirCaller) {
  std::promise<bool> told;
  CallAsync<Version, VersionResponse>(background_, Stubs<Version>(conn_), Empty(),
                                      [&](const absl::StatusOr<VersionResponse>&) {
                                        told.set_value(calls_->calls().front().ended);
                                      });
  EXPECT_TRUE(told.get_future().get());
  const Recorded call = Only();
  EXPECT_EQ(call.method, "/containerd.services.version.v1.Version/Version");
  EXPECT_TRUE(call.end.status.ok());
  EXPECT_EQ(call.end.bytes_received, 4);
}

TEST_F(ObservedRpcTest, ServerStreamsOfBothKinds) {
  const absl::Status whole = CallServerStream<Events, SubscribeRequest, Envelope>(
      background_, Stubs<Events>(conn_), &Events::StubInterface::Subscribe, Subscribe(3, false),
      [](Envelope&) { return absl::OkStatus(); });
  ASSERT_TRUE(whole.ok()) << whole;
  const auto [ctx, cancel] = WithCancel(background_);
  std::promise<void> came;
  std::promise<absl::Status> done;
  StartServerStream<Envelope>(
      ctx, Stubs<Events>(conn_), Subscribe(1, true),
      [&](Envelope&) {
        came.set_value();
        return true;
      },
      [&](absl::Status s) { done.set_value(std::move(s)); });
  came.get_future().wait();
  cancel();
  EXPECT_TRUE(errdefs::IsCanceled(done.get_future().get()));
  const std::vector<Recorded> calls = calls_->AwaitEnds();
  ASSERT_EQ(calls.size(), 2U);
  for (const Recorded& call : calls) {
    EXPECT_EQ(call.kind, tracing::CallKind::kServerStream);
    EXPECT_EQ(call.method, "/containerd.services.events.v1.Events/Subscribe");
    EXPECT_EQ(call.end.messages_sent, 1);
    EXPECT_GT(call.end.bytes_sent, 0);
  }
  EXPECT_TRUE(calls[0].end.status.ok());
  EXPECT_EQ(calls[0].end.messages_received, 3);
  EXPECT_EQ(calls[0].end.bytes_received, 3 * 4);  // tag, length, "/0"
  EXPECT_TRUE(errdefs::IsCanceled(calls[1].end.status));
  EXPECT_EQ(calls[1].end.messages_received, 1);
}

TEST_F(ObservedRpcTest, BidiStreams) {
  auto stream = StartEcho(background_);
  ASSERT_TRUE(stream.ok());
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE((*stream)->Write(background_, Message("t", "12345678")).ok());
    ASSERT_TRUE((*stream)->Read(background_).ok());
  }
  ASSERT_TRUE((*stream)->Write(background_, Message("fail")).ok());
  EXPECT_FALSE((*stream)->Finish(background_).ok());
  const Recorded call = Only();
  EXPECT_EQ(call.kind, tracing::CallKind::kBidiStream);
  EXPECT_EQ(call.method, "/containerd.services.streaming.v1.Streaming/Stream");
  EXPECT_FALSE(call.end.status.ok());
  EXPECT_EQ(call.end.messages_sent, 6);
  EXPECT_EQ(call.end.messages_received, 5);
  EXPECT_EQ(call.end.bytes_received, 5 * 13);
  EXPECT_EQ(call.end.bytes_sent, 5 * 13 + 6);
}

TEST_F(RpcTest, IllegalHeadersAreErrorsThatNameThem) {
  const absl::Status ns = CallVersion(WithNamespace(background_, "a\nb"));
  EXPECT_TRUE(errdefs::IsInvalidArgument(ns));
  EXPECT_THAT(std::string(ns.message()), HasSubstr("namespace \"a\nb\""));
  EXPECT_TRUE(errdefs::IsInvalidArgument(CallVersion(WithLease(background_, "l\x01"))));
  EXPECT_TRUE(errdefs::IsInvalidArgument(CallVersion(WithMetadata(background_, "X-Up", "v"))));
  EXPECT_TRUE(CallVersion(WithMetadata(background_, "x-bin", std::string("\0\xff", 2))).ok());
}

// Instead of protobuf's complaint on stderr, and the daemon's about a message that it cannot read.
TEST(CheckText, NamesTheFieldThatIsNotUTF8) {
  services::images::v1::CreateImageRequest request;
  EXPECT_EQ(CheckText(request), absl::OkStatus());
  request.mutable_image()->set_name("größe 日本");
  (*request.mutable_image()->mutable_labels())["größe"] = "日本";
  request.mutable_image()->mutable_target()->set_size(1);
  EXPECT_EQ(CheckText(request), absl::OkStatus());

  (*request.mutable_image()->mutable_labels())["a"] = "\xff";
  absl::Status s = CheckText(request);
  EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)),
              HasSubstr("image.labels.value \"\\xff\" cannot be sent: it is not UTF-8"));
  request.mutable_image()->clear_labels();
  (*request.mutable_image()->mutable_labels())["k\xe4y"] = "a";
  EXPECT_THAT(std::string(errdefs::Message(CheckText(request))), HasSubstr("image.labels.key"));
  request.mutable_image()->clear_labels();
  request.mutable_image()->set_name("\xe4");
  EXPECT_THAT(std::string(errdefs::Message(CheckText(request))), HasSubstr("image.name"));

  services::images::v1::ListImagesRequest list;
  list.add_filters("ok");
  list.add_filters("na\xffme");
  EXPECT_THAT(std::string(errdefs::Message(CheckText(list))), HasSubstr("filters \"na\\xffme\""));
}

TEST_F(RpcTest, TextThatIsNotUTF8IsNotSent) {
  auto stream = StartEcho(Context::Background());
  ASSERT_TRUE(stream.ok()) << stream.status();
  Any any;
  any.set_type_url("\xff");
  EXPECT_TRUE(errdefs::IsInvalidArgument((*stream)->Write(Context::Background(), any)));
  any.set_type_url("a");
  any.set_value("\xff");  // Bytes are no text.
  EXPECT_TRUE((*stream)->Write(Context::Background(), any).ok());
  EXPECT_TRUE((*stream)->Read(Context::Background()).ok());
}

TEST_F(RpcTest, ErrorsKeepContainerdsClasses) {
  daemon_->on_version = [](grpc::ServerContext*) {
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "namespace is in use: conflict");
  };
  const absl::Status s = CallVersion(background_);
  EXPECT_TRUE(errdefs::IsConflict(s)) << s;
  EXPECT_EQ(errdefs::Message(s), "namespace is in use");
}

TEST(UnaryPath, IsOfTheOnlyMethodWithTheseMessages) {
  using Publish = services::events::v1::PublishRequest;
  EXPECT_EQ(
      UnaryPath(Version::service_full_name(), Empty::descriptor(), VersionResponse::descriptor()),
      "/containerd.services.version.v1.Version/Version");
  EXPECT_EQ(UnaryPath(Events::service_full_name(), Publish::descriptor(), Empty::descriptor()),
            "/containerd.services.events.v1.Events/Publish");
  // A stream, messages of another service, and a service that is not known.
  EXPECT_EQ(UnaryPath(Events::service_full_name(), SubscribeRequest::descriptor(),
                      Envelope::descriptor()),
            "");
  EXPECT_EQ(
      UnaryPath(Events::service_full_name(), Empty::descriptor(), VersionResponse::descriptor()),
      "");
  EXPECT_EQ(UnaryPath("no.Such", Empty::descriptor(), Empty::descriptor()), "");
}

// Each caller's queue serves calls one after the other, those before it too, whatever their ends.
TEST_F(RpcTest, CallersAtOnceGetTheirOwnAnswers) {
  constexpr int kCallers = 8;
  daemon_->on_version = [](grpc::ServerContext* ctx) -> grpc::Status {
    const auto& metadata = ctx->client_metadata();
    const auto wanted = metadata.find("wanted");
    if (wanted == metadata.end()) return grpc::Status::OK;
    while (!ctx->IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return {grpc::StatusCode::CANCELLED, ""};
  };
  std::vector<std::thread> callers;
  std::atomic<int> wrong = 0;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&, i] {
      const Stubs<class Version> stubs(conn_);
      for (int j = 0; j < 20; ++j) {
        const bool cut = (i + j) % 5 == 0;
        Context ctx = Context::Background();
        if (cut) ctx = WithMetadata(WithTimeout(ctx, absl::Milliseconds(5)), "wanted", "end");
        VersionResponse response;
        const absl::Status s =
            Call(ctx, stubs, &Version::StubInterface::Version, Empty(), &response);
        if (cut ? !errdefs::IsDeadlineExceeded(s) : !s.ok() || response.version() != "v9") ++wrong;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(RpcTest, DeadlineAndCancellationEndACall) {
  daemon_->on_version = [](grpc::ServerContext* ctx) {
    while (!ctx->IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return grpc::Status::OK;
  };
  EXPECT_TRUE(
      errdefs::IsDeadlineExceeded(CallVersion(WithTimeout(background_, absl::Milliseconds(50)))));

  const auto [ctx, cancel] = WithCancel(background_);
  std::thread canceller([cancel = cancel] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    cancel();
  });
  EXPECT_TRUE(errdefs::IsCanceled(CallVersion(ctx)));
  canceller.join();
  EXPECT_TRUE(errdefs::IsCanceled(CallVersion(ctx))) << "a dead context starts no call";
}

TEST_F(RpcTest, ReplaceMovesNewCallsToTheNewChannel) {
  const Stubs<Version> stubs(conn_);
  VersionResponse response;
  const auto call = [&](const CallOptions& options) {
    return Call(WithTimeout(background_, absl::Seconds(20)), stubs,
                &Version::StubInterface::Version, Empty(), &response, options);
  };
  ASSERT_TRUE(call({}).ok());
  daemon_->Stop();
  EXPECT_TRUE(errdefs::IsUnavailable(call({})));
  daemon_ = std::make_unique<FakeDaemon>(socket());
  conn_->Replace(Dial());
  EXPECT_TRUE(call({}).ok());
}

// Between calls nobody attends to the connection, so that gRPC has not seen its end.
TEST_F(RpcTest, ACallAfterARestartGoesToTheNewDaemon) {
  for (int i = 0; i < 10; ++i) {
    const absl::Status s = CallVersion(background_);
    ASSERT_TRUE(s.ok()) << s;
    daemon_->Stop();
    daemon_ = std::make_unique<FakeDaemon>(socket());
  }
}

TEST_F(RpcTest, AReplacedChannelsContextEnds) {
  const Context first = conn_->current();
  EXPECT_FALSE(first.Done());
  conn_->Replace(Dial());
  EXPECT_TRUE(first.Done());
  const Context second = conn_->current();
  EXPECT_FALSE(second.Done());
  conn_->Close();
  EXPECT_TRUE(second.Done());
}

// The call would wait for gRPC, which waits for the callback.
TEST_F(RpcTest, ACallInACallbackFailsAtOnceInsteadOfBlockingIt) {
  std::promise<absl::Status> called;
  CallAsync<Version, VersionResponse>(
      background_, Stubs<Version>(conn_), Empty(), [&](const absl::StatusOr<VersionResponse>&) {
        called.set_value(CallVersion(WithTimeout(background_, absl::Seconds(20))));
      });
  const absl::Status s = called.get_future().get();
  EXPECT_TRUE(errdefs::IsFailedPrecondition(s)) << s;
}

TEST_F(RpcTest, AForkedChildCannotUseTheConnectionAndLeavesItAlone) {
  ASSERT_TRUE(CallVersion(background_).ok());
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    const bool refused = errdefs::IsFailedPrecondition(CallVersion(background_));
    conn_->Replace(nullptr);
    conn_->Close();
    conn_ = nullptr;
    ::_exit(refused ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(CallVersion(background_).ok());
}

TEST_F(RpcTest, WaitForReadyOutlastsARestart) {
  daemon_->Stop();
  EXPECT_TRUE(errdefs::IsUnavailable(CallVersion(background_)));
  std::thread restarter([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    daemon_ = std::make_unique<FakeDaemon>(socket());
  });
  EXPECT_TRUE(
      CallVersion(WithTimeout(background_, absl::Seconds(30)), {.wait_for_ready = true}).ok());
  restarter.join();
}

TEST_F(RpcTest, AsyncCallsComeBackWithoutAWaitingThread) {
  std::promise<absl::StatusOr<VersionResponse>> arrived;
  CallAsync<Version, VersionResponse>(
      background_, Stubs<Version>(conn_), Empty(),
      [&](absl::StatusOr<VersionResponse> r) { arrived.set_value(std::move(r)); });
  const auto response = arrived.get_future().get();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->version(), "v9");
}

TEST_F(RpcTest, ServerStreamsOnTheCallersThread) {
  std::vector<std::string> topics;
  const Stubs<Events> stubs(conn_);
  const absl::Status whole = CallServerStream<Events, SubscribeRequest, Envelope>(
      background_, stubs, &Events::StubInterface::Subscribe, Subscribe(3, false), [&](Envelope& e) {
        topics.push_back(e.topic());
        return absl::OkStatus();
      });
  ASSERT_TRUE(whole.ok()) << whole;
  EXPECT_THAT(topics, ElementsAre("/0", "/1", "/2"));

  const absl::Status stopped = CallServerStream<Events, SubscribeRequest, Envelope>(
      background_, stubs, &Events::StubInterface::Subscribe, Subscribe(3, true),
      [](Envelope& e) { return errdefs::DataLoss(e.topic()); });
  EXPECT_TRUE(errdefs::IsDataLoss(stopped)) << stopped;
}

// A stream under a consumer that rests after each message.
TEST_F(RpcTest, ARestingStreamLosesNothing) {
  std::mutex mu;
  std::vector<std::string> topics;
  std::promise<absl::Status> done;
  std::atomic<int> waiting{0};
  const StreamHandle handle = StartServerStream<Envelope>(
      background_, Stubs<Events>(conn_), Subscribe(100, false),
      [&](Envelope& e) {
        std::lock_guard lock(mu);
        topics.push_back(e.topic());
        ++waiting;
        return false;
      },
      [&](absl::Status s) { done.set_value(std::move(s)); });
  auto ended = done.get_future();
  while (ended.wait_for(std::chrono::milliseconds(0)) != std::future_status::ready) {
    handle.Resume();
    std::this_thread::yield();
  }
  EXPECT_TRUE(ended.get().ok());
  ASSERT_EQ(topics.size(), 100U);
  EXPECT_EQ(topics.back(), "/99");
}

TEST_F(RpcTest, ARestingStreamCanBeCancelledByHandleContextAndClose) {
  for (const std::string how : {"handle", "context", "close"}) {
    SCOPED_TRACE(how);
    const auto [ctx, cancel] = WithCancel(background_);
    std::promise<void> rested;
    std::promise<absl::Status> done;
    std::atomic<bool> first{true};
    const StreamHandle handle = StartServerStream<Envelope>(
        ctx, Stubs<Events>(conn_), Subscribe(2, true),
        [&](Envelope&) {
          if (first.exchange(false)) rested.set_value();
          return false;
        },
        [&](absl::Status s) { done.set_value(std::move(s)); });
    rested.get_future().wait();
    if (how == "handle") handle.Cancel();
    if (how == "context") cancel();
    if (how == "close") conn_->Close();
    EXPECT_TRUE(errdefs::IsCanceled(done.get_future().get()));
  }
}

TEST_F(RpcTest, BidiStreamsEchoInOrderThroughSmallQueues) {
  auto stream = StartEcho(background_, {.queued_writes = 2, .unread_messages = 2});
  ASSERT_TRUE(stream.ok());
  constexpr int kMessages = 500;
  std::thread writer([&] {
    for (int i = 0; i < kMessages; ++i) {
      EXPECT_TRUE((*stream)->Write(background_, Message("t", std::to_string(i))).ok());
    }
    (*stream)->CloseSend();
  });
  for (int i = 0; i < kMessages; ++i) {
    const auto message = (*stream)->Read(background_);
    ASSERT_TRUE(message.ok()) << message.status();
    EXPECT_EQ(message->value(), std::to_string(i));
  }
  writer.join();
  EXPECT_TRUE(errdefs::IsOutOfRange((*stream)->Read(background_).status()));
  EXPECT_TRUE((*stream)->Finish(background_).ok());
  EXPECT_TRUE(errdefs::IsFailedPrecondition((*stream)->Write(background_, Message("t"))) ||
              errdefs::IsOutOfRange((*stream)->Write(background_, Message("t"))));
}

TEST_F(RpcTest, BidiStreamsGiveTheServersError) {
  auto stream = StartEcho(background_);
  ASSERT_TRUE(stream.ok());
  ASSERT_TRUE((*stream)->Write(background_, Message("t")).ok());
  ASSERT_TRUE((*stream)->Write(background_, Message("fail")).ok());
  EXPECT_TRUE((*stream)->Read(background_).ok());
  EXPECT_TRUE(errdefs::IsConflict((*stream)->Read(background_).status()));
  EXPECT_TRUE(errdefs::IsConflict((*stream)->Finish(background_)));
  EXPECT_TRUE(errdefs::IsConflict((*stream)->Write(background_, Message("t"))));
}

TEST_F(RpcTest, ABidiStreamsWaitsEndWithTheirOwnContext) {
  auto stream = StartEcho(background_);
  ASSERT_TRUE(stream.ok());
  const Context brief = WithTimeout(background_, absl::Milliseconds(20));
  EXPECT_TRUE(errdefs::IsDeadlineExceeded((*stream)->Read(brief).status()));
  EXPECT_EQ(*(*stream)->TryRead(), std::nullopt);
  ASSERT_TRUE((*stream)->Write(background_, Message("t", "still alive")).ok());
  EXPECT_EQ((*stream)->Read(background_)->value(), "still alive");
}

TEST_F(RpcTest, WritesToAServerThatStoppedReadingEndWithTheStream) {
  for (const std::string how : {"cancel", "context", "close"}) {
    SCOPED_TRACE(how);
    const auto [ctx, cancel] = WithCancel(background_);
    auto stream = StartEcho(ctx, {.queued_writes = 1});
    ASSERT_TRUE(stream.ok());
    ASSERT_TRUE((*stream)->Write(background_, Message("hang")).ok());
    std::thread ender([&, cancel = cancel] {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      if (how == "cancel") (*stream)->Cancel();
      if (how == "context") cancel();
      if (how == "close") conn_->Close();
    });
    absl::Status s;
    while (s.ok()) s = (*stream)->Write(background_, Message("t", std::string(1 << 20, 'x')));
    EXPECT_TRUE(errdefs::IsCanceled(s)) << s;
    ender.join();
  }
}

TEST_F(RpcTest, CloseRefusesNewCalls) {
  conn_->Close();
  EXPECT_TRUE(errdefs::IsUnavailable(CallVersion(background_)));
  EXPECT_TRUE(errdefs::IsUnavailable(StartEcho(background_).status()));
}

TEST_F(RpcTest, CloseInACallbackDoesNotWaitForItself) {
  std::promise<void> closed;
  CallAsync<Version, VersionResponse>(background_, Stubs<Version>(conn_), Empty(),
                                      [&](const absl::StatusOr<VersionResponse>&) {
                                        conn_->Close();
                                        closed.set_value();
                                      });
  closed.get_future().wait();
}

}  // namespace
}  // namespace containerd::rpc
