// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_BASE_ASCII_H_
#define CONTAINERD_SRC_BASE_ASCII_H_

#include <string>
#include <string_view>

namespace containerd::base {

// `text` with the letters of ASCII in lower case.
inline std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace containerd::base

#endif  // CONTAINERD_SRC_BASE_ASCII_H_
