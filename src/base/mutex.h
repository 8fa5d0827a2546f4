// SPDX-License-Identifier: Apache-2.0
//
// The standard library's mutex and condition variable, known to clang's thread-safety analysis:
//
//   base::Mutex mu_;
//   base::CondVar changed_;
//   std::deque<Item> queue_ ABSL_GUARDED_BY(mu_);
//
//   base::MutexLock lock(mu_);
//   changed_.Wait(mu_, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return !queue_.empty(); });
//
// The analysis looks at a lambda by itself, so a condition says what it needs, as above.
#ifndef CONTAINERD_SRC_BASE_MUTEX_H_
#define CONTAINERD_SRC_BASE_MUTEX_H_

#include <condition_variable>
#include <mutex>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/time/time.h>

// What abseil has no name for: ABSL_UNLOCK_FUNCTION leaves open how the mutex was held, and then
// nothing can be said of holding it again.
#if defined(__clang__)
#define CONTAINERD_EXCLUSIVE_UNLOCK_FUNCTION(...) __attribute__((release_capability(__VA_ARGS__)))
#else
#define CONTAINERD_EXCLUSIVE_UNLOCK_FUNCTION(...)
#endif

namespace containerd::base {

class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mu_.lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mu_.unlock(); }
  [[nodiscard]] bool TryLock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) { return mu_.try_lock(); }

  // The names that the standard library's locks call. The analysis does not see through those.
  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { Lock(); }
  void unlock() ABSL_UNLOCK_FUNCTION() { Unlock(); }
  [[nodiscard]] bool try_lock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) { return TryLock(); }

 private:
  friend class CondVar;

  std::mutex mu_;
};

// Holds a mutex for as long as it lives, except between Unlock and Lock.
class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mu) ABSL_EXCLUSIVE_LOCK_FUNCTION(mu) : mu_(mu) { mu_.Lock(); }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() {
    if (held_) mu_.Unlock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void Unlock() ABSL_UNLOCK_FUNCTION() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    mu_.Unlock();
    held_ = false;
  }
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    mu_.Lock();
    held_ = true;
  }

 private:
  Mutex& mu_;
  bool held_ = true;
};

// The reverse: the mutex, which is held, is not for as long as this lives. Holds it again also when
// an exception ends the block.
class ABSL_SCOPED_LOCKABLE MutexUnlock {
 public:
  explicit MutexUnlock(Mutex& mu) CONTAINERD_EXCLUSIVE_UNLOCK_FUNCTION(mu) : mu_(mu) {
    mu_.Unlock();
  }
  ~MutexUnlock() CONTAINERD_EXCLUSIVE_UNLOCK_FUNCTION() { mu_.Lock(); }
  MutexUnlock(const MutexUnlock&) = delete;
  MutexUnlock& operator=(const MutexUnlock&) = delete;

 private:
  Mutex& mu_;
};

// Calls what wants a mutex held that the caller holds under another name.
template <typename Ready>
auto CallLocked(Ready& ready) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  return ready();
}

// All waits release the mutex while they sleep and hold it again when they return. Conditions are
// called with it held.
class CondVar {
 public:
  CondVar() = default;
  CondVar(const CondVar&) = delete;
  CondVar& operator=(const CondVar&) = delete;

  void NotifyOne() { changed_.notify_one(); }
  void NotifyAll() { changed_.notify_all(); }

  // Until notified, or for no reason at all.
  void Wait(Mutex& mu) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    std::unique_lock<std::mutex> held(mu.mu_, std::adopt_lock);
    changed_.wait(held);
    held.release();
  }

  // The same, but no longer than `deadline`; false when that has passed.
  bool WaitUntil(Mutex& mu, absl::Time deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    if (deadline == absl::InfiniteFuture()) {
      Wait(mu);
      return true;
    }
    std::unique_lock<std::mutex> held(mu.mu_, std::adopt_lock);
    const std::cv_status how = changed_.wait_until(held, absl::ToChronoTime(deadline));
    held.release();
    return how == std::cv_status::no_timeout;
  }

  // Until `ready()` is true.
  template <typename Ready>
  void Wait(Mutex& mu, Ready ready) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    while (!CallLocked(ready)) Wait(mu);
  }

  // The same, but no longer than `deadline`; returns what `ready()` gave last.
  template <typename Ready>
  bool WaitUntil(Mutex& mu, absl::Time deadline, Ready ready) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    while (!CallLocked(ready)) {
      if (!WaitUntil(mu, deadline)) return CallLocked(ready);
    }
    return true;
  }

  // The same, measured by a clock that is not set.
  template <typename Ready>
  bool WaitFor(Mutex& mu, absl::Duration timeout, Ready ready) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    if (timeout == absl::InfiniteDuration()) {
      Wait(mu, std::move(ready));
      return true;
    }
    std::unique_lock<std::mutex> held(mu.mu_, std::adopt_lock);
    const bool done = changed_.wait_for(held, absl::ToChronoNanoseconds(timeout),
                                        [&ready] { return CallLocked(ready); });
    held.release();
    return done;
  }

 private:
  std::condition_variable changed_;
};

}  // namespace containerd::base

#undef CONTAINERD_EXCLUSIVE_UNLOCK_FUNCTION

#endif  // CONTAINERD_SRC_BASE_MUTEX_H_
