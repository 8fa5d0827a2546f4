// SPDX-License-Identifier: Apache-2.0
//
// The gRPC proxy against a daemon that is honest, dies, lies or says nothing.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "containerd/content/content.h"
#include "containerd/content/helpers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/rpc/connection.h"
#include "containerd/services/content/v1/content.grpc.pb.h"

namespace containerd::content {
namespace {

namespace pb = ::containerd::services::content::v1;

using ::google::protobuf::Empty;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr std::size_t kMiB = std::size_t{1} << 20;

using WriteSession = grpc::ServerReaderWriter<pb::WriteContentResponse, pb::WriteContentRequest>;

// A content service as the daemon's, in memory. The hooks bend it; they are set before it is used.
class FakeDaemon final : public pb::Content::Service {
 public:
  // Asked with each message of a write before it is carried out; an error ends the session.
  std::function<grpc::Status(const pb::WriteContentRequest&, std::string& ingested)> before_write;
  // Asked with each answer of a write before it is sent.
  std::function<grpc::Status(pb::WriteContentResponse&)> before_answer;
  // Takes over the session after the first answer.
  std::function<grpc::Status(WriteSession&)> session;
  std::function<grpc::Status(const pb::ReadContentRequest&,
                             grpc::ServerWriter<pb::ReadContentResponse>&, grpc::ServerContext&)>
      read;

  std::atomic<int> sessions = 0;
  std::atomic<int> reads = 0;

  std::map<std::string, std::string> blobs() {
    std::lock_guard lock(mu_);
    return blobs_;
  }
  void Put(const std::string& data) {
    std::lock_guard lock(mu_);
    blobs_[digest::FromString(data).String()] = data;
  }
  std::string ns() {
    std::lock_guard lock(mu_);
    return ns_;
  }

 private:
  grpc::Status Info(grpc::ServerContext* ctx, const pb::InfoRequest* request,
                    pb::InfoResponse* response) override {
    std::lock_guard lock(mu_);
    const auto it = ctx->client_metadata().find("containerd-namespace");
    ns_ =
        it == ctx->client_metadata().end() ? "" : std::string(it->second.data(), it->second.size());
    const auto blob = blobs_.find(request->digest());
    if (blob == blobs_.end()) return {grpc::StatusCode::NOT_FOUND, "not found"};
    Fill(blob->first, response->mutable_info());
    return grpc::Status::OK;
  }

  grpc::Status Update(grpc::ServerContext*, const pb::UpdateRequest* request,
                      pb::UpdateResponse* response) override {
    std::lock_guard lock(mu_);
    labels_[request->info().digest()] =
        Labels(request->info().labels().begin(), request->info().labels().end());
    Fill(request->info().digest(), response->mutable_info());
    for (const std::string& path : request->update_mask().paths()) {
      (*response->mutable_info()->mutable_labels())["mask"] += path;
    }
    return grpc::Status::OK;
  }

  grpc::Status List(grpc::ServerContext*, const pb::ListContentRequest* request,
                    grpc::ServerWriter<pb::ListContentResponse>* writer) override {
    std::lock_guard lock(mu_);
    if (request->filters_size() > 0 && request->filters(0) == "bad") {
      return {grpc::StatusCode::INVALID_ARGUMENT, "filters: parse error"};
    }
    for (const auto& [dgst, data] : blobs_) {
      pb::ListContentResponse response;
      Fill(dgst, response.add_info());
      if (!writer->Write(response)) break;
    }
    return grpc::Status::OK;
  }

  grpc::Status Delete(grpc::ServerContext*, const pb::DeleteContentRequest* request,
                      Empty*) override {
    std::lock_guard lock(mu_);
    if (blobs_.erase(request->digest()) == 0) return {grpc::StatusCode::NOT_FOUND, "not found"};
    return grpc::Status::OK;
  }

  grpc::Status Read(grpc::ServerContext* ctx, const pb::ReadContentRequest* request,
                    grpc::ServerWriter<pb::ReadContentResponse>* writer) override {
    ++reads;
    if (read) return read(*request, *writer, *ctx);
    std::string data;
    {
      std::lock_guard lock(mu_);
      data = blobs_[request->digest()];
    }
    const auto offset = static_cast<std::size_t>(request->offset());
    if (offset > data.size()) return {grpc::StatusCode::OUT_OF_RANGE, "read past object length"};
    data.erase(0, offset);
    if (request->size() > 0) {
      data.resize(std::min(data.size(), static_cast<std::size_t>(request->size())));
    }
    for (std::size_t i = 0; i < data.size(); i += kMiB) {
      pb::ReadContentResponse response;
      response.set_offset(static_cast<std::int64_t>(i));
      response.set_data(data.substr(i, kMiB));
      if (!writer->Write(response)) break;
    }
    return grpc::Status::OK;
  }

  grpc::Status Status(grpc::ServerContext*, const pb::StatusRequest* request,
                      pb::StatusResponse* response) override {
    std::lock_guard lock(mu_);
    const auto it = ingests_.find(request->ref());
    if (it == ingests_.end()) return {grpc::StatusCode::NOT_FOUND, "not found"};
    response->mutable_status()->set_ref(it->first);
    response->mutable_status()->set_offset(static_cast<std::int64_t>(it->second.size()));
    return grpc::Status::OK;
  }

  grpc::Status ListStatuses(grpc::ServerContext*, const pb::ListStatusesRequest*,
                            pb::ListStatusesResponse* response) override {
    std::lock_guard lock(mu_);
    for (const auto& [ref, data] : ingests_) response->add_statuses()->set_ref(ref);
    return grpc::Status::OK;
  }

