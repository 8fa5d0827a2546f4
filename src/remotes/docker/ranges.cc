// SPDX-License-Identifier: Apache-2.0
#include "ranges.h"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <string>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::remotes::docker {
namespace {

class BodyReader final : public io::Reader {
 public:
  BodyReader(std::unique_ptr<io::Reader> body, Slot slot)
      : slot_(std::move(slot)), body_(std::move(body)) {}

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    if (body_ == nullptr) return std::size_t{0};
    absl::StatusOr<std::size_t> n = body_->Read(ctx, buf);
    if (n.ok() && *n == 0 && !buf.empty()) {
      body_.reset();
      slot_ = Slot();
    }
    return n;
  }

 private:
  Slot slot_;
  std::unique_ptr<io::Reader> body_;
};

class RangesReader final : public io::Reader {
 public:
  RangesReader(Context transfer, RegistryRequest request, bool last_host, const RangesPlan& plan,
               std::unique_ptr<io::Reader> first, std::shared_ptr<Semaphore> limiter,
               std::shared_ptr<std::atomic<bool>> refused)
      : transfer_(std::move(transfer)),
        request_(std::move(request)),
        last_host_(last_host),
        plan_(plan),
        limiter_(std::move(limiter)),
        refused_(std::move(refused)) {
    ranges_.emplace_back();
    ranges_.back().left = std::min(plan_.chunk, plan_.end - plan_.begin);
    ranges_.back().body = std::move(first);
    next_ = plan_.begin + ranges_.back().left;
  }

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    if (buf.empty()) return std::size_t{0};
    if (!failure_.ok()) return failure_;
    absl::StatusOr<std::size_t> n = ReadNext(ctx, buf);
    if (!n.ok() && !ctx.Done()) failure_ = n.status();
    return n;
  }

 private:
  struct Range {
    std::int64_t begin = 0;
    std::int64_t left = 0;
    std::unique_ptr<RequestRun> run;  // until `body` is there
    std::optional<Future<ResponsePtr>> future;
    Slot slot;
    std::unique_ptr<io::Reader> body;
  };

  absl::StatusOr<std::size_t> ReadNext(const Context& ctx, std::span<char> buf) {
    if (absl::Status s = StartMore(ctx); !s.ok()) return s;
    while (!ranges_.empty()) {
      Range& range = ranges_.front();
      if (range.body == nullptr) {
        if (absl::Status s = Await(ctx, range); !s.ok()) return s;
      }
      const auto most = static_cast<std::size_t>(
          std::min<std::int64_t>(range.left, static_cast<std::int64_t>(buf.size())));
      absl::StatusOr<std::size_t> n = range.body->Read(ctx, buf.first(most));
      if (!n.ok()) return n;
      if (*n == 0) {
        return http::NewError(http::ErrorKind::kUnexpectedEOF, "a range ended too early");
      }
      range.left -= static_cast<std::int64_t>(*n);
      if (range.left == 0) {
        ranges_.pop_front();
        if (absl::Status s = StartMore(ctx); !s.ok()) return s;
      }
      return n;
    }
    return std::size_t{0};
  }

  // Sends requests for the next ranges, as many as may be under way.
  absl::Status StartMore(const Context& ctx) {
    while (next_ < plan_.end && ranges_.size() < static_cast<std::size_t>(plan_.parallelism)) {
      Slot slot;
      if (limiter_ != nullptr) {
        // Only the range that is read next waits for a free slot; later ranges are started if a
        // slot is free.
        if (ranges_.empty()) {
          if (absl::Status s = limiter_->Acquire(ctx); !s.ok()) return s;
        } else if (!limiter_->TryAcquire()) {
          return absl::OkStatus();
        }
        slot = Slot(limiter_);
      }
      Range range;
      range.begin = next_;
      range.left = std::min(plan_.chunk, plan_.end - next_);
      range.slot = std::move(slot);
      RegistryRequest request = request_;
      request.buffer_size = static_cast<std::size_t>(range.left);
      request.header.Set("Range",
                         fmt::format("bytes={}-{}", range.begin, range.begin + range.left - 1));
      range.run = std::make_unique<RequestRun>(std::move(request), last_host_);
      absl::StatusOr<Future<ResponsePtr>> future = range.run->Send(transfer_, ctx);
      if (!future.ok()) return future.status();
      range.future = *std::move(future);
      next_ += range.left;
      ranges_.push_back(std::move(range));
    }
    return absl::OkStatus();
  }

  absl::Status Await(const Context& ctx, Range& range) {
    ResponsePtr response;
    while (response == nullptr) {
      if (!range.future.has_value()) {
        absl::StatusOr<Future<ResponsePtr>> sent = range.run->Send(transfer_, ctx);
        if (!sent.ok()) return sent.status();
        range.future = *std::move(sent);
      }
      absl::StatusOr<ResponsePtr> result = range.future->Get(ctx);
      // The reader's own context has ended; the transfer goes on.
      if (!result.ok() && !range.future->IsReady()) return result.status();
      range.future.reset();
      absl::StatusOr<ResponsePtr> received = range.run->Receive(ctx, std::move(result));
      if (!received.ok()) return received.status();
      response = *std::move(received);
    }
    absl::Status s = CheckResponse(ctx, *response);
    absl::StatusOr<bool> begins = s.ok() ? BeginsAt(*response, range.begin) : s;
    if (!begins.ok() || !*begins) {
      if (!s.ok() && !RefusesRange(response->status_code)) return s;
      // From here on it is read in one piece, as if the connection had broken.
      *refused_ = true;
      return http::NewError(
          http::ErrorKind::kUnexpectedEOF,
          fmt::format("the server takes no ranges any more: {}", response->status));
    }
    range.run.reset();
    range.body = std::make_unique<BodyReader>(std::move(response->body), std::move(range.slot));
    return absl::OkStatus();
  }

  const Context transfer_;
  const RegistryRequest request_;
  const bool last_host_;
  const RangesPlan plan_;
  const std::shared_ptr<Semaphore> limiter_;
  const std::shared_ptr<std::atomic<bool>> refused_;
  std::int64_t next_ = 0;
  std::deque<Range> ranges_;
  absl::Status failure_;
};

}  // namespace

