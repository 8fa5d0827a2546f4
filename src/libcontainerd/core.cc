// SPDX-License-Identifier: Apache-2.0
#include "core.h"

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/path.h"

namespace containerd::libcontainerd {

absl::StatusOr<Claims::Claim> Claims::Take(std::string path) {
  base::MutexLock lock(mu_);
  if (!taken_.insert(path).second) {
    return errdefs::Conflict(fmt::format("id already in use: \"{}\" is being made", path));
  }
  return Claim(*this, std::move(path));
}

Claims::Claim::~Claim() {
  if (claims_ == nullptr) return;
  base::MutexLock lock(claims_->mu_);
  claims_->taken_.erase(path_);
}

std::string Core::BundleDir(std::string_view id) const { return base::JoinPath({state_dir, id}); }

}  // namespace containerd::libcontainerd
