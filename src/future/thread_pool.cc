// SPDX-License-Identifier: Apache-2.0
#include "containerd/future/thread_pool.h"

#include <algorithm>
#include <deque>
#include <pthread.h>
#include <thread>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include "src/base/mutex.h"
#include "src/threads/internal/abandon.h"
#include "src/threads/internal/callback.h"
#include "src/threads/internal/forked.h"
#include "src/threads/internal/start.h"

namespace containerd {
namespace {

void RunInPool(const std::function<void()>& fn) {
  threads::Notify("a function of a thread pool", fn);
}

}  // namespace

// The threads share it, as the pool may be destroyed by one of them.
struct ThreadPool::State : public std::enable_shared_from_this<State> {
  explicit State(std::size_t threads_at_most) : most(std::max<std::size_t>(threads_at_most, 1)) {}

  void Start() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    absl::StatusOr<std::thread> thread =
        threads::Start("run functions of a pool", [self = shared_from_this()] { self->Run(); });
    if (thread.ok()) running.push_back(*std::move(thread));  // else those that there are do it all
  }

  void Run() {
    pthread_setname_np(pthread_self(), "containerd-pool");
    const base::MutexLock lock(mu);
    for (;;) {
      ++idle;
      changed.Wait(mu,
                   [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) { return !jobs.empty() || closing; });
      --idle;
      if (jobs.empty()) return;
      std::function<void()> job = std::move(jobs.front());
      jobs.pop_front();
      const base::MutexUnlock unlock(mu);
      RunInPool(job);
      job = nullptr;  // with what it holds
    }
  }

  void Close(bool drop) {
    if (owner.Forked()) {  // nobody else has the lock, or ever gives it back
      for (std::thread& thread : ThreadsOfTheParent()) threads::Abandon(std::move(thread));
      return;
    }
    std::vector<std::thread> leaving;
    std::deque<std::function<void()>> dropped;
    {
      const base::MutexLock lock(mu);
      closing = true;
      stopped = stopped || drop;
      if (drop) dropped.swap(jobs);
      leaving.swap(running);
      changed.NotifyAll();
    }
    dropped.clear();  // without the lock, and before waiting
    for (std::thread& thread : leaving) {
      if (thread.get_id() == std::this_thread::get_id() || threads::MustNotBlock()) {
        thread.detach();
      } else {
        thread.join();
      }
    }
  }

  std::vector<std::thread>& ThreadsOfTheParent() ABSL_NO_THREAD_SAFETY_ANALYSIS { return running; }

  const threads::Owner owner;
  const std::size_t most;
  base::Mutex mu;
  base::CondVar changed;
  std::deque<std::function<void()>> jobs ABSL_GUARDED_BY(mu);
  std::vector<std::thread> running ABSL_GUARDED_BY(mu);
  std::size_t idle ABSL_GUARDED_BY(mu) = 0;
  bool closing ABSL_GUARDED_BY(mu) = false;
  bool stopped ABSL_GUARDED_BY(mu) = false;
};

ThreadPool::ThreadPool(std::size_t threads) : state_(std::make_shared<State>(threads)) {}

ThreadPool::~ThreadPool() { state_->Close(/*drop=*/false); }

void ThreadPool::Stop() { state_->Close(/*drop=*/true); }

void ThreadPool::Execute(std::function<void()> fn) {
  State& state = *state_;
  if (state.owner.Forked()) return RunInPool(fn);
  {
    const base::MutexLock lock(state.mu);
    if (state.stopped) return;
    // While the pool is being destroyed its own threads add functions, and stay for them.
    if (!state.closing && state.idle <= state.jobs.size() && state.running.size() < state.most) {
      state.Start();
    }
    if (state.closing || !state.running.empty()) {
      state.jobs.push_back(std::move(fn));
      return state.changed.NotifyOne();
    }
  }
  RunInPool(fn);
}

}  // namespace containerd
