// SPDX-License-Identifier: Apache-2.0
#include "remote_reader.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <optional>
#include <string_view>
#include <utility>

#include <absl/functional/function_ref.h>
#include <absl/time/time.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/await.h"
#include "src/base/mutex.h"
#include "src/errdefs/internal/guard.h"
#include "src/rpc/internal/describe.h"
#include "src/rpc/internal/stream.h"

namespace containerd::content {
namespace {

namespace pb = ::containerd::services::content::v1;

using Stubs = rpc::Stubs<BlobCalls>;

// Bytes that a stream may be ahead of its reader.
constexpr std::size_t kReadAhead = std::size_t{4} << 20;

struct Blob {
  Context ctx;  // for its namespace and metadata
  std::shared_ptr<const Stubs> stubs;
  std::string digest;
  std::int64_t size = 0;

  pb::ReadContentRequest Request(std::int64_t offset, std::int64_t count) const {
    pb::ReadContentRequest request;
    request.set_digest(digest);
    request.set_offset(offset);
    request.set_size(count);
    return request;
  }

  absl::Status Ended(std::int64_t offset) const {
    return errdefs::DataLoss(fmt::format(
        "reading content \"{}\": the daemon ended at {} of {} bytes", digest, offset, size));
  }
};

// One request from where it stands to the end of the blob; its answers are taken as they come.
class StreamReader final : public io::Reader {
 public:
  explicit StreamReader(Blob blob) : blob_(std::move(blob)) {}
  ~StreamReader() override { Stop(); }

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    std::size_t filled = 0;
    absl::Status s = Take(ctx, buf.size(), [&](std::string_view bytes, const grpc::Slice&) {
      bytes.copy(buf.data() + filled, bytes.size());
      filled += bytes.size();
      return true;
    });
    if (!s.ok()) return s;
    return filled;
  }

  absl::StatusOr<std::optional<std::int64_t>> WriteTo(const Context& ctx,
                                                      io::Writer& writer) override {
    const std::int64_t begin = pos_;
    for (;;) {
      grpc::Slice slice;
      std::string_view bytes;  // of it
      absl::Status s = Take(ctx, SIZE_MAX, [&](std::string_view first, const grpc::Slice& whole) {
        slice = whole;
        bytes = first;
        return false;
      });
      if (!s.ok()) return s;
      if (bytes.empty()) return pos_ - begin;
      s = errdefs::Guard("a writer", &io::Writer::Write, writer, ctx, bytes);
      if (!s.ok()) return s;
    }
  }

  absl::Status Seek(const Context& /*ctx*/, std::int64_t offset) override {
    if (offset < 0) {
      return errdefs::InvalidArgument(fmt::format("seek to negative offset {}", offset));
    }
    if (offset != pos_) {
      Stop();
      pos_ = offset;
    }
    return absl::OkStatus();
  }

 private:
  // Shared with the stream's callbacks.
  struct State {
    base::Mutex mu;
    base::CondVar changed;
    std::deque<grpc::Slice> chunks ABSL_GUARDED_BY(mu);
    std::size_t used ABSL_GUARDED_BY(mu) = 0;    // bytes of the first chunk that were read
    std::size_t queued ABSL_GUARDED_BY(mu) = 0;  // bytes that were not
    bool resting ABSL_GUARDED_BY(mu) = false;
    bool done ABSL_GUARDED_BY(mu) = false;
    absl::Status status ABSL_GUARDED_BY(mu);
  };

