// SPDX-License-Identifier: Apache-2.0
#include "containerd/future/executor.h"

#include <cstddef>
#include <deque>
#include <pthread.h>
#include <thread>
#include <utility>

#include <absl/time/clock.h>
#include <absl/time/time.h>

#include "src/base/mutex.h"
#include "src/threads/internal/callback.h"
#include "src/threads/internal/forked.h"
#include "src/threads/internal/start.h"

namespace containerd {
namespace {

// Threads that are started without hesitation. Beyond them a function waits a moment first, since
// most others are done by then.
constexpr std::size_t kEager = 4;
constexpr std::size_t kMost = 1024;
constexpr absl::Duration kMoment = absl::Milliseconds(10);
constexpr absl::Duration kIdle = absl::Seconds(1);

void RunOne(const std::function<void()>& fn) { threads::Notify("a function of an executor", fn); }

class Pool final : public Executor {
 public:
  void Execute(std::function<void()> fn) override {
    if (owner_.Forked()) return RunOne(fn);
    {
      const base::MutexLock lock(mu_);
      jobs_.push_back(std::move(fn));
      if (idle_ >= jobs_.size()) return job_.NotifyOne();
      if (threads_ < kEager) {
        Start(/*late=*/false);
      } else {
        StartLate();
      }
      if (threads_ > 0) return;
      fn = std::move(jobs_.back());
      jobs_.pop_back();
    }
    RunOne(fn);
  }

 private:
  // At most one thread at a time is on its way, so that a burst of short functions starts few.
  void StartLate() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (!late_ && threads_ < kMost) late_ = Start(/*late=*/true);
  }

  bool Start(bool late) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    absl::StatusOr<std::thread> thread =
        threads::Start("run functions", [this, late] { Run(late); });
    if (!thread.ok()) return false;
    thread->detach();
    ++threads_;
    return true;
  }

  void Run(bool late) {
    pthread_setname_np(pthread_self(), "containerd-exec");
    if (late) absl::SleepFor(kMoment);
    base::MutexLock lock(mu_);
    if (late) {
      late_ = false;
      if (jobs_.size() > 1) StartLate();
    }
    for (;;) {
      ++idle_;
      const bool more = job_.WaitFor(
          mu_, kIdle, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return !jobs_.empty(); });
      --idle_;
      if (!more) break;
      std::function<void()> job = std::move(jobs_.front());
      jobs_.pop_front();
      const base::MutexUnlock unlock(mu_);
      RunOne(job);
      job = nullptr;  // with what it holds
    }
    --threads_;
  }

  const threads::Owner owner_;
  base::Mutex mu_;
  base::CondVar job_;
  std::deque<std::function<void()>> jobs_ ABSL_GUARDED_BY(mu_);
  std::size_t threads_ ABSL_GUARDED_BY(mu_) = 0;
  std::size_t idle_ ABSL_GUARDED_BY(mu_) = 0;
  bool late_ ABSL_GUARDED_BY(mu_) = false;
};

class Inline final : public Executor {
 public:
  void Execute(std::function<void()> fn) override { RunOne(fn); }
};

}  // namespace

// Neither is ever destroyed: threads may use them during exit.
std::shared_ptr<Executor> DefaultExecutor() {
  static const auto& pool = *new std::shared_ptr<Executor>(std::make_shared<Pool>());
  return pool;
}

std::shared_ptr<Executor> InlineExecutor() {
  static const auto& here = *new std::shared_ptr<Executor>(std::make_shared<Inline>());
  return here;
}

}  // namespace containerd
