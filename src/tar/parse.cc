// SPDX-License-Identifier: Apache-2.0
#include "parse.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

namespace containerd::tar {

std::string_view Raw(std::span<const char> block, Field field) {
  return {block.data() + field.offset, field.size};
}

std::string Text(std::span<const char> block, Field field) {
  const std::string_view raw = Raw(block, field);
  return std::string(raw.substr(0, raw.find('\0')));
}

bool ParseOctal(std::string_view text, std::int64_t& out) {
  constexpr std::string_view kPad{" \0", 2};
  const std::size_t first = text.find_first_not_of(kPad);
  out = 0;
  if (first == std::string_view::npos) return true;
  text = text.substr(first, text.find_last_not_of(kPad) - first + 1);
  text = text.substr(0, text.find('\0'));
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  out = static_cast<std::int64_t>(value);
  return error == std::errc() && end == text.data() + text.size() && out >= 0;
}

bool ParseNumber(std::string_view raw, std::int64_t& out) {
  if ((static_cast<unsigned char>(raw[0]) & 0x80U) == 0) return ParseOctal(raw, out);
  const bool negative = (static_cast<unsigned char>(raw[0]) & 0x40U) != 0;
  const unsigned char invert = negative ? 0xff : 0;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    auto c = static_cast<unsigned char>(static_cast<unsigned char>(raw[i]) ^ invert);
    if (i == 0) c &= 0x7fU;
    if ((value >> 56U) != 0) return false;
    value = value << 8U | c;
  }
  if ((value >> 63U) != 0) return false;
  out = negative ? ~static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value);
  return true;
}

bool ParseDecimal(std::string_view text, std::int64_t& out) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

bool ParsePaxTime(std::string_view text, absl::Time& out) {
  const std::size_t dot = text.find('.');
  std::int64_t seconds = 0;
  if (!ParseDecimal(text.substr(0, dot), seconds)) return false;
  std::int64_t nanos = 0;
  if (dot != std::string_view::npos) {
    const std::string_view fraction = text.substr(dot + 1);
    if (!std::all_of(fraction.begin(), fraction.end(),
                     [](char c) { return c >= '0' && c <= '9'; })) {
      return false;
    }
    std::string digits(fraction.substr(0, 9));
    digits.resize(9, '0');
    if (!ParseDecimal(digits, nanos)) return false;
  }
  if (text.starts_with('-')) nanos = -nanos;
  out = absl::FromUnixSeconds(seconds) + absl::Nanoseconds(nanos);
  return true;
}

bool ParsePax(std::string_view text, std::map<std::string, std::string>& records) {
  std::string map;
  bool want_offset = true;
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    std::int64_t length = 0;
    if (space == std::string_view::npos || !ParseDecimal(text.substr(0, space), length) ||
        length < static_cast<std::int64_t>(space) + 2 ||
        length > static_cast<std::int64_t>(text.size())) {
      return false;
    }
    const auto size = static_cast<std::size_t>(length);
    std::string_view record = text.substr(space + 1, size - space - 1);
    if (!record.ends_with('\n')) return false;
    record.remove_suffix(1);
    const std::size_t equals = record.find('=');
    if (equals == std::string_view::npos || equals == 0) return false;
    const std::string_view key = record.substr(0, equals);
    const std::string_view value = record.substr(equals + 1);
    const bool is_text =
        key == kPaxPath || key == kPaxLinkpath || key == kPaxUname || key == kPaxGname;
    if ((is_text ? value : key).find('\0') != std::string_view::npos) return false;
    text.remove_prefix(size);
    if (key != kPaxSparseOffset && key != kPaxSparseNumBytes) {
      records[std::string(key)] = std::string(value);
      continue;
    }
    if ((key == kPaxSparseOffset) != want_offset || value.find(',') != std::string_view::npos) {
      return false;
    }
    if (!map.empty()) map += ',';
    map += value;
    want_offset = !want_offset;
  }
  if (!map.empty()) records[std::string(kPaxSparseMap)] = std::move(map);
  return true;
}

bool ParseSparseFields(std::string_view fields, std::vector<SparseRegion>& regions) {
  for (; fields.size() >= kSparseEntrySize; fields.remove_prefix(kSparseEntrySize)) {
    if (fields[0] == '\0') break;
    SparseRegion region;
    if (!ParseNumber(fields.substr(0, kSparseEntrySize / 2), region.offset) ||
        !ParseNumber(fields.substr(kSparseEntrySize / 2, kSparseEntrySize / 2), region.size)) {
      return false;
    }
    regions.push_back(region);
  }
  return true;
}

bool ParseSparseText(std::string_view text, char separator, std::vector<SparseRegion>& regions) {
  const auto next = [&](std::int64_t& out) {
    const std::size_t end = text.find(separator);
    const bool ok = ParseDecimal(text.substr(0, end), out);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return ok;
  };
  while (!text.empty()) {
    SparseRegion region;
    if (!next(region.offset) || !next(region.size)) return false;
    regions.push_back(region);
  }
  return true;
}

bool ValidSparseMap(std::span<const SparseRegion> regions, std::int64_t size) {
  std::int64_t end = 0;
  for (const SparseRegion& region : regions) {
    if (region.offset < end || region.size < 0 || region.offset > size ||
        region.size > size - region.offset) {
      return false;
    }
    end = region.offset + region.size;
  }
  return size >= 0;
}

}  // namespace containerd::tar
