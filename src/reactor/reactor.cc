// SPDX-License-Identifier: Apache-2.0
#include "src/reactor/internal/reactor.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <errno.h>
#include <map>
#include <pthread.h>
#include <span>
#include <string>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <thread>
#include <time.h>
#include <unistd.h>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"

#include "src/base/mutex.h"
#include "src/threads/internal/abandon.h"
#include "src/threads/internal/callback.h"
#include "src/threads/internal/forked.h"
#include "src/threads/internal/start.h"

namespace containerd::reactor {
namespace {

// What epoll gives back for the loop's own descriptors; users' ids follow.
constexpr uint64_t kWakeId = 0;
constexpr uint64_t kClockId = 1;
constexpr uint64_t kFirstId = 2;

// Rounds of the loop after which it counts as idle even if there is more to do.
constexpr int kMostRounds = 16;

int64_t MonotonicNanos() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// EPOLL_CTL_MOD with no events still reports EPOLLHUP and EPOLLERR, and again and again when
// level-triggered. With EPOLLET they come once, and Dispatch drops that one.
uint32_t Effective(uint32_t events) { return events == 0 ? uint32_t{EPOLLET} : events; }

}  // namespace

namespace internal {

class Loop : public std::enable_shared_from_this<Loop> {
 public:
  ~Loop() {
    for (const int fd : {epoll_, wake_, clock_}) {
      if (fd >= 0) close(fd);
    }
  }

