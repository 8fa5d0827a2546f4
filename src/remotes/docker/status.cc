// SPDX-License-Identifier: Apache-2.0
#include "containerd/remotes/docker/status.h"

#include <map>
#include <set>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/await.h"
#include "src/base/mutex.h"

namespace containerd::remotes::docker {
namespace {

class MemoryStatusTracker final : public StatusTrackLocker {
 public:
  absl::StatusOr<Status> GetStatus(std::string_view ref) override {
    base::MutexLock lock(mu_);
    const auto it = statuses_.find(ref);
    if (it == statuses_.end()) return errdefs::NotFound(fmt::format("status for ref {}", ref));
    return it->second;
  }

  void SetStatus(std::string_view ref, const Status& status) override {
    base::MutexLock lock(mu_);
    statuses_.insert_or_assign(std::string(ref), status);
  }

  absl::Status Lock(const Context& ctx, std::string_view ref) override {
    const CancelRegistration wake = base::WakeOnCancel(ctx, mu_, unlocked_);
    base::MutexLock lock(mu_);
    absl::Status s = base::Await(ctx, mu_, unlocked_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return !locked_.contains(ref);
    });
    if (!s.ok()) return s;
    locked_.emplace(ref);
    return absl::OkStatus();
  }

  void Unlock(std::string_view ref) override {
    base::MutexLock lock(mu_);
    locked_.erase(std::string(ref));
    unlocked_.NotifyAll();
  }

 private:
  base::Mutex mu_;
  base::CondVar unlocked_;
  std::map<std::string, Status, std::less<>> statuses_ ABSL_GUARDED_BY(mu_);
  std::set<std::string, std::less<>> locked_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

std::shared_ptr<StatusTrackLocker> NewInMemoryTracker() {
  return std::make_shared<MemoryStatusTracker>();
}

}  // namespace containerd::remotes::docker
