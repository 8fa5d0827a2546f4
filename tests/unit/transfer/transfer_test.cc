// SPDX-License-Identifier: Apache-2.0
#include "containerd/transfer/transfer.h"

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/rpc/connection.h"
#include "containerd/services/streaming/v1/streaming.grpc.pb.h"
#include "containerd/services/transfer/v1/transfer.grpc.pb.h"
#include "containerd/streaming/proxy.h"
#include "containerd/transfer/byte_stream.h"
#include "containerd/transfer/proxy.h"
#include "containerd/types/transfer/progress.pb.h"
#include "containerd/types/transfer/streaming.pb.h"
#include "containerd/typeurl/typeurl.h"

namespace containerd::transfer {
namespace {

namespace pb = ::containerd::services::transfer::v1;
namespace streampb = ::containerd::services::streaming::v1;
using ProtoAny = google::protobuf::Any;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FakeDaemon final : public pb::Transfer::Service, public streampb::Streaming::Service {
 public:
  FakeDaemon() {
    grpc::ServerBuilder builder;
    builder.RegisterService(static_cast<pb::Transfer::Service*>(this));
    builder.RegisterService(static_cast<streampb::Streaming::Service*>(this));
    server_ = builder.BuildAndStart();
    conn_ = std::make_shared<rpc::Connection>(server_->InProcessChannel({}));
  }
  ~FakeDaemon() override {
    conn_->Close();
    server_->Shutdown(std::chrono::system_clock::now());
  }

  std::shared_ptr<rpc::Connection> conn() { return conn_; }

  grpc::Status answer = grpc::Status::OK;
  pb::TransferRequest last;

 private:
  using Server = grpc::ServerReaderWriter<ProtoAny, ProtoAny>;

  grpc::Status Transfer(grpc::ServerContext* ctx, const pb::TransferRequest* request,
                        google::protobuf::Empty* /*out*/) override {
    std::unique_lock lock(mu_);
    last = *request;
    if (!request->options().progress_stream().empty()) {
      if (stream_id_ != request->options().progress_stream()) {
        return {grpc::StatusCode::NOT_FOUND, "no such stream"};
      }
      for (int i = 1; i <= 100; ++i) {
        types::transfer::Progress progress;
        progress.set_event("copying");
        progress.set_name("layer");
        progress.add_parents("image");
        progress.set_progress(i);
        progress.set_total(100);
        if (i == 1) progress.mutable_desc()->set_digest("sha256:1");
        ProtoAny any;
        any.PackFrom(progress);
        if (i == 50) any.set_type_url("no.such.Type");
        stream_->Write(any);
      }
      stream_ended_ = true;
      changed_.notify_all();
    }
    if (request->source().type_url() == "hang") {
      lock.unlock();
      while (!ctx->IsCancelled()) std::this_thread::yield();
    }
    return answer;
  }

  grpc::Status Stream(grpc::ServerContext* ctx, Server* stream) override {
    ProtoAny message;
    stream->Read(&message);
    streampb::StreamInit init;
    init.ParseFromString(message.value());
    std::unique_lock lock(mu_);
    stream_id_ = init.id();
    stream_ = stream;
    stream->Write(ProtoAny());
    while (!stream_ended_ && !ctx->IsCancelled()) {
      changed_.wait_for(lock, std::chrono::milliseconds(10));
    }
    return grpc::Status::OK;
  }

  std::mutex mu_;
  std::condition_variable changed_;
  std::string stream_id_;
  Server* stream_ = nullptr;
  bool stream_ended_ = false;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<rpc::Connection> conn_;
};

class TransferTest : public testing::Test {
 protected:
  FakeDaemon daemon_;
  std::shared_ptr<Transferrer> transferrer_ =
      NewTransferrer(daemon_.conn(), streaming::NewStreamCreator(daemon_.conn()));
  Context ctx_ = WithTimeout(Context::Background(), absl::Seconds(60));
  const typeurl::Any from_{.type_url = "from", .value = "1"};
  const typeurl::Any to_{.type_url = "to", .value = "2"};
};

TEST_F(TransferTest, WithoutProgress) {
  ASSERT_TRUE(transferrer_->Transfer(ctx_, from_, to_).ok());
  EXPECT_EQ(daemon_.last.source().type_url(), "from");
  EXPECT_EQ(daemon_.last.destination().value(), "2");
  EXPECT_EQ(daemon_.last.options().progress_stream(), "");

  daemon_.answer = {grpc::StatusCode::UNIMPLEMENTED, "not implemented"};
  const absl::Status s = transferrer_->Transfer(ctx_, from_, to_);
  EXPECT_TRUE(errdefs::IsNotImplemented(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("transfer from from to to"));
}

TEST_F(TransferTest, ReportsAllProgressOnThisThread) {
  std::vector<std::int64_t> seen;
  std::optional<Progress> first;
  const auto thread = std::this_thread::get_id();
  const absl::Status s =
      transferrer_->Transfer(ctx_, from_, to_, {WithProgress([&](const Progress& progress) {
                               EXPECT_EQ(std::this_thread::get_id(), thread);
                               if (!first.has_value()) first = progress;
                               seen.push_back(progress.progress);
                             })});
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_EQ(*first, (Progress{.event = "copying",
                              .name = "layer",
                              .parents = {"image"},
                              .progress = 1,
                              .total = 100,
                              .desc = ocispec::Descriptor{.digest = "sha256:1"}}));
  ASSERT_EQ(seen.size(), 99U) << "one is no progress at all";
  EXPECT_EQ(seen.back(), 100);
}

TEST_F(TransferTest, FailsWithProgress) {
  daemon_.answer = {grpc::StatusCode::NOT_FOUND, "no such image"};
  const absl::Status s =
      transferrer_->Transfer(ctx_, from_, to_, {WithProgress([](const Progress&) {})});
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
}

TEST_F(TransferTest, EndsWithItsContext) {
  const typeurl::Any hang{.type_url = "hang"};
  auto [ctx, cancel] = WithCancel(ctx_);
  const absl::Status s = transferrer_->Transfer(
      ctx, hang, to_, {WithProgress([&, cancel_it = cancel](const Progress& p) {
        if (p.progress == 100) cancel_it();
      })});
  EXPECT_TRUE(errdefs::IsCanceled(s)) << s;
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(
      transferrer_->Transfer(WithTimeout(ctx_, absl::Milliseconds(20)), hang, to_)));
}

// Two ends of a stream in memory.
class Pipe {
 public:
  struct End final : streaming::Stream {
    absl::Status Send(const Context& /*ctx*/, const typeurl::Any& message) override {
      const std::lock_guard lock(pipe->mu_);
      if (out->closed || in->gone) return errdefs::OutOfRange("end of stream");
      out->messages.push_back(message);
      pipe->changed_.notify_all();
      return absl::OkStatus();
    }
    absl::StatusOr<typeurl::Any> Recv(const Context& ctx) override {
      const auto wake = ctx.OnCancel([this] {
        const std::lock_guard lock(pipe->mu_);
        pipe->changed_.notify_all();
      });
      std::unique_lock lock(pipe->mu_);
      pipe->changed_.wait(lock, [&] { return !in->messages.empty() || in->closed || ctx.Done(); });
      if (in->messages.empty() && ctx.Done()) return ctx.Err();
      return Pop();
    }
    absl::StatusOr<std::optional<typeurl::Any>> TryRecv() override {
      const std::lock_guard lock(pipe->mu_);
      if (in->messages.empty() && !in->closed) return std::nullopt;
      absl::StatusOr<typeurl::Any> message = Pop();
      if (!message.ok()) return message.status();
      return *std::move(message);
    }
    absl::Status Close() override {
      const std::lock_guard lock(pipe->mu_);
      out->closed = true;
      pipe->changed_.notify_all();
      return absl::OkStatus();
    }
    absl::StatusOr<typeurl::Any> Pop() {
      if (in->messages.empty()) return errdefs::OutOfRange("end of stream");
      typeurl::Any message = std::move(in->messages.front());
      in->messages.pop_front();
      return message;
    }