  grpc::Status Abort(grpc::ServerContext*, const pb::AbortRequest* request, Empty*) override {
    std::lock_guard lock(mu_);
    if (ingests_.erase(request->ref()) == 0) return {grpc::StatusCode::NOT_FOUND, "not found"};
    return grpc::Status::OK;
  }

  grpc::Status Write(grpc::ServerContext*, WriteSession* stream) override {
    pb::WriteContentRequest request;
    if (!stream->Read(&request)) return grpc::Status::OK;
    ++sessions;
    const std::string ref = request.ref();
    std::string* ingested = nullptr;
    {
      std::lock_guard lock(mu_);
      if (ref.empty()) return {grpc::StatusCode::INVALID_ARGUMENT, "no reference"};
      if (blobs_.count(request.expected()) > 0) {
        return {grpc::StatusCode::ALREADY_EXISTS, "content exists"};
      }
      if (!locked_.insert(ref).second) {
        return {grpc::StatusCode::UNAVAILABLE, "ref " + ref + " locked for 1s: unavailable"};
      }
      ingested = &ingests_[ref];
    }
    grpc::Status status = Serve(*stream, request, ref, ingested);
    std::lock_guard lock(mu_);
    locked_.erase(ref);
    return status;
  }

  // Source: plugins/services/content/contentserver.
  grpc::Status Serve(WriteSession& stream, pb::WriteContentRequest& request, const std::string& ref,
                     std::string* ingested) {
    const std::int64_t total = request.total();
    bool first = true;
    do {
      if (before_write) {
        if (grpc::Status s = before_write(request, *ingested); !s.ok()) return s;
      }
      std::lock_guard lock(mu_);
      pb::WriteContentResponse answer;
      answer.set_action(request.action());
      if (request.action() != pb::STAT) {
        if (request.offset() > 0 &&
            request.offset() != static_cast<std::int64_t>(ingested->size())) {
          return {grpc::StatusCode::OUT_OF_RANGE, "write must occur at current offset"};
        }
        if (request.offset() == 0) ingested->clear();
        *ingested += request.data();
      } else {
        answer.set_total(total);
        answer.mutable_started_at()->set_seconds(7);
      }
      const std::string dgst = digest::FromString(*ingested).String();
      answer.set_offset(static_cast<std::int64_t>(ingested->size()));
      answer.set_digest(dgst);
      if (request.action() == pb::COMMIT) {
        if (blobs_.count(request.expected()) > 0 || blobs_.count(dgst) > 0) {
          ingests_.erase(ref);
          return {grpc::StatusCode::ALREADY_EXISTS, "content exists"};
        }
        if (request.total() > 0 && request.total() != answer.offset()) {
          return {grpc::StatusCode::FAILED_PRECONDITION, "failed size validation"};
        }
        blobs_[dgst] = *ingested;
        labels_[dgst] = Labels(request.labels().begin(), request.labels().end());
        ingests_.erase(ref);
      }
      if (before_answer) {
        if (grpc::Status s = before_answer(answer); !s.ok()) return s;
      }
      if (!stream.Write(answer)) return grpc::Status::CANCELLED;
      if (request.action() == pb::COMMIT) return grpc::Status::OK;
      if (std::exchange(first, false) && session) return session(stream);
    } while (stream.Read(&request));
    return grpc::Status::OK;
  }

  void Fill(const std::string& dgst, pb::Info* info) {
    info->set_digest(dgst);
    info->set_size(static_cast<std::int64_t>(blobs_[dgst].size()));
    info->mutable_created_at()->set_seconds(5);
    const Labels& labels = labels_[dgst];
    info->mutable_labels()->insert(labels.begin(), labels.end());
  }

  std::mutex mu_;
  std::map<std::string, std::string> blobs_;
  std::map<std::string, Labels> labels_;
  std::map<std::string, std::string> ingests_;
  std::set<std::string> locked_;
  std::string ns_;
};

const grpc::Status kDied(grpc::StatusCode::UNAVAILABLE, "Socket closed");

std::string RandomData(std::size_t size) {
  static std::mt19937_64 random(42);
  std::string data(size + 8, '\0');
  for (std::size_t i = 0; i < size; i += 8) {
    const std::uint64_t word = random();
    std::memcpy(data.data() + i, &word, 8);
  }
  data.resize(size);
  return data;
}

class StreamSource final : public io::Reader {
 public:
  explicit StreamSource(std::string data) : inner_(std::move(data)) {}
  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    return inner_.Read(ctx, buf);
  }

 private:
  io::StringReader inner_;
};

ocispec::Descriptor DescriptorOf(const std::string& data) {
  return {.digest = digest::FromString(data).String(),
          .size = static_cast<std::int64_t>(data.size())};
}

class ProxyTest : public ::testing::Test {
 protected:
  ProxyTest() {
    // The last object of gRPC that goes would wait for its helper threads, up to 10 s after large
    // writes; so let none be the last.
    [[maybe_unused]] static const bool kept = (grpc_init(), true);
    static int count = 0;
    address_ = fmt::format("unix-abstract:content-test-{}-{}", getpid(), ++count);
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
    builder.RegisterService(&daemon_);
    builder.SetMaxReceiveMessageSize(16 << 20);
    server_ = builder.BuildAndStart();
    conn_ = std::make_shared<rpc::Connection>(
        grpc::CreateChannel(address_, grpc::InsecureChannelCredentials()), "testing");
    store_ = NewContentStore(conn_);
  }
  ~ProxyTest() override {
    store_ = nullptr;
    conn_->Close();
    server_->Shutdown(std::chrono::system_clock::now());
  }

  std::unique_ptr<Writer> Open(const Context& ctx, const std::string& ref,
                               const ocispec::Descriptor& desc = {}) {
    absl::StatusOr<std::unique_ptr<Writer>> writer =
        OpenWriter(ctx, *store_, {WithRef(ref), WithDescriptor(desc)});
    EXPECT_TRUE(writer.ok()) << writer.status();
    return writer.ok() ? *std::move(writer) : nullptr;
  }

