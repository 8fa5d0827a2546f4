// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_PLATFORMS_LOWER_H_
#define CONTAINERD_SRC_PLATFORMS_LOWER_H_

#include <string>
#include <string_view>

#include <absl/strings/ascii.h>

namespace containerd::platforms {

inline std::string Lower(std::string_view text) {
  std::string lower(text);
  absl::AsciiStrToLower(&lower);
  return lower;
}

}  // namespace containerd::platforms

#endif  // CONTAINERD_SRC_PLATFORMS_LOWER_H_
