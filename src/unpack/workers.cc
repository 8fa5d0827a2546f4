// SPDX-License-Identifier: Apache-2.0
#include "workers.h"

#include <system_error>
#include <utility>

namespace containerd::unpack {

Workers::~Workers() {
  {
    std::lock_guard lock(mu_);
    closing_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

void Workers::Submit(std::function<void()> job) {
  {
    std::lock_guard lock(mu_);
    if (threads_.size() < max_ && threads_.size() < busy_ + jobs_.size() + 1) {
      try {
        threads_.emplace_back([this] { Work(); });
      } catch (const std::system_error&) {
        // The threads that exist do the work.
      }
    }
    if (!threads_.empty()) {
      jobs_.push_back(std::move(job));
      changed_.notify_all();
      return;
    }
  }
  job();
}

void Workers::Wait() {
  std::unique_lock lock(mu_);
  changed_.wait(lock, [this] { return jobs_.empty() && busy_ == 0; });
}

void Workers::Work() {
  std::unique_lock lock(mu_);
  for (;;) {
    changed_.wait(lock, [this] { return !jobs_.empty() || closing_; });
    if (jobs_.empty()) return;
    std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    ++busy_;
    lock.unlock();
    job();
    job = nullptr;  // with what it holds, before anybody is told that it is done
    lock.lock();
    --busy_;
    if (jobs_.empty() && busy_ == 0) changed_.notify_all();
  }
}

}  // namespace containerd::unpack
