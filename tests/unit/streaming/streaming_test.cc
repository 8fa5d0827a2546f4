// SPDX-License-Identifier: Apache-2.0
#include "containerd/streaming/streaming.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/rpc/connection.h"
#include "containerd/services/streaming/v1/streaming.grpc.pb.h"

namespace containerd::streaming {
namespace {

namespace pb = ::containerd::services::streaming::v1;
using ProtoAny = google::protobuf::Any;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Echoes what comes after the first message, as containerd's streaming service begins.
class EchoDaemon final : public pb::Streaming::Service {
 public:
  EchoDaemon() {
    grpc::ServerBuilder builder;
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    conn_ = std::make_shared<rpc::Connection>(server_->InProcessChannel({}));
  }
  ~EchoDaemon() override {
    conn_->Close();
    server_->Shutdown(std::chrono::system_clock::now());
  }

  std::shared_ptr<rpc::Connection> conn() { return conn_; }

  // The values that a stream brought until it was closed.
  std::vector<std::string> WaitForValues() {
    std::unique_lock lock(mu_);
    changed_.wait(lock, [&] { return over_; });
    return values_;
  }

 private:
  grpc::Status Stream(grpc::ServerContext* /*ctx*/,
                      grpc::ServerReaderWriter<ProtoAny, ProtoAny>* stream) override {
    ProtoAny message;
    pb::StreamInit init;
    if (!stream->Read(&message) || message.type_url() != init.GetDescriptor()->full_name() ||
        !init.ParseFromString(message.value())) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "no init message"};
    }
    if (init.id() == "taken") return {grpc::StatusCode::ALREADY_EXISTS, "already exists"};
    stream->Write(ProtoAny());
    while (stream->Read(&message)) {
      {
        const std::lock_guard lock(mu_);
        values_.push_back(message.value());
      }
      if (init.id() != "sink") stream->Write(message);
    }
    const std::lock_guard lock(mu_);
    over_ = true;
    changed_.notify_all();
    return grpc::Status::OK;
  }

  std::mutex mu_;
  std::condition_variable changed_;
  std::vector<std::string> values_;
  bool over_ = false;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<rpc::Connection> conn_;
};

class StreamingTest : public testing::Test {
 protected:
  EchoDaemon daemon_;
  std::shared_ptr<StreamCreator> creator_ = NewStreamCreator(daemon_.conn());
  Context ctx_ = WithTimeout(Context::Background(), absl::Seconds(60));
};

TEST_F(StreamingTest, SendsAndReceives) {
  auto stream = creator_->Create(ctx_, "one");
  ASSERT_TRUE(stream.ok()) << stream.status();
  EXPECT_FALSE((*(*stream)->TryRecv()).has_value()) << "the acknowledgement is not a message";
  for (const char* value : {"a", "b"}) {
    const typeurl::Any message{.type_url = "u", .value = value};
    ASSERT_TRUE((*stream)->Send(ctx_, message).ok());
    EXPECT_EQ(*(*stream)->Recv(ctx_), message);
  }
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(
      (*stream)->Recv(WithTimeout(ctx_, absl::Milliseconds(5))).status()));
  ASSERT_TRUE((*stream)->Close().ok());
  const absl::Status end = (*stream)->Recv(ctx_).status();
  EXPECT_TRUE(errdefs::IsOutOfRange(end)) << end;
  EXPECT_FALSE((*stream)->TryRecv().ok());
  EXPECT_FALSE((*stream)->Send(ctx_, {}).ok());
}

TEST_F(StreamingTest, RefusedId) {
  const absl::Status s = creator_->Create(ctx_, "taken").status();
  EXPECT_TRUE(errdefs::IsAlreadyExists(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("taken"));
}

TEST_F(StreamingTest, ClosedStreamDeliversAfterDestruction) {
  auto stream = creator_->Create(ctx_, "sink");
  ASSERT_TRUE(stream.ok()) << stream.status();
  for (const char* value : {"a", "b", "c"}) {
    ASSERT_TRUE((*stream)->Send(ctx_, {.type_url = "u", .value = value}).ok());
  }
  ASSERT_TRUE((*stream)->Close().ok());
  stream->reset();
  EXPECT_THAT(daemon_.WaitForValues(), ElementsAre("a", "b", "c"));
}

TEST_F(StreamingTest, EndsWithItsContext) {
  auto [ctx, cancel] = WithCancel(ctx_);
  auto stream = creator_->Create(ctx, "one");
  ASSERT_TRUE(stream.ok()) << stream.status();
  cancel();
  EXPECT_TRUE(errdefs::IsCanceled((*stream)->Recv(ctx_).status()));
  EXPECT_TRUE(errdefs::IsCanceled(creator_->Create(ctx, "two").status()));
}

}  // namespace
}  // namespace containerd::streaming
