// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <errno.h>
#include <poll.h>
#include <span>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"

#include "pump.h"
#include "src/base/fd.h"
#include "src/errdefs/internal/guard.h"

namespace containerd::cio::internal {
namespace {

// How long to leave a full descriptor alone that epoll cannot watch.
constexpr absl::Duration kRoomRetry = absl::Milliseconds(10);

// After this many splices in a row that moved nothing, the bytes are copied instead.
constexpr int kMaxFutile = 16;

}  // namespace

OutputPump::OutputPump(std::shared_ptr<reactor::Reactor> reactor, std::string path, base::Fd fifo,
                       const Sink& sink, std::optional<UserFd> user_fd, Hooks hooks)
    : reactor_(std::move(reactor)),
      path_(std::move(path)),
      fifo_(std::move(fifo)),
      sink_(sink.sink()),
      user_fd_(std::move(user_fd)),
      hooks_(std::move(hooks)),
      splice_(user_fd_.has_value() && user_fd_->can_splice()) {}

absl::Status OutputPump::Start() {
  if (sink_) {
    // It may be called on any thread; the pump continues on the loop's thread.
    const auto on_room = [reactor = std::weak_ptr(reactor_), weak = weak_from_this()] {
      if (const auto loop = reactor.lock()) {
        loop->Post([weak] {
          if (const auto self = weak.lock()) self->OnRoom();
        });
      }
    };
    absl::Status s = errdefs::Guard("a sink", [&] { sink_->OnWritable(on_room); });
    if (!s.ok()) return s;
  }
  absl::StatusOr<reactor::Registration> watch =
      reactor_->Add(fifo_.get(), EPOLLIN, [weak = weak_from_this()](uint32_t) {
        if (const auto self = weak.lock()) self->OnFifo();
      });
  if (!watch.ok()) return errdefs::Annotate(watch.status(), fmt::format("FIFO \"{}\"", path_));
  fifo_watch_ = *std::move(watch);
  return absl::OkStatus();
}

void OutputPump::Cancel(const absl::Status& why) { Finish(why); }

bool OutputPump::Empty() const {
  if (done_) return true;
  int waiting = 0;
  return !paused_ && pending_.empty() && ioctl(fifo_.get(), FIONREAD, &waiting) == 0 &&
         waiting == 0;
}

bool OutputPump::Deserted() {
  if (done_) return true;
  if (!Empty()) return false;
  // Only reading tells, if nobody has ever had it open.
  char byte = 0;
  const ssize_t n = read(fifo_.get(), &byte, 1);
  if (n > 0) {  // it has come this moment
    ++bytes_;
    pending_.assign(1, byte);
    paused_ = true;
    paused_since_ = Clock::now();
    fifo_watch_.SetEvents(0);
    reactor_->Post([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->OnRoom();
    });
  }
  return n == 0;
}

OutputPump::Clock::duration OutputPump::Behind() const {
  return paused_ ? behind_ + (Clock::now() - paused_since_) : behind_;
}

void OutputPump::OnFifo() {
  if (done_ || paused_) return;
  const auto self = shared_from_this();  // the sink may drop the IO
  const Clock::time_point begin = Clock::now();
  const uint64_t before = bytes_;
  if (!splice_ || !SpliceStep()) ReadStep();
  Account(begin, before);
}

// Notes what became of the time since `since`, in which the sink had its turn.
void OutputPump::Account(Clock::time_point since, uint64_t bytes_before) {
  const Clock::time_point now = Clock::now();
  behind_ += now - since;
  paused_since_ = now;
  if (bytes_ == bytes_before || done_) return;
  last_bytes_ = now;
  hooks_.on_bytes();
}

// False when the kernel does not move bytes between these two descriptors.
bool OutputPump::SpliceStep() {
  const Moved moved = Splice(fifo_.get(), user_fd_->get());
  if (moved.ok() && moved.n > 0) {
    futile_ = 0;
    bytes_ += static_cast<uint64_t>(moved.n);
    return true;
  }
  if (moved.ok()) {
    if (AtEnd(fifo_.get())) Finish(absl::OkStatus());
    return true;
  }
  switch (moved.err) {
    case EINTR:
      return true;
    case EAGAIN:
      if (!Ready(user_fd_->get(), POLLOUT)) {
        Pause();
      } else if (Ready(fifo_.get(), POLLIN) && ++futile_ > kMaxFutile) {
        splice_ = false;
      }
      return true;
    case EINVAL:
    case ENOSYS:
    case EPERM:
    case EBADF:
      splice_ = false;
      return false;
    default:
      SinkFailed(errdefs::FromErrno(moved.err, fmt::format("descriptor {}", user_fd_->get())));
      return true;
  }
}

void OutputPump::ReadStep() {
  const std::span<char> buffer = ThreadBuffer();
  const ssize_t n = read(fifo_.get(), buffer.data(), buffer.size());
  if (n > 0) {
    bytes_ += static_cast<uint64_t>(n);
    Deliver(std::string_view(buffer.data(), static_cast<std::size_t>(n)));
  } else if (n == 0) {
    if (AtEnd(fifo_.get())) Finish(absl::OkStatus());
  } else if (errno != EAGAIN && errno != EINTR) {
    Finish(errdefs::FromErrno(errno, fmt::format("reading FIFO \"{}\"", path_)));
  }
}

void OutputPump::Deliver(std::string_view bytes) {
  while (!bytes.empty() && !done_ && sink_status_.ok()) {
    const absl::StatusOr<std::size_t> taken = Offer(bytes);
    if (done_) return;
    if (!taken.ok()) return SinkFailed(taken.status());
    const std::size_t n = std::min(*taken, bytes.size());
    bytes.remove_prefix(n);
    // A descriptor may have room for more after a short write; asking tells.
    if (!bytes.empty() && (sink_ || n == 0)) {
      pending_.assign(bytes);
      return Pause();
    }
  }
}

// How much the sink takes now; 0 for none.
absl::StatusOr<std::size_t> OutputPump::Offer(std::string_view bytes) {
  if (const auto sink = sink_) {  // it may end this pump
    return errdefs::Guard("a sink", [&] { return sink->Write(bytes); });
  }
  while (true) {
    const Moved moved = user_fd_->Write(bytes);
    if (moved.ok()) return static_cast<std::size_t>(moved.n);
    if (moved.err == EAGAIN) return 0;
    if (moved.err != EINTR) {
      return errdefs::FromErrno(moved.err, fmt::format("descriptor {}", user_fd_->get()));
    }
  }
}

void OutputPump::Pause() {
  paused_ = true;
  fifo_watch_.SetEvents(0);
  if (!user_fd_.has_value()) return;  // the sink says when
  const auto on_room = [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->OnRoom();
  };
  if (!sink_watch_) {
    absl::StatusOr<reactor::Registration> watch =
        reactor_->Add(user_fd_->get(), EPOLLOUT, [on_room](uint32_t) { on_room(); });
    if (!watch.ok()) {
      retry_ = reactor_->RunAfter(kRoomRetry, on_room);
      return;
    }
    sink_watch_ = *std::move(watch);
  }
  sink_watch_.SetEvents(EPOLLOUT);
}

void OutputPump::OnRoom() {
  if (done_ || !paused_) return;
  const auto self = shared_from_this();
  const Clock::time_point since = paused_since_;
  sink_watch_.SetEvents(0);
  paused_ = false;
  Deliver(std::exchange(pending_, {}));
  if (!paused_) Resume();
  Account(since, bytes_);
}

void OutputPump::Resume() {
  if (!done_) fifo_watch_.SetEvents(EPOLLIN);
}

void OutputPump::SinkFailed(const absl::Status& why) {
  sink_status_ = errdefs::Annotate(why, fmt::format("delivering the output of \"{}\"", path_));
  log::Warn(fmt::format("{}; the rest is dropped", errdefs::Message(sink_status_)));
  pending_.clear();
  paused_ = false;
  splice_ = false;
  sink_watch_.Reset();
  user_fd_.reset();
  sink_.reset();
  Resume();
}

void OutputPump::Finish(const absl::Status& status) {
  if (done_) return;
  done_ = true;
  const auto self = shared_from_this();
  fifo_watch_.Reset();
  sink_watch_.Reset();
  retry_.Cancel();
  fifo_.Reset();
  user_fd_.reset();
  sink_.reset();
  pending_.clear();
  const Hooks hooks = std::exchange(hooks_, {});
  hooks.on_done(sink_status_.ok() ? status : sink_status_);
}

}  // namespace containerd::cio::internal