  // Waits for bytes, and gives at most `most` of those that are there to `take`, slice by slice
  // until it returns false. None at the end of the blob.
  absl::Status Take(const Context& ctx, std::size_t most,
                    absl::FunctionRef<bool(std::string_view, const grpc::Slice&)> take) {
    if (absl::Status err = ctx.Err(); !err.ok()) return err;
    if (absl::Status s = blob_.stubs->conn()->CheckProcess(); !s.ok()) return s;
    if (pos_ >= blob_.size || most == 0) return absl::OkStatus();
    if (state_ == nullptr) Start();

    State& state = *state_;
    bool resume = false;
    {
      const CancelRegistration wake = base::WakeOnCancel(ctx, state.mu, state.changed);
      base::MutexLock lock(state.mu);
      absl::Status s = base::Await(ctx, state.mu, state.changed,
                                   [&state]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(state.mu) {
                                     return state.done || !state.chunks.empty();
                                   });
      if (!s.ok()) return s;
      if (state.chunks.empty()) {
        return state.status.ok() ? blob_.Ended(pos_)
                                 : rpc::Describe(state.status, "reading content", blob_.digest);
      }
      std::size_t left = std::min(most, static_cast<std::size_t>(blob_.size - pos_));
      bool more = true;
      while (more && left > 0 && !state.chunks.empty()) {
        const grpc::Slice& chunk = state.chunks.front();
        const std::size_t n = std::min(chunk.size() - state.used, left);
        more = take({reinterpret_cast<const char*>(chunk.begin()) + state.used, n}, chunk);
        left -= n;
        pos_ += static_cast<std::int64_t>(n);
        state.used += n;
        state.queued -= n;
        if (state.used == chunk.size()) {
          state.chunks.pop_front();
          state.used = 0;
        }
      }
      resume = state.resting && state.queued < kReadAhead / 2;
      if (resume) state.resting = false;
    }
    if (resume) stream_.Resume();
    return absl::OkStatus();
  }

  void Start() {
    auto state = std::make_shared<State>();
    state_ = state;
    stream_ = rpc::StartServerStream<ReadResponse>(
        WithoutCancel(blob_.ctx), *blob_.stubs, blob_.Request(pos_, 0),
        [state](ReadResponse& answer) {
          base::MutexLock lock(state->mu);
          for (grpc::Slice& chunk : answer.data) {
            state->queued += chunk.size();
            state->chunks.push_back(std::move(chunk));
          }
          if (!answer.data.empty()) state->changed.NotifyAll();
          answer.data.clear();
          state->resting = state->queued >= kReadAhead;
          return !state->resting;
        },
        [state](absl::Status status) {
          base::MutexLock lock(state->mu);
          state->done = true;
          state->status = std::move(status);
          state->changed.NotifyAll();
        });
  }

  void Stop() {
    stream_.Cancel();
    stream_ = {};
    state_ = nullptr;
  }

  const Blob blob_;
  std::int64_t pos_ = 0;
  std::shared_ptr<State> state_;  // null: no stream
  rpc::StreamHandle stream_;
};

class RemoteReaderAt final : public ReaderAt {
 public:
  explicit RemoteReaderAt(Blob blob) : blob_(std::move(blob)) {}

  std::int64_t Size() const override { return blob_.size; }

  absl::StatusOr<std::size_t> ReadAt(const Context& ctx, std::span<char> buf,
                                     std::int64_t offset) override {
    if (absl::Status err = ctx.Err(); !err.ok()) return err;
    if (offset < 0) {
      return errdefs::InvalidArgument(
          fmt::format("reading content \"{}\": negative offset {}", blob_.digest, offset));
    }
    if (offset >= blob_.size || buf.empty()) return std::size_t{0};
    const auto want = static_cast<std::size_t>(
        std::min(static_cast<std::uint64_t>(blob_.size - offset), std::uint64_t{buf.size()}));

    std::size_t filled = 0;
    const std::function<absl::Status(ReadResponse&)> take = [&](ReadResponse& answer) {
      for (const grpc::Slice& chunk : answer.data) {
        const std::size_t n = std::min(chunk.size(), want - filled);
        std::memcpy(buf.data() + filled, chunk.begin(), n);
        filled += n;
      }
      answer.data.clear();
      return absl::OkStatus();
    };
    const std::optional<std::string> ns = blob_.ctx.Namespace();
    const Context call_ctx = ns.has_value() ? WithNamespace(ctx, *ns) : ctx;
    if (absl::Status s =
            rpc::CallServerStream(call_ctx, *blob_.stubs, &BlobCalls::StubInterface::Read,
                                  blob_.Request(offset, static_cast<std::int64_t>(want)), take);
        !s.ok()) {
      return rpc::Describe(s, "reading content", blob_.digest);
    }
    if (filled < want) return blob_.Ended(offset + static_cast<std::int64_t>(filled));
    return filled;
  }

  std::unique_ptr<io::Reader> Reader() override { return std::make_unique<StreamReader>(blob_); }

 private:
  const Blob blob_;
};

}  // namespace

std::unique_ptr<ReaderAt> NewRemoteReaderAt(const Context& ctx, std::shared_ptr<const Stubs> stubs,
                                            std::string digest, std::int64_t size) {
  return std::make_unique<RemoteReaderAt>(Blob{ctx, std::move(stubs), std::move(digest), size});
}

}  // namespace containerd::content