  absl::Status Start() {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) return errdefs::FromErrno(errno, "reactor: epoll_create1");
    wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_ < 0) return errdefs::FromErrno(errno, "reactor: eventfd");
    clock_ = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (clock_ < 0) return errdefs::FromErrno(errno, "reactor: timerfd_create");
    for (const auto& [fd, id] : {std::pair{wake_, kWakeId}, std::pair{clock_, kClockId}}) {
      epoll_event event{.events = EPOLLIN, .data = {.u64 = id}};
      if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) < 0) {
        return errdefs::FromErrno(errno, "reactor: epoll_ctl");
      }
    }

    absl::StatusOr<std::thread> thread =
        threads::Start("watch descriptors", [self = shared_from_this()] { self->Run(); });
    if (!thread.ok()) return errdefs::Annotate(thread.status(), "reactor");
    thread_ = *std::move(thread);
    return absl::OkStatus();
  }

  // Ends the thread and waits for it; on the thread itself, lets it end by itself.
  void Stop() {
    if (owner_.Forked()) return threads::Abandon(std::move(thread_));
    {
      base::MutexLock lock(mu_);
      stop_ = true;
    }
    Wake();
    if (OnThread()) {
      thread_.detach();
    } else {
      thread_.join();
    }
  }

  bool Forked() const { return owner_.Forked(); }

  bool OnThread() const {
    return running_on_.load(std::memory_order_acquire) &&
           pthread_equal(pthread_self(), thread_self_) != 0;
  }

  absl::StatusOr<uint64_t> Add(int fd, uint32_t events, Reactor::FdCallback callback) {
    if (absl::Status s = owner_.Check("the reactor"); !s.ok()) return s;
    auto handler = std::make_shared<Handler>(Handler{fd, events, std::move(callback)});
    base::MutexLock lock(mu_);
    const uint64_t id = next_id_++;
    epoll_event event{.events = Effective(events), .data = {.u64 = id}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) < 0) {
      const int err = errno;
      const std::string what = fmt::format("reactor: watching descriptor {}", fd);
      return err == ENOSPC
                 ? errdefs::ResourceExhausted(what + ": fs.epoll.max_user_watches is reached")
                 : errdefs::FromErrno(err, what);
    }
    handlers_.emplace(id, std::move(handler));
    return id;
  }

  void SetEvents(uint64_t id, uint32_t events) {
    if (owner_.Forked()) return;
    base::MutexLock lock(mu_);
    const auto it = handlers_.find(id);
    if (it == handlers_.end() || it->second->events == events) return;
    it->second->events = events;
    epoll_event event{.events = Effective(events), .data = {.u64 = id}};
    if (epoll_ctl(epoll_, EPOLL_CTL_MOD, it->second->fd, &event) < 0) {
      log::Error(errdefs::Message(errdefs::FromErrno(
          errno,
          fmt::format("reactor: changing what is watched of descriptor {}", it->second->fd))));
    }
  }

  void Remove(uint64_t id) {
    if (owner_.Forked()) return;       // the epoll set is the parent's, too
    std::shared_ptr<Handler> dropped;  // its callback is destroyed outside the lock
    base::MutexLock lock(mu_);
    const auto it = handlers_.find(id);
    if (it != handlers_.end()) {
      dropped = std::move(it->second);
      handlers_.erase(it);
      epoll_ctl(epoll_, EPOLL_CTL_DEL, dropped->fd, nullptr);
    }
    AwaitIdle(id);
  }

  std::pair<int64_t, uint64_t> RunAfter(absl::Duration delay, std::function<void()> fn) {
    const int64_t nanos = std::clamp<int64_t>(absl::ToInt64Nanoseconds(delay), 0, int64_t{1} << 60);
    if (owner_.Forked()) return {};
    base::MutexLock lock(mu_);
    const std::pair key(MonotonicNanos() + nanos, next_id_++);
    const auto it = timers_.emplace(key, std::move(fn)).first;
    if (it == timers_.begin()) SetClock();
    return key;
  }

  void CancelTimer(int64_t when, uint64_t id) {
    if (owner_.Forked()) return;
    // Destroyed outside the lock.
    std::map<std::pair<int64_t, uint64_t>, std::function<void()>>::node_type dropped;
    base::MutexLock lock(mu_);
    dropped = timers_.extract({when, id});
    // The clock may now be early; that wakes the loop once for nothing.
    if (dropped.empty()) AwaitIdle(id);
  }

  void Post(std::function<void()> fn) {
    if (owner_.Forked()) return;
    {
      base::MutexLock lock(mu_);
      posted_.push_back(std::move(fn));
      if (posted_.size() > 1) return;  // woken already
    }
    Wake();
  }

  void WhenIdle(std::function<void()> fn) {
    if (!OnThread()) return Post(std::move(fn));
    when_idle_.push_back(std::move(fn));
  }

 private:
  struct Handler {
    int fd;
    uint32_t events;  // under mu_ of the loop
    Reactor::FdCallback callback;
  };

  // Waits until the callback `id` is not running, unless it is that callback that asks.
  void AwaitIdle(uint64_t id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (running_ != id || OnThread()) return;
    ++waiters_;
    idle_.Wait(mu_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return running_ != id; });
    --waiters_;
  }

  void Wake() const {
    const uint64_t one = 1;
    // It fails only when the counter is full: then the loop is about to wake anyway.
    (void)!write(wake_, &one, sizeof(one));
  }

  static void Clear(int fd) {
    uint64_t count = 0;
    (void)!read(fd, &count, sizeof(count));
  }

  // Sets the clock to the first timer, or stops it.
  void SetClock() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    itimerspec spec{};
    if (!timers_.empty()) {
      const int64_t when = std::max<int64_t>(timers_.begin()->first.first, 1);
      spec.it_value.tv_sec = when / 1'000'000'000;
      spec.it_value.tv_nsec = when % 1'000'000'000;
    }
    timerfd_settime(clock_, TFD_TIMER_ABSTIME, &spec, nullptr);
  }

  void Run() {
    pthread_setname_np(pthread_self(), "containerd-io");
    const threads::CallbackScope scope;  // nothing may block this thread
    thread_self_ = pthread_self();
    running_on_.store(true, std::memory_order_release);
    std::array<epoll_event, 128> events;
    bool stop = false;
    int rounds = 0;  // since there is something to do when idle
    while (!stop) {
      const int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                               when_idle_.empty() ? -1 : 0);
      rounds = when_idle_.empty() ? 0 : rounds + 1;
      if (n < 0) {
        if (errno == EINTR) continue;
        // This happens only if the descriptor was closed while it was registered.
        log::Error(errdefs::Message(errdefs::FromErrno(errno, "reactor: epoll_wait")));
        break;
      }
      for (const epoll_event& event : std::span(events).first(static_cast<std::size_t>(n))) {
        if (event.data.u64 == kWakeId) {
          Clear(wake_);
        } else if (event.data.u64 == kClockId) {
          Clear(clock_);
          RunTimers();
        } else {
          Dispatch(event.data.u64, event.events);
        }
      }
      if (n == 0 || rounds >= kMostRounds) {
        RunAll(std::exchange(when_idle_, {}));
        rounds = 0;
      }
      stop = RunPosted();
    }
    RunAll(std::exchange(when_idle_, {}));
    RunPosted();
    std::unordered_map<uint64_t, std::shared_ptr<Handler>> handlers;
    std::map<std::pair<int64_t, uint64_t>, std::function<void()>> timers;
    running_on_.store(false, std::memory_order_release);
    base::MutexLock lock(mu_);
    handlers.swap(handlers_);  // destroyed after the lock's release
    timers.swap(timers_);
  }

  void Dispatch(uint64_t id, uint32_t events) {
    std::shared_ptr<Handler> handler;
    {
      base::MutexLock lock(mu_);
      const auto it = handlers_.find(id);
      if (it == handlers_.end() || it->second->events == 0) return;
      handler = it->second;
      running_ = id;
    }
    threads::Notify("a callback of a descriptor", handler->callback, events);
    handler.reset();  // what the callback holds is released before a Remove that waits returns
    Finished();
  }

  void RunTimers() {
    const int64_t now = MonotonicNanos();
    while (true) {
      std::function<void()> due;
      {
        base::MutexLock lock(mu_);
        const auto first = timers_.begin();
        if (first == timers_.end() || first->first.first > now) {
          SetClock();
          return;
        }
        running_ = first->first.second;
        due = std::move(first->second);
        timers_.erase(first);
      }
      threads::Notify("a timer", due);
      due = nullptr;  // as in Dispatch
      Finished();
    }
  }

  // Runs what has been posted; true when the loop is to end.
  bool RunPosted() {
    while (true) {
      std::vector<std::function<void()>> batch;
      bool stop = false;
      {
        base::MutexLock lock(mu_);
        stop = stop_;
        batch.swap(posted_);
      }
      const bool none = batch.empty();
      RunAll(std::move(batch));
      if (!stop) return false;
      if (none) return true;
    }
  }

  static void RunAll(std::vector<std::function<void()>> batch) {
    for (std::function<void()>& fn : batch) {
      threads::Notify("a function of the reactor", fn);
      fn = nullptr;
    }
  }

  void Finished() {
    base::MutexLock lock(mu_);
    running_ = 0;
    if (waiters_ > 0) idle_.NotifyAll();
  }

  const threads::Owner owner_;
  int epoll_ = -1;
  int wake_ = -1;
  int clock_ = -1;
  std::thread thread_;
  pthread_t thread_self_{};  // written by the thread before running_on_
  std::atomic<bool> running_on_ = false;
  std::vector<std::function<void()>> when_idle_;  // the thread's own

  base::Mutex mu_;
  base::CondVar idle_;
  int waiters_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t running_ ABSL_GUARDED_BY(mu_) = 0;  // the callback that runs now
  uint64_t next_id_ ABSL_GUARDED_BY(mu_) = kFirstId;
  std::unordered_map<uint64_t, std::shared_ptr<Handler>> handlers_ ABSL_GUARDED_BY(mu_);
  std::map<std::pair<int64_t, uint64_t>, std::function<void()>> timers_
      ABSL_GUARDED_BY(mu_);  // by time
  std::vector<std::function<void()>> posted_ ABSL_GUARDED_BY(mu_);
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace internal

