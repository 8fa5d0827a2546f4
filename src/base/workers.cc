// SPDX-License-Identifier: Apache-2.0
#include "src/base/workers.h"

#include <utility>

#include "src/errdefs/internal/guard.h"
#include "src/threads/internal/abandon.h"
#include "src/threads/internal/start.h"

namespace containerd::base {

Workers::~Workers() {
  if (owner_.Forked()) {
    for (std::thread& thread : threads_) threads::Abandon(std::move(thread));
    return;
  }
  {
    const MutexLock lock(mu_);
    closing_ = true;
    changed_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

void Workers::Job::Run() { done(errdefs::Guard("what a job calls", work)); }

void Workers::Submit(std::function<absl::Status()> work, std::function<void(absl::Status)> done) {
  Job job{std::move(work), std::move(done)};
  {
    const MutexLock lock(mu_);
    const std::size_t hands = threads_.size() + helpers_;
    if (hands < max_ && hands < busy_ + jobs_.size() + 1) Start();
    if (!threads_.empty() || helpers_ > 0) {
      jobs_.push_back(std::move(job));
      changed_.NotifyAll();
      return;
    }
  }
  job.Run();
}

void Workers::Start() {
  absl::StatusOr<std::thread> thread = threads::Start("work off jobs", [this] {
    const MutexLock lock(mu_);
    for (;;) {
      changed_.Wait(
          mu_, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return !jobs_.empty() || closing_; });
      if (jobs_.empty()) return;
      RunOne();
    }
  });
  if (thread.ok()) threads_.push_back(*std::move(thread));  // else those that there are do it all
}

void Workers::Wait() {
  if (owner_.Forked()) return;
  const MutexLock lock(mu_);
  changed_.Wait(
      mu_, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return jobs_.empty() && busy_ == 0; });
}

void Workers::Help() {
  if (owner_.Forked()) return;
  const MutexLock lock(mu_);
  for (;;) {
    changed_.Wait(
        mu_, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return !jobs_.empty() || busy_ == 0; });
    if (jobs_.empty()) return;
    RunOne();
  }
}

void Workers::RunOne() {
  ++busy_;
  {
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    const MutexUnlock unlock(mu_);
    job.Run();
    job = {};  // with what it holds, before anybody is told that it is done
  }
  --busy_;
  if (jobs_.empty() && busy_ == 0) changed_.NotifyAll();
}

}  // namespace containerd::base
