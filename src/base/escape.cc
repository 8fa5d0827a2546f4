// SPDX-License-Identifier: Apache-2.0
#include "src/base/escape.h"

#include <algorithm>

#include <absl/strings/ascii.h>
#include <absl/strings/escaping.h>
#include <fmt/format.h>

#include "src/base/utf8.h"

namespace containerd::base {

bool IsAlnum(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); }

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void AppendPercent(std::string& out, char c) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  out += '%';
  out += kDigits[byte >> 4U];
  out += kDigits[byte & 0x0FU];
}

std::string PercentEncode(std::string_view text, std::string_view also) {
  constexpr std::string_view kUnreserved = "-_.~";
  std::string out;
  for (const char c : text) {
    if (IsAlnum(c) || kUnreserved.find(c) != std::string_view::npos ||
        also.find(c) != std::string_view::npos) {
      out += c;
    } else {
      AppendPercent(out, c);
    }
  }
  return out;
}

std::string QueryEncode(std::string_view text) {
  std::string out = PercentEncode(text, " ");
  std::replace(out.begin(), out.end(), ' ', '+');
  return out;
}

std::optional<char> LeadingPercent(std::string_view text) {
  if (text.size() < 3 || text[0] != '%') return std::nullopt;
  const int high = HexValue(text[1]);
  const int low = HexValue(text[2]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

std::string DecodeOctal(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view digits = text.substr(i + 1, 3);
    if (text[i] == '\\' && digits.size() == 3 &&
        digits.find_first_not_of("01234567") == std::string_view::npos) {
      out += static_cast<char>((digits[0] - '0') * 64 + (digits[1] - '0') * 8 + (digits[2] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string Quote(std::string_view text, std::size_t most) {
  const std::string_view shown = FirstOfUTF8(text, most);
  std::string quoted;
  for (std::size_t i = 0; i < shown.size();) {
    const DecodedRune decoded = DecodeRune(shown.substr(i));
    const std::string_view bytes = shown.substr(i, decoded.width);
    // Beyond ASCII: controls, and what changes how the text around it is shown.
    const Rune rune = decoded.rune;
    const bool hidden = rune < 0xA0 || (rune >= 0x2028 && rune <= 0x202E) ||
                        (rune >= 0x2066 && rune <= 0x2069) || rune == 0xFEFF ||
                        (rune == kRuneError && decoded.width == 1);
    if (hidden) {
      quoted += absl::CHexEscape({bytes.data(), bytes.size()});
    } else {
      quoted += bytes;
    }
    i += decoded.width;
  }
  return fmt::format("\"{}\"{}", quoted, shown.size() < text.size() ? "..." : "");
}

}  // namespace containerd::base
