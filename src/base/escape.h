// SPDX-License-Identifier: Apache-2.0
//
// Text that is written in characters of some kind only: percent signs, octal digits, quotes.
#ifndef CONTAINERD_SRC_BASE_ESCAPE_H_
#define CONTAINERD_SRC_BASE_ESCAPE_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace containerd::base {

// Letters and digits of ASCII.
bool IsAlnum(char c);

// The value of a hexadecimal digit of either case; -1 if it is none.
int HexValue(char c);

// Appends "%2F" for "/", and so on.
void AppendPercent(std::string& out, char c);

// `text` with all percent-escaped but letters, digits, "-_.~" and the characters of `also`.
// Source: escape in net/url.
std::string PercentEncode(std::string_view text, std::string_view also = "");

// PercentEncode as a query has it: a blank is "+". Source: url.QueryEscape.
std::string QueryEncode(std::string_view text);

// The byte that the escape ("%2f") at the beginning of `text` stands for; nullopt if there is none.
std::optional<char> LeadingPercent(std::string_view text);

// The kernel's lists of mounts have blanks and their like as "\040"; anything else stays as it is.
std::string DecodeOctal(std::string_view text);

// Text from outside, for an error message: quoted, what cannot be printed is escaped, and no more
// than `most` bytes of it are shown.
std::string Quote(std::string_view text, std::size_t most = 256);

}  // namespace containerd::base

#endif  // CONTAINERD_SRC_BASE_ESCAPE_H_
