// SPDX-License-Identifier: Apache-2.0
#include "containerd/tracing/trace_context.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "carried.h"
#include "src/base/escape.h"

namespace containerd::tracing {
namespace {

constexpr std::size_t kMostMembers = 32;
constexpr std::size_t kMostOfKeyOrValue = 256;

bool IsLowerAlnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsZero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

absl::Status CheckTraceparent(std::string_view text) {
  const auto invalid = [text](std::string_view why) {
    return errdefs::InvalidArgument(
        fmt::format("invalid traceparent {}: {}", base::Quote(text), why));
  };
  // version - trace id - parent id - flags
  constexpr std::size_t kSize = 55;
  if (text.size() < kSize || text[2] != '-' || text[35] != '-' || text[52] != '-') {
    return invalid("want <2 digits>-<32 digits>-<16 digits>-<2 digits>");
  }
  const std::string_view version = text.substr(0, 2);
  const std::string_view trace_id = text.substr(3, 32);
  const std::string_view parent_id = text.substr(36, 16);
  if (!IsHex(version) || !IsHex(trace_id) || !IsHex(parent_id) || !IsHex(text.substr(53, 2))) {
    return invalid("the digits are hexadecimal ones in lower case");
  }
  if (version == "ff") return invalid("there is no version ff");
  if (IsZero(trace_id)) return invalid("the trace id is zero");
  if (IsZero(parent_id)) return invalid("the parent id is zero");
  if (text.size() == kSize) return absl::OkStatus();
  if (version == "00") return invalid("version 00 ends after the flags");
  const bool printable =
      std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (text[kSize] != '-' || !printable) return invalid("what follows the flags begins with \"-\"");
  return absl::OkStatus();
}

std::string_view TrimBlanks(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool IsKey(std::string_view key) {
  return !key.empty() && key.size() <= kMostOfKeyOrValue && IsLowerAlnum(key.front()) &&
         std::all_of(key.begin(), key.end(), [](char c) {
           return IsLowerAlnum(c) || c == '_' || c == '-' || c == '*' || c == '/' || c == '@';
         });
}

bool IsValue(std::string_view value) {
  return !value.empty() && value.size() <= kMostOfKeyOrValue && value.back() != ' ' &&
         std::all_of(value.begin(), value.end(),
                     [](char c) { return c >= 0x20 && c < 0x7f && c != ',' && c != '='; });
}

absl::Status CheckTracestate(std::string_view text) {
  const auto invalid = [text](std::string_view why) {
    return errdefs::InvalidArgument(
        fmt::format("invalid tracestate {}: {}", base::Quote(text), why));
  };
  std::vector<std::string_view> keys;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view member = TrimBlanks(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    if (member.empty()) continue;
    const std::size_t equals = std::min(member.find('='), member.size());
    const std::string_view key = member.substr(0, equals);
    if (equals == member.size()) return invalid("want key=value, …");
    if (!IsKey(key)) return invalid(fmt::format("{} is no key", base::Quote(key)));
    if (!IsValue(member.substr(equals + 1))) {
      return invalid(fmt::format("the value of {} is none", base::Quote(key)));
    }
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) {
      return invalid(fmt::format("{} is there twice", base::Quote(key)));
    }
    keys.push_back(key);
  }
  if (keys.size() > kMostMembers) {
    return invalid(
        fmt::format("it has {} members, and {} are the most", keys.size(), kMostMembers));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Validate(const TraceContext& trace) {
  if (absl::Status s = CheckTraceparent(trace.traceparent); !s.ok()) return s;
  return CheckTracestate(trace.tracestate);
}

absl::StatusOr<Context> WithTraceparent(const Context& parent, std::string_view traceparent,
                                        std::string_view tracestate) {
  TraceContext trace{std::string(traceparent), std::string(tracestate)};
  if (absl::Status s = Validate(trace); !s.ok()) return s;
  Carried carried = CopyOf(parent);
  carried.trace = std::move(trace);
  return WithValue(parent, std::move(carried));
}

TraceContext TraceContextOf(const Context& ctx) {
  const Carried* carried = Find(ctx);
  return carried != nullptr ? carried->trace : TraceContext();
}

}  // namespace containerd::tracing