absl::Status CheckResponse(const Context& ctx, http::Response& response) {
  if (response.status_code <= 299) return absl::OkStatus();
  if (response.status_code == 404) {
    return errdefs::NotFound(
        fmt::format("content at {} not found", SanitizeUrl(response.request_url)));
  }
  return UnexpectedResponse(ctx, response);
}

bool RefusesRange(int code) {
  switch (code) {
    case 400:
    case 403:
    case 405:
    case 406:
    case 412:
    case 416:
    case 500:
    case 501:
      return true;
    default:
      return false;
  }
}

absl::StatusOr<bool> BeginsAt(const http::Response& response, std::int64_t offset) {
  const std::string range = response.header.Get("Content-Range");
  if (range.starts_with(fmt::format("bytes {}-", offset))) return true;
  if (!range.empty()) {
    return errdefs::Unknown(
        fmt::format("unhandled content range in response: {}", range.substr(0, 100)));
  }
  return response.status_code == 206;
}

std::unique_ptr<io::Reader> NewBodyReader(std::unique_ptr<io::Reader> body, Slot slot) {
  return std::make_unique<BodyReader>(std::move(body), std::move(slot));
}

std::unique_ptr<io::Reader> NewRangesReader(Context transfer, RegistryRequest request,
                                            bool last_host, const RangesPlan& plan,
                                            std::unique_ptr<io::Reader> first,
                                            std::shared_ptr<Semaphore> limiter,
                                            std::shared_ptr<std::atomic<bool>> refused) {
  return std::make_unique<RangesReader>(std::move(transfer), std::move(request), last_host, plan,
                                        std::move(first), std::move(limiter), std::move(refused));
}

}  // namespace containerd::remotes::docker
