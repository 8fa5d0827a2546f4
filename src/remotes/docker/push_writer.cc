// SPDX-License-Identifier: Apache-2.0
#include "push_writer.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <fmt/format.h>

#include "containerd/content/helpers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/http/http.h"
#include "containerd/log/log.h"
#include "containerd/remotes/errors.h"

#include "src/base/options.h"
#include "src/threads/internal/callback.h"

namespace containerd::remotes::docker {
namespace {

// Before a chunk is sent again, times the attempts that were made.
constexpr absl::Duration kChunkPause = absl::Milliseconds(100);

// Times that the end of an upload is told.
constexpr int kMaxEnds = 3;

// What all writers of pushes share: the tracker's record.
class PushWriterBase : public content::Writer {
 public:
  PushWriterBase(std::string ref, digest::Digest expected, std::shared_ptr<StatusTracker> tracker)
      : ref_(std::move(ref)), expected_(std::move(expected)), tracker_(std::move(tracker)) {}

  ~PushWriterBase() override {
    threads::Notify("a StatusTracker", [this] { MarkClosed(); });
  }

  digest::Digest Digest() const override { return expected_; }

  absl::StatusOr<content::Status> Status(const Context&) override {
    absl::StatusOr<docker::Status> status = tracker_->GetStatus(ref_);
    if (!status.ok()) return status.status();
    return content::Status(*status);
  }

  absl::Status Truncate(const Context&, std::int64_t size) override {
    absl::StatusOr<docker::Status> status = tracker_->GetStatus(ref_);
    if (status.ok() && status->offset == size) return absl::OkStatus();
    return errdefs::InvalidArgument("cannot truncate remote upload");
  }

 protected:
  absl::Status Advance(std::int64_t n) {
    absl::StatusOr<docker::Status> status = tracker_->GetStatus(ref_);
    if (!status.ok()) return status.status();
    status->offset += n;
    status->updated_at = absl::Now();
    tracker_->SetStatus(ref_, *status);
    return absl::OkStatus();
  }

  // The writer takes no more bytes; a later push of the ref begins anew.
  void MarkClosed() {
    if (closed_) return;
    closed_ = true;
    absl::StatusOr<docker::Status> status = tracker_->GetStatus(ref_);
    if (!status.ok() || status->committed) return;
    status->err_closed = errdefs::Unknown("closed incomplete writer");
    tracker_->SetStatus(ref_, *status);
  }

  // Checks the registry's answer to the whole upload.
  absl::Status Finish(const Context& ctx, http::Response& response, std::int64_t size,
                      digest::Digest expected) {
    if (!IsUploaded(response.status_code)) return UnexpectedResponse(ctx, response);
    absl::StatusOr<docker::Status> status = tracker_->GetStatus(ref_);
    if (!status.ok()) return errdefs::Annotate(status.status(), "failed to get status");
    if (size > 0 && size != status->offset) {
      return errdefs::FailedPrecondition(
          fmt::format("push of {}: unexpected size {}, expected {}", ref_, status->offset, size));
    }
    if (expected.empty()) expected = status->expected;
    if (expected != digest::Digest(status->expected)) {
      return errdefs::FailedPrecondition(
          fmt::format("push of {}: unexpected digest: got \"{}\", expected \"{}\"", ref_,
                      status->expected, expected.String()));
    }
    const std::string header = response.header.Get("Docker-Content-Digest");
    if (!header.empty()) {
      absl::StatusOr<digest::Digest> actual = digest::Parse(header);
      if (!actual.ok()) {
        return errdefs::Annotate(actual.status(), "invalid content digest in response");
      }
      if (*actual != expected) {
        return errdefs::FailedPrecondition(
            fmt::format("push of {}: got digest {}, expected {}", ref_, header, expected.String()));
      }
    }
    status->committed = true;
    status->updated_at = absl::Now();
    tracker_->SetStatus(ref_, *status);
    closed_ = true;
    return absl::OkStatus();
  }

  const std::string ref_;
  const digest::Digest expected_;
  const std::shared_ptr<StatusTracker> tracker_;
  bool closed_ = false;
};

// Writes to the body of one request, which is under way meanwhile. When the request has to be sent
// again, what was written is lost, and ErrReset asks for it.
class PushWriter final : public PushWriterBase {
 public:
  PushWriter(Context ctx, RegistryRequest request, std::int64_t size, std::string ref,
             digest::Digest expected, std::shared_ptr<StatusTracker> tracker, Look look)
      : PushWriterBase(std::move(ref), std::move(expected), std::move(tracker)),
        transfer_(std::move(ctx)),
        size_(size),
        look_(std::move(look)),
        run_(WithBody(std::move(request)), true) {}

