// SPDX-License-Identifier: Apache-2.0
#include "direct_stdin.h"

#include <algorithm>

namespace containerd::cio::internal {
namespace {

// A reader that has gone may be one that a shim had for a moment; then the task's is about to come.
constexpr absl::Duration kKeeperGrace = absl::Seconds(2);

// How often to look for a reader where there is no inotify to be had.
constexpr absl::Duration kLongestDelay = absl::Milliseconds(50);

}  // namespace

absl::StatusOr<std::shared_ptr<DirectStdin>> DirectStdin::Open(
    const std::shared_ptr<reactor::Reactor>& reactor, const FIFOSet& fifos) {
  absl::StatusOr<Fifo> fifo = Fifo::Open(fifos.stdin, fifos.owner);
  if (!fifo.ok()) return fifo.status();
  // Opening our own reading end first lets the writing end open without waiting for the task's
  // side.
  absl::StatusOr<base::Fd> keeper = fifo->OpenReader();
  if (!keeper.ok()) return keeper.status();
  absl::StatusOr<base::Fd> writer = fifo->OpenWriter();
  if (!writer.ok()) return writer.status();
  auto input = std::make_shared<DirectStdin>(reactor, *std::move(keeper), *std::move(writer));
  reactor->RunSync([&] { input->WatchReaders(); });
  return input;
}

int DirectStdin::fd() const {
  base::MutexLock lock(mu_);
  return ending_ ? -1 : writer_.get();
}

void DirectStdin::End() {
  {
    base::MutexLock lock(mu_);
    if (ending_ || !writer_) return;
    ending_ = true;
    keeper_.Reset();
  }
  reactor_->RunSync([this] { AwaitReader(); });
}

void DirectStdin::Cancel() {
  {
    base::MutexLock lock(mu_);
    keeper_.Reset();
    writer_.Reset();
  }
  reactor_->RunSync([this] {
    watch_.Reset();
    timer_.Cancel();
    self_.reset();  // the caller has another
  });
}

void DirectStdin::LetGo() {
  {
    base::MutexLock lock(mu_);
    if (ending_ && writer_) return;
  }
  Cancel();
}

// Without inotify there is no EPIPE, and nothing else is lost.
void DirectStdin::WatchReaders() {
  absl::StatusOr<std::shared_ptr<Opens>> opens = Opens::Of(reactor_);
  if (!opens.ok()) return;
  opens_ = *std::move(opens);
  int fd = -1;
  {
    base::MutexLock lock(mu_);
    fd = writer_.get();
  }
  absl::StatusOr<Opens::Watch> watch = opens_->Add(fd, [weak = weak_from_this()](bool closed) {
    if (const auto self = weak.lock(); self && closed) self->ReaderLeft();
  });
  if (watch.ok()) watch_ = *std::move(watch);
}

void DirectStdin::ReaderLeft() {
  {
    base::MutexLock lock(mu_);
    if (ending_ || !keeper_) return;
  }
  timer_ = reactor_->RunAfter(kKeeperGrace, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->watch_.Reset();  // our own going is of no interest
    base::MutexLock lock(self->mu_);
    self->keeper_.Reset();
  });
}

void DirectStdin::AwaitReader() {
  self_ = shared_from_this();
  timer_.Cancel();
  watch_.Reset();
  int fd = -1;
  {
    base::MutexLock lock(mu_);
    fd = writer_.get();
  }
  if (opens_ != nullptr && fd >= 0) {
    absl::StatusOr<Opens::Watch> watch = opens_->Add(fd, [weak = weak_from_this()](bool) {
      if (const auto self = weak.lock()) self->TryFinish();
    });
    if (watch.ok()) watch_ = *std::move(watch);
  }
  TryFinish();
}

void DirectStdin::TryFinish() {
  const auto self = shared_from_this();
  {
    base::MutexLock lock(mu_);
    if (!writer_) {
      self_.reset();
      return;
    }
    if (Fifo::HasReader(writer_.get())) {
      writer_.Reset();
    } else if (!watch_) {
      timer_ = reactor_->RunAfter(delay_, [weak = weak_from_this()] {
        if (const auto live = weak.lock()) live->TryFinish();
      });
      delay_ = std::min(delay_ * 2, kLongestDelay);
      return;
    } else {
      return;
    }
  }
  watch_.Reset();
  timer_.Cancel();
  self_.reset();
  ended_.Set(std::monostate());
}

}  // namespace containerd::cio::internal
