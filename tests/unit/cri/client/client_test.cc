// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/client/client.h"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "containerd/client.h"
#include "containerd/client_opts.h"
#include "containerd/errdefs/errdefs.h"

#include "src/testing/internal/temp_folder.h"
#include "tests/support/recorded_calls.h"

namespace containerd::cri::client {
namespace {

using ::testing::HasSubstr;
using tracing::CallKind;
using tracing::testing::Recorded;
using tracing::testing::RecordedCalls;

// How calls go.
struct Script {
  std::vector<std::string> messages{""};  // as they are encoded
  bool hangs = false;                     // after the messages, until the caller leaves
  grpc::Status status{};
};

// A daemon whose CRI treats every call alike, whichever it is.
class AnyCRI final : public grpc::CallbackGenericService {
 public:
  void Set(Script script) {
    const std::lock_guard lock(mu_);
    script_ = std::move(script);
  }
  std::vector<std::string> paths() const {
    const std::lock_guard lock(mu_);
    return paths_;
  }
  void AwaitCalls(std::size_t count) {
    std::unique_lock lock(mu_);
    changed_.wait(lock, [&] { return paths_.size() >= count; });
  }
  void AwaitLeft(int count) {
    std::unique_lock lock(mu_);
    changed_.wait(lock, [&] { return left_ >= count; });
  }

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* ctx) override {
    const std::lock_guard lock(mu_);
    // Not a call by which the client looks whether somebody is there.
    if (!ctx->method().starts_with("/runtime.v1.")) return new Reactor(*this, {});
    paths_.push_back(ctx->method());
    changed_.notify_all();
    return new Reactor(*this, script_);
  }

 private:
  class Reactor final : public grpc::ServerGenericBidiReactor {
   public:
    Reactor(AnyCRI& service, Script script) : service_(service), script_(std::move(script)) {
      StartRead(&request_);
    }
    void OnReadDone(bool /*ok*/) override { Next(); }
    void OnWriteDone(bool ok) override { ok ? Next() : End(grpc::Status::CANCELLED); }
    void OnCancel() override {
      {
        const std::lock_guard lock(service_.mu_);
        ++service_.left_;
        service_.changed_.notify_all();
      }
      if (script_.hangs) End(grpc::Status::CANCELLED);
    }
    void OnDone() override { delete this; }

   private:
    void Next() {
      if (next_ < script_.messages.size()) {
        const grpc::Slice slice(script_.messages[next_++]);
        answer_ = grpc::ByteBuffer(&slice, 1);
        StartWrite(&answer_);
      } else if (!script_.hangs) {
        End(script_.status);
      }
    }
    void End(const grpc::Status& status) {
      if (!ended_.exchange(true)) Finish(status);
    }

    AnyCRI& service_;
    const Script script_;
    std::size_t next_ = 0;
    std::atomic<bool> ended_ = false;
    grpc::ByteBuffer request_;
    grpc::ByteBuffer answer_;
  };

  mutable std::mutex mu_;
  std::condition_variable changed_;
  Script script_;
  std::vector<std::string> paths_;
  int left_ = 0;
};

class CRIClientTest : public ::testing::Test {
 protected:
  CRIClientTest() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + dir_.path() + "/s", grpc::InsecureServerCredentials());
    builder.RegisterCallbackGenericService(&service_);
    server_ = builder.BuildAndStart();
    auto client = Client::New(dir_.path() + "/s", {WithCallObserver(observer_)});
    EXPECT_TRUE(client.ok()) << client.status();
    client_ = std::make_unique<Client>(*std::move(client));
    runtime_ = NewRuntimeService(*client_);
    images_ = NewImageService(*client_);
  }

  // A call by its name, and it.
  using Calls = std::map<std::string, std::function<absl::Status()>>;
  Calls RuntimeCalls();
  Calls ImageCalls();

  // Counts the messages of a stream.
  template <typename Message>
  std::function<absl::Status(const Message&)> Counted() {
    return [this](const Message&) {
      ++streamed_;
      return absl::OkStatus();
    };
  }

  const Context ctx_ = Context::Background();
  const testing::internal::TempFolder dir_;
  const std::shared_ptr<RecordedCalls> observer_ = std::make_shared<RecordedCalls>();
  AnyCRI service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Client> client_;
  std::shared_ptr<RuntimeService> runtime_;
  std::shared_ptr<ImageService> images_;
  int streamed_ = 0;
};

