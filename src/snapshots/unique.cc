// SPDX-License-Identifier: Apache-2.0
#include "src/snapshots/internal/unique.h"

#include <array>
#include <cstdint>
#include <random>

#include <absl/strings/escaping.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"

#include "src/base/cleanup.h"
#include "src/errdefs/internal/guard.h"

namespace containerd::snapshots {

std::string UniquePart() {
  std::random_device random;
  const std::uint32_t bits = random();
  const std::array<char, 3> bytes{static_cast<char>(bits), static_cast<char>(bits >> 8U),
                                  static_cast<char>(bits >> 16U)};
  return fmt::format("{}-{}", absl::ToUnixNanos(absl::Now()) % 1'000'000'000,
                     absl::WebSafeBase64Escape({bytes.data(), bytes.size()}));
}

void RemoveSnapshot(const Context& ctx, Snapshotter& sn, std::string_view key) {
  absl::Status s =
      errdefs::Guard("a snapshotter", [&] { return sn.Remove(base::CleanUpContext(ctx), key); });
  if (!s.ok() && !errdefs::IsNotFound(s)) {
    log::Warn(fmt::format("removal of snapshot \"{}\" failed: {}", key, errdefs::Message(s)));
  }
}

}  // namespace containerd::snapshots