  // Long enough for any machine; a test that needs it has failed.
  const Context ctx_ = WithTimeout(Context(), absl::Minutes(2));
  FakeDaemon daemon_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<rpc::Connection> conn_;
  std::shared_ptr<Store> store_;
};

TEST_F(ProxyTest, WritesReadsAndManages) {
  const std::string data = RandomData(5 * kMiB + 17);
  const ocispec::Descriptor desc = DescriptorOf(data);
  ASSERT_TRUE(WriteBlob(ctx_, *store_, "r", data, desc, {WithLabels({{"k", "v"}})}).ok());
  EXPECT_EQ(*ReadBlob(ctx_, *store_, desc), data);

  absl::StatusOr<Info> info = store_->Info(WithNamespace(ctx_, "other"), desc.digest);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(daemon_.ns(), "other");
  EXPECT_EQ(*info, (Info{.digest = desc.digest,
                         .size = desc.size,
                         .created_at = absl::FromUnixSeconds(5),
                         .labels = {{"k", "v"}}}));

  info->labels = {{"a", "b"}};
  info = store_->Update(ctx_, *info, {"labels.a"});
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->labels, (Labels{{"a", "b"}, {"mask", "labels.a"}}));

  // Writing it once more reads nothing and makes no second blob.
  io::StringReader unread("x");
  EXPECT_TRUE(WriteBlob(ctx_, *store_, "again", unread, desc).ok());
  EXPECT_EQ(*io::ReadAll(ctx_, unread, 9), "x");

  daemon_.Put("second");
  std::vector<std::string> seen;
  EXPECT_TRUE(store_
                  ->Walk(ctx_,
                         [&](const Info& i) {
                           seen.push_back(i.digest);
                           return absl::OkStatus();
                         })
                  .ok());
  EXPECT_THAT(seen, UnorderedElementsAre(desc.digest, digest::FromString("second").String()));
  seen.clear();
  EXPECT_TRUE(errdefs::IsAborted(store_->Walk(ctx_, [&](const Info& i) {
    seen.push_back(i.digest);
    return errdefs::Aborted("enough");
  })));
  EXPECT_EQ(seen.size(), 1U);
  EXPECT_TRUE(errdefs::IsInvalidArgument(
      store_->Walk(ctx_, [](const Info&) { return absl::OkStatus(); }, {"bad"})));

  EXPECT_TRUE(store_->Delete(ctx_, desc.digest).ok());
  for (const absl::Status& s :
       {store_->Delete(ctx_, desc.digest), store_->Info(ctx_, desc.digest).status(),
        store_->ReaderAt(ctx_, desc).status()}) {
    EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
    EXPECT_THAT(errdefs::Message(s), HasSubstr(desc.digest));
  }
}

TEST_F(ProxyTest, ManagesIngestions) {
  std::unique_ptr<Writer> writer = Open(ctx_, "mine");
  ASSERT_TRUE(writer->Write(ctx_, "abc").ok());
  ASSERT_TRUE(writer->Close(ctx_).ok());
  EXPECT_TRUE(writer->Close(ctx_).ok());
  EXPECT_TRUE(errdefs::IsFailedPrecondition(writer->Write(ctx_, "d")));
  EXPECT_EQ(store_->Status(ctx_, "mine")->offset, 3);
  absl::StatusOr<std::vector<Status>> all = store_->ListStatuses(ctx_);
  ASSERT_TRUE(all.ok());
  ASSERT_EQ(all->size(), 1U);
  EXPECT_EQ(all->front().ref, "mine");
  EXPECT_TRUE(store_->Abort(ctx_, "mine").ok());
  for (const absl::Status& s :
       {store_->Abort(ctx_, "mine"), store_->Status(ctx_, "mine").status()}) {
    EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
    EXPECT_THAT(errdefs::Message(s), HasSubstr("\"mine\""));
  }
  const absl::Status no_ref = store_->Writer(ctx_, {}).status();
  EXPECT_TRUE(errdefs::IsInvalidArgument(no_ref)) << no_ref;
}

TEST_F(ProxyTest, StatusAndDigestAreExactAfterPipelinedWrites) {
  const std::string data = RandomData(kMiB);
  std::unique_ptr<Writer> writer = Open(ctx_, "r", {.size = 1 << 20});
  for (std::size_t i = 0; i < data.size(); i += 1000) {
    ASSERT_TRUE(writer->Write(ctx_, data.substr(i, 1000)).ok());
  }
  absl::StatusOr<Status> status = writer->Status(ctx_);
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->ref, "r");
  EXPECT_EQ(status->offset, 1 << 20);
  EXPECT_EQ(status->total, 1 << 20);
  EXPECT_EQ(status->started_at, absl::FromUnixSeconds(7));
  EXPECT_EQ(writer->Digest(), digest::FromString(data));
}

TEST_F(ProxyTest, DoesNotWaitForEachAnswer) {
  daemon_.session = [](WriteSession& stream) {
    // Answers nothing before four chunks are there.
    std::vector<pb::WriteContentRequest> requests(4);
    for (pb::WriteContentRequest& request : requests) {
      if (!stream.Read(&request)) return kDied;
    }
    std::int64_t offset = 0;
    for (const pb::WriteContentRequest& request : requests) {
      pb::WriteContentResponse answer;
      answer.set_action(pb::WRITE);
      EXPECT_EQ(request.offset(), offset);
      offset += static_cast<std::int64_t>(request.data().size());
      answer.set_offset(offset);
      stream.Write(answer);
    }
    pb::WriteContentRequest rest;
    EXPECT_FALSE(stream.Read(&rest));
    return grpc::Status::OK;
  };
  std::unique_ptr<Writer> writer = Open(ctx_, "r");
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(writer->Write(ctx_, std::string(kMiB / 2, 'x')).ok());
  }
  const absl::Status s = writer->Close(ctx_);
  EXPECT_TRUE(s.ok()) << s;
}