  ~PushWriter() override { Stop(); }

  absl::Status Start(const Context& wait) {
    absl::StatusOr<Future<ResponsePtr>> future = run_.Send(transfer_, wait);
    if (!future.ok()) return future.status();
    future_ = *std::move(future);
    return absl::OkStatus();
  }

  absl::Status Write(const Context& ctx, std::string_view data) override {
    while (true) {
      if (closed_) return errdefs::FailedPrecondition("write on closed writer of " + ref_);
      if (!failure_.ok()) return failure_;
      absl::Status s = pipe_->Write(ctx, data);
      if (s.ok()) return Advance(static_cast<std::int64_t>(data.size()));
      if (!http::PipeBody::IsErrClosed(s)) return s;
      // The transfer has ended before all content was written.
      absl::StatusOr<ResponsePtr> response = Receive(ctx);
      if (!response.ok()) return response.status();
      if (*response != nullptr) {
        failure_ = IsUploaded((*response)->status_code)
                       ? errdefs::Unknown(fmt::format(
                             "push of {}: the registry ended the upload with {} before its end",
                             ref_, (*response)->status))
                       : UnexpectedResponse(ctx, **response);
        return failure_;
      }
      if (absl::Status reset = Restarted(); !reset.ok()) return reset;
    }
  }

  absl::Status Commit(const Context& ctx, std::int64_t size, const digest::Digest& expected,
                      const std::vector<content::Opt>&) override {
    if (closed_) return errdefs::FailedPrecondition("commit of closed writer of " + ref_);
    if (!failure_.ok()) return failure_;
    while (true) {
      pipe_->Close();
      absl::StatusOr<ResponsePtr> response = Receive(ctx, /*all_sent=*/true);
      if (!response.ok()) {
        MarkClosed();
        return response.status();
      }
      if (*response != nullptr) {
        absl::Status s = Finish(ctx, **response, size, expected);
        MarkClosed();
        return s;
      }
      if (absl::Status reset = Restarted(); !reset.ok()) return reset;
    }
  }

  absl::Status Close(const Context&) override {
    MarkClosed();
    Stop();
    return absl::OkStatus();
  }

 private:
  RegistryRequest WithBody(RegistryRequest request) {
    request.make_body = [this] {
      pipe_ = std::make_shared<http::PipeBody>(size_);
      return pipe_;
    };
    return request;
  }

  // Returns the final response, or nullptr if the request was sent again.
  absl::StatusOr<ResponsePtr> Receive(const Context& ctx, bool all_sent = false) {
    absl::StatusOr<ResponsePtr> result = future_->Get(ctx);
    if (!result.ok() && !future_->IsReady()) return result;  // only `ctx` has ended
    if (all_sent && look_ != nullptr && IsTransient(result.status())) {
      // Perhaps only the answer was lost.
      absl::StatusOr<ResponsePtr> there = look_(ctx);
      if (there.ok() && (*there)->status_code == 200) return there;
    }
    absl::StatusOr<ResponsePtr> response = run_.Receive(ctx, std::move(result));
    if (all_sent && look_ != nullptr && response.ok() && *response != nullptr &&
        (*response)->status_code == 404) {
      absl::StatusOr<ResponsePtr> there = look_(ctx);
      if (there.ok() && (*there)->status_code == 200) return there;
    }
    if (response.ok() && *response == nullptr) {
      if (absl::Status s = Start(ctx); !s.ok()) response = s;
    }
    if (!response.ok()) failure_ = response.status();
    return response;
  }

  // ErrReset if anything had been written.
  absl::Status Restarted() {
    absl::StatusOr<docker::Status> status = tracker_->GetStatus(ref_);
    if (!status.ok()) return status.status();
    if (status->offset == 0) return absl::OkStatus();
    status->offset = 0;
    status->updated_at = absl::Now();
    tracker_->SetStatus(ref_, *status);
    return content::ErrReset(fmt::format("push of {} was started again", ref_));
  }

  void Stop() {
    if (pipe_ != nullptr) pipe_->CloseWithError(errdefs::Canceled("the writer was closed"));
  }

  const Context transfer_;
  const std::int64_t size_;
  const Look look_;
  std::shared_ptr<http::PipeBody> pipe_;
  RequestRun run_;
  std::optional<Future<ResponsePtr>> future_;
  absl::Status failure_;
};

// Gathers pieces and sends each in a request of its own, which can be sent again without asking the
// writer. When it is not known what became of a piece, the registry is asked how much it has.
class ChunkedPushWriter final : public PushWriterBase {
 public:
  ChunkedPushWriter(ChunkedUpload upload, std::string ref, digest::Digest expected,
                    std::shared_ptr<StatusTracker> tracker)
      : PushWriterBase(std::move(ref), std::move(expected), std::move(tracker)),
        upload_(std::move(upload)) {}

