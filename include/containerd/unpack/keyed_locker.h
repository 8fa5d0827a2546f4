// SPDX-License-Identifier: Apache-2.0
//
// Locks by name: jobs that would do the same work take the same lock, so that only one does it at a
// time.
//
//   std::shared_ptr<unpack::KeyedLocker> locker = unpack::NewKeyedLocker();
//   if (absl::Status s = locker->Lock(ctx, "blob://sha256:…"); !s.ok()) return s;
//   ...
//   locker->Unlock("blob://sha256:…");
//
// Source: unpack.KeyedLocker, internal/kmutex.
#ifndef CONTAINERD_UNPACK_KEYED_LOCKER_H_
#define CONTAINERD_UNPACK_KEYED_LOCKER_H_

#include <memory>
#include <string_view>

#include <absl/status/status.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"

namespace containerd::unpack {

// All functions are safe from any thread; a key may be unlocked by another thread than locked it.
class CONTAINERD_EXPORT KeyedLocker {
 public:
  virtual ~KeyedLocker() = default;

  // Waits until nobody has the key and takes it, or until the context ends: then its error.
  virtual absl::Status Lock(const Context& ctx, std::string_view key) = 0;

  // The key must be locked: NewKeyedLocker's ends the process otherwise.
  virtual void Unlock(std::string_view key) = 0;
};

// Only keys that are locked or waited for take memory. Source: kmutex.New.
CONTAINERD_EXPORT std::shared_ptr<KeyedLocker> NewKeyedLocker();

}  // namespace containerd::unpack

#endif  // CONTAINERD_UNPACK_KEYED_LOCKER_H_