    Pipe* pipe = nullptr;
    struct Way {
      std::deque<typeurl::Any> messages;
      bool closed = false;
      bool gone = false;
    };
    Way* in = nullptr;
    Way* out = nullptr;
  };

  Pipe() {
    left->pipe = right->pipe = this;
    left->out = right->in = &right_way_;
    left->in = right->out = &left_way_;
  }

  std::size_t InFlight() {
    const std::lock_guard lock(mu_);
    return right_way_.messages.size();
  }

  std::shared_ptr<End> left = std::make_shared<End>();
  std::shared_ptr<End> right = std::make_shared<End>();

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  End::Way left_way_;
  End::Way right_way_;
};

absl::StatusOr<std::string> ReadAll(const Context& ctx, ByteReader& reader, std::size_t step) {
  std::string all;
  std::vector<char> buffer(step);
  for (;;) {
    const auto n = reader.Read(ctx, buffer);
    if (!n.ok()) return n.status();
    if (*n == 0) return all;
    all.append(buffer.data(), *n);
  }
}

TEST(ByteStream, CarriesBytes) {
  const Context ctx = Context::Background();
  for (const std::size_t size : {0U, 1U, 32U << 10, (64U << 10) + 1, 3U << 20}) {
    Pipe pipe;
    std::string data(size, 'x');
    for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<char>(i * 7 + i / 251);
    std::thread writing([&] {
      ByteWriter writer(pipe.left);
      EXPECT_TRUE(writer.Write(ctx, data).ok());
      EXPECT_TRUE(writer.Close().ok());
    });
    ByteReader reader(pipe.right);
    const auto got = ReadAll(ctx, reader, 10'000);
    writing.join();
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_TRUE(*got == data) << size;
  }
}

TEST(ByteStream, WriterWaitsForTheWindow) {
  Pipe pipe;
  ByteWriter writer(pipe.left);
  types::transfer::WindowUpdate update;
  update.set_update(40 << 10);
  ASSERT_TRUE(pipe.right->Send({}, *typeurl::MarshalAny(update)).ok());
  // 40 KiB were granted, so the last byte has to wait.
  const Context ctx = WithTimeout(Context::Background(), absl::Seconds(60));
  ASSERT_TRUE(writer.Write(ctx, std::string(40 << 10, 'x')).ok());
  EXPECT_EQ(pipe.InFlight(), 2U) << "32 KiB and 8 KiB";
  auto [ended, cancel] = WithCancel(ctx);
  cancel();
  EXPECT_TRUE(errdefs::IsCanceled(writer.Write(ended, "x")));
  EXPECT_EQ(pipe.InFlight(), 2U);
}

TEST(ByteStream, ReaderThatWentAwayEndsTheWriter) {
  Pipe pipe;
  ByteWriter writer(pipe.left);
  ASSERT_TRUE(pipe.right->Close().ok());
  const absl::Status s = writer.Write(Context::Background(), "x");
  EXPECT_TRUE(errdefs::IsAborted(s)) << s;
}

TEST(ByteStream, RefusesOtherMessages) {
  Pipe pipe;
  ASSERT_TRUE(pipe.left->Send({}, {.type_url = "no.such.Type"}).ok());
  ByteReader reader(pipe.right);
  char buffer[10];
  EXPECT_FALSE(reader.Read(Context::Background(), buffer).ok());
  ByteWriter writer(pipe.left);
  ASSERT_TRUE(pipe.right->Send({}, *typeurl::MarshalAny(types::transfer::Data())).ok());
  EXPECT_FALSE(writer.Write(Context::Background(), "x").ok());
}

TEST(GenerateID, IsNew) {
  EXPECT_THAT(GenerateID("progress"), testing::StartsWith("progress-"));
  EXPECT_NE(GenerateID("x"), GenerateID("x"));
}

}  // namespace
}  // namespace containerd::transfer
