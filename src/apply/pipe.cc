// SPDX-License-Identifier: Apache-2.0
#include "pipe.h"

#include <algorithm>
#include <cstring>

#include "containerd/errdefs/errdefs.h"

#include "src/base/mutex.h"

namespace containerd::apply {

Pipe::Pipe(const Context& ctx) : registration_(ctx.OnCancel([this] { Break(); })) {}

bool Pipe::Write(std::string_view data) {
  std::string chunk;
  {
    base::MutexLock lock(mu_);
    changed_.Wait(mu_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return state_ != State::kOpen || size_ < kCapacity;
    });
    if (!spare_.empty()) {
      chunk = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  chunk.assign(data);
  base::MutexLock lock(mu_);
  if (state_ != State::kOpen) return false;
  if (data.empty()) return true;
  size_ += data.size();
  chunks_.push_back(std::move(chunk));
  changed_.NotifyAll();
  return true;
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
  spare_.clear();
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
    spare_.push_back(std::move(chunks_.front()));
    chunks_.pop_front();
    first_ = 0;
  }
  changed_.NotifyAll();
  return n;
}

}  // namespace containerd::apply
