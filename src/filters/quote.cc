// SPDX-License-Identifier: Apache-2.0
#include "quote.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <re2/re2.h>

#include "containerd/filters/filters.h"

#include "src/base/utf8.h"

namespace containerd::filters {
namespace {

std::optional<unsigned> Digit(char c, unsigned base) {
  unsigned value = base;
  if (c >= '0' && c <= '9') value = static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') value = static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') value = static_cast<unsigned>(c - 'A') + 10;
  if (value >= base) return std::nullopt;
  return value;
}

// Takes `count` digits off the front of `text`. Eight hexadecimal ones fill 32 bits.
std::optional<std::uint32_t> TakeNumber(std::string_view& text, unsigned base, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::optional<unsigned> digit = Digit(text[i], base);
    if (!digit) return std::nullopt;
    number = number * base + *digit;
  }
  text.remove_prefix(count);
  return number;
}

// Takes an escape sequence, of which the backslash is gone already, off the front of `text`, and
// appends what it stands for.
bool TakeEscape(std::string_view& text, char quote, std::string& out) {
  if (text.empty()) return false;
  const char c = text[0];
  if (c >= '0' && c <= '7') {
    const std::optional<std::uint32_t> byte = TakeNumber(text, 8, 3);
    if (!byte || *byte > 255) return false;
    out.push_back(static_cast<char>(*byte));
    return true;
  }
  text.remove_prefix(1);
  switch (c) {
    case 'a':
      out.push_back('\a');
      return true;
    case 'b':
      out.push_back('\b');
      return true;
    case 'f':
      out.push_back('\f');
      return true;
    case 'n':
      out.push_back('\n');
      return true;
    case 'r':
      out.push_back('\r');
      return true;
    case 't':
      out.push_back('\t');
      return true;
    case 'v':
      out.push_back('\v');
      return true;
    case '\\':
      out.push_back('\\');
      return true;
    case 'x': {
      const std::optional<std::uint32_t> byte = TakeNumber(text, 16, 2);
      if (!byte) return false;
      out.push_back(static_cast<char>(*byte));
      return true;
    }
    case 'u':
    case 'U': {
      const std::optional<std::uint32_t> number = TakeNumber(text, 16, c == 'u' ? 4 : 8);
      if (!number || *number > static_cast<std::uint32_t>(base::kMaxRune)) return false;
      base::AppendRune(out, static_cast<base::Rune>(*number));
      return true;
    }
    default:
      if (c != quote) return false;
      out.push_back(c);
      return true;
  }
}

// Letters, marks, numbers, punctuation and symbols, as the tables of RE2 have them. Source:
// strconv.IsPrint.
bool IsPrint(std::string_view character) {
  static const RE2* const printable = new RE2(R"([\pL\pM\pN\pP\pS])");
  return RE2::FullMatch(re2::StringPiece(character.data(), character.size()), *printable);
}

// One character in a Go literal. Source: appendEscapedRune in strconv/quote.go.
void AppendEscaped(std::string& out, std::string_view character, base::Rune rune) {
  if (rune < 0x80) {
    const char c = static_cast<char>(rune);
    if (c == '"' || c == '\\') {
      out.append({'\\', c});
    } else if (c >= ' ' && c < 0x7f) {
      out.push_back(c);
    } else if (c >= '\a' && c <= '\r') {
      out.append({'\\', "abtnvfr"[c - '\a']});
    } else {
      out.append(fmt::format("\\x{:02x}", static_cast<unsigned>(rune)));
    }
  } else if (rune == base::kRuneError && character.size() == 1) {
    out.append(fmt::format("\\x{:02x}", static_cast<unsigned char>(character[0])));
  } else if (IsPrint(character)) {
    out.append(character);
  } else {
    out.append(rune < 0x10000 ? fmt::format("\\u{:04x}", rune) : fmt::format("\\U{:08x}", rune));
  }
}

}  // namespace

std::string Quote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const base::DecodedRune decoded = base::DecodeRune(text);
    AppendEscaped(out, text.substr(0, decoded.width), decoded.rune);
    text.remove_prefix(decoded.width);
  }
  out.push_back('"');
  return out;
}

std::optional<std::string> Unquote(std::string_view quoted) {
  if (quoted.size() < 2 || quoted.front() != quoted.back()) return std::nullopt;
  const char quote = quoted.front();
  if (quote != '"' && quote != '|' && quote != '/') return std::nullopt;
  std::string_view text = quoted.substr(1, quoted.size() - 2);

  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == quote || c == '\n') return std::nullopt;
    if (c != '\\') {
      out.push_back(c);
    } else if (!TakeEscape(text, quote, out)) {
      return std::nullopt;
    }
  }
  return out;
}

}  // namespace containerd::filters