CRIClientTest::Calls CRIClientTest::RuntimeCalls() {
  RuntimeService& r = *runtime_;
  const Context& c = ctx_;
  return {
      {"Version", [&] { return r.Version(c, {}).status(); }},
      {"RunPodSandbox", [&] { return r.RunPodSandbox(c, {}).status(); }},
      {"StopPodSandbox", [&] { return r.StopPodSandbox(c, {}).status(); }},
      {"RemovePodSandbox", [&] { return r.RemovePodSandbox(c, {}).status(); }},
      {"PodSandboxStatus", [&] { return r.PodSandboxStatus(c, {}).status(); }},
      {"ListPodSandbox", [&] { return r.ListPodSandbox(c, {}).status(); }},
      {"StreamPodSandboxes",
       [&] { return r.StreamPodSandboxes(c, {}, Counted<StreamPodSandboxesResponse>()); }},
      {"CreateContainer", [&] { return r.CreateContainer(c, {}).status(); }},
      {"StartContainer", [&] { return r.StartContainer(c, {}).status(); }},
      {"StopContainer", [&] { return r.StopContainer(c, {}).status(); }},
      {"RemoveContainer", [&] { return r.RemoveContainer(c, {}).status(); }},
      {"ListContainers", [&] { return r.ListContainers(c, {}).status(); }},
      {"StreamContainers",
       [&] { return r.StreamContainers(c, {}, Counted<StreamContainersResponse>()); }},
      {"ContainerStatus", [&] { return r.ContainerStatus(c, {}).status(); }},
      {"UpdateContainerResources", [&] { return r.UpdateContainerResources(c, {}).status(); }},
      {"ReopenContainerLog", [&] { return r.ReopenContainerLog(c, {}).status(); }},
      {"ExecSync", [&] { return r.ExecSync(c, {}).status(); }},
      {"Exec", [&] { return r.Exec(c, {}).status(); }},
      {"Attach", [&] { return r.Attach(c, {}).status(); }},
      {"PortForward", [&] { return r.PortForward(c, {}).status(); }},
      {"ContainerStats", [&] { return r.ContainerStats(c, {}).status(); }},
      {"ListContainerStats", [&] { return r.ListContainerStats(c, {}).status(); }},
      {"StreamContainerStats",
       [&] { return r.StreamContainerStats(c, {}, Counted<StreamContainerStatsResponse>()); }},
      {"PodSandboxStats", [&] { return r.PodSandboxStats(c, {}).status(); }},
      {"ListPodSandboxStats", [&] { return r.ListPodSandboxStats(c, {}).status(); }},
      {"StreamPodSandboxStats",
       [&] { return r.StreamPodSandboxStats(c, {}, Counted<StreamPodSandboxStatsResponse>()); }},
      {"UpdateRuntimeConfig", [&] { return r.UpdateRuntimeConfig(c, {}).status(); }},
      {"Status", [&] { return r.Status(c, {}).status(); }},
      {"CheckpointContainer", [&] { return r.CheckpointContainer(c, {}).status(); }},
      {"GetContainerEvents",
       [&] { return r.GetContainerEvents(c, {}, Counted<ContainerEventResponse>()); }},
      {"ListMetricDescriptors", [&] { return r.ListMetricDescriptors(c, {}).status(); }},
      {"ListPodSandboxMetrics", [&] { return r.ListPodSandboxMetrics(c, {}).status(); }},
      {"StreamPodSandboxMetrics",
       [&] {
         return r.StreamPodSandboxMetrics(c, {}, Counted<StreamPodSandboxMetricsResponse>());
       }},
      {"RuntimeConfig", [&] { return r.RuntimeConfig(c, {}).status(); }},
      {"UpdatePodSandboxResources", [&] { return r.UpdatePodSandboxResources(c, {}).status(); }},
  };
}

CRIClientTest::Calls CRIClientTest::ImageCalls() {
  ImageService& i = *images_;
  const Context& c = ctx_;
  return {
      {"ListImages", [&] { return i.ListImages(c, {}).status(); }},
      {"StreamImages", [&] { return i.StreamImages(c, {}, Counted<StreamImagesResponse>()); }},
      {"ImageStatus", [&] { return i.ImageStatus(c, {}).status(); }},
      {"PullImage", [&] { return i.PullImage(c, {}).status(); }},
      {"RemoveImage", [&] { return i.RemoveImage(c, {}).status(); }},
      {"ImageFsInfo", [&] { return i.ImageFsInfo(c, {}).status(); }},
  };
}

