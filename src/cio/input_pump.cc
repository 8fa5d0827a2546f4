// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <atomic>
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "pump.h"
#include "src/base/fd.h"

namespace containerd::cio::internal {
namespace {

// The kernel does not tell when somebody opens a FIFO for reading, so it is tried again and again.
// Doubling the delay makes the input at most about twice as late as the shim was; the upper limit
// grows with the number of those that wait, so that all of them together try 10,000 times a second
// at the most.
constexpr absl::Duration kFirstDelay = absl::Milliseconds(1);
constexpr absl::Duration kMaxDelay = absl::Milliseconds(20);
constexpr absl::Duration kShare = absl::Microseconds(100);
std::atomic<int> waiting_to_open = 0;

// How long to leave a descriptor alone that has nothing now and that epoll cannot watch.
constexpr absl::Duration kReaderRetry = absl::Milliseconds(50);

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
      splice_(user_fd_.has_value() && user_fd_->can_splice()) {}

absl::Status InputPump::Start() {
  if (source_) {
    source_->OnReadable([reactor = std::weak_ptr(reactor_), weak = weak_from_this()] {
      if (const auto loop = reactor.lock()) {
        loop->Post([weak] {
          if (const auto self = weak.lock()) self->Copy();
        });
      }
    });
  }
  TryOpen();
  return done_ ? status_ : absl::OkStatus();
}

void InputPump::Cancel(const absl::Status& why) { Finish(why); }

void InputPump::TryOpen() {
  if (done_) return;
  absl::StatusOr<base::Fd> fifo = file_->TryOpenWriter();
  // Without a free descriptor now, there may be one later.
  if (fifo.ok() ? !*fifo : errdefs::IsResourceExhausted(fifo.status())) {
    retry_ = reactor_->RunAfter(delay_, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->TryOpen();
    });
    if (!std::exchange(waiting_, true)) ++waiting_to_open;
    delay_ = std::min(delay_ * 2, std::max(kMaxDelay, waiting_to_open.load() * kShare));
    return;
  }
  if (std::exchange(waiting_, false)) --waiting_to_open;
  if (!fifo.ok()) return Finish(fifo.status());
  fifo_ = *std::move(fifo);
  file_.reset();
  // EPOLLERR says that the reader has gone.
  absl::StatusOr<reactor::Registration> watch =
      reactor_->Add(fifo_.get(), EPOLLERR, [weak = weak_from_this()](uint32_t events) {
        const auto self = weak.lock();
        if (!self || self->done_) return;
        if ((events & EPOLLERR) != 0) {
          self->Finish(self->ReaderGone());
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

void InputPump::Copy() {
  const auto self = shared_from_this();  // the source may drop the IO
  if (done_ || !fifo_) return;
  Step step = Step::kMoved;
  for (int i = 0; i < kTurn && step == Step::kMoved && !done_; ++i) {
    step = offset_ < pending_.size() ? FlushPending() : (source_ ? ReadSource() : ReadFd());
  }
  if (done_) return;
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
      Finish(absl::OkStatus());
      break;
  }
}

InputPump::Step InputPump::FlushPending() {
  const ssize_t n = write(fifo_.get(), pending_.data() + offset_, pending_.size() - offset_);
  if (n < 0) {
    if (errno == EINTR) return Step::kMoved;
    if (errno == EAGAIN) return Step::kWaitForFifo;
    Finish(errno == EPIPE ? ReaderGone()
                          : errdefs::FromErrno(errno, fmt::format("writing FIFO \"{}\"", path_)));
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
  absl::StatusOr<std::optional<std::string>> piece = source->Read(kChunk);
  if (done_) return Step::kMoved;
  if (!piece.ok()) {
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
  static thread_local std::array<char, kChunk> buffer;
  Moved moved;
  if (splice_) {
    moved = Splice(user_fd_->get(), fifo_.get());
    if (moved.err == EPIPE) {
      Finish(ReaderGone());
      return Step::kMoved;
    }
    if (moved.err == EINVAL || moved.err == ENOSYS || moved.err == EPERM || moved.err == EBADF) {
      splice_ = false;
    }
  }
  if (!splice_) {
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
  if (std::exchange(waiting_, false)) --waiting_to_open;
  const auto self = shared_from_this();
  fifo_watch_.Reset();
  source_watch_.Reset();
  retry_.Cancel();
  fifo_.Reset();
  file_.reset();
  user_fd_.reset();
  if (const auto source = std::exchange(source_, nullptr)) source->Closed(status);
  const OnDone on_done = std::exchange(on_done_, nullptr);
  on_done(status);
}

}  // namespace containerd::cio::internal
