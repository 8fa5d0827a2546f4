// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_LIBCONTAINERD_RANDOM_NAME_H_
#define CONTAINERD_SRC_LIBCONTAINERD_RANDOM_NAME_H_

#include <random>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace containerd::libcontainerd {

// "<prefix>-<16 hex digits>", which nobody else has.
inline std::string RandomName(std::string_view prefix) {
  std::random_device random;
  return fmt::format("{}-{:08x}{:08x}", prefix, random(), random());
}

}  // namespace containerd::libcontainerd

#endif  // CONTAINERD_SRC_LIBCONTAINERD_RANDOM_NAME_H_
