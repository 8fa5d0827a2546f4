// SPDX-License-Identifier: Apache-2.0
//
// Writing to an ingestion of a daemon.
#ifndef CONTAINERD_SRC_CONTENT_REMOTE_WRITER_H_
#define CONTAINERD_SRC_CONTENT_REMOTE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/functional/function_ref.h>
#include <grpcpp/support/slice.h>

#include "containerd/content/content.h"
#include "containerd/services/content/v1/content.pb.h"

#include "chunks.h"
#include "lender.h"
#include "src/rpc/internal/call.h"
#include "src/rpc/internal/stream.h"
#include "wire.h"

namespace containerd::content {

// A writer on a stream of requests that are answered in order. Writes are kept until they are
// answered, so that they can be sent again on a new stream when the connection is lost.
class RemoteWriter final : public Writer, public Lender {
 public:
  using Stubs = rpc::Stubs<BlobCalls>;

  // `ctx` bounds all streams of this writer.
  RemoteWriter(Context ctx, std::shared_ptr<const Stubs> stubs, WriterOpts opts);
  ~RemoteWriter() override;

  // Once, first.
  absl::Status Open();

  absl::Status Write(const Context& ctx, std::string_view data) override;
  std::span<char> Lend() override { return chunks_.Room(); }
  absl::Status WriteLent(const Context& ctx, std::size_t size) override;
  absl::Status Commit(const Context& ctx, std::int64_t size, const digest::Digest& expected,
                      const std::vector<Opt>& opts) override;
  digest::Digest Digest() const override { return digest_; }
  absl::StatusOr<content::Status> Status(const Context& ctx) override;
  absl::Status Truncate(const Context& ctx, std::int64_t size) override;
  absl::Status Close(const Context& ctx) override;

 private:
  using Request = ::containerd::services::content::v1::WriteContentRequest;
  using Response = ::containerd::services::content::v1::WriteContentResponse;
  using Stream = rpc::BidiStream<WriteRequest, Response>;

  struct Chunk {
    std::int64_t offset = 0;
    grpc::Slice data;

    std::int64_t end() const { return offset + static_cast<std::int64_t>(data.size()); }
  };

  // Runs `step` on a live stream, and again on a new one when that is lost under it. A step leaves
  // the writer as it found it when it fails.
  absl::Status Run(const Context& ctx, absl::FunctionRef<absl::Status()> step);

  // Starts a stream and asks for the state of the ingestion.
  absl::StatusOr<Response> Negotiate(const Context& ctx, bool wait_for_ready);

  // Negotiates anew and sends again what the daemon does not have.
  absl::Status Resume(const Context& ctx);

  // Steps.
  absl::Status SendChunk(const Context& ctx, const grpc::Slice& data);
  absl::Status Flush(const Context& ctx);
  absl::StatusOr<Response> Ask(const Context& ctx, Request request);

  absl::Status WriteChunk(const Context& ctx, const grpc::Slice& data);

  // Forgets them, so that other writers may use their share.
  void DropUnanswered();

  // The end of this writer; nothing is kept for another stream. Fail returns the error.
  absl::Status Fail(absl::Status status);
  void EndUse();

  // Takes the answer to the oldest chunk.
  absl::Status Accept(const Response& answer);

  absl::Status SendRequest(const Context& ctx, const Chunk& chunk);
  bool Lost(const absl::Status& status) const;
  absl::Status Usable() const;
  absl::Status Describe(const absl::Status& status, std::string_view what) const;

  const Context ctx_;
  const std::shared_ptr<const Stubs> stubs_;
  const std::string ref_;
  const std::int64_t total_;
  std::string expected_;  // what a new stream is told to expect

  std::shared_ptr<Stream> stream_;  // null: lost, to be resumed
  absl::Status lost_;               // why
  int losses_ = 0;                  // since the last answer to a chunk
  absl::Status failed_;             // what ended this writer
  bool closed_ = false;

  // What a new stream was told of the ingestion, until something is asked of it. Nobody else writes
  // to the ref meanwhile, so that Status need not ask for it once more.
  std::optional<Response> negotiated_;

  std::int64_t offset_ = 0;    // where the next chunk goes
  std::int64_t answered_ = 0;  // what the daemon has confirmed
  Chunks chunks_;
  std::deque<Chunk> unanswered_;
  digest::Digest digest_;
};

}  // namespace containerd::content

#endif  // CONTAINERD_SRC_CONTENT_REMOTE_WRITER_H_