TEST_F(CRIClientTest, EveryCallIsTheOneOfItsNameAndObserversSeeIt) {
  for (const auto& [service, calls] :
       std::map<std::string, Calls>{{"runtime.v1.RuntimeService", RuntimeCalls()},
                                    {"runtime.v1.ImageService", ImageCalls()}}) {
    const auto* descriptor =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(service);
    ASSERT_NE(descriptor, nullptr);
    ASSERT_EQ(calls.size(), static_cast<std::size_t>(descriptor->method_count()));
    for (int i = 0; i < descriptor->method_count(); ++i) {
      const auto& method = *descriptor->method(i);
      SCOPED_TRACE(method.full_name());
      const auto& call = calls.at(method.name());
      const std::string path = "/" + service + "/" + method.name();
      const bool streams = method.server_streaming();

      service_.Set(
          {.messages = streams ? std::vector<std::string>{"", ""} : std::vector<std::string>{""}});
      streamed_ = 0;
      const absl::Status done = call();
      EXPECT_TRUE(done.ok()) << done;
      EXPECT_EQ(service_.paths().back(), path);
      EXPECT_EQ(streamed_, streams ? 2 : 0);
      const Recorded seen = observer_->calls().back();
      EXPECT_EQ(seen.method, path);
      EXPECT_EQ(seen.kind, streams ? CallKind::kServerStream : CallKind::kUnary);
      EXPECT_TRUE(seen.ended);
      EXPECT_TRUE(seen.end.status.ok()) << seen.end.status;
      EXPECT_EQ(seen.end.messages_sent, 1);
      EXPECT_EQ(seen.end.messages_received, streams ? 2 : 1);

      service_.Set({.messages = {}, .status = {grpc::StatusCode::NOT_FOUND, "it is gone"}});
      const absl::Status failed = call();
      EXPECT_TRUE(errdefs::IsNotFound(failed)) << failed;
      EXPECT_THAT(std::string(failed.message()),
                  HasSubstr(service + "." + method.name() + ": it is gone"));
      EXPECT_TRUE(errdefs::IsNotFound(observer_->calls().back().end.status));
    }
  }
}

TEST_F(CRIClientTest, AContextHasItsOwnObserver) {
  const auto own = std::make_shared<RecordedCalls>();
  VersionRequest request;
  request.set_version("v1");
  VersionResponse answer;
  answer.set_runtime_name("containerd");
  service_.Set({.messages = {answer.SerializeAsString()}});
  const auto version = runtime_->Version(tracing::WithCallObserver(ctx_, own), request);
  ASSERT_TRUE(version.ok()) << version.status();
  EXPECT_EQ(version->runtime_name(), "containerd");
  ASSERT_EQ(own->calls().size(), 1U);
  EXPECT_EQ(own->calls()[0].end.bytes_sent, static_cast<std::int64_t>(request.ByteSizeLong()));
  EXPECT_EQ(own->calls()[0].end.bytes_received, static_cast<std::int64_t>(answer.ByteSizeLong()));
  for (const Recorded& other : observer_->calls()) {
    EXPECT_THAT(other.method, Not(HasSubstr("runtime.v1")));
  }
}

TEST_F(CRIClientTest, ADaemonWithoutCRI) {
  service_.Set(
      {.messages = {},
       .status = {grpc::StatusCode::UNIMPLEMENTED, "unknown service runtime.v1.RuntimeService"}});
  for (const absl::Status& s :
       {RuntimeCalls().at("Version")(), RuntimeCalls().at("GetContainerEvents")()}) {
    EXPECT_TRUE(errdefs::IsNotImplemented(s)) << s;
    EXPECT_THAT(std::string(s.message()), HasSubstr(": the daemon has no CRI: unknown service"));
  }
  // One that has it, but not this call.
  service_.Set({.messages = {},
                .status = {grpc::StatusCode::UNIMPLEMENTED, "unknown method RuntimeConfig"}});
  const absl::Status s = RuntimeCalls().at("RuntimeConfig")();
  EXPECT_TRUE(errdefs::IsNotImplemented(s)) << s;
  EXPECT_THAT(std::string(s.message()), Not(HasSubstr("no CRI")));
}

TEST_F(CRIClientTest, CallsEndWithTheirContext) {
  service_.Set({.messages = {}, .hangs = true});
  int calls = 0;
  for (const bool streams : {false, true}) {
    auto [ctx, cancel] = WithCancel(ctx_);
    std::thread canceller([&, stop = cancel] {
      service_.AwaitCalls(static_cast<std::size_t>(++calls));
      stop();
    });
    const absl::Status s =
        streams ? runtime_->GetContainerEvents(ctx, {}, Counted<ContainerEventResponse>())
                : runtime_->Version(ctx, {}).status();
    canceller.join();
    EXPECT_TRUE(errdefs::IsCanceled(s)) << s;
    EXPECT_THAT(std::string(s.message()), HasSubstr("runtime.v1.RuntimeService."));
    service_.AwaitLeft(calls);
  }
  const absl::Status late =
      images_->PullImage(WithTimeout(ctx_, absl::Milliseconds(20)), {}).status();
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(late)) << late;
  auto [ended, end] = WithCancel(ctx_);
  end();
  const std::size_t before = service_.paths().size();
  EXPECT_TRUE(errdefs::IsCanceled(runtime_->Version(ended, {}).status()));
  EXPECT_EQ(service_.paths().size(), before);
}

