// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <chrono>
#include <errno.h>
#include <poll.h>
#include <span>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "pump.h"
#include "src/base/fd.h"
#include "src/errdefs/internal/guard.h"
#include "src/threads/internal/callback.h"

namespace containerd::cio::internal {
namespace {

// Where there is no inotify, or no descriptor, to be had, it is tried again and again. Doubling the
// delay makes the input at most about twice as late as the shim was; the upper limit grows with the
// number of those that wait, so that all of them together try 10,000 times a second at the most.
constexpr absl::Duration kFirstDelay = absl::Milliseconds(1);
constexpr absl::Duration kMaxDelay = absl::Milliseconds(20);
constexpr absl::Duration kShare = absl::Microseconds(100);
std::atomic<int> polling = 0;

// How long to leave a descriptor alone that has nothing now and that epoll cannot watch.
constexpr absl::Duration kReaderRetry = absl::Milliseconds(50);

// How long the reading end may be closed, when input begins, before that counts as the task's
// doing.
constexpr absl::Duration kReaderGrace = absl::Seconds(2);

// How long the reading end must have been open before the end of a source without a byte is
// believed to reach the task, and how often to look whether it has taken what there was.
constexpr std::chrono::milliseconds kSettled{10};
constexpr absl::Duration kFirstLook = absl::Microseconds(250);
constexpr absl::Duration kLook = absl::Milliseconds(20);

// Pieces that one callback moves before others get their turn.
constexpr int kTurn = 4;

}  // namespace

InputPump::InputPump(std::shared_ptr<reactor::Reactor> reactor, Fifo fifo, const Source& source,
                     std::optional<UserFd> user_fd, OnDone on_done)
    : reactor_(std::move(reactor)),
      file_(std::move(fifo)),
      path_(file_->path()),
      source_(source.source()),
      user_fd_(std::move(user_fd)),
      on_done_(std::move(on_done)),
      delay_(kFirstDelay),
      look_(kFirstLook),
      splice_(user_fd_.has_value() && user_fd_->can_splice()) {}

absl::Status InputPump::Start() {
  if (source_) {
    const auto on_bytes = [reactor = std::weak_ptr(reactor_), weak = weak_from_this()] {
      if (const auto loop = reactor.lock()) {
        loop->Post([weak] {
          if (const auto self = weak.lock()) self->Copy();
        });
      }
    };
    absl::Status s = errdefs::Guard("a source", [&] { source_->OnReadable(on_bytes); });
    if (!s.ok()) return s;
  }
  Open();
  return done_ ? status_ : absl::OkStatus();
}

void InputPump::Cancel(const absl::Status& why) { Finish(why); }

void InputPump::Open() {
  if (done_) return;
  absl::StatusOr<base::Fd> fifo = file_->OpenWriter();
  // Without a free descriptor now, there may be one later.
  if (fifo.ok() ? !*fifo : errdefs::IsResourceExhausted(fifo.status())) {
    return RetryAfterDelay(&InputPump::Open);
  }
  if (!fifo.ok()) return Finish(fifo.status());
  fifo_ = *std::move(fifo);
  AwaitReader();
}

void InputPump::AwaitReader() {
  if (absl::StatusOr<std::shared_ptr<Opens>> opens = Opens::Of(reactor_); opens.ok()) {
    opens_ = *std::move(opens);
    absl::StatusOr<Opens::Watch> watch =
        opens_->Add(fifo_.get(), [weak = weak_from_this()](bool closed) {
          const auto self = weak.lock();
          if (!self || self->done_ || self->begun_) return;
          self->TryBegin();
          if (closed && !self->begun_) self->AwaitReaderBriefly();
        });
    if (watch.ok()) open_watch_ = *std::move(watch);
  }
  TryBegin();
}

// A reader has come and gone. It may be the task's, or one that a shim has for a moment when it
// closes its own writing end before that has opened: then the task's is about to come.
void InputPump::AwaitReaderBriefly() {
  gone_ = reactor_->RunAfter(kReaderGrace, [weak = weak_from_this()] {
    if (const auto self = weak.lock(); self && !self->begun_) self->Finish(self->ReaderGone());
  });
}

void InputPump::TryBegin() {
  if (done_ || begun_) return;
  if (!Fifo::HasReader(fifo_.get())) {
    if (!open_watch_) RetryAfterDelay(&InputPump::TryBegin);
    return;
  }
  begun_ = true;
  begun_at_ = Clock::now();
  if (!first_begun_.has_value()) first_begun_ = begun_at_;
  if (std::exchange(polling_, false)) --polling;
  open_watch_.Reset();
  gone_.Cancel();
  file_.reset();
  if (fifo_watch_) return Copy();
  // EPOLLERR says that the reader has gone.
  absl::StatusOr<reactor::Registration> watch =
      reactor_->Add(fifo_.get(), EPOLLERR, [weak = weak_from_this()](uint32_t events) {
        const auto self = weak.lock();
        if (!self || self->done_ || !self->begun_) return;
        if ((events & EPOLLERR) != 0) {
          self->ReaderLost();
        } else {
          self->Copy();
        }
      });
  if (!watch.ok()) {
    return Finish(errdefs::Annotate(watch.status(), fmt::format("FIFO \"{}\"", path_)));
  }
  fifo_watch_ = *std::move(watch);
  Copy();
}

void InputPump::ReaderLost() {
  if (Clock::now() - *first_begun_ >= absl::ToChronoNanoseconds(kReaderGrace)) {
    return Finish(ReaderGone());
  }
  begun_ = false;
  fifo_watch_.SetEvents(0);
  source_watch_.SetEvents(0);
  retry_.Cancel();
  AwaitReaderBriefly();
  AwaitReader();
}

void InputPump::RetryAfterDelay(void (InputPump::*what)()) {
  retry_ = reactor_->RunAfter(delay_, [weak = weak_from_this(), what] {
    if (const auto self = weak.lock()) ((*self).*what)();
  });
  if (!std::exchange(polling_, true)) ++polling;
  delay_ = std::min(delay_ * 2, std::max(kMaxDelay, polling.load() * kShare));
}

void InputPump::Copy() {
  const auto self = shared_from_this();  // the source may drop the IO
  if (done_ || !begun_) return;
  Step step = Step::kMoved;
  for (int i = 0; i < kTurn && step == Step::kMoved && !done_ && begun_; ++i) {
    step = Next();
  }
  if (done_ || !begun_) return;
  switch (step) {
    case Step::kMoved:
    case Step::kWaitForFifo:
      source_watch_.SetEvents(0);
      fifo_watch_.SetEvents(EPOLLOUT | EPOLLERR);
      break;
    case Step::kWaitForSource:
      fifo_watch_.SetEvents(EPOLLERR);
      WaitForSource();
      break;
    case Step::kEnd:
      // What is in the FIFO would go with its last user.
      if (!Fifo::HasReader(fifo_.get())) return ReaderLost();
      at_end_ = true;
      if (!Arrived()) return LookAgain();
      source_ended_ = true;
      Finish(absl::OkStatus());
      break;
  }
}

InputPump::Step InputPump::Next() {
  if (offset_ < pending_.size()) return FlushPending();
  if (at_end_) return Step::kEnd;
  return source_ ? ReadSource() : ReadFd();
}

// Whether the writing end may be closed. A reader that is there for a moment only would take all
// input with it, and the task's would find no writer and wait for ever; it takes nothing, though,
// and is soon gone.
bool InputPump::Arrived() const {
  const Clock::time_point now = Clock::now();
  if (now - *first_begun_ >= absl::ToChronoNanoseconds(kReaderGrace)) return true;
  int unread = 0;
  if (ioctl(fifo_.get(), FIONREAD, &unread) != 0) return true;
  return unread == 0 && (bytes_ > 0 || now - begun_at_ >= kSettled);
}

void InputPump::LookAgain() {
  source_watch_.SetEvents(0);
  fifo_watch_.SetEvents(EPOLLERR);
  retry_ = reactor_->RunAfter(look_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Copy();
  });
  look_ = std::min(look_ * 2, kLook);
}

