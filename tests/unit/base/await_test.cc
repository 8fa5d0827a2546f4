// SPDX-License-Identifier: Apache-2.0
#include "src/base/await.h"

#include <thread>

#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/cleanup.h"

namespace containerd::base {
namespace {

// A flag that is waited for.
class Flag {
 public:
  absl::Status Wait(const Context& ctx) {
    const CancelRegistration wake = WakeOnCancel(ctx, mu_, changed_);
    std::unique_lock lock(mu_);
    return Await(ctx, lock, changed_, [this] { return set_; });
  }

  void Set() {
    const std::lock_guard lock(mu_);
    set_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  bool set_ = false;
};

TEST(AwaitTest, EndsWhenReady) {
  Flag flag;
  std::thread setter([&] { flag.Set(); });
  EXPECT_TRUE(flag.Wait(Context::Background()).ok());
  setter.join();
}

TEST(AwaitTest, EndsWithTheContext) {
  Flag flag;
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(
      flag.Wait(WithTimeout(Context::Background(), absl::Milliseconds(1)))));
  auto [ctx, cancel] = WithCancel(Context::Background());
  std::thread canceller(cancel);
  EXPECT_TRUE(errdefs::IsCanceled(flag.Wait(ctx)));
  canceller.join();
  EXPECT_TRUE(errdefs::IsCanceled(flag.Wait(ctx)));
}

TEST(AwaitTest, WhatIsReadyIsNoErrorOfTheContext) {
  Flag flag;
  flag.Set();
  auto [ctx, cancel] = WithCancel(Context::Background());
  cancel();
  EXPECT_TRUE(flag.Wait(ctx).ok());
}

TEST(CleanUpTest, OutlivesTheCall) {
  auto [ctx, cancel] = WithCancel(WithNamespace(Context::Background(), "ns"));
  cancel();
  const Context last = CleanUpContext(ctx);
  EXPECT_TRUE(last.Err().ok());
  EXPECT_EQ(last.Namespace(), "ns");
  EXPECT_LT(last.Deadline(), absl::InfiniteFuture());
}

}  // namespace
}  // namespace containerd::base
