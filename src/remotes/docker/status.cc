// SPDX-License-Identifier: Apache-2.0
#include "containerd/remotes/docker/status.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/await.h"

namespace containerd::remotes::docker {
namespace {

class MemoryStatusTracker final : public StatusTrackLocker {
 public:
  absl::StatusOr<Status> GetStatus(std::string_view ref) override {
    std::lock_guard lock(mu_);
    const auto it = statuses_.find(ref);
    if (it == statuses_.end()) return errdefs::NotFound(fmt::format("status for ref {}", ref));
    return it->second;
  }

  void SetStatus(std::string_view ref, const Status& status) override {
    std::lock_guard lock(mu_);
    statuses_.insert_or_assign(std::string(ref), status);
  }

  absl::Status Lock(const Context& ctx, std::string_view ref) override {
    const CancelRegistration wake = base::WakeOnCancel(ctx, mu_, unlocked_);
    std::unique_lock lock(mu_);
    absl::Status s = base::Await(ctx, lock, unlocked_, [&] { return !locked_.contains(ref); });
    if (!s.ok()) return s;
    locked_.emplace(ref);
    return absl::OkStatus();
  }

  void Unlock(std::string_view ref) override {
    std::lock_guard lock(mu_);
    locked_.erase(std::string(ref));
    unlocked_.notify_all();
  }

 private:
  std::mutex mu_;
  std::condition_variable unlocked_;
  std::map<std::string, Status, std::less<>> statuses_;
  std::set<std::string, std::less<>> locked_;
};

}  // namespace

std::shared_ptr<StatusTrackLocker> NewInMemoryTracker() {
  return std::make_shared<MemoryStatusTracker>();
}

}  // namespace containerd::remotes::docker