TEST_F(CRIClientTest, CloseEndsCallsAndWaitsForThem) {
  service_.Set({.messages = {""}, .hangs = true});
  std::atomic<bool> returned = false;
  absl::Status ended;
  std::thread caller([&] {
    ended = runtime_->GetContainerEvents(ctx_, {}, Counted<ContainerEventResponse>());
    returned = true;
  });
  service_.AwaitCalls(1);
  EXPECT_TRUE(client_->Close().ok());
  caller.join();
  EXPECT_TRUE(returned);
  EXPECT_TRUE(errdefs::IsCanceled(ended)) << ended;
  EXPECT_TRUE(errdefs::IsUnavailable(runtime_->Version(ctx_, {}).status()));
  EXPECT_TRUE(
      errdefs::IsUnavailable(images_->StreamImages(ctx_, {}, Counted<StreamImagesResponse>())));
}

TEST_F(CRIClientTest, AReceiverThatFailsEndsItsStream) {
  service_.Set({.messages = {"", "", ""}, .hangs = true});
  int seen = 0;
  const absl::Status refused =
      runtime_->GetContainerEvents(ctx_, {}, [&](const ContainerEventResponse&) {
        return ++seen < 2 ? absl::OkStatus() : errdefs::Aborted("enough");
      });
  EXPECT_EQ(refused, errdefs::Aborted("enough"));
  EXPECT_EQ(seen, 2);
  service_.AwaitLeft(1);
  const absl::Status thrown = images_->StreamImages(
      ctx_, {},
      [](const StreamImagesResponse&) -> absl::Status { throw std::runtime_error("oh"); });
  EXPECT_TRUE(errdefs::IsInternal(thrown)) << thrown;
  EXPECT_THAT(std::string(thrown.message()), HasSubstr("oh"));
  service_.AwaitLeft(2);
  EXPECT_TRUE(errdefs::IsInternal(images_->StreamImages(ctx_, {}, nullptr)));
}

TEST_F(CRIClientTest, ADaemonThatIsGone) {
  service_.Set({.messages = {""}, .hangs = true});
  std::thread stopper([&] {
    service_.AwaitCalls(1);
    server_->Shutdown(std::chrono::system_clock::now());
    server_ = nullptr;
  });
  const absl::Status cut =
      runtime_->GetContainerEvents(ctx_, {}, Counted<ContainerEventResponse>());
  stopper.join();
  EXPECT_FALSE(cut.ok());
  EXPECT_THAT(std::string(cut.message()), HasSubstr("GetContainerEvents"));
  const absl::Status gone = runtime_->Version(ctx_, {}).status();
  EXPECT_TRUE(errdefs::IsUnavailable(gone)) << gone;
  EXPECT_THAT(std::string(gone.message()), HasSubstr("runtime.v1.RuntimeService.Version"));
}

TEST_F(CRIClientTest, WhatIsNoTextIsNotSent) {
  VersionRequest request;
  request.set_version("\xff");
  const absl::Status s = runtime_->Version(ctx_, request).status();
  EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
  EXPECT_THAT(std::string(s.message()), HasSubstr("version"));
  EXPECT_TRUE(service_.paths().empty());
}

// Of a node with very many containers; a kubelet takes 16 MiB.
TEST_F(CRIClientTest, AnAnswerOfManyMegabytes) {
  ListContainersResponse many;
  for (int i = 0; i < 10'000; ++i) {
    (*many.add_containers()->mutable_annotations())["a"] = std::string(1000, 'x');
  }
  service_.Set({.messages = {many.SerializeAsString()}});
  const auto listed = runtime_->ListContainers(ctx_, {});
  ASSERT_TRUE(listed.ok()) << listed.status();
  EXPECT_EQ(listed->containers_size(), 10'000);
}

TEST_F(CRIClientTest, AnAnswerThatIsNoSuchMessageIsAnError) {
  service_.Set({.messages = {"\xff\xff"}});
  const absl::Status s = runtime_->ListContainers(ctx_, {}).status();
  EXPECT_TRUE(errdefs::IsInternal(s)) << s;
  EXPECT_THAT(std::string(s.message()), HasSubstr("ListContainers"));
  EXPECT_TRUE(errdefs::IsInternal(observer_->calls().back().end.status));
}

}  // namespace
}  // namespace containerd::cri::client
