// SPDX-License-Identifier: Apache-2.0
#include "text.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include <absl/strings/ascii.h>
#include <absl/time/civil_time.h>

namespace containerd::gojson {
namespace {

// Takes `digits` decimal digits off the front of `text`.
bool TakeNumber(std::string_view& text, std::size_t digits, int& out) {
  if (text.size() < digits) return false;
  out = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return false;
    out = out * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return true;
}

bool TakeChar(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

// The UTF-16 unit that the escape \uXXXX at the front of `text` stands for, or 0 if there is none.
unsigned EscapedUnit(std::string_view text) {
  if (text.size() < 6 || !text.starts_with("\\u")) return 0;
  unsigned unit = 0;
  const char* end = text.data() + 6;
  return std::from_chars(text.data() + 2, end, unit, 16).ptr == end ? unit : 0;
}

// The seconds east of UTC that a zone as ParseTime gives it stands for.
int ZoneSeconds(std::string_view zone) {
  if (zone.size() != 6) return 0;
  const bool west = zone.front() == '-';
  zone.remove_prefix(1);
  int hours = 0;
  int minutes = 0;
  if (!TakeNumber(zone, 2, hours) || !TakeChar(zone, ':') || !TakeNumber(zone, 2, minutes)) {
    return 0;
  }
  const int seconds = hours * 3600 + minutes * 60;
  return west ? -seconds : seconds;
}

}  // namespace

std::size_t Utf8Size(std::string_view text) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned lead = byte(0);
  if (text.empty()) return 0;
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;  // A continuation, or an overlong form.
  if (lead < 0xE0) return continues(1) ? 2 : 0;
  if (lead < 0xF0) {
    if (!continues(1) || !continues(2)) return 0;
    const bool overlong = lead == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = lead == 0xED && byte(1) >= 0xA0;
    return overlong || surrogate ? 0 : 3;
  }
  if (lead > 0xF4 || !continues(1) || !continues(2) || !continues(3)) return 0;
  const bool overlong = lead == 0xF0 && byte(1) < 0x90;
  const bool beyond = lead == 0xF4 && byte(1) >= 0x90;
  return overlong || beyond ? 0 : 4;
}

std::string_view Repair(std::string_view text, std::string& room) {
  std::size_t kept = 0;  // What is before stands in `room`.
  const auto replace = [&](std::size_t at, std::size_t size, std::string_view by) {
    room.append(text.substr(kept, at - kept)).append(by);
    kept = at + size;
  };
  for (std::size_t i = 0; i < text.size();) {
    std::size_t size = 1;
    if (text[i] == '\\') {
      // Two characters at least: the second may be a backslash itself.
      const unsigned unit = EscapedUnit(text.substr(i));
      size = (unit & 0xF800U) == 0xD800 ? 6 : 2;
      const bool high = (unit & 0xFC00U) == 0xD800;
      if (high && (EscapedUnit(text.substr(i + 6)) & 0xFC00U) == 0xDC00) {
        size = 12;
      } else if (size == 6) {
        replace(i, size, "\\ufffd");
      }
    } else if (!IsPlain(text[i])) {
      size = Utf8Size(text.substr(i));
      if (size == 0) replace(i, size = 1, "\xEF\xBF\xBD");
    }
    i += size;
  }
  if (kept == 0) return text;
  return room.append(text.substr(kept));
}

bool EqualFold(std::string_view field, std::string_view name) {
  for (const char c : field) {
    const char lower = absl::ascii_tolower(static_cast<unsigned char>(c));
    const std::string_view sign = lower == 'k' ? "\u212A" : lower == 's' ? "\u017F" : "";
    if (!sign.empty() && name.starts_with(sign)) {
      name.remove_prefix(sign.size());
    } else if (!name.empty() &&
               absl::ascii_tolower(static_cast<unsigned char>(name.front())) == lower) {
      name.remove_prefix(1);
    } else {
      return false;
    }
  }
  return name.empty();
}

std::string Compact(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (!in_string) {
      if (c == ' ' || c == '\t' || c == '\n' || c == '\r') continue;
      in_string = c == '"';
      out.push_back(c);
      continue;
    }
    switch (c) {
      case '\\':  // Takes the next character along, which may be a quote.
        out.push_back(c);
        if (++i < json.size()) out.push_back(json[i]);
        break;
      case '"':
        in_string = false;
        out.push_back(c);
        break;
      case '<':
        out.append("\\u003c");
        break;
      case '>':
        out.append("\\u003e");
        break;
      case '&':
        out.append("\\u0026");
        break;
      case '\xE2':  // U+2028 and U+2029 are E2 80 A8 and E2 80 A9.
        if (json.substr(i, 3) == "\xE2\x80\xA8" || json.substr(i, 3) == "\xE2\x80\xA9") {
          out.append(json[i + 2] == '\xA8' ? "\\u2028" : "\\u2029");
          i += 2;
          break;
        }
        [[fallthrough]];
      default:
        out.push_back(c);
    }
  }
  return out;
}

