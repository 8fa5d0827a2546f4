// SPDX-License-Identifier: Apache-2.0
#include "containerd/transfer/transfer.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/future/future.h"
#include "containerd/rpc/connection.h"
#include "containerd/services/streaming/v1/streaming.grpc.pb.h"
#include "containerd/services/transfer/v1/transfer.grpc.pb.h"
#include "containerd/streaming/streaming.h"
#include "containerd/transfer/byte_stream.h"
#include "containerd/types/transfer/progress.pb.h"
#include "containerd/types/transfer/streaming.pb.h"
#include "containerd/typeurl/typeurl.h"

#include "tests/support/stream_pipe.h"

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

class TransferTest : public ::testing::Test {
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

// An object with a pump.
class Pumped final : public Object {
 public:
  Pumped(std::string url, Pump pump) : url_(std::move(url)), pump_(std::move(pump)) {}
  std::string String() const override { return "pumped"; }
  absl::StatusOr<typeurl::Any> MarshalAny(const Context& /*ctx*/,
                                          streaming::StreamCreator& /*streams*/,
                                          std::vector<Pump>& pumps) const override {
    if (url_.empty()) return errdefs::InvalidArgument("no url");
    pumps.push_back(pump_);
    return typeurl::Any{.type_url = url_};
  }

 private:
  const std::string url_;
  const Pump pump_;
};

// Until `ctx` ends.
void Await(const Context& ctx) {
  Promise<int> never;
  static_cast<void>(never.GetFuture().Get(ctx));
}

TEST_F(TransferTest, PumpsRunUntilTheDaemonHasAnswered) {
  std::atomic<int> ended = 0;
  const Pump pump = [&](const Context& ctx, const Context& transferring) -> PumpResult {
    Await(transferring);
    EXPECT_FALSE(ctx.Done());
    ++ended;
    return {};
  };
  const absl::Status s = transferrer_->Transfer(ctx_, Pumped("a", pump), Pumped("b", pump));
  EXPECT_TRUE(s.ok()) << s;
  EXPECT_EQ(ended, 2);
}

TEST_F(TransferTest, FailuresOfPumps) {
  const Pump idle = [](const Context& ctx, const Context&) -> PumpResult {
    Await(ctx);
    return {};
  };
  const Pump own = [](const Context&, const Context&) -> PumpResult {
    return {.own = errdefs::DataLoss("disk full")};
  };
  const Pump stream = [](const Context&, const Context&) -> PumpResult {
    return {.stream = errdefs::Aborted("broken stream")};
  };
  // A failure of its own ends the transfer, even one that hangs, and all other pumps.
  absl::Status s = transferrer_->Transfer(ctx_, Pumped("hang", own), Pumped("b", idle));
  EXPECT_TRUE(errdefs::IsDataLoss(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("transfer from pumped to pumped"));
  // One of the stream is news only if the daemon has no complaint.
  s = transferrer_->Transfer(ctx_, Pumped("a", stream), Pumped("b", stream));
  EXPECT_TRUE(errdefs::IsAborted(s)) << s;
  daemon_.answer = {grpc::StatusCode::NOT_FOUND, "no such image"};
  s = transferrer_->Transfer(ctx_, Pumped("a", stream), Pumped("b", idle));
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
  // Without a message there is no transfer.
  s = transferrer_->Transfer(ctx_, Pumped("a", own), Pumped("", own));
  EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
  s = transferrer_->Transfer(WithTimeout(ctx_, absl::Milliseconds(20)), Pumped("hang", idle),
                             Message(to_));
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(s)) << s;
}

using ::containerd::testing::Pipe;

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

class FailingReader final : public io::Reader {
 public:
  absl::StatusOr<std::size_t> Read(const Context& /*ctx*/, std::span<char> /*buf*/) override {
    return errdefs::DataLoss("bad disk");
  }
};

TEST(SendStream, EndsWellOrNotAtAll) {
  const Context ctx = Context::Background();
  Pipe pipe;
  std::thread sending([&] {
    io::StringReader reader(std::string(100'000, 'x'));
    EXPECT_TRUE(SendStream(ctx, reader, pipe.left).ok());
  });
  const auto received = ReceiveStream(pipe.right);
  const auto got = io::ReadAll(ctx, *received, 1 << 20);
  sending.join();
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->size(), 100'000U);

  testing::PipeCreator creator;
  FailingReader bad;
  const absl::Status s = SendStream(ctx, bad, *creator.Create(ctx, "x"));
  EXPECT_TRUE(errdefs::IsDataLoss(s)) << s;
  const auto cut = ReadByteStream(creator.pipes["x"]->right);
  EXPECT_TRUE(errdefs::IsCanceled(io::ReadAll(ctx, *cut, 1).status()));
}

TEST(GenerateID, IsNew) {
  EXPECT_THAT(GenerateID("progress"), ::testing::StartsWith("progress-"));
  EXPECT_NE(GenerateID("x"), GenerateID("x"));
}

}  // namespace
}  // namespace containerd::transfer