// Of all writers of the process together.
constexpr std::size_t kMostUnanswered = 2 * kMiB;

TEST_F(ProxyTest, BoundsWhatIsUnanswered) {
  std::promise<void> full;
  std::atomic<std::size_t> received = 0;
  daemon_.session = [&](WriteSession& stream) {
    pb::WriteContentRequest request;
    while (stream.Read(&request)) {
      EXPECT_LE(request.data().size(), kMostUnanswered / 2);
      if ((received += request.data().size()) == kMostUnanswered) full.set_value();
    }
    return grpc::Status::OK;
  };
  auto [ctx, cancel] = WithCancel(ctx_);
  std::unique_ptr<Writer> writer = Open(ctx_, "r");
  std::jthread canceller([&, stop = cancel] {
    full.get_future().wait();
    stop();
  });
  const absl::Status s = writer->Write(ctx, std::string(3 * kMostUnanswered, 'x'));
  EXPECT_TRUE(errdefs::IsCanceled(s)) << s;
  EXPECT_EQ(received, kMostUnanswered);
}

// A writer may have all that is allowed; when it has ended, though it is still there, another one
// does not wait for anybody.
TEST_F(ProxyTest, AWriterThatHasEndedGivesItsShareOfTheBuffersBack) {
  std::atomic<bool> answers = false;
  daemon_.session = [&](WriteSession& stream) {
    pb::WriteContentRequest request;
    std::size_t received = 0;
    std::vector<std::size_t> chunks;
    while (received < kMostUnanswered && stream.Read(&request)) {
      received += chunks.emplace_back(request.data().size());
    }
    if (!answers) return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "no space left");
    EXPECT_EQ(received, kMostUnanswered);
    pb::WriteContentResponse answer;
    answer.set_action(pb::WRITE);
    for (const std::size_t chunk : chunks) {
      answer.set_offset(answer.offset() + static_cast<std::int64_t>(chunk));
      stream.Write(answer);
    }
    stream.Read(&request);
    return grpc::Status::OK;
  };
  const Context soon = WithTimeout(ctx_, absl::Seconds(30));
  const std::string data(kMostUnanswered, 'x');
  std::unique_ptr<Writer> failed = Open(ctx_, "failed");
  ASSERT_TRUE(failed->Write(soon, data).ok());
  EXPECT_TRUE(errdefs::IsResourceExhausted(failed->Write(soon, data)));
  std::unique_ptr<Writer> closed = Open(ctx_, "closed");
  ASSERT_TRUE(closed->Write(soon, data).ok());
  EXPECT_TRUE(errdefs::IsResourceExhausted(closed->Close(soon)));

  answers = true;
  std::unique_ptr<Writer> writer = Open(ctx_, "r");
  EXPECT_TRUE(writer->Write(soon, data).ok());
  EXPECT_TRUE(writer->Close(soon).ok());
}

TEST_F(ProxyTest, AnEndedCallLeavesTheWriterAsItIs) {
  std::unique_ptr<Writer> writer = Open(ctx_, "r");
  auto [ended, cancel] = WithCancel(ctx_);
  cancel();
  EXPECT_TRUE(errdefs::IsCanceled(writer->Write(ended, "abc")));
  EXPECT_TRUE(errdefs::IsCanceled(writer->Status(ended).status()));
  EXPECT_TRUE(writer->Write(ctx_, "abc").ok());
  EXPECT_EQ(writer->Status(ctx_)->offset, 3);
}

TEST_F(ProxyTest, ALyingOffsetIsAnError) {
  struct Case {
    const char* name;
    pb::WriteAction action;
    std::int64_t error;
  };
  for (const Case& c : {Case{"too little", pb::WRITE, -1}, Case{"too much", pb::WRITE, 1},
                        Case{"wrong status", pb::STAT, 5}, Case{"wrong commit", pb::COMMIT, -2}}) {
    SCOPED_TRACE(c.name);
    bool opened = false;
    daemon_.before_answer = [&](pb::WriteContentResponse& answer) {
      if (std::exchange(opened, true) && answer.action() == c.action) {
        answer.set_offset(answer.offset() + c.error);
      }
      return grpc::Status::OK;
    };
    std::unique_ptr<Writer> writer = Open(ctx_, c.name);
    absl::Status s = writer->Write(ctx_, "0123456789");
    if (s.ok()) s = writer->Status(ctx_).status();
    if (s.ok()) s = writer->Commit(ctx_, 0, "");
    EXPECT_TRUE(errdefs::IsDataLoss(s) || errdefs::IsFailedPrecondition(s)) << s;
    EXPECT_THAT(errdefs::Message(s), HasSubstr(c.name));
    EXPECT_FALSE(writer->Write(ctx_, "more").ok());
    EXPECT_FALSE(writer->Status(ctx_).ok());
  }
}

TEST_F(ProxyTest, AWrongAnswerToTheFirstQuestionIsAnError) {
  daemon_.before_answer = [](pb::WriteContentResponse& answer) {
    answer.set_offset(-1);
    return grpc::Status::OK;
  };
  EXPECT_TRUE(errdefs::IsDataLoss(store_->Writer(ctx_, {WithRef("r")}).status()));
}