Registration::Registration(Registration&& other) noexcept
    : loop_(std::move(other.loop_)), id_(other.id_) {}

Registration& Registration::operator=(Registration&& other) noexcept {
  if (this != &other) {
    Reset();
    loop_ = std::move(other.loop_);
    id_ = other.id_;
  }
  return *this;
}

Registration::~Registration() { Reset(); }

void Registration::SetEvents(uint32_t events) {
  if (loop_) loop_->SetEvents(id_, events);
}

void Registration::Reset() {
  if (const auto loop = std::exchange(loop_, nullptr)) loop->Remove(id_);
}

Timer::Timer(Timer&& other) noexcept
    : loop_(std::move(other.loop_)), when_(other.when_), id_(other.id_) {}

Timer& Timer::operator=(Timer&& other) noexcept {
  if (this != &other) {
    Cancel();
    loop_ = std::move(other.loop_);
    when_ = other.when_;
    id_ = other.id_;
  }
  return *this;
}

Timer::~Timer() { Cancel(); }

void Timer::Cancel() {
  if (const auto loop = std::exchange(loop_, nullptr)) loop->CancelTimer(when_, id_);
}

absl::StatusOr<std::shared_ptr<Reactor>> Reactor::New() {
  auto loop = std::make_shared<internal::Loop>();
  if (absl::Status s = loop->Start(); !s.ok()) return s;
  return std::shared_ptr<Reactor>(new Reactor(std::move(loop)));
}