InputPump::Step InputPump::FlushPending() {
  const ssize_t n = write(fifo_.get(), pending_.data() + offset_, pending_.size() - offset_);
  if (n < 0) {
    if (errno == EINTR) return Step::kMoved;
    if (errno == EAGAIN) return Step::kWaitForFifo;
    if (errno == EPIPE) {
      ReaderLost();
    } else {
      Finish(errdefs::FromErrno(errno, fmt::format("writing FIFO \"{}\"", path_)));
    }
    return Step::kMoved;
  }
  bytes_ += static_cast<uint64_t>(n);
  offset_ += static_cast<std::size_t>(n);
  if (offset_ == pending_.size()) {
    pending_.clear();
    offset_ = 0;
  }
  return Step::kMoved;
}

InputPump::Step InputPump::ReadSource() {
  const auto source = source_;  // it may end this pump
  absl::StatusOr<std::optional<std::string>> piece =
      errdefs::Guard("a source", [&] { return source->Read(kChunk); });
  if (done_) return Step::kMoved;
  if (!piece.ok()) {
    source_ended_ = true;
    Finish(errdefs::Annotate(piece.status(), fmt::format("reading the input of \"{}\"", path_)));
    return Step::kMoved;
  }
  if (!piece->has_value()) return Step::kEnd;
  if ((*piece)->empty()) return Step::kWaitForSource;
  pending_ = **std::move(piece);
  offset_ = 0;
  return Step::kMoved;
}