TEST_F(ProxyTest, ADigestOtherThanExpectedIsAnErrorThatNamesBoth) {
  const std::string wrong = digest::FromString("wrong").String();
  daemon_.before_answer = [&](pb::WriteContentResponse& answer) {
    if (answer.action() == pb::COMMIT) answer.set_digest(wrong);
    return grpc::Status::OK;
  };
  const std::string expected = digest::FromString("data").String();
  const absl::Status s = WriteBlob(ctx_, *store_, "r", "data", {.digest = expected, .size = 4});
  EXPECT_TRUE(errdefs::IsFailedPrecondition(s)) << s;
  EXPECT_THAT(errdefs::Message(s), AllOf(HasSubstr(wrong), HasSubstr(expected)));
}

TEST_F(ProxyTest, ErrorsOfTheDaemonSurfaceLaterAndStay) {
  daemon_.before_write = [](const pb::WriteContentRequest& request, std::string&) {
    return request.action() == pb::WRITE
               ? grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "no space left on device")
               : grpc::Status::OK;
  };
  std::unique_ptr<Writer> writer = Open(ctx_, "full");
  absl::Status s = writer->Write(ctx_, "abc");
  if (s.ok()) s = writer->Status(ctx_).status();
  EXPECT_TRUE(errdefs::IsResourceExhausted(s)) << s;
  EXPECT_THAT(errdefs::Message(s), AllOf(HasSubstr("full"), HasSubstr("no space left")));
  EXPECT_TRUE(errdefs::IsResourceExhausted(writer->Write(ctx_, "abc")));
  EXPECT_TRUE(errdefs::IsResourceExhausted(writer->Commit(ctx_, 0, "")));
  EXPECT_EQ(daemon_.sessions, 1);
}

// Each kind of death is survived by a source that cannot be read twice.
TEST_F(ProxyTest, ResumesWhereTheDaemonIs) {
  const std::string data = RandomData(9 * kMiB + 4321);
  struct Case {
    const char* name;
    std::size_t at;    // dies when it has so many bytes,
    std::size_t keep;  // and keeps so many of the next message
    int times;
  };
  for (const Case& c :
       {Case{"at once", 0, 0, 1}, Case{"between chunks", 3 * kMiB, 0, 1},
        Case{"within a chunk", 3 * kMiB, 1234, 1}, Case{"after storing a chunk", kMiB, kMiB, 1},
        Case{"often", kMiB, 100, 5}, Case{"at the last bytes", 9 * kMiB, 4320, 1}}) {
    SCOPED_TRACE(c.name);
    int times = c.times;
    daemon_.sessions = 0;
    daemon_.before_write = [&](const pb::WriteContentRequest& request, std::string& ingested) {
      if (request.action() != pb::WRITE || ingested.size() < c.at || times == 0) {
        return grpc::Status::OK;
      }
      --times;
      ingested += request.data().substr(0, c.keep);
      return kDied;
    };
    const std::string blob = c.name + data;
    StreamSource source(blob);
    const absl::Status s = WriteBlob(ctx_, *store_, c.name, source, DescriptorOf(blob));
    ASSERT_TRUE(s.ok()) << s;
    EXPECT_EQ(daemon_.blobs()[digest::FromString(blob).String()], blob);
    EXPECT_EQ(daemon_.sessions, c.times + 1);
  }
}

TEST_F(ProxyTest, ResumesInWhateverCallNotices) {
  bool die = false;
  daemon_.before_write = [&](const pb::WriteContentRequest& request, std::string&) {
    return request.ref().empty() && std::exchange(die, false) ? kDied : grpc::Status::OK;
  };
  std::unique_ptr<Writer> writer = Open(ctx_, "r");
  ASSERT_TRUE(writer->Write(ctx_, "abcdef").ok());
  ASSERT_EQ(writer->Status(ctx_)->offset, 6);
  die = true;
  EXPECT_EQ(writer->Status(ctx_)->offset, 6);
  die = true;
  EXPECT_TRUE(writer->Truncate(ctx_, 0).ok());
  EXPECT_EQ(writer->Status(ctx_)->offset, 0);
  ASSERT_TRUE(writer->Write(ctx_, "xyz").ok());
  ASSERT_EQ(writer->Status(ctx_)->offset, 3);
  die = true;
  const absl::Status s = writer->Commit(ctx_, 3, digest::FromString("xyz"));
  EXPECT_TRUE(s.ok()) << s;
  EXPECT_EQ(daemon_.sessions, 4);
}

TEST_F(ProxyTest, ACommitThatWasAnsweredByADeathIsFoundAgain) {
  bool died = false;
  daemon_.before_answer = [&](pb::WriteContentResponse& answer) {
    return answer.action() == pb::COMMIT && !std::exchange(died, true) ? kDied : grpc::Status::OK;
  };
  for (const bool known : {true, false}) {
    died = false;
    const std::string data = known ? "known" : "unknown";
    StreamSource source(data);
    const absl::Status s =
        WriteBlob(ctx_, *store_, data, source, known ? DescriptorOf(data) : ocispec::Descriptor{});
    EXPECT_TRUE(s.ok()) << s;
    EXPECT_TRUE(died);
    EXPECT_EQ(daemon_.blobs().count(digest::FromString(data).String()), 1U);
  }
}

