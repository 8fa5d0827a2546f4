// SPDX-License-Identifier: Apache-2.0
#include "shared.h"

#include <tuple>

#include <fmt/format.h>

#include "src/base/mutex.h"
#include "src/errdefs/internal/guard.h"

namespace containerd::unpack {

Shared::Shared(const Context& ctx, std::shared_ptr<content::Store> store, UnpackerConfig config)
    : store_(std::move(store)), config_(std::move(config)) {
  std::tie(ctx_, cancel_) = WithCancel(ctx);
}

void Shared::Fail(const absl::Status& status) {
  {
    base::MutexLock lock(mu_);
    if (failure_.ok()) failure_ = status;
  }
  cancel_();
}

absl::Status Shared::Failure() {
  base::MutexLock lock(mu_);
  return failure_;
}

// The key contains the namespace: one suppressor may serve pulls into several namespaces, which
// don't share content.

absl::StatusOr<KeyLock> Shared::LockBlob(const Context& ctx,
                                         const ocispec::Descriptor& desc) const {
  return Lock(ctx, fmt::format("blob://{}/{}", ctx_.Namespace().value_or(""), desc.digest));
}

absl::StatusOr<KeyLock> Shared::LockChainID(const Context& ctx, std::string_view snapshotter,
                                            std::string_view chain_id) const {
  return Lock(ctx,
              fmt::format("sn://{}/{}/{}", snapshotter, ctx_.Namespace().value_or(""), chain_id));
}

absl::StatusOr<KeyLock> Shared::Lock(const Context& ctx, std::string key) const {
  const auto& locker = config_.duplication_suppressor;
  if (locker == nullptr) return KeyLock();
  absl::Status s = errdefs::Guard("a KeyedLocker", &KeyedLocker::Lock, *locker, ctx, key);
  if (!s.ok()) return s;
  return KeyLock(locker, std::move(key));
}

}  // namespace containerd::unpack
