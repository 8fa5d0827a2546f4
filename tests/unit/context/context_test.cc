// SPDX-License-Identifier: Apache-2.0
#include "containerd/context/context.h"

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <absl/time/clock.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"

namespace containerd {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(Context, BackgroundCarriesNothing) {
  const Context ctx = Context::Background();
  EXPECT_TRUE(ctx.Err().ok());
  EXPECT_FALSE(ctx.Done());
  EXPECT_EQ(ctx.Deadline(), absl::InfiniteFuture());
  EXPECT_EQ(ctx.Namespace(), std::nullopt);
  EXPECT_EQ(ctx.Lease(), std::nullopt);
  EXPECT_EQ(ctx.SourceDateEpoch(), std::nullopt);
  EXPECT_TRUE(ctx.Metadata().empty());
}

TEST(Context, DerivedContextsInheritAndOverride) {
  const Context a = WithNamespace(Context::Background(), "a");
  const Context b = WithMetadata(WithLease(a, "l1"), "x-trace", "1");
  const Context c = WithMetadata(WithNamespace(b, "c"), "x-trace", "2");
  EXPECT_EQ(a.Namespace(), "a");
  EXPECT_EQ(a.Lease(), std::nullopt);
  EXPECT_EQ(b.Namespace(), "a");
  EXPECT_EQ(c.Namespace(), "c");
  EXPECT_EQ(c.Lease(), "l1");
  EXPECT_THAT(c.Metadata(), ElementsAre(Pair("x-trace", "1"), Pair("x-trace", "2")));
  EXPECT_THAT(b.Metadata(), ElementsAre(Pair("x-trace", "1")));
}

TEST(Context, ValuesAreFoundByTheirType) {
  struct Colour {
    std::string name;
  };
  struct Size {
    int n;
  };
  const Context root;
  EXPECT_EQ(root.Value<Colour>(), nullptr);
  const Context red = WithValue(root, Colour{"red"});
  const Context big = WithValue(WithNamespace(red, "a"), Size{3});
  const Context blue = WithValue(big, Colour{"blue"});
  EXPECT_EQ(red.Value<Colour>()->name, "red");
  EXPECT_EQ(red.Value<Size>(), nullptr);
  EXPECT_EQ(big.Value<Colour>()->name, "red");
  EXPECT_EQ(blue.Value<Colour>()->name, "blue");
  EXPECT_EQ(blue.Value<Size>()->n, 3);
  EXPECT_TRUE(blue.Metadata().empty());
  EXPECT_EQ(WithoutCancel(blue).Value<Size>()->n, 3);
}

TEST(Context, SourceDateEpochIsInheritedAndNotSent) {
  const absl::Time epoch = absl::FromUnixSeconds(1642941296);
  const Context a = WithSourceDateEpoch(Context::Background(), epoch);
  const Context b = WithNamespace(a, "b");
  EXPECT_EQ(b.SourceDateEpoch(), epoch);
  EXPECT_EQ(WithSourceDateEpoch(b, absl::UnixEpoch()).SourceDateEpoch(), absl::UnixEpoch());
  EXPECT_TRUE(b.Metadata().empty());
}

TEST(Context, TheEarliestDeadlineHolds) {
  const absl::Time soon = absl::Now() + absl::Hours(1);
  const Context outer = WithDeadline(Context::Background(), soon);
  EXPECT_EQ(WithDeadline(outer, soon + absl::Hours(1)).Deadline(), soon);
  EXPECT_EQ(WithDeadline(outer, soon - absl::Minutes(1)).Deadline(), soon - absl::Minutes(1));
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(WithTimeout(outer, -absl::Seconds(1)).Err()));
  EXPECT_TRUE(outer.Err().ok());
}

TEST(Context, CancelReachesDescendantsButNotAncestors) {
  const auto [parent, cancel_parent] = WithCancel(Context::Background());
  const auto [child, cancel_child] = WithCancel(WithNamespace(parent, "ns"));
  const Context grandchild = WithTimeout(child, absl::Hours(1));
  cancel_child();
  EXPECT_TRUE(errdefs::IsCanceled(grandchild.Err()));
  EXPECT_TRUE(parent.Err().ok());

  const auto [second, cancel_second] = WithCancel(parent);
  cancel_parent();
  EXPECT_TRUE(errdefs::IsCanceled(second.Err()));
  cancel_second();  // again, to no effect
}