  absl::Status Write(const Context& ctx, std::string_view data) override {
    if (closed_) return errdefs::FailedPrecondition("write on closed writer of " + ref_);
    const auto limit = static_cast<std::size_t>(upload_.chunk_size);
    while (!data.empty()) {
      const std::size_t n = std::min(data.size(), limit - chunk_.size());
      chunk_.append(data.substr(0, n));
      data.remove_prefix(n);
      if (absl::Status s = Advance(static_cast<std::int64_t>(n)); !s.ok()) return s;
      if (chunk_.size() == limit) {
        if (absl::Status s = SendChunk(ctx); !s.ok()) return s;
      }
    }
    return absl::OkStatus();
  }

  absl::Status Commit(const Context& ctx, std::int64_t size, const digest::Digest& expected,
                      const std::vector<content::Opt>&) override {
    if (closed_) return errdefs::FailedPrecondition("commit of closed writer of " + ref_);
    if (!chunk_.empty()) {
      if (absl::Status s = SendChunk(ctx); !s.ok()) return s;
    }
    absl::StatusOr<ResponsePtr> response = End(ctx);
    if (!response.ok()) return response.status();
    absl::Status s = Finish(ctx, **response, size, expected);
    MarkClosed();
    return s;
  }

  absl::Status Close(const Context&) override {
    MarkClosed();
    return absl::OkStatus();
  }

 private:
  // Whether a request with this outcome may have been carried out.
  static bool IsUnclear(const absl::StatusOr<ResponsePtr>& outcome) {
    return outcome.ok() ? (*outcome)->status_code >= 500 : IsTransient(outcome.status());
  }

  absl::Status SendChunk(const Context& ctx) {
    for (int attempt = 1; !chunk_.empty(); ++attempt) {
      absl::StatusOr<ResponsePtr> response = Send(ctx, "PATCH", chunk_);
      if (response.ok() && IsUploaded((*response)->status_code)) {
        Received(sent_ + static_cast<std::int64_t>(chunk_.size()));
        return Follow(**response);
      }
      const bool out_of_step = response.ok() && (*response)->status_code == 416;
      if (attempt >= kMaxAttempts || ctx.Done() || (!IsUnclear(response) && !out_of_step)) {
        return response.ok() ? UnexpectedResponse(ctx, **response) : response.status();
      }
      if (absl::Status s = Sleep(ctx, kChunkPause * attempt); !s.ok()) return s;
      absl::StatusOr<bool> moved = AskForState(ctx);
      if (!moved.ok()) return moved.status();
      if (out_of_step && !*moved) return UnexpectedResponse(ctx, **response);
    }
    return absl::OkStatus();
  }

  // Asks how much the registry has, and goes on from there. False if it does not say, or has what
  // it had before.
  absl::StatusOr<bool> AskForState(const Context& ctx) {
    absl::StatusOr<ResponsePtr> response = Send(ctx, "GET", "");
    if (!response.ok()) return response.status();
    if ((*response)->status_code > 299) return false;
    const std::string range = (*response)->header.Get("Range");
    const auto dash = range.rfind('-');
    std::int64_t last = -1;
    if (dash != std::string::npos) {
      const char* end = range.data() + range.size();
      if (std::from_chars(range.data() + dash + 1, end, last).ptr != end) last = -1;
    }
    if (absl::Status s = Follow(**response); !s.ok()) return s;
    // "0-0" is said of no byte as well as of the first one.
    std::int64_t has = last + 1;
    if (last == 0 && sent_ == 0) has = 0;
    const std::int64_t most = sent_ + static_cast<std::int64_t>(chunk_.size());
    if (has == sent_) return false;
    if (has < sent_ || has > most) {
      return errdefs::DataLoss(
          fmt::format("push of {}: the registry has {} bytes of the {} to {} that were sent", ref_,
                      has, sent_, most));
    }
    Received(has);
    return true;
  }

  void Received(std::int64_t has) {
    chunk_.erase(0, static_cast<std::size_t>(has - sent_));
    sent_ = has;
  }