InputPump::Step InputPump::ReadFd() {
  // Bytes are taken from the descriptor only when they can go on, so that what the task does not
  // want stays there for others.
  if (!Ready(fifo_.get(), POLLOUT)) return Step::kWaitForFifo;
  Moved moved;
  if (splice_) {
    moved = Splice(user_fd_->get(), fifo_.get());
    if (moved.err == EPIPE) {
      ReaderLost();
      return Step::kMoved;
    }
    if (moved.err == EINVAL || moved.err == ENOSYS || moved.err == EPERM || moved.err == EBADF) {
      splice_ = false;
    }
  }
  if (!splice_) {
    const std::span<char> buffer = ThreadBuffer();
    moved = user_fd_->Read(buffer.data(), buffer.size());
    if (moved.ok() && moved.n > 0) {
      pending_.assign(buffer.data(), static_cast<std::size_t>(moved.n));
      offset_ = 0;
      return Step::kMoved;
    }
  }
  if (moved.ok() && moved.n > 0) {
    bytes_ += static_cast<uint64_t>(moved.n);
    return Step::kMoved;
  }
  if (moved.ok()) {
    return user_fd_->is_pipe() && !AtEnd(user_fd_->get()) ? Step::kWaitForSource : Step::kEnd;
  }
  if (moved.err == EAGAIN) {
    return Ready(fifo_.get(), POLLOUT) ? Step::kWaitForSource : Step::kWaitForFifo;
  }
  if (moved.err != EINTR) {
    source_ended_ = true;
    Finish(errdefs::FromErrno(moved.err, fmt::format("reading the input of \"{}\"", path_)));
  }
  return Step::kMoved;
}

void InputPump::WaitForSource() {
  if (source_) return;  // it says when
  if (source_watch_) return source_watch_.SetEvents(EPOLLIN);
  const auto on_bytes = [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Copy();
  };
  absl::StatusOr<reactor::Registration> watch =
      reactor_->Add(user_fd_->get(), EPOLLIN, [on_bytes](uint32_t) { on_bytes(); });
  if (watch.ok()) {
    source_watch_ = *std::move(watch);
  } else {
    retry_ = reactor_->RunAfter(kReaderRetry, on_bytes);
  }
}

absl::Status InputPump::ReaderGone() const {
  return errdefs::Unavailable(
      fmt::format("writing FIFO \"{}\": the task has closed its stdin", path_));
}

void InputPump::Finish(const absl::Status& status) {
  if (done_) return;
  done_ = true;
  status_ = status;
  if (std::exchange(polling_, false)) --polling;
  const auto self = shared_from_this();
  open_watch_.Reset();
  gone_.Cancel();
  fifo_watch_.Reset();
  source_watch_.Reset();
  retry_.Cancel();
  fifo_.Reset();
  file_.reset();
  user_fd_.reset();
  if (const auto source = std::exchange(source_, nullptr)) {
    threads::Notify("a source", [&] { source->Closed(status); });
  }
  const OnDone on_done = std::exchange(on_done_, nullptr);
  on_done(status);
}

}  // namespace containerd::cio::internal
