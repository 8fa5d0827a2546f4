// SPDX-License-Identifier: Apache-2.0
#include "pipe.h"

#include <algorithm>
#include <cstring>

#include "containerd/errdefs/errdefs.h"

#include "src/base/mutex.h"

namespace containerd::apply {

Pipe::Pipe(const Context& ctx) : registration_(ctx.OnCancel([this] { Break(); })) {}

void Pipe::Write(std::string_view data) {
  base::MutexLock lock(mu_);
  changed_.Wait(mu_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return state_ != State::kOpen || size_ < kCapacity;
  });
  if (state_ != State::kOpen || data.empty()) return;
  chunks_.emplace_back(data);
  size_ += data.size();
  changed_.NotifyAll();
}

void Pipe::Close() {
  base::MutexLock lock(mu_);
  if (state_ == State::kOpen) state_ = State::kClosed;
  changed_.NotifyAll();
}

void Pipe::Break() {
  base::MutexLock lock(mu_);
  BreakLocked();
}

void Pipe::BreakUnlessClosed() {
  base::MutexLock lock(mu_);
  if (state_ == State::kOpen) BreakLocked();
}

void Pipe::BreakLocked() {
  state_ = State::kBroken;
  chunks_.clear();
  size_ = 0;
  changed_.NotifyAll();
}

absl::StatusOr<std::size_t> Pipe::Read(const Context& ctx, std::span<char> buf) {
  if (absl::Status s = ctx.Err(); !s.ok()) return s;
  base::MutexLock lock(mu_);
  changed_.Wait(mu_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return state_ != State::kOpen || size_ > 0;
  });
  if (state_ == State::kBroken) return errdefs::Canceled("the download ended");
  if (size_ == 0) return 0;
  const std::string_view chunk = std::string_view(chunks_.front()).substr(first_);
  const std::size_t n = std::min(chunk.size(), buf.size());
  std::memcpy(buf.data(), chunk.data(), n);
  first_ += n;
  size_ -= n;
  if (n == chunk.size()) {
    chunks_.pop_front();
    first_ = 0;
  }
  changed_.NotifyAll();
  return n;
}

}  // namespace containerd::apply