TEST_F(ProxyTest, ADaemonThatLostBytesResetsTheWriter) {
  bool died = false;
  daemon_.before_write = [&](const pb::WriteContentRequest& request, std::string& ingested) {
    if (request.action() != pb::COMMIT || std::exchange(died, true)) return grpc::Status::OK;
    ingested.resize(10);
    return kDied;
  };
  const std::string data = RandomData(3 * kMiB);
  io::StringReader seekable(data);
  absl::Status s = WriteBlob(ctx_, *store_, "a", seekable, DescriptorOf(data));
  EXPECT_TRUE(s.ok()) << s;
  EXPECT_EQ(daemon_.blobs()[digest::FromString(data).String()], data);

  died = false;
  const std::string other = RandomData(3 * kMiB);
  StreamSource stream(other);
  s = WriteBlob(ctx_, *store_, "b", stream, DescriptorOf(other));
  EXPECT_TRUE(errdefs::IsFailedPrecondition(s)) << s;
  EXPECT_THAT(errdefs::Message(s), HasSubstr("cannot go back to offset 10"));

  died = false;
  std::unique_ptr<Writer> writer = Open(ctx_, "c");
  ASSERT_TRUE(writer->Write(ctx_, "0123456789abc").ok());
  s = writer->Commit(ctx_, 0, "");
  EXPECT_TRUE(IsErrReset(s)) << s;
  EXPECT_THAT(errdefs::Message(s), HasSubstr("ref \"c\" had 13 bytes and has 10"));
  EXPECT_EQ(writer->Status(ctx_)->offset, 10);
  EXPECT_TRUE(writer->Commit(ctx_, 10, "").ok());
}

TEST_F(ProxyTest, GivesUpOnADaemonThatOnlyDies) {
  daemon_.before_write = [](const pb::WriteContentRequest& request, std::string&) {
    return request.action() == pb::WRITE ? kDied : grpc::Status::OK;
  };
  const absl::Status s = WriteBlob(ctx_, *store_, "r", "abc", {});
  EXPECT_TRUE(errdefs::IsUnavailable(s)) << s;
  EXPECT_THAT(errdefs::Message(s), HasSubstr("Socket closed"));
}

TEST_F(ProxyTest, WaitsForTheLockOfItsOwnLostSession) {
  std::unique_ptr<Writer> blocker;
  bool died = false;
  daemon_.before_write = [&](const pb::WriteContentRequest& request, std::string&) {
    return request.action() == pb::WRITE && !std::exchange(died, true) ? kDied : grpc::Status::OK;
  };
  std::atomic<int> attempts = 0;
  daemon_.before_answer = [&](pb::WriteContentResponse& answer) {
    if (answer.action() == pb::STAT && died && ++attempts < 3) {
      return grpc::Status(grpc::StatusCode::UNAVAILABLE, "ref r locked for 1ms: unavailable");
    }
    return grpc::Status::OK;
  };
  const absl::Status s = WriteBlob(ctx_, *store_, "r", "abc", {});
  EXPECT_TRUE(s.ok()) << s;
  EXPECT_EQ(attempts, 3);
}

TEST_F(ProxyTest, AHungDaemonDoesNotHoldACancelledCall) {
  struct Case {
    const char* name;
    std::function<absl::Status(const Context&, Writer&)> call;
  };
  for (const Case& c : std::vector<Case>{
           {"status", [](const Context&ctx, Writer&w) { return w.Status(ctx).status(); }},
           {"commit", [](const Context&ctx, Writer&w) { return w.Commit(ctx, 0, ""); }},
           {"truncate", [](const Context&ctx, Writer&w) { return w.Truncate(ctx, 0); }},
           {"close", [](const Context&ctx, Writer&w) { return w.Close(ctx); }},
       }) {
    SCOPED_TRACE(c.name);
    std::promise<void> asked;
    daemon_.session = [&](WriteSession& stream) {
      pb::WriteContentRequest request;
      stream.Read(&request);
      asked.set_value();
      while (stream.Read(&request)) {
      }
      return grpc::Status::OK;
    };
    auto [ctx, cancel] = WithCancel(ctx_);
    std::unique_ptr<Writer> writer = Open(ctx_, c.name);
    ASSERT_TRUE(writer->Write(ctx_, "abc").ok());
    std::jthread canceller([&, stop = cancel] {
      asked.get_future().wait();
      stop();
    });
    const absl::Status s = c.call(ctx, *writer);
    EXPECT_TRUE(errdefs::IsCanceled(s)) << s;
    writer = nullptr;
    canceller.join();
    daemon_.session = nullptr;
  }
}

