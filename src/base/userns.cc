// SPDX-License-Identifier: Apache-2.0
#include "src/base/userns.h"

#include <cstdint>
#include <fstream>

namespace containerd::base {

bool RunningInUserNS() {
  constexpr std::uint64_t kAll = 4294967295;
  std::ifstream map("/proc/self/uid_map");
  std::uint64_t inside = 0;
  std::uint64_t outside = 0;
  std::uint64_t count = 0;
  if (!(map >> inside >> outside >> count)) return false;
  return inside != 0 || outside != 0 || count != kAll;
}

}  // namespace containerd::base
