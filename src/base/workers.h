// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_BASE_WORKERS_H_
#define CONTAINERD_SRC_BASE_WORKERS_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include <absl/status/status.h>

#include "src/base/mutex.h"
#include "src/threads/internal/forked.h"

namespace containerd::base {

// A few threads, started as jobs come, that work them off in their order. They block all signals.
class Workers {
 public:
  // Runs up to `max` jobs at once. `helpers` of them are left to threads that call Help.
  explicit Workers(std::size_t max, std::size_t helpers = 0) : max_(max), helpers_(helpers) {}
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Waits for all jobs, but not in a forked child, where nobody does them.
  ~Workers();

  // Runs `job` on one of the threads or one that helps; on this one if there is none of either and
  // none can be started. Then, on the same thread, `done`, which must not throw, with the job's
  // result: also if that is an exception, as jobs call what users implement. Jobs may submit more.
  void Submit(std::function<absl::Status()> job, std::function<void(absl::Status)> done);

  // Until no job is waiting or running.
  void Wait();

  // The same, with this thread doing its part.
  void Help();

 private:
  struct Job {
    void Run();

    std::function<absl::Status()> work;
    std::function<void(absl::Status)> done;
  };

  void Start() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Releases the mutex while the job runs.
  void RunOne() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const threads::Owner owner_;
  const std::size_t max_;
  const std::size_t helpers_;
  Mutex mu_;
  CondVar changed_;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mu_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mu_);
  std::size_t busy_ ABSL_GUARDED_BY(mu_) = 0;
  bool closing_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace containerd::base

#endif  // CONTAINERD_SRC_BASE_WORKERS_H_
