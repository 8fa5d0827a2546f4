// SPDX-License-Identifier: Apache-2.0
//
// A count of things that may be had at once, shared by whoever has a pointer to it.
//
//   auto downloads = std::make_shared<Semaphore>(3);
//   if (absl::Status s = downloads->Acquire(ctx); !s.ok()) return s;
//   ...
//   downloads->Release();
//
// All functions are safe from any thread. Source: golang.org/x/sync/semaphore.
#ifndef CONTAINERD_CONTEXT_SEMAPHORE_H_
#define CONTAINERD_CONTEXT_SEMAPHORE_H_

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include <absl/status/status.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"

namespace containerd {

// A number of permits. Safe from any thread.
class CONTAINERD_EXPORT Semaphore {
 public:
  explicit Semaphore(std::int64_t size) : free_(size) {}
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  // Waits until one is free and takes it, or until the context ends: then its error.
  absl::Status Acquire(const Context& ctx);

  // Takes one if one is free.
  bool TryAcquire();

  void Release();

 private:
  std::mutex mu_;
  std::condition_variable freed_;
  std::int64_t free_;
};

}  // namespace containerd

#endif  // CONTAINERD_CONTEXT_SEMAPHORE_H_
