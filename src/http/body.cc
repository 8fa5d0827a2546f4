// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "containerd/errdefs/errdefs.h"
#include "containerd/http/http.h"

#include "src/base/await.h"
#include "src/errdefs/internal/mark.h"

namespace containerd::http {
namespace {

constexpr char kClosedMark[] = "http.ErrClosed";

class StringBody final : public RequestBody {
 public:
  explicit StringBody(std::string data) : data_(std::move(data)) {}

  std::int64_t Size() const override { return static_cast<std::int64_t>(data_.size()); }

  absl::StatusOr<std::optional<std::size_t>> Pull(std::span<char> buf,
                                                  const std::function<void()>&) override {
    const std::size_t n = std::min(buf.size(), data_.size() - at_);
    std::memcpy(buf.data(), data_.data() + at_, n);
    at_ += n;
    return n;
  }

  bool Rewind() override {
    at_ = 0;
    return true;
  }

 private:
  const std::string data_;
  std::size_t at_ = 0;
};

}  // namespace

std::shared_ptr<RequestBody> NewStringBody(std::string data) {
  return std::make_shared<StringBody>(std::move(data));
}

PipeBody::PipeBody(std::int64_t size, std::size_t buffer) : size_(size), capacity_(buffer) {}

absl::Status PipeBody::ErrClosed() {
  return errdefs::Mark(errdefs::Unknown("write on closed pipe"), kClosedMark);
}

bool PipeBody::IsErrClosed(const absl::Status& status) {
  return errdefs::IsMarked(status, kClosedMark);
}

absl::Status PipeBody::Write(const Context& ctx, std::string_view data) {
  const CancelRegistration wake_me = base::WakeOnCancel(ctx, mu_, room_);
  while (!data.empty()) {
    std::function<void()> wake;
    {
      std::unique_lock lock(mu_);
      absl::Status s = base::Await(ctx, lock, room_, [this] {
        return finished_ || ended_ || buffer_.size() - start_ < capacity_;
      });
      if (!s.ok()) return s;
      if (finished_ || ended_) return ErrClosed();
      if (start_ > 0 && buffer_.size() + data.size() > capacity_) {
        buffer_.erase(0, start_);
        start_ = 0;
      }
      const std::size_t n = std::min(data.size(), capacity_ - (buffer_.size() - start_));
      buffer_.append(data.substr(0, n));
      data.remove_prefix(n);
      wake = std::exchange(wake_, nullptr);
    }
    if (wake) wake();
  }
  // The transfer of a body of known size may end as soon as its last byte is taken. That is an
  // error only if bytes of this call were left in the buffer.
  std::lock_guard lock(mu_);
  return finished_ && start_ < buffer_.size() ? ErrClosed() : absl::OkStatus();
}

void PipeBody::Close() {
  std::function<void()> wake;
  {
    std::lock_guard lock(mu_);
    ended_ = true;
    wake = std::exchange(wake_, nullptr);
  }
  if (wake) wake();
}

void PipeBody::CloseWithError(absl::Status error) {
  std::function<void()> wake;
  {
    std::lock_guard lock(mu_);
    if (!ended_ && error_.ok()) error_ = std::move(error);
    ended_ = true;
    wake = std::exchange(wake_, nullptr);
  }
  if (wake) wake();
}

absl::StatusOr<std::optional<std::size_t>> PipeBody::Pull(std::span<char> buf,
                                                          const std::function<void()>& wake) {
  std::lock_guard lock(mu_);
  if (!error_.ok()) return error_;
  const std::size_t n = std::min(buf.size(), buffer_.size() - start_);
  if (n == 0) {
    if (ended_) return std::size_t{0};
    wake_ = wake;
    return std::nullopt;
  }
  std::memcpy(buf.data(), buffer_.data() + start_, n);
  taken_ = true;
  start_ += n;
  if (start_ == buffer_.size()) {
    buffer_.clear();
    start_ = 0;
  }
  room_.notify_all();
  return n;
}

bool PipeBody::Rewind() {
  std::lock_guard lock(mu_);
  return !taken_;
}

void PipeBody::Finished(const absl::Status&) {
  std::function<void()> dropped;
  std::lock_guard lock(mu_);
  finished_ = true;
  dropped = std::exchange(wake_, nullptr);
  room_.notify_all();
}

}  // namespace containerd::http
