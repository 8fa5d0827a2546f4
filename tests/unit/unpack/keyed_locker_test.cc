// SPDX-License-Identifier: Apache-2.0
#include "containerd/unpack/keyed_locker.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::unpack {
namespace {

TEST(KeyedLocker, Basic) {
  const auto locker = NewKeyedLocker();
  const Context ctx;
  ASSERT_TRUE(locker->Lock(ctx, "c1").ok());
  ASSERT_TRUE(locker->Lock(ctx, "c2").ok());

  // Somebody who waits gets it when it is free.
  std::thread waiter([&] {
    EXPECT_TRUE(locker->Lock(ctx, "c1").ok());
    locker->Unlock("c1");
  });
  locker->Unlock("c1");
  waiter.join();

  // And no longer than his context lives.
  auto [cancelled, cancel] = WithCancel(ctx);
  absl::Status s;
  std::thread other([&, c = cancelled] { s = locker->Lock(c, "c2"); });
  cancel();
  other.join();
  EXPECT_TRUE(errdefs::IsCanceled(s)) << s;
  EXPECT_TRUE(
      errdefs::IsDeadlineExceeded(locker->Lock(WithTimeout(ctx, absl::Milliseconds(1)), "c2")));
  locker->Unlock("c2");
  ASSERT_TRUE(locker->Lock(ctx, "c2").ok());
  locker->Unlock("c2");
}

TEST(KeyedLocker, MultipleAcquireOnKeys) {
  const auto locker = NewKeyedLocker();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, key = fmt::format("key-{}", i)] {
      for (int n = 0; n < 1000; ++n) {
        ASSERT_TRUE(locker->Lock({}, key).ok());
        locker->Unlock(key);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(KeyedLocker, MultiAcquireOnSameKey) {
  const auto locker = NewKeyedLocker();
  ASSERT_TRUE(locker->Lock({}, "c1").ok());
  int count = 0;  // guarded by the key
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) {
        ASSERT_TRUE(locker->Lock({}, "c1").ok());
        ++count;
        locker->Unlock("c1");
      }
    });
  }
  locker->Unlock("c1");
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, 4000);
}

TEST(KeyedLockerDeathTest, ReleasePanic) {
  const auto locker = NewKeyedLocker();
  EXPECT_DEATH(locker->Unlock("never locked"), "");
}

}  // namespace
}  // namespace containerd::unpack
