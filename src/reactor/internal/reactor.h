// SPDX-License-Identifier: Apache-2.0
//
// Package reactor: the library's one epoll loop. Everything that waits for a descriptor or a clock
// waits here, so that ten thousand attached tasks cost one thread.
//
//   absl::StatusOr<std::shared_ptr<Reactor>> loop = Reactor::Shared();
//   absl::StatusOr<Registration> reg =
//       (*loop)->Add(fd, EPOLLIN, [fd](uint32_t events) { ReadSome(fd); });
//   Timer timer = (*loop)->RunAfter(absl::Seconds(1), [] { GiveUp(); });
//
// The loop lives as long as somebody holds the Reactor: the first Shared() starts its thread, and
// whoever lets the last reference go waits until the thread has ended (unless that happens on the
// loop's own thread, which then ends by itself).
//
// Callbacks run on that thread, one at a time. They must not block, because all other work waits
// meanwhile; a call of the library that would fails at once. An exception that leaves one is
// logged. The thread blocks signals (SIGPIPE too, so that a write to a pipe without reader made
// from a callback gives EPIPE and no signal), except those that report a fault.
//
// fork: the thread does not exist in a child. A child that does not exec may drop what it inherited
// (nothing of the parent's loop is touched by that) and Shared() gives it a loop of its own. All
// descriptors are close-on-exec.
#ifndef CONTAINERD_SRC_REACTOR_INTERNAL_REACTOR_H_
#define CONTAINERD_SRC_REACTOR_INTERNAL_REACTOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <sys/epoll.h>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/export/export.h"

namespace containerd::reactor {

namespace internal {
class Loop;
}  // namespace internal

// A descriptor that the loop watches. Destroying it ends that; when the destructor returns, the
// callback is not running and will not run any more (except for the call that the destructor is
// itself made from). Release it before closing the descriptor, which it does not own.
class CONTAINERD_SIBLING Registration {
 public:
  Registration() = default;
  Registration(Registration&& other) noexcept;
  Registration& operator=(Registration&& other) noexcept;
  ~Registration();

  // Changes what to wait for, as in Add. 0 mutes the descriptor: not even EPOLLHUP or EPOLLERR are
  // reported, which epoll otherwise does unasked. Safe from any thread.
  void SetEvents(uint32_t events);

  // Ends it now, as the destructor does.
  void Reset();

  explicit operator bool() const { return loop_ != nullptr; }

 private:
  friend class Reactor;
  Registration(std::shared_ptr<internal::Loop> loop, uint64_t id)
      : loop_(std::move(loop)), id_(id) {}

  std::shared_ptr<internal::Loop> loop_;
  uint64_t id_ = 0;
};

// A function that is to run later. Destroying it cancels that, with the same promise as
// Registration's.
class CONTAINERD_SIBLING Timer {
 public:
  Timer() = default;
  Timer(Timer&& other) noexcept;
  Timer& operator=(Timer&& other) noexcept;
  ~Timer();

  // Cancels now, as the destructor does.
  void Cancel();

 private:
  friend class Reactor;
  Timer(std::shared_ptr<internal::Loop> loop, int64_t when, uint64_t id)
      : loop_(std::move(loop)), when_(when), id_(id) {}

  std::shared_ptr<internal::Loop> loop_;
  int64_t when_ = 0;
  uint64_t id_ = 0;
};

// All functions are safe from any thread. Hold the Reactor for as long as its registrations and
// timers are to work; they may be destroyed after it.
class CONTAINERD_SIBLING Reactor {
 public:
  // Receives what epoll reports: EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR, ...
  using FdCallback = std::function<void(uint32_t events)>;

  // The process's loop, started if nobody has it. ErrResourceExhausted when there is no descriptor
  // or thread left for it.
  static absl::StatusOr<std::shared_ptr<Reactor>> Shared();

  // A loop of its own, for tests.
  static absl::StatusOr<std::shared_ptr<Reactor>> New();

  // Stops the loop. Functions posted before are still run; timers and descriptors are forgotten.
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  // Watches `fd` for `events`, level-triggered unless they contain EPOLLET; 0 begins muted. `fd`
  // stays the caller's. ErrPermissionDenied for what epoll cannot watch because it is always ready
  // (regular files, some devices), ErrResourceExhausted at the limits of the system.
  absl::StatusOr<Registration> Add(int fd, uint32_t events, FdCallback callback);

  // Runs `fn` once, `delay` from now by the monotonic clock (a negative one counts as zero).
  [[nodiscard]] Timer RunAfter(absl::Duration delay, std::function<void()> fn);

  // Runs `fn` soon on the loop's thread, never from within this call; in the order of posting.
  void Post(std::function<void()> fn);

  // In a callback: runs `fn` when nothing else is ready, or after some rounds of the loop. For what
  // is better done once for all that has come than each time. On other threads as Post.
  void WhenIdle(std::function<void()> fn);

  // Runs `fn` on the loop's thread and waits for it; called on that thread it just runs it. In a
  // forked child, which has no such thread, neither this nor Post does anything.
  void RunSync(const std::function<void()>& fn);

  // Whether this is the loop's thread.
  bool OnLoopThread() const;

 private:
  explicit Reactor(std::shared_ptr<internal::Loop> loop) : loop_(std::move(loop)) {}

  std::shared_ptr<internal::Loop> loop_;
};

}  // namespace containerd::reactor

#endif  // CONTAINERD_SRC_REACTOR_INTERNAL_REACTOR_H_