TEST(Context, WithoutCancelKeepsValuesOnly) {
  const auto [parent, cancel] =
      WithCancel(WithTimeout(WithNamespace(Context::Background(), "ns"), absl::Hours(1)));
  const Context detached = WithoutCancel(parent);
  cancel();
  EXPECT_TRUE(detached.Err().ok());
  EXPECT_EQ(detached.Deadline(), absl::InfiniteFuture());
  EXPECT_EQ(detached.Namespace(), "ns");
}

TEST(Context, OnCancelRunsOnceAndNotAfterReset) {
  const auto [ctx, cancel] = WithCancel(Context::Background());
  int kept = 0;
  int dropped = 0;
  const CancelRegistration keep = ctx.OnCancel([&] { ++kept; });
  CancelRegistration drop = ctx.OnCancel([&] { ++dropped; });
  drop.Reset();
  cancel();
  cancel();
  EXPECT_EQ(kept, 1);
  EXPECT_EQ(dropped, 0);

  int late = 0;
  const CancelRegistration after = ctx.OnCancel([&] { ++late; });
  EXPECT_EQ(late, 1);
}

TEST(Context, ACallbackMayDropItsOwnRegistration) {
  const auto [ctx, cancel] = WithCancel(Context::Background());
  CancelRegistration registration;
  bool ran = false;
  registration = ctx.OnCancel([&] {
    ran = true;
    registration.Reset();
  });
  cancel();
  EXPECT_TRUE(ran);
}

// The callback uses an object that dies right after its registration: a registration that did not
// wait for a running callback would be a use after free here.
TEST(Context, DroppingARegistrationWaitsForItsCallback) {
  for (int round = 0; round < 200; ++round) {
    const auto [ctx, cancel] = WithCancel(Context::Background());
    std::thread canceller(cancel);
    {
      std::vector<int> guarded(64, 0);
      const CancelRegistration registration = ctx.OnCancel([&guarded] {
        for (int& v : guarded) ++v;
      });
    }
    canceller.join();
  }
}

TEST(Context, AnExceptionInACallbackIsLoggedAndTheOthersRun) {
  std::string logged;
  log::SetSink([&](log::Level, std::string_view text) { logged = text; });
  const auto [ctx, cancel] = WithCancel(Context::Background());
  int ran = 0;
  const CancelRegistration first = ctx.OnCancel([] { throw std::runtime_error("odd"); });
  const CancelRegistration second = ctx.OnCancel([&] { ++ran; });
  cancel();
  log::SetSink(nullptr);
  EXPECT_EQ(ran, 1);
  EXPECT_NE(logged.find("odd"), std::string::npos);
}

TEST(Context, SleepEndsWithItsContext) {
  EXPECT_TRUE(Sleep(Context::Background(), absl::Milliseconds(1)).ok());
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(
      Sleep(WithTimeout(Context::Background(), absl::Milliseconds(1)), absl::Hours(1))));
  const auto [ctx, cancel] = WithCancel(Context::Background());
  std::thread canceller(cancel);
  EXPECT_TRUE(errdefs::IsCanceled(Sleep(ctx, absl::Hours(1))));
  canceller.join();
}

TEST(Context, ManyThreadsMayShareOne) {
  const auto [ctx, cancel] = WithCancel(Context::Background());
  std::atomic<int> fired{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, ctx = ctx] {
      for (int k = 0; k < 200; ++k) {
        const auto [child, cancel_child] = WithCancel(ctx);
        const CancelRegistration r = child.OnCancel([&] { ++fired; });
        if (k % 2 == 0) cancel_child();
      }
    });
  }
  cancel();
  for (auto& t : threads) t.join();
  EXPECT_GE(fired.load(), 8 * 100);
}

}  // namespace
}  // namespace containerd
