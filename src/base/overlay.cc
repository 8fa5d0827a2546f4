// SPDX-License-Identifier: Apache-2.0
#include "src/base/overlay.h"

#include <string_view>

namespace containerd::base {
namespace {

constexpr std::string_view kUpper = "upperdir=";
constexpr std::string_view kLower = "lowerdir=";

}  // namespace

OverlayDirs ParseOverlay(std::span<const std::string> options) {
  OverlayDirs dirs;
  for (std::size_t i = 0; i < options.size(); ++i) {
    std::string_view option = options[i];
    if (option.starts_with(kUpper)) {
      dirs.upper = option.substr(kUpper.size());
    } else if (option.starts_with(kLower)) {
      dirs.lower.clear();
      dirs.lower_option = i;
      for (option.remove_prefix(kLower.size());;) {
        const std::size_t colon = option.find(':');
        dirs.lower.emplace_back(option.substr(0, colon));
        if (colon == std::string_view::npos) break;
        option.remove_prefix(colon + 1);
      }
    } else if (option.starts_with("lowerdir+") || option.starts_with("datadir+")) {
      dirs.more = true;
    }
  }
  return dirs;
}

}  // namespace containerd::base