bool ParseTime(std::string_view text, absl::Time& time, std::string& zone) {
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!TakeNumber(text, 4, year) || !TakeChar(text, '-') || !TakeNumber(text, 2, month) ||
      !TakeChar(text, '-') || !TakeNumber(text, 2, day) || !TakeChar(text, 'T') ||
      !TakeNumber(text, 2, hour) || !TakeChar(text, ':') || !TakeNumber(text, 2, minute) ||
      !TakeChar(text, ':') || !TakeNumber(text, 2, second)) {
    return false;
  }
  if (hour > 23 || minute > 59 || second > 59) return false;
  const absl::CivilSecond civil(year, month, day, hour, minute, second);
  if (civil.month() != month || civil.day() != day) return false;  // E.g. February 30th.

  std::int64_t nanoseconds = 0;
  if (TakeChar(text, '.')) {
    std::int64_t unit = 100'000'000;
    int digit = 0;
    if (!TakeNumber(text, 1, digit)) return false;
    do {
      nanoseconds += digit * unit;
      unit /= 10;
    } while (TakeNumber(text, 1, digit));
  }

  std::string_view offset;
  if (text != "Z") {
    int hours = 0;
    int minutes = 0;
    offset = text;
    if (text.empty() || (text.front() != '+' && text.front() != '-')) return false;
    text.remove_prefix(1);
    if (!TakeNumber(text, 2, hours) || !TakeChar(text, ':') || !TakeNumber(text, 2, minutes) ||
        !text.empty() || hours > 23 || minutes > 59) {
      return false;
    }
    if (hours == 0 && minutes == 0) offset = {};
  }
  zone = std::string(offset);
  time = absl::FromCivil(civil, absl::UTCTimeZone()) + absl::Nanoseconds(nanoseconds) -
         absl::Seconds(ZoneSeconds(zone));
  return true;
}

std::string FormatTime(absl::Time time, std::string_view zone) {
  // The wall clock in the zone, as if it were UTC.
  const absl::Time first = absl::FromCivil(absl::CivilSecond(0), absl::UTCTimeZone());
  const absl::Time last =
      absl::FromCivil(absl::CivilSecond(10000), absl::UTCTimeZone()) - absl::Nanoseconds(1);
  absl::Time wall = time + absl::Seconds(ZoneSeconds(zone));
  wall = std::clamp(wall, first, last);
  wall = absl::UnixEpoch() + absl::Floor(wall - absl::UnixEpoch(), absl::Nanoseconds(1));
  std::string text = absl::FormatTime("%E4Y-%m-%dT%H:%M:%E*S", wall, absl::UTCTimeZone());
  text.append(zone.empty() ? "Z" : zone);
  return text;
}

}  // namespace containerd::gojson
