// SPDX-License-Identifier: Apache-2.0
#include "remote_writer.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <fmt/format.h>

#include "containerd/content/helpers.h"
#include "containerd/errdefs/errdefs.h"

#include "src/base/options.h"
#include "src/rpc/internal/describe.h"
#include "src/rpc/internal/proto_time.h"
#include "waiting.h"

namespace containerd::content {
namespace {

namespace pb = ::containerd::services::content::v1;

// Most bytes in a message; the daemon takes up to 16 MiB. What is sent should still be in the
// processor's cache when gRPC and the kernel read it: larger messages, and more of them under way,
// cost twice the time.
constexpr std::size_t kMaxChunk = std::size_t{512} << 10;

// Most bytes that are sent and not answered yet, of all writers of the process together, apart from
// one chunk each: many layers at once take no more memory than one.
constexpr std::size_t kMaxUnansweredBytes = std::size_t{2} << 20;
std::atomic<std::size_t> unanswered_together = 0;

// Most messages of one writer. The stream's queues hold as many, so that neither side can block the
// other.
constexpr std::size_t kMaxUnanswered = 256;

// How long a daemon may be away.
constexpr absl::Duration kResumeTimeout = absl::Minutes(1);

// Connections that are lost in a row without a single chunk getting through.
constexpr int kMaxLosses = 16;

}  // namespace

RemoteWriter::RemoteWriter(Context ctx, std::shared_ptr<const Stubs> stubs, WriterOpts opts)
    : ctx_(std::move(ctx)),
      stubs_(std::move(stubs)),
      ref_(std::move(opts.ref)),
      total_(std::max<std::int64_t>(opts.desc.size, 0)),
      expected_(std::move(opts.desc.digest)),
      chunks_(kMaxChunk) {}

RemoteWriter::~RemoteWriter() {
  DropUnanswered();
  // What is queued still gets there; the stream ends by itself.
  if (stream_ != nullptr && !closed_ && failed_.ok()) stream_->Release();
}

absl::Status RemoteWriter::Open() {
  Context generation = stubs_->conn()->current();
  absl::StatusOr<Response> answer = Negotiate(ctx_, /*wait_for_ready=*/false);
  while (!answer.ok() && generation.Done() && Lost(answer.status())) {  // by a reconnect meanwhile
    generation = stubs_->conn()->current();
    answer = Negotiate(ctx_, /*wait_for_ready=*/false);
  }
  if (!answer.ok()) return Describe(answer.status(), "opening a writer");
  offset_ = answered_ = answer->offset();
  return absl::OkStatus();
}

absl::Status RemoteWriter::Describe(const absl::Status& status, std::string_view what) const {
  if (IsErrReset(status)) return status;
  return rpc::Describe(status, fmt::format("{} for ref", what), ref_);
}

absl::Status RemoteWriter::Usable() const {
  if (closed_) {
    return errdefs::FailedPrecondition(fmt::format("the writer of ref \"{}\" is closed", ref_));
  }
  return failed_;
}

bool RemoteWriter::Lost(const absl::Status& status) const {
  if (ctx_.Done() || stubs_->conn()->closing().Done()) return false;
  // A stream that nobody here cancelled can be cancelled by a daemon that shuts down.
  return errdefs::IsUnavailable(status) || errdefs::IsCanceled(status);
}

absl::StatusOr<RemoteWriter::Response> RemoteWriter::Negotiate(const Context& ctx,
                                                               bool wait_for_ready) {
  const Context generation = stubs_->conn()->current();
  absl::StatusOr<std::shared_ptr<Stream>> stream =
      Stream::Start(ctx_, *stubs_, rpc::CallOptions{.wait_for_ready = wait_for_ready},
                    typename Stream::Limits{.queued_writes = kMaxUnanswered + 1,
                                            .unread_messages = kMaxUnanswered + 1});
  if (!stream.ok()) return stream.status();
  Request request;
  request.set_action(pb::STAT);
  request.set_ref(ref_);
  request.set_total(total_);
  request.set_expected(expected_);
  if (absl::Status s = (*stream)->Write(ctx, WriteRequest{.head = std::move(request), .data = {}});
      !s.ok())
    return s;
  // A stream that waits for the old channel does not notice by itself that there is a new one.
  const CancelRegistration on_replace =
      generation.OnCancel([raw = stream->get()] { raw->Cancel(); });
  absl::StatusOr<Response> answer = (*stream)->Read(ctx);
  if (!answer.ok()) {
    const bool replaced = generation.Done() && !stubs_->conn()->closing().Done();
    if (replaced && !ctx.Done() && !ctx_.Done()) {
      return errdefs::Unavailable("the connection was replaced");
    }
    return answer.status();
  }
  if (answer->action() != pb::STAT || answer->offset() < 0) {
    return errdefs::DataLoss(
        fmt::format("the daemon answered {} at offset {} to the question "
                    "for the status of ref \"{}\"",
                    static_cast<int>(answer->action()), answer->offset(), ref_));
  }
  if (!answer->digest().empty()) digest_ = answer->digest();
  stream_ = *std::move(stream);
  negotiated_ = *answer;
  return answer;
}

absl::Status RemoteWriter::Run(const Context& ctx, absl::FunctionRef<absl::Status()> step) {
  if (absl::Status s = Usable(); !s.ok()) return s;
  for (;;) {
    absl::Status s = ctx.Err();
    if (s.ok() && stream_ == nullptr) s = Resume(ctx);
    if (s.ok()) s = step();
    // An ended context of this call leaves the writer as it is.
    if (s.ok() || IsErrReset(s) || ctx.Done() || !failed_.ok()) return s;
    stream_ = nullptr;
    if (!Lost(s) || ++losses_ > kMaxLosses) return Fail(std::move(s));
    lost_ = std::move(s);
  }
}

absl::Status RemoteWriter::Resume(const Context& ctx) {
  const Context patience = WithTimeout(ctx, kResumeTimeout);
  Backoff backoff;
  absl::StatusOr<Response> answer = Negotiate(patience, /*wait_for_ready=*/true);
  // The daemon may not have noticed yet that the old stream is gone, or may go away once more.
  while (!answer.ok() && (IsLocked(answer.status()) || Lost(answer.status())) &&
         Sleep(patience, backoff.Next()).ok()) {
    answer = Negotiate(patience, /*wait_for_ready=*/true);
  }
  if (!answer.ok()) {
    if (absl::Status err = ctx.Err(); !err.ok()) return err;
    return Fail(patience.Done()
                    ? errdefs::Annotate(lost_, fmt::format("no answer from the daemon for {}",
                                                           absl::FormatDuration(kResumeTimeout)))
                    : answer.status());
  }

  const std::int64_t daemon_offset = answer->offset();
  if (daemon_offset < answered_ || daemon_offset > offset_) {
    const std::int64_t had = daemon_offset < answered_ ? answered_ : offset_;
    DropUnanswered();
    offset_ = answered_ = daemon_offset;
    return ErrReset(fmt::format("ref \"{}\" had {} bytes and has {} after a lost connection", ref_,
                                had, daemon_offset));
  }
  while (!unanswered_.empty() && unanswered_.front().end() <= daemon_offset) {
    unanswered_together -= unanswered_.front().data.size();
    unanswered_.pop_front();
  }
  if (!unanswered_.empty() && unanswered_.front().offset < daemon_offset) {
    Chunk& first = unanswered_.front();
    const auto known = static_cast<std::size_t>(daemon_offset - first.offset);
    first.data = first.data.sub(known, first.data.size());
    first.offset = daemon_offset;
    unanswered_together -= known;
  }
  if (daemon_offset > answered_) losses_ = 0;
  answered_ = daemon_offset;
  for (const Chunk& chunk : unanswered_) {
    if (absl::Status s = SendRequest(ctx, chunk); !s.ok()) {
      stream_ = nullptr;  // it has some of the chunks
      return s;
    }
  }
  return absl::OkStatus();
}

absl::Status RemoteWriter::SendRequest(const Context& ctx, const Chunk& chunk) {
  negotiated_.reset();
  WriteRequest request{.head = {}, .data = chunk.data};
  request.head.set_action(pb::WRITE);
  request.head.set_offset(chunk.offset);
  return stream_->Write(ctx, std::move(request));
}

void RemoteWriter::DropUnanswered() {
  for (const Chunk& chunk : unanswered_) unanswered_together -= chunk.data.size();
  unanswered_.clear();
}

absl::Status RemoteWriter::Fail(absl::Status status) {
  failed_ = std::move(status);
  stream_ = nullptr;
  DropUnanswered();
  chunks_.Clear();
  return failed_;
}

void RemoteWriter::EndUse() {
  closed_ = true;
  stream_ = nullptr;
  DropUnanswered();
  chunks_.Clear();
}

absl::Status RemoteWriter::Accept(const Response& answer) {
  const Chunk& chunk = unanswered_.front();
  if (answer.action() != pb::WRITE || answer.offset() != chunk.end()) {
    return errdefs::DataLoss(
        fmt::format("the daemon is at offset {} of ref \"{}\" after a write of {} bytes at {}",
                    answer.offset(), ref_, chunk.data.size(), chunk.offset));
  }
  answered_ = chunk.end();
  if (!answer.digest().empty()) digest_ = answer.digest();
  unanswered_together -= chunk.data.size();
  unanswered_.pop_front();
  losses_ = 0;
  return absl::OkStatus();
}

absl::Status RemoteWriter::SendChunk(const Context& ctx, const grpc::Slice& data) {
  while (!unanswered_.empty()) {
    absl::StatusOr<std::optional<Response>> answer = stream_->TryRead();
    if (!answer.ok()) return answer.status();
    if (!answer->has_value()) {
      if (unanswered_together + data.size() <= kMaxUnansweredBytes &&
          unanswered_.size() < kMaxUnanswered) {
        break;
      }
      absl::StatusOr<Response> next = stream_->Read(ctx);
      if (!next.ok()) return next.status();
      *answer = *std::move(next);
    }
    if (absl::Status s = Accept(**answer); !s.ok()) return s;
  }
  unanswered_.push_back(Chunk{offset_, data});
  if (absl::Status s = SendRequest(ctx, unanswered_.back()); !s.ok()) {
    unanswered_.pop_back();
    return s;
  }
  offset_ = unanswered_.back().end();
  unanswered_together += data.size();
  return absl::OkStatus();
}

absl::Status RemoteWriter::Flush(const Context& ctx) {
  while (!unanswered_.empty()) {
    absl::StatusOr<Response> answer = stream_->Read(ctx);
    if (!answer.ok()) return answer.status();
    if (absl::Status s = Accept(*answer); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::StatusOr<RemoteWriter::Response> RemoteWriter::Ask(const Context& ctx, Request request) {
  const pb::WriteAction action = request.action();
  negotiated_.reset();
  absl::Status s = stream_->Write(ctx, WriteRequest{.head = std::move(request), .data = {}});
  if (s.ok()) {
    absl::StatusOr<Response> answer = stream_->Read(ctx);
    if (answer.ok() && answer->action() == action) {
      if (!answer->digest().empty()) digest_ = answer->digest();
      return answer;
    }
    s = answer.ok() ? errdefs::DataLoss(fmt::format("the daemon answered {} instead of {}",
                                                    static_cast<int>(answer->action()),
                                                    static_cast<int>(action)))
                    : answer.status();
  }
  if (ctx.Done()) {
    lost_ = s;
    stream_ = nullptr;  // its next answer would be taken for another question's
  }
  return s;
}

absl::Status RemoteWriter::WriteChunk(const Context& ctx, const grpc::Slice& data) {
  return Describe(Run(ctx, [&] { return SendChunk(ctx, data); }), "failed to send write");
}

absl::Status RemoteWriter::Write(const Context& ctx, std::string_view data) {
  if (absl::Status s = Usable(); !s.ok()) return s;
  while (!data.empty()) {
    const std::string_view chunk = data.substr(0, kMaxChunk);
    if (absl::Status s = WriteChunk(ctx, chunks_.Copy(chunk)); !s.ok()) return s;
    data.remove_prefix(chunk.size());
  }
  return absl::OkStatus();
}

absl::Status RemoteWriter::WriteLent(const Context& ctx, std::size_t size) {
  if (absl::Status s = Usable(); !s.ok()) return s;
  if (size == 0) return absl::OkStatus();
  return WriteChunk(ctx, chunks_.Take(size));
}

absl::StatusOr<Status> RemoteWriter::Status(const Context& ctx) {
  content::Status status;
  const auto ask = [&]() -> absl::Status {
    if (absl::Status s = Flush(ctx); !s.ok()) return s;
    Request request;
    request.set_action(pb::STAT);
    absl::StatusOr<Response> answer =
        negotiated_.has_value() ? *negotiated_ : Ask(ctx, std::move(request));
    if (!answer.ok()) return answer.status();
    if (answer->offset() != offset_) {
      return errdefs::DataLoss(
          fmt::format("the daemon is at offset {} instead of {}", answer->offset(), offset_));
    }
    status.ref = ref_;
    status.offset = answer->offset();
    status.total = answer->total();
    status.expected = expected_;
    status.started_at = rpc::TimeOf(*answer, &Response::has_started_at, &Response::started_at);
    status.updated_at = rpc::TimeOf(*answer, &Response::has_updated_at, &Response::updated_at);
    return absl::OkStatus();
  };
  absl::Status s = Run(ctx, ask);
  while (IsErrReset(s)) s = Run(ctx, ask);  // the new offset is just what the caller asks for
  if (!s.ok()) return Describe(s, "error getting writer status");
  return status;
}

absl::Status RemoteWriter::Truncate(const Context& ctx, std::int64_t size) {
  if (absl::Status s = Usable(); !s.ok()) return s;
  if (size == offset_) return absl::OkStatus();
  if (size != 0) {
    return errdefs::InvalidArgument(fmt::format(
        "ref \"{}\" has {} bytes and cannot be truncated to {}, only to 0", ref_, offset_, size));
  }
  const auto truncate = [&]() -> absl::Status {
    if (absl::Status s = Flush(ctx); !s.ok()) return s;
    // The daemon truncates the ingestion on a write at offset 0, even an empty one.
    Request request;
    request.set_action(pb::WRITE);
    absl::StatusOr<Response> answer = Ask(ctx, std::move(request));
    if (!answer.ok()) return answer.status();
    if (answer->offset() != 0) {
      return errdefs::DataLoss(
          fmt::format("the daemon is at offset {} after a truncation", answer->offset()));
    }
    offset_ = answered_ = 0;
    return absl::OkStatus();
  };
  absl::Status s = Run(ctx, truncate);
  while (IsErrReset(s)) s = Run(ctx, truncate);
  return Describe(s, "truncating");
}

absl::Status RemoteWriter::Commit(const Context& ctx, std::int64_t size,
                                  const digest::Digest& expected, const std::vector<Opt>& opts) {
  if (absl::Status s = Usable(); !s.ok()) return s;
  Info base;
  if (absl::Status s = base::Apply(opts, base); !s.ok()) {
    static_cast<void>(Close(ctx));
    return s;
  }

  absl::Status s = Run(ctx, [&]() -> absl::Status {
    if (absl::Status flushed = Flush(ctx); !flushed.ok()) return flushed;
    // Should the connection be lost now, a daemon that has committed says so when it is asked for
    // this digest.
    expected_ = expected.empty() ? digest_.String() : expected.String();
    Request request;
    request.set_action(pb::COMMIT);
    request.set_total(size);
    request.set_offset(offset_);
    request.set_expected(expected.String());
    request.mutable_labels()->insert(base.labels.begin(), base.labels.end());
    absl::StatusOr<Response> answer = Ask(ctx, std::move(request));
    if (!answer.ok()) return answer.status();
    if (answer->offset() != offset_ || (size != 0 && answer->offset() != size)) {
      return errdefs::FailedPrecondition(fmt::format("unexpected commit size {}, expected {}",
                                                     answer->offset(), size != 0 ? size : offset_));
    }
    if (!expected.empty() && answer->digest() != expected.String()) {
      return errdefs::FailedPrecondition(fmt::format("unexpected commit digest {}, expected {}",
                                                     answer->digest(), expected.String()));
    }
    return absl::OkStatus();
  });
  if (IsErrReset(s)) return s;  // may be written and committed anew
  if (s.ok()) stream_->Release();
  EndUse();
  return Describe(s, "commit failed");
}

absl::Status RemoteWriter::Close(const Context& ctx) {
  if (closed_) return absl::OkStatus();
  absl::Status s = Run(ctx, [&]() -> absl::Status {
    if (absl::Status flushed = Flush(ctx); !flushed.ok()) return flushed;
    stream_->CloseSend();
    absl::Status end = stream_->Finish(ctx);
    return Lost(end) ? absl::OkStatus() : end;  // the daemon has everything
  });
  if (stream_ != nullptr && ctx.Done()) stream_->Release();
  EndUse();
  return Describe(s, "closing the writer");
}

}  // namespace containerd::content
