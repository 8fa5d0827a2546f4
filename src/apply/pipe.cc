// SPDX-License-Identifier: Apache-2.0
#include "pipe.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "containerd/errdefs/errdefs.h"

#include "src/base/mutex.h"

namespace containerd::apply {

Pipe::Pipe(const Context& ctx, std::size_t capacity)
    : capacity_(capacity), registration_(ctx.OnCancel([this] { Break(); })) {}

bool Pipe::Write(std::string_view data) {
  std::string chunk = Room();
  chunk.assign(data);
  return Put(std::move(chunk));
}

std::string Pipe::Room() {
  base::MutexLock lock(mu_);
  changed_.Wait(mu_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return state_ != State::kOpen || size_ < capacity_;
  });
  if (spare_.empty()) return {};
  std::string chunk = std::move(spare_.back());
  spare_.pop_back();
  return chunk;
}

bool Pipe::Put(std::string chunk) {
  base::MutexLock lock(mu_);
  if (state_ != State::kOpen) return false;
  if (chunk.empty()) return true;
  size_ += chunk.size();
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
  if (read_ == reading_.size()) {
    absl::StatusOr<std::string> next = Take(std::exchange(reading_, {}));
    read_ = 0;
    if (!next.ok()) return next.status();
    reading_ = *std::move(next);
  }
  const std::size_t n = std::min(reading_.size() - read_, buf.size());
  std::memcpy(buf.data(), reading_.data() + read_, n);
  read_ += n;
  return n;
}

absl::StatusOr<std::string> Pipe::Take(std::string spare) {
  base::MutexLock lock(mu_);
  if (!spare.empty()) spare_.push_back(std::move(spare));
  changed_.Wait(mu_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return state_ != State::kOpen || size_ > 0;
  });
  if (state_ == State::kBroken) return errdefs::Canceled("the download ended");
  if (size_ == 0) return std::string();
  std::string chunk = std::move(chunks_.front());
  chunks_.pop_front();
  // The writer is woken when there is room for more than a chunk.
  const bool was_full = size_ > capacity_ / 2;
  size_ -= chunk.size();
  if (was_full && size_ <= capacity_ / 2) changed_.NotifyAll();
  return chunk;
}

}  // namespace containerd::apply