TEST_F(ProxyTest, AWriterThatIsBeingOpenedFollowsAReplacedConnection) {
  // A server that lets nobody in.
  const std::string name = fmt::format("content-test-silent-{}", getpid());
  const int silent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path + 1, sizeof(address.sun_path) - 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  ASSERT_EQ(bind(silent, reinterpret_cast<const sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(silent, 8), 0);
  const auto conn = std::make_shared<rpc::Connection>(
      grpc::CreateChannel("unix-abstract:" + name, grpc::InsecureChannelCredentials()), "testing");
  const auto store = NewContentStore(conn);
  std::thread replacer([&] {
    absl::SleepFor(absl::Milliseconds(100));
    conn->Replace(grpc::CreateChannel(address_, grpc::InsecureChannelCredentials()));
  });
  // Much less than gRPC waits for a server.
  absl::StatusOr<std::unique_ptr<Writer>> writer =
      OpenWriter(WithTimeout(ctx_, absl::Seconds(10)), *store, {WithRef("r")});
  replacer.join();
  EXPECT_TRUE(writer.ok()) << writer.status();
  if (writer.ok()) writer->reset();
  conn->Close();
  close(silent);
}

TEST_F(ProxyTest, TheOpeningContextBoundsTheWriter) {
  auto [ctx, cancel] = WithCancel(ctx_);
  std::unique_ptr<Writer> writer = Open(ctx, "r");
  ASSERT_TRUE(writer->Write(ctx_, "abc").ok());
  cancel();
  absl::Status s = writer->Status(ctx_).status();
  EXPECT_TRUE(errdefs::IsCanceled(s)) << s;
  s = writer->Commit(ctx_, 0, "");
  EXPECT_TRUE(errdefs::IsCanceled(s)) << s;
  EXPECT_EQ(daemon_.sessions, 1);
}

TEST_F(ProxyTest, AClosedConnectionEndsWriters) {
  std::unique_ptr<Writer> writer = Open(ctx_, "r");
  ASSERT_TRUE(writer->Write(ctx_, "abc").ok());
  conn_->Close();
  const absl::Status s = writer->Status(ctx_).status();
  EXPECT_TRUE(errdefs::IsCanceled(s) || errdefs::IsUnavailable(s)) << s;
  EXPECT_FALSE(store_->Writer(ctx_, {WithRef("x")}).ok());
}

TEST_F(ProxyTest, ARefHasOneWriter) {
  std::unique_ptr<Writer> writer = Open(ctx_, "r");
  const absl::Status s = store_->Writer(ctx_, {WithRef("r")}).status();
  EXPECT_TRUE(errdefs::IsUnavailable(s)) << s;
  EXPECT_THAT(errdefs::Message(s), HasSubstr("ref r locked"));
  writer = nullptr;
  EXPECT_NE(Open(ctx_, "r"), nullptr);
}

TEST_F(ProxyTest, WhatADestroyedWriterWroteGetsThere) {
  const std::string data = RandomData(7 * kMiB);
  Open(ctx_, "r")->Write(ctx_, data).IgnoreError();
  std::unique_ptr<Writer> writer = Open(ctx_, "r");
  EXPECT_EQ(writer->Status(ctx_)->offset, 7 << 20);
  EXPECT_EQ(writer->Digest(), digest::FromString(data));
  EXPECT_TRUE(writer->Commit(ctx_, 0, digest::FromString(data)).ok());
  EXPECT_EQ(writer->Digest(), digest::FromString(data));
}

TEST_F(ProxyTest, TruncatesToZeroOnly) {
  std::unique_ptr<Writer> writer = Open(ctx_, "r");
  ASSERT_TRUE(writer->Write(ctx_, "abcdef").ok());
  EXPECT_TRUE(writer->Truncate(ctx_, 6).ok());
  const absl::Status s = writer->Truncate(ctx_, 3);
  EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
  ASSERT_TRUE(writer->Truncate(ctx_, 0).ok());
  ASSERT_TRUE(writer->Write(ctx_, "xy").ok());
  EXPECT_TRUE(writer->Commit(ctx_, 2, digest::FromString("xy")).ok());
  EXPECT_TRUE(errdefs::IsFailedPrecondition(writer->Commit(ctx_, 2, "")));
}

TEST_F(ProxyTest, AnOptionThatFailsFailsTheCall) {
  EXPECT_TRUE(errdefs::IsAborted(
      store_->Writer(ctx_, {[](WriterOpts&) { return errdefs::Aborted("opt"); }}).status()));
  std::unique_ptr<Writer> writer = Open(ctx_, "r");
  EXPECT_TRUE(errdefs::IsAborted(
      writer->Commit(ctx_, 0, "", {[](Info&) { return errdefs::Aborted("o"); }})));
  EXPECT_TRUE(errdefs::IsFailedPrecondition(writer->Write(ctx_, "x")));
}

TEST_F(ProxyTest, ReadsRanges) {
  const std::string data = RandomData(3 * kMiB + 5);
  daemon_.Put(data);
  absl::StatusOr<std::unique_ptr<ReaderAt>> reader =
      store_->ReaderAt(WithNamespace(ctx_, "n"), DescriptorOf(data));
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->Size(), 3 * (1 << 20) + 5);
  const auto size = static_cast<std::int64_t>(data.size());
  struct Case {
    std::int64_t offset;
    std::size_t len;
    std::size_t want;
    int reads;
  };
  for (const Case& c :
       {Case{0, data.size(), data.size(), 1}, Case{0, data.size() + 9, data.size(), 1},
        Case{kMiB - 3, 7, 7, 1}, Case{size - 2, 7, 2, 1}, Case{size, 7, 0, 0},
        Case{size + 100, 7, 0, 0}, Case{3, 0, 0, 0}}) {
    daemon_.reads = 0;
    std::vector<char> buf(c.len);
    absl::StatusOr<std::size_t> n = (*reader)->ReadAt(ctx_, buf, c.offset);
    ASSERT_TRUE(n.ok()) << n.status();
    EXPECT_EQ(*n, c.want);
    if (c.want > 0) {
      EXPECT_EQ(std::string_view(buf.data(), *n),
                std::string_view(data).substr(static_cast<std::size_t>(c.offset), *n));
    }
    EXPECT_EQ(daemon_.reads, c.reads);
  }
  char buf[4];
  EXPECT_TRUE(errdefs::IsInvalidArgument((*reader)->ReadAt(ctx_, buf, -1).status()));
}

TEST_F(ProxyTest, ReadsInOrderWithOneRequest) {
  const std::string data = RandomData(20 * kMiB + 5);
  daemon_.Put(data);
  absl::StatusOr<std::unique_ptr<ReaderAt>> reader_at = store_->ReaderAt(ctx_, DescriptorOf(data));
  ASSERT_TRUE(reader_at.ok());
  std::unique_ptr<io::Reader> reader = NewReader(*std::move(reader_at));
  EXPECT_TRUE(*io::ReadAll(ctx_, *reader, data.size()) == data);
  EXPECT_EQ(daemon_.reads, 1);
  char buf[4];
  EXPECT_EQ(*reader->Read(ctx_, buf), 0U);
  ASSERT_TRUE(reader->Seek(ctx_, 20 << 20).ok());
  EXPECT_TRUE(*io::ReadAll(ctx_, *reader, 100) == data.substr(20 * kMiB));
  EXPECT_EQ(daemon_.reads, 2);
  EXPECT_TRUE(errdefs::IsInvalidArgument(reader->Seek(ctx_, -1)));
  // Left in the middle.
  ASSERT_TRUE(reader->Seek(ctx_, 0).ok());
  EXPECT_EQ(*io::ReadFull(ctx_, *reader, buf), 4U);
}

