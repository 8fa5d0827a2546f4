// SPDX-License-Identifier: Apache-2.0
//
// A connection to a daemon of the test's own.
#ifndef CONTAINERD_TESTS_UNIT_RPC_RPC_FIXTURE_H_
#define CONTAINERD_TESTS_UNIT_RPC_RPC_FIXTURE_H_

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "containerd/rpc/connection.h"
#include "containerd/services/events/v1/events.grpc.pb.h"
#include "containerd/services/streaming/v1/streaming.grpc.pb.h"
#include "containerd/services/version/v1/version.grpc.pb.h"

#include "src/rpc/internal/call.h"
#include "src/rpc/internal/stream.h"

namespace containerd::rpc {

using ::containerd::services::events::v1::Events;
using ::containerd::services::events::v1::SubscribeRequest;
using ::containerd::services::streaming::v1::Streaming;
using ::containerd::services::version::v1::Version;
using ::containerd::services::version::v1::VersionResponse;
using ::containerd::types::Envelope;
using ::google::protobuf::Any;
using ::google::protobuf::Empty;

// Answers from another gRPC stack's point of view: what it was asked, and what it is told to do.
class FakeDaemon final : public Version::Service,
                         public Events::Service,
                         public Streaming::Service {
 public:
  explicit FakeDaemon(const std::string& socket) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials());
    builder.RegisterService(static_cast<Version::Service*>(this));
    builder.RegisterService(static_cast<Events::Service*>(this));
    builder.RegisterService(static_cast<Streaming::Service*>(this));
    server_ = builder.BuildAndStart();
  }
  ~FakeDaemon() override { Stop(); }

  void Stop() {
    if (server_) server_->Shutdown(std::chrono::system_clock::now());
    server_ = nullptr;
  }

  // What Version does besides answering; runs on a server thread.
  std::function<grpc::Status(grpc::ServerContext*)> on_version;

  std::map<std::string, std::vector<std::string>> last_metadata() {
    std::lock_guard lock(mu_);
    return metadata_;
  }

 private:
  grpc::Status Version(grpc::ServerContext* ctx, const Empty*, VersionResponse* out) override {
    {
      std::lock_guard lock(mu_);
      metadata_.clear();
      for (const auto& [key, value] : ctx->client_metadata()) {
        metadata_[{key.data(), key.size()}].emplace_back(value.data(), value.size());
      }
    }
    out->set_version("v9");
    return on_version ? on_version(ctx) : grpc::Status::OK;
  }

  // Sends as many events as the first filter says; then stays until cancelled if there is a second.
  grpc::Status Subscribe(grpc::ServerContext* ctx, const SubscribeRequest* request,
                         grpc::ServerWriter<Envelope>* writer) override {
    const int count = std::stoi(request->filters(0));
    for (int i = 0; i < count; ++i) {
      Envelope envelope;
      envelope.set_topic("/" + std::to_string(i));
      if (!writer->Write(envelope)) return grpc::Status::CANCELLED;
    }
    if (request->filters_size() > 1) WaitForCancel(ctx);
    return grpc::Status::OK;
  }

  // Echoes; a message of type "fail" ends the stream with an error, "hang" stops reading.
  grpc::Status Stream(grpc::ServerContext* ctx,
                      grpc::ServerReaderWriter<Any, Any>* stream) override {
    Any message;
    while (stream->Read(&message)) {
      if (message.type_url() == "fail") {
        return {grpc::StatusCode::FAILED_PRECONDITION, "stream \"x\" is in use: conflict"};
      }
      if (message.type_url() == "hang") WaitForCancel(ctx);
      stream->Write(message);
    }
    return grpc::Status::OK;
  }

  static void WaitForCancel(grpc::ServerContext* ctx) {
    while (!ctx->IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }

  std::mutex mu_;
  std::map<std::string, std::vector<std::string>> metadata_;
  std::unique_ptr<grpc::Server> server_;
};

class RpcTest : public ::testing::Test {
 protected:
  RpcTest()
      : dir_(std::filesystem::temp_directory_path() /
             ("ctrd-rpc-" + std::to_string(::getpid()) + "-" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::create_directories(dir_);
    daemon_ = std::make_unique<FakeDaemon>(socket());
    conn_ = std::make_shared<Connection>(Dial(), "default-ns");
  }
  ~RpcTest() override {
    conn_->Close();
    daemon_ = nullptr;
    std::filesystem::remove_all(dir_);
  }

  std::string socket() const { return dir_ / "s"; }

  std::shared_ptr<grpc::Channel> Dial() const {
    grpc::ChannelArguments args;
    args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel("unix:" + socket(), grpc::InsecureChannelCredentials(), args);
  }

  absl::Status CallVersion(const Context& ctx, const CallOptions& options = {}) {
    const Stubs<Version> stubs(conn_);
    VersionResponse response;
    return Call(ctx, stubs, &Version::StubInterface::Version, Empty(), &response, options);
  }

  absl::StatusOr<std::shared_ptr<BidiStream<Any, Any>>> StartEcho(
      const Context& ctx, BidiStream<Any, Any>::Limits limits = {}) {
    return BidiStream<Any, Any>::Start(ctx, Stubs<Streaming>(conn_), {}, limits);
  }

  static SubscribeRequest Subscribe(int count, bool stay) {
    SubscribeRequest request;
    request.add_filters(std::to_string(count));
    if (stay) request.add_filters("stay");
    return request;
  }

  const std::filesystem::path dir_;
  std::unique_ptr<FakeDaemon> daemon_;
  std::shared_ptr<Connection> conn_;
  const Context background_;
};

}  // namespace containerd::rpc

#endif  // CONTAINERD_TESTS_UNIT_RPC_RPC_FIXTURE_H_
