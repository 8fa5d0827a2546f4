// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_BASE_WORKERS_H_
#define CONTAINERD_SRC_BASE_WORKERS_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace containerd::base {

// A few threads, started as jobs come, that work them off in their order. They block all signals.
class Workers {
 public:
  // Runs up to `max` jobs at once. `helpers` of them are left to threads that call Help.
  explicit Workers(std::size_t max, std::size_t helpers = 0) : max_(max), helpers_(helpers) {}
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Waits for all jobs.
  ~Workers();

  // Runs `job` on one of the threads or one that helps; on this one if there is none of either and
  // none can be started. Jobs may submit more.
  void Submit(std::function<void()> job);

  // Until no job is waiting or running.
  void Wait();

  // The same, with this thread doing its part.
  void Help();

 private:
  // Both with the lock held.
  void Start();
  void RunOne(std::unique_lock<std::mutex>& lock);

  const std::size_t max_;
  const std::size_t helpers_;
  std::mutex mu_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  std::vector<std::thread> threads_;
  std::size_t busy_ = 0;
  bool closing_ = false;
};

}  // namespace containerd::base

#endif  // CONTAINERD_SRC_BASE_WORKERS_H_