// What io::Copy does with such a reader.
TEST_F(ProxyTest, WhatIsReadIsWrittenOnWithoutABufferBetween) {
  const std::string data = RandomData(5 * kMiB + 5);
  daemon_.Put(data);
  absl::StatusOr<std::unique_ptr<ReaderAt>> reader_at = store_->ReaderAt(ctx_, DescriptorOf(data));
  ASSERT_TRUE(reader_at.ok());
  std::unique_ptr<io::Reader> reader = NewReader(*std::move(reader_at));
  char buf[7];
  ASSERT_EQ(*io::ReadFull(ctx_, *reader, buf), 7U);  // goes on within a message
  std::string out(buf, 7);
  io::StringWriter writer(&out);
  absl::StatusOr<std::optional<std::int64_t>> written = reader->WriteTo(ctx_, writer);
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(*written, static_cast<std::int64_t>(data.size()) - 7);
  EXPECT_TRUE(out == data);
  EXPECT_EQ(*io::Copy(ctx_, writer, *reader), 0) << "the end stays the end";
  EXPECT_EQ(daemon_.reads, 1);

  // A writer that fails, and one that throws.
  class Full final : public io::Writer {
   public:
    absl::Status Write(const Context&, std::string_view) override {
      if (thrown) throw std::runtime_error("thrown");
      return errdefs::NotImplemented("no room");
    }
    bool thrown = false;
  } full;
  ASSERT_TRUE(reader->Seek(ctx_, 0).ok());
  EXPECT_TRUE(errdefs::IsNotImplemented(io::Copy(ctx_, full, *reader).status()));
  full.thrown = true;
  ASSERT_TRUE(reader->Seek(ctx_, 0).ok());
  const absl::Status thrown = io::Copy(ctx_, full, *reader).status();
  EXPECT_TRUE(errdefs::IsInternal(thrown)) << thrown;
  EXPECT_THAT(errdefs::Message(thrown), AllOf(HasSubstr("a writer"), HasSubstr("thrown")));
}

TEST_F(ProxyTest, BadAnswersToReads) {
  const std::string data = RandomData(1000);
  daemon_.Put(data);
  const ocispec::Descriptor desc = DescriptorOf(data);
  absl::StatusOr<std::unique_ptr<ReaderAt>> reader_at = store_->ReaderAt(ctx_, desc);
  ASSERT_TRUE(reader_at.ok());
  std::vector<char> buf(600);

  const auto answer = [&](const std::string& bytes, grpc::Status status) {
    daemon_.read = [bytes, status](const pb::ReadContentRequest&, auto& writer,
                                   grpc::ServerContext&) {
      pb::ReadContentResponse response;
      response.set_data(bytes);
      writer.Write(response);
      return status;
    };
  };
  const auto each = [&](const std::function<void(const absl::Status&)>& check) {
    check((*reader_at)->ReadAt(ctx_, buf, 0).status());
    check(io::ReadAll(ctx_, *NewReader(**reader_at), 1000).status());
    std::string copied;
    io::StringWriter writer(&copied);
    check(io::Copy(ctx_, writer, *NewReader(**reader_at)).status());
  };

  answer(data.substr(0, 10), grpc::Status::OK);
  each([&](const absl::Status& s) {
    EXPECT_TRUE(errdefs::IsDataLoss(s)) << s;
    EXPECT_THAT(errdefs::Message(s), AllOf(HasSubstr(desc.digest), HasSubstr("ended at 10")));
  });
  answer(data.substr(0, 10), kDied);
  each([&](const absl::Status& s) {
    EXPECT_TRUE(errdefs::IsUnavailable(s)) << s;
    EXPECT_THAT(errdefs::Message(s), HasSubstr(desc.digest));
  });
  answer(data + "and more than there is", grpc::Status::OK);
  EXPECT_EQ(*(*reader_at)->ReadAt(ctx_, buf, 0), 600U);
  EXPECT_EQ(*io::ReadAll(ctx_, *NewReader(**reader_at), 1000), data);
  std::string copied;
  io::StringWriter writer(&copied);
  EXPECT_EQ(*io::Copy(ctx_, writer, *NewReader(**reader_at)), 1000);
  EXPECT_EQ(copied, data);
}

TEST_F(ProxyTest, AHungReadEndsWithItsContext) {
  daemon_.Put("data");
  std::promise<void> asked[2];
  std::atomic<int> calls = 0;
  daemon_.read = [&](const pb::ReadContentRequest&, auto& writer, grpc::ServerContext& ctx) {
    asked[calls++].set_value();
    pb::ReadContentResponse nothing;
    while (!ctx.IsCancelled() && writer.Write(nothing)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return grpc::Status::OK;
  };
  absl::StatusOr<std::unique_ptr<ReaderAt>> reader_at =
      store_->ReaderAt(ctx_, DescriptorOf("data"));
  ASSERT_TRUE(reader_at.ok());
  std::unique_ptr<io::Reader> reader = NewReader(**reader_at);
  for (int i = 0; i < 2; ++i) {
    auto [ctx, cancel] = WithCancel(ctx_);
    std::jthread canceller([&, i, stop = cancel] {
      asked[i].get_future().wait();
      stop();
    });
    char buf[4];
    const absl::Status s =
        i == 0 ? (*reader_at)->ReadAt(ctx, buf, 0).status() : reader->Read(ctx, buf).status();
    EXPECT_TRUE(errdefs::IsCanceled(s)) << s;
  }
}

}  // namespace
}  // namespace containerd::content
