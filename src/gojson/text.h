// SPDX-License-Identifier: Apache-2.0
//
// Characters, times and white space: what the reader and the writer share.
#ifndef CONTAINERD_SRC_GOJSON_TEXT_H_
#define CONTAINERD_SRC_GOJSON_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

#include <absl/time/time.h>

namespace containerd::gojson {

// An ASCII character that stands for itself in a JSON string.
inline bool IsPlain(char c) {
  return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x80 &&
         c != '"' && c != '\\';
}

// The size of the UTF-8 sequence at the front of `text`, or 0 if there is no valid one.
std::size_t Utf8Size(std::string_view text);

// `text`, or, if bytes of it are not UTF-8 or escapes in it are halves of surrogate pairs, `room`
// with U+FFFD in place of each: as Go's decoder reads strings.
std::string_view Repair(std::string_view text, std::string& room);

// Whether `name` is `field`, which is ASCII, in any case. As in Unicode's folding, and thus in Go,
// the Kelvin sign is a k and the long s an s.
bool EqualFold(std::string_view field, std::string_view name);

// Valid JSON without the white space between its tokens, and with the characters escaped that
// encoding/json never writes plainly. Otherwise every token stays as it was spelled.
std::string Compact(std::string_view json);

// RFC 3339 as time.Time's UnmarshalJSON takes it, which is stricter than absl::ParseTime. `zone`
// becomes "+hh:mm" or "-hh:mm", or empty for UTC. Digits below a nanosecond are dropped.
bool ParseTime(std::string_view text, absl::Time& time, std::string& zone);

// The same text again, with no trailing zeros in the fraction.
std::string FormatTime(absl::Time time, std::string_view zone);

}  // namespace containerd::gojson

#endif  // CONTAINERD_SRC_GOJSON_TEXT_H_
