// SPDX-License-Identifier: Apache-2.0
//
// Classes of characters in HTTP (RFC 9110) and URLs (RFC 3986).
#ifndef CONTAINERD_SRC_HTTP_CHARS_H_
#define CONTAINERD_SRC_HTTP_CHARS_H_

#include <string_view>

namespace containerd::http {

inline bool IsAlnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// Of a header's name.
inline bool IsTokenChar(char c) {
  return IsAlnum(c) ||
         (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}

inline bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

inline int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace containerd::http

#endif  // CONTAINERD_SRC_HTTP_CHARS_H_
