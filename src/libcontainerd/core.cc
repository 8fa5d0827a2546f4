// SPDX-License-Identifier: Apache-2.0
#include "core.h"

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/path.h"
#include "src/threads/internal/callback.h"

namespace containerd::libcontainerd {

absl::StatusOr<Claims::Claim> Claims::Take(std::string path, std::string_view why) {
  base::MutexLock lock(mu_);
  if (!taken_.insert(path).second) {
    return errdefs::Conflict(fmt::format("{}: another call is at work on \"{}\"", why, path));
  }
  return Claim(*this, std::move(path));
}

absl::StatusOr<Claims::Claim> Claims::Await(const Context& ctx, std::string path) {
  if (absl::Status s = threads::CheckMayBlock("waiting for a call on the same container");
      !s.ok()) {
    return s;
  }
  const CancelRegistration wake = ctx.OnCancel([this] {
    base::MutexLock lock(mu_);
    freed_.NotifyAll();
  });
  base::MutexLock lock(mu_);
  freed_.WaitUntil(mu_, ctx.Deadline(), [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return ctx.Done() || !taken_.contains(path);
  });
  if (absl::Status ended = ctx.Err(); !ended.ok()) {
    return errdefs::Annotate(ended, fmt::format("waiting for another call on \"{}\"", path));
  }
  taken_.insert(path);
  return Claim(*this, std::move(path));
}

Claims::Claim::~Claim() {
  if (claims_ == nullptr) return;
  base::MutexLock lock(claims_->mu_);
  claims_->taken_.erase(path_);
  claims_->freed_.NotifyAll();
}

std::string Core::ProcessOf(std::string_view container_id, std::string_view process_id) {
  return fmt::format("{}/{}", container_id, process_id);
}

std::string Core::About(std::string_view id) const {
  return fmt::format("libcontainerd: namespace \"{}\": container \"{}\"", ns, id);
}

std::string Core::BundleDir(std::string_view id) const { return base::JoinPath({state_dir, id}); }

}  // namespace containerd::libcontainerd
