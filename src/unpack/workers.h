// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_UNPACK_WORKERS_H_
#define CONTAINERD_SRC_UNPACK_WORKERS_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace containerd::unpack {

// A few threads, started as jobs come, that work them off in their order.
class Workers {
 public:
  explicit Workers(int max) : max_(static_cast<std::size_t>(max)) {}
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Waits for all jobs.
  ~Workers();

  // Runs `job` on one of the threads, or on the calling thread if no thread can be started.
  void Submit(std::function<void()> job);

  // Blocks until no job is waiting or running.
  void Wait();

 private:
  void Work();

  const std::size_t max_;
  std::mutex mu_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  std::vector<std::thread> threads_;
  std::size_t busy_ = 0;
  bool closing_ = false;
};

}  // namespace containerd::unpack

#endif  // CONTAINERD_SRC_UNPACK_WORKERS_H_
