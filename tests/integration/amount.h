// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_TESTS_INTEGRATION_AMOUNT_H_
#define CONTAINERD_TESTS_INTEGRATION_AMOUNT_H_

#include <cstdlib>

#include <absl/strings/match.h>

#include "harness.h"

namespace containerd::testing {

// How much of something to do that takes minutes: all of it with CONTAINERD_TEST_FULL set, `newest`
// on containerd 2.1, and `elsewhere` on the other daemons.
inline int Amount(int all, int newest, int elsewhere) {
  if (std::getenv("CONTAINERD_TEST_FULL") != nullptr) return all;
  static const bool is_newest = [] {
    const auto version = SharedClient()->Version(Context::Background());
    return version.ok() && absl::StrContains(version->version, "2.1.");
  }();
  return is_newest ? newest : elsewhere;
}

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_INTEGRATION_AMOUNT_H_