absl::StatusOr<std::shared_ptr<Reactor>> Reactor::Shared() {
  struct Instance {
    base::Mutex mu;
    std::weak_ptr<Reactor> reactor ABSL_GUARDED_BY(mu);
    threads::Owner owner ABSL_GUARDED_BY(mu);
  };
  static Instance& instance = *new Instance;  // never destroyed: users may outlive static objects
  base::MutexLock lock(instance.mu);
  if (!instance.owner.Forked()) {
    if (auto reactor = instance.reactor.lock()) return reactor;
  }
  absl::StatusOr<std::shared_ptr<Reactor>> reactor = New();
  if (reactor.ok()) {
    instance.reactor = *reactor;
    instance.owner = threads::Owner();
  }
  return reactor;
}

Reactor::~Reactor() { loop_->Stop(); }

absl::StatusOr<Registration> Reactor::Add(int fd, uint32_t events, FdCallback callback) {
  absl::StatusOr<uint64_t> id = loop_->Add(fd, events, std::move(callback));
  if (!id.ok()) return id.status();
  return Registration(loop_, *id);
}

Timer Reactor::RunAfter(absl::Duration delay, std::function<void()> fn) {
  const auto [when, id] = loop_->RunAfter(delay, std::move(fn));
  return {loop_, when, id};
}

void Reactor::Post(std::function<void()> fn) { loop_->Post(std::move(fn)); }

void Reactor::WhenIdle(std::function<void()> fn) { loop_->WhenIdle(std::move(fn)); }

void Reactor::RunSync(const std::function<void()>& fn) {
  if (OnLoopThread()) {
    fn();
    return;
  }
  if (loop_->Forked()) return;
  struct Rendezvous {
    base::Mutex mu;
    base::CondVar done_changed;
    bool done ABSL_GUARDED_BY(mu) = false;
  } rendezvous;
  loop_->Post([&] {
    fn();
    base::MutexLock lock(rendezvous.mu);
    rendezvous.done = true;
    rendezvous.done_changed.NotifyAll();
  });
  base::MutexLock lock(rendezvous.mu);
  rendezvous.done_changed.Wait(rendezvous.mu, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(rendezvous.mu) {
    return rendezvous.done;
  });
}

bool Reactor::OnLoopThread() const { return loop_->OnThread(); }

}  // namespace containerd::reactor
