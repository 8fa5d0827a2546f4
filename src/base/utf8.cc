// SPDX-License-Identifier: Apache-2.0
#include "src/base/utf8.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace containerd::base {
namespace {

bool IsSurrogate(Rune rune) { return rune >= 0xD800 && rune <= 0xDFFF; }

// What a first byte promises: how many bytes, its own bits, and the least rune that needs as many.
struct Lead {
  std::size_t width;
  Rune bits;
  Rune least;
};

Lead ReadLead(unsigned char byte) {
  if (byte < 0x80) return {1, byte, 0};
  if ((byte & 0xE0) == 0xC0) return {2, byte & 0x1F, 0x80};
  if ((byte & 0xF0) == 0xE0) return {3, byte & 0x0F, 0x800};
  if ((byte & 0xF8) == 0xF0) return {4, byte & 0x07, 0x10000};
  return {0, 0, 0};
}

}  // namespace

DecodedRune DecodeRune(std::string_view text) {
  if (text.empty()) return {kRuneError, 0};
  const Lead lead = ReadLead(static_cast<unsigned char>(text[0]));
  if (lead.width == 0 || lead.width > text.size()) return {kRuneError, 1};
  Rune rune = lead.bits;
  for (std::size_t i = 1; i < lead.width; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xC0) != 0x80) return {kRuneError, 1};
    rune = (rune << 6) | (byte & 0x3F);
  }
  if (rune < lead.least || rune > kMaxRune || IsSurrogate(rune)) return {kRuneError, 1};
  return {rune, lead.width};
}

void AppendRune(std::string& out, Rune rune) {
  if (rune < 0 || rune > kMaxRune || IsSurrogate(rune)) rune = kRuneError;
  const auto put = [&out](Rune byte) { out.push_back(static_cast<char>(byte)); };
  if (rune < 0x80) {
    put(rune);
  } else if (rune < 0x800) {
    put(0xC0 | (rune >> 6));
    put(0x80 | (rune & 0x3F));
  } else if (rune < 0x10000) {
    put(0xE0 | (rune >> 12));
    put(0x80 | ((rune >> 6) & 0x3F));
    put(0x80 | (rune & 0x3F));
  } else {
    put(0xF0 | (rune >> 18));
    put(0x80 | ((rune >> 12) & 0x3F));
    put(0x80 | ((rune >> 6) & 0x3F));
    put(0x80 | (rune & 0x3F));
  }
}

bool IsValidUTF8(std::string_view text) {
  while (!text.empty()) {
    const DecodedRune decoded = DecodeRune(text);
    if (decoded.rune == kRuneError && decoded.width == 1) return false;
    text.remove_prefix(decoded.width);
  }
  return true;
}

std::string ReplaceInvalidUTF8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const DecodedRune decoded = DecodeRune(text);
    AppendRune(out, decoded.rune);
    text.remove_prefix(decoded.width);
  }
  return out;
}

std::string_view FirstOfUTF8(std::string_view text, std::size_t most) {
  std::size_t size = 0;
  while (size < text.size()) {
    const std::size_t width = DecodeRune(text.substr(size)).width;
    if (width > most - size) break;
    size += width;
  }
  return text.substr(0, size);
}

}  // namespace containerd::base
