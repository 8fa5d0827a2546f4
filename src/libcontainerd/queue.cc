// SPDX-License-Identifier: Apache-2.0
#include "containerd/libcontainerd/queue.h"

#include <deque>
#include <set>
#include <thread>
#include <unordered_map>
#include <utility>

#include "src/base/mutex.h"
#include "src/threads/internal/callback.h"

namespace containerd::libcontainerd {

class Queue::State : public std::enable_shared_from_this<State> {
 public:
  State(std::shared_ptr<Executor> executor, std::size_t max_running)
      : executor_(std::move(executor)), max_running_(max_running) {}

  void Append(const std::string& key, std::function<void()> fn) {
    {
      base::MutexLock lock(mu_);
      if (closed_) return;
      std::deque<std::function<void()>>& line = lines_[key];
      line.push_back(std::move(fn));
      if (line.size() > 1) return;  // the key has its turn, or waits for it
      ready_.push_back(key);
      if (workers_ == max_running_) return;
      ++workers_;
    }
    executor_->Execute([self = shared_from_this()] { self->Work(); });
  }

  void Close() {
    // They are destroyed without the lock: what they hold may call back.
    std::unordered_map<std::string, std::deque<std::function<void()>>> dropped;
    base::MutexLock lock(mu_);
    closed_ = true;
    dropped.swap(lines_);
    ready_.clear();
    if (!threads::MustNotBlock()) {
      // Functions that close the queue do not wait for one another.
      const bool inside = running_.contains(std::this_thread::get_id());
      if (inside) closers_.insert(std::this_thread::get_id());
      idle_.NotifyAll();
      idle_.Wait(mu_, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
        return running_.size() == closers_.size();
      });
    }
    lock.Unlock();
    dropped.clear();
    lock.Lock();
  }

 private:
  // Runs one function after the other, each time of the key that has waited longest.
  void Work() {
    base::MutexLock lock(mu_);
    while (!ready_.empty()) {
      const std::string key = std::move(ready_.front());
      ready_.pop_front();
      std::function<void()> fn = std::move(lines_[key].front());
      running_.insert(std::this_thread::get_id());
      lock.Unlock();
      threads::Notify("a queue's function", fn);
      fn = nullptr;
      lock.Lock();
      running_.erase(std::this_thread::get_id());
      closers_.erase(std::this_thread::get_id());
      idle_.NotifyAll();
      const auto line = lines_.find(key);
      if (line == lines_.end()) continue;  // closed meanwhile
      line->second.pop_front();
      if (line->second.empty()) {
        lines_.erase(line);
      } else {
        ready_.push_back(key);
      }
    }
    --workers_;
  }

  const std::shared_ptr<Executor> executor_;
  const std::size_t max_running_;
  base::Mutex mu_;
  base::CondVar idle_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  std::size_t workers_ ABSL_GUARDED_BY(mu_) = 0;
  // The first of a line stays in it while it runs.
  std::unordered_map<std::string, std::deque<std::function<void()>>> lines_ ABSL_GUARDED_BY(mu_);
  std::deque<std::string> ready_ ABSL_GUARDED_BY(mu_);  // keys that wait for a worker
  std::set<std::thread::id> running_ ABSL_GUARDED_BY(mu_);
  std::set<std::thread::id> closers_ ABSL_GUARDED_BY(mu_);  // of those, who wait in Close
};

Queue::Queue(std::shared_ptr<Executor> executor, std::size_t max_running)
    : state_(std::make_shared<State>(std::move(executor), max_running)) {}

Queue::~Queue() { Close(); }

void Queue::Append(const std::string& key, std::function<void()> fn) {
  state_->Append(key, std::move(fn));
}

void Queue::Close() { state_->Close(); }

}  // namespace containerd::libcontainerd