  // Ends the upload. If the answer is lost, the registry may have the blob.
  absl::StatusOr<ResponsePtr> End(const Context& ctx) {
    for (int attempt = 1;; ++attempt) {
      absl::StatusOr<ResponsePtr> response = Send(ctx, "PUT", "");
      // The upload is over, be it that an earlier request ended it: transports repeat some, too.
      const bool gone = response.ok() && (*response)->status_code == 404;
      if ((!IsUnclear(response) && !gone) || ctx.Done()) return response;
      absl::StatusOr<ResponsePtr> there = upload_.look(ctx);
      if (there.ok() && (*there)->status_code == 200) return there;
      if (gone || attempt >= kMaxEnds) return response;
      if (absl::Status s = Sleep(ctx, kChunkPause * attempt); !s.ok()) return s;
    }
  }

  // Where the next request goes.
  absl::Status Follow(const http::Response& response) {
    if (response.header.Get("Location").empty()) return absl::OkStatus();
    absl::StatusOr<UploadTarget> next =
        TargetOf(upload_.target.base, upload_.target.host, response, upload_.target.referrer);
    if (!next.ok()) return next.status();
    upload_.target = *std::move(next);
    return absl::OkStatus();
  }

  absl::StatusOr<ResponsePtr> Send(const Context& ctx, std::string_view method,
                                   const std::string& body) {
    RegistryRequest request = upload_.target.Request(method);
    request.repeatable = method == "GET";
    if (method == "PUT") request.AddQuery("digest", expected_.String());
    request.AddNamespace(upload_.target.base->refspec.Hostname());
    if (method != "GET") {
      request.header.Set("Content-Type", "application/octet-stream");
      request.make_body = [&body] { return http::NewStringBody(body); };
    }
    if (method == "PATCH") {
      request.header.Set(
          "Content-Range",
          fmt::format("{}-{}", sent_, sent_ + static_cast<std::int64_t>(body.size()) - 1));
    }
    return RequestRun(std::move(request), true).Do(upload_.transfer, ctx);
  }

  ChunkedUpload upload_;
  std::int64_t sent_ = 0;
  std::string chunk_;
};

}  // namespace

bool IsUploaded(int code) { return code == 200 || code == 201 || code == 202 || code == 204; }

RegistryRequest UploadTarget::Request(std::string_view method) const {
  Base elsewhere;
  elsewhere.refspec = base->refspec;
  elsewhere.repository = base->repository;
  elsewhere.warning_handler = base->warning_handler;
  RegistryRequest request(referrer.empty() ? *base : elsewhere, host, method, {});
  request.url = url;
  request.referrer = referrer;
  return request;
}

absl::StatusOr<UploadTarget> TargetOf(std::shared_ptr<const Base> base, const RegistryHost& host,
                                      const http::Response& response, std::string referrer) {
  std::string location = response.header.Get("Location");
  absl::StatusOr<http::Url> requested = http::ParseUrl(response.request_url);
  if (!requested.ok()) return requested.status();
  http::Url from = *requested;
  from.scheme = host.scheme;
  from.host = host.host;
  // Some registries leave the scheme out.
  if (!location.starts_with('/') && location.find("://") == std::string::npos) {
    location = fmt::format("{}://{}", host.scheme, location);
  }
  absl::StatusOr<http::Url> url = http::ResolveReference(from, location);
  if (!url.ok()) {
    return errdefs::Annotate(url.status(),
                             fmt::format("unable to parse location {}", location.substr(0, 200)));
  }
  UploadTarget target{.base = std::move(base),
                      .host = host,
                      .url = *std::move(url),
                      .referrer = std::move(referrer)};
  if (http::SameOrigin(target.url, from)) return target;
  target.host.host = target.url.host;
  target.host.scheme = target.url.scheme;
  // It is the same host if that answered in the end, for example after a fallback to plain HTTP.
  const bool answered =
      http::SameOrigin(target.url, *requested) &&
      http::CanonicalHost(requested->host, "") == http::CanonicalHost(host.host, "");
  if (!answered) {
    target.host.header = {};
    if (target.referrer.empty()) target.referrer = from.String();
  }
  return target;
}

absl::StatusOr<std::unique_ptr<content::Writer>> StartPush(const Context& ctx,
                                                           RegistryRequest request,
                                                           std::int64_t size, PushRecord record,
                                                           Look look) {
  auto writer = std::make_unique<PushWriter>(ctx, std::move(request), size, std::move(record.ref),
                                             std::move(record.expected), std::move(record.tracker),
                                             std::move(look));
  if (absl::Status s = writer->Start(ctx); !s.ok()) return s;
  return writer;
}

std::unique_ptr<content::Writer> NewChunkedPush(ChunkedUpload upload, PushRecord record) {
  return std::make_unique<ChunkedPushWriter>(std::move(upload), std::move(record.ref),
                                             std::move(record.expected), std::move(record.tracker));
}

}  // namespace containerd::remotes::docker
