// SPDX-License-Identifier: Apache-2.0
//
// UTF-8 as Go's runtime reads and writes it.
#ifndef CONTAINERD_SRC_BASE_UTF8_H_
#define CONTAINERD_SRC_BASE_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace containerd::base {

// A code point, or a negative number with a meaning of the scanner's own.
using Rune = std::int32_t;

inline constexpr Rune kRuneError = 0xFFFD;
inline constexpr Rune kMaxRune = 0x10FFFF;

struct DecodedRune {
  Rune rune;          // kRuneError if the bytes are not valid UTF-8.
  std::size_t width;  // 0 only at the end of the text; 1 for an invalid byte.
};

// The first code point of `text`. Source: utf8.DecodeRuneInString.
DecodedRune DecodeRune(std::string_view text);

// Appends a code point; what is none is written as U+FFFD. Source: utf8.AppendRune.
void AppendRune(std::string& out, Rune rune);

bool IsValidUTF8(std::string_view text);

// `text` with U+FFFD for each byte that is not part of valid UTF-8. Source: strings.ToValidUTF8 of
// single bytes, which is how Go's regexp package reads a text.
std::string ReplaceInvalidUTF8(std::string_view text);

// The first characters of `text` that have at most `most` bytes together.
std::string_view FirstOfUTF8(std::string_view text, std::size_t most);

}  // namespace containerd::base

#endif  // CONTAINERD_SRC_BASE_UTF8_H_
