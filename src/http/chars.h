// SPDX-License-Identifier: Apache-2.0
//
// Classes of characters in HTTP (RFC 9110) and URLs (RFC 3986).
#ifndef CONTAINERD_SRC_HTTP_CHARS_H_
#define CONTAINERD_SRC_HTTP_CHARS_H_

#include <string_view>

#include "src/base/escape.h"

namespace containerd::http {

// Of a header's name.
inline bool IsTokenChar(char c) {
  return base::IsAlnum(c) ||
         (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}

inline bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

}  // namespace containerd::http

#endif  // CONTAINERD_SRC_HTTP_CHARS_H_
