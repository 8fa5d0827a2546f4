// SPDX-License-Identifier: Apache-2.0
//
// What the tests of a process have in common.
#ifndef CONTAINERD_SRC_TESTING_INTERNAL_SHARED_H_
#define CONTAINERD_SRC_TESTING_INTERNAL_SHARED_H_

#include <memory>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/status/statusor.h>
#include <gtest/gtest.h>

#include "src/base/mutex.h"

namespace containerd::testing::internal {

// The process's own T, which T::Start makes when it is first asked for, and which ends after the
// last test. If it can't be made the reason is kept as well.
template <typename T>
class Shared {
 public:
  static absl::StatusOr<T*> Get() {
    const base::MutexLock lock(mu_);
    if (shared_ == nullptr) shared_ = new absl::StatusOr<std::unique_ptr<T>>(T::Start());
    (void)&kEnd;  // is made only where it is named
    if (!shared_->ok()) return shared_->status();
    return shared_->value().get();
  }

 private:
  class End final : public ::testing::Environment {
   public:
    void TearDown() override {
      const base::MutexLock lock(mu_);
      delete std::exchange(shared_, nullptr);
    }
  };

  static inline base::Mutex mu_;
  static inline absl::StatusOr<std::unique_ptr<T>>* shared_ ABSL_GUARDED_BY(mu_);
  // GoogleTest owns it, and is told before main runs the tests.
  static inline const ::testing::Environment* const kEnd =
      ::testing::AddGlobalTestEnvironment(new End);
};

}  // namespace containerd::testing::internal

#endif  // CONTAINERD_SRC_TESTING_INTERNAL_SHARED_H_
