// SPDX-License-Identifier: Apache-2.0
#include "http_read_seeker.h"

#include "containerd/errdefs/errdefs.h"
#include "containerd/http/http.h"

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
    if (n.ok()) {
      offset_ += static_cast<std::int64_t>(*n);
      errors_without_progress_ = 0;
      if (*n == 0) {
        reader_.reset();
        ended_ = true;
      }
      return n;
    }
    if (!http::IsUnexpectedEOF(n.status())) return n;
    if (++errors_without_progress_ > kMaxRetry) return n;
    reader_.reset();
    if (errors_without_progress_ > 1) {
      if (!Sleep(ctx, kBackoff * (1 << errors_without_progress_)).ok()) return n;
    }
  }
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
