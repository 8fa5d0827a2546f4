// SPDX-License-Identifier: Apache-2.0
//
// The directories that the options of an overlay's mount name.
#ifndef CONTAINERD_SRC_BASE_OVERLAY_H_
#define CONTAINERD_SRC_BASE_OVERLAY_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace containerd::base {

struct OverlayDirs {
  std::string upper{};                        // empty: none, the mount is read-only
  std::vector<std::string> lower{};           // the uppermost first, as written
  std::optional<std::size_t> lower_option{};  // which of the options says so
  bool more = false;  // there are layers of other options, "lowerdir+" and "datadir+"
};

// Of options that say a thing twice, the last counts, as for the kernel.
OverlayDirs ParseOverlay(std::span<const std::string> options);

}  // namespace containerd::base

#endif  // CONTAINERD_SRC_BASE_OVERLAY_H_
