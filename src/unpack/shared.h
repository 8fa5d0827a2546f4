// SPDX-License-Identifier: Apache-2.0
//
// What the images that one unpacker works on have in common.
#ifndef CONTAINERD_SRC_UNPACK_SHARED_H_
#define CONTAINERD_SRC_UNPACK_SHARED_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/unpack/unpacker.h"

#include "src/base/mutex.h"
#include "src/threads/internal/callback.h"

namespace containerd::unpack {

// A key that is locked while this lives.
class KeyLock {
 public:
  KeyLock() = default;
  KeyLock(std::shared_ptr<KeyedLocker> locker, std::string key)
      : locker_(std::move(locker)), key_(std::move(key)) {}
  KeyLock(KeyLock&& other) noexcept
      : locker_(std::exchange(other.locker_, nullptr)), key_(std::move(other.key_)) {}
  KeyLock& operator=(KeyLock&&) = delete;
  ~KeyLock() {
    if (locker_ == nullptr) return;
    threads::Notify("a KeyedLocker", [&] { locker_->Unlock(key_); });
  }

 private:
  std::shared_ptr<KeyedLocker> locker_;
  std::string key_;
};

// A place in a limiter that is taken while this lives.
class LimiterSlot {
 public:
  LimiterSlot() = default;
  explicit LimiterSlot(std::shared_ptr<Limiter> limiter) : limiter_(std::move(limiter)) {}
  LimiterSlot(LimiterSlot&& other) noexcept : limiter_(std::exchange(other.limiter_, nullptr)) {}
  LimiterSlot& operator=(LimiterSlot&&) = delete;
  ~LimiterSlot() {
    if (limiter_ != nullptr) limiter_->Release();
  }

 private:
  std::shared_ptr<Limiter> limiter_;
};

// Waits for a place in a limiter, if there is one.
inline absl::StatusOr<LimiterSlot> Acquire(const Context& ctx, std::shared_ptr<Limiter> limiter) {
  if (limiter == nullptr) return LimiterSlot();
  if (absl::Status s = limiter->Acquire(ctx); !s.ok()) return s;
  return LimiterSlot(std::move(limiter));
}

class Shared {
 public:
  Shared(const Context& ctx, std::shared_ptr<content::Store> store, UnpackerConfig config);

  // Ends with the caller's context, and with the first failure.
  const Context& ctx() const { return ctx_; }
  content::Store& store() const { return *store_; }
  const UnpackerConfig& config() const { return config_; }

  // The first failure counts; it ends the context.
  void Fail(const absl::Status& status);
  absl::Status Failure();
  void Cancel() { cancel_(); }

  absl::StatusOr<KeyLock> LockBlob(const Context& ctx, const ocispec::Descriptor& desc) const;
  absl::StatusOr<KeyLock> LockChainID(const Context& ctx, std::string_view snapshotter,
                                      std::string_view chain_id) const;

 private:
  absl::StatusOr<KeyLock> Lock(const Context& ctx, std::string key) const;

  Context ctx_;
  CancelFunc cancel_;
  const std::shared_ptr<content::Store> store_;
  const UnpackerConfig config_;

  base::Mutex mu_;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
};

}  // namespace containerd::unpack

#endif  // CONTAINERD_SRC_UNPACK_SHARED_H_
