// SPDX-License-Identifier: Apache-2.0
#include "http_read_seeker.h"

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/http/http.h"
#include "containerd/log/log.h"

namespace containerd::remotes::docker {
namespace {

constexpr int kMaxRetry = 3;
constexpr absl::Duration kBackoff = absl::Milliseconds(20);

}  // namespace

absl::StatusOr<std::size_t> HTTPReadSeeker::Read(const Context& ctx, std::span<char> buf) {
  if (buf.empty() || ended_) return std::size_t{0};
  while (true) {
    if (reader_ == nullptr) {
      if (size_ >= 0 && offset_ >= size_) return std::size_t{0};
      absl::StatusOr<std::unique_ptr<io::Reader>> opened = open_(ctx, offset_);
      if (!opened.ok()) return errdefs::Annotate(opened.status(), "failed open");
      reader_ = *std::move(opened);
    }
    absl::StatusOr<std::size_t> n = reader_->Read(ctx, buf);
    const bool short_end = n.ok() && *n == 0 && size_ >= 0 && offset_ < size_;
    if (n.ok() && !short_end) {
      offset_ += static_cast<std::int64_t>(*n);
      if (*n > 0) errors_without_progress_ = 0;
      if (*n == 0) {
        reader_.reset();
        ended_ = true;
      }
      return n;
    }
    // A whole body that is too short is so each time.
    const bool goes_on = short_end ? !ctx.Done() && sources_->GiveUp() : GoesOn(ctx, n.status());
    if (!goes_on) {
      ended_ = short_end;
      return n;
    }
    reader_.reset();
  }
}

bool HTTPReadSeeker::GoesOn(const Context& ctx, const absl::Status& failure) {
  if (ctx.Done() || errdefs::IsCanceled(failure) || errdefs::IsDeadlineExceeded(failure)) {
    return false;
  }
  const int most = sources_->HasOthers() ? 1 : kMaxRetry;
  if (!http::IsUnexpectedEOF(failure) || ++errors_without_progress_ > most) {
    if (!sources_->GiveUp()) return false;
    log::Debug(fmt::format("going on with another host: {}", errdefs::Message(failure)));
    errors_without_progress_ = 0;
    return true;
  }
  reader_.reset();
  return errors_without_progress_ == 1 ||
         Sleep(ctx, kBackoff * (1 << errors_without_progress_)).ok();
}

absl::Status HTTPReadSeeker::Seek(const Context&, std::int64_t offset) {
  if (offset < 0) return errdefs::InvalidArgument("seek to a negative offset");
  if (offset != offset_ || ended_) {
    reader_.reset();
    offset_ = offset;
    ended_ = false;
  }
  return absl::OkStatus();
}

}  // namespace containerd::remotes::docker
