// SPDX-License-Identifier: Apache-2.0
#include "pipe.h"

#include <algorithm>
#include <cstring>

#include "containerd/errdefs/errdefs.h"

namespace containerd::apply {

Pipe::Pipe(const Context& ctx) : registration_(ctx.OnCancel([this] { Break(); })) {}

void Pipe::Write(std::string_view data) {
  std::unique_lock lock(mu_);
  changed_.wait(lock, [&] { return state_ != State::kOpen || size_ < kCapacity; });
  if (state_ != State::kOpen || data.empty()) return;
  chunks_.emplace_back(data);
  size_ += data.size();
  changed_.notify_all();
}

void Pipe::Close() {
  std::lock_guard lock(mu_);
  if (state_ == State::kOpen) state_ = State::kClosed;
  changed_.notify_all();
}

void Pipe::Break() {
  std::lock_guard lock(mu_);
  BreakLocked();
}

void Pipe::BreakUnlessClosed() {
  std::lock_guard lock(mu_);
  if (state_ == State::kOpen) BreakLocked();
}

void Pipe::BreakLocked() {
  state_ = State::kBroken;
  chunks_.clear();
  size_ = 0;
  changed_.notify_all();
}

absl::StatusOr<std::size_t> Pipe::Read(const Context& ctx, std::span<char> buf) {
  if (absl::Status s = ctx.Err(); !s.ok()) return s;
  std::unique_lock lock(mu_);
  changed_.wait(lock, [&] { return state_ != State::kOpen || size_ > 0; });
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
  changed_.notify_all();
  return n;
}

}  // namespace containerd::apply
