// SPDX-License-Identifier: Apache-2.0
#include "containerd/filters/filters.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/strings/escaping.h>
#include <fmt/format.h>
#include <re2/re2.h>

#include "containerd/log/log.h"

#include "selector.h"
#include "src/base/utf8.h"

namespace containerd::filters {
namespace {

// What a compiled expression may take: enough for any class repeated as often as Go allows, 1000
// times, which RE2's own limit, 8 MiB, is not.
constexpr std::int64_t kMaxRegexpMemory = std::int64_t{32} << 20;

// Whether a regular expression has RE2's \C, one byte of whatever, which Go's have not.
bool HasAnyByte(std::string_view expression) {
  while (true) {
    const std::size_t backslash = expression.find('\\');
    if (backslash == std::string_view::npos || backslash + 1 == expression.size()) return false;
    const char escaped = expression[backslash + 1];
    if (escaped == 'C') return true;
    expression.remove_prefix(backslash + 2);
    if (escaped == 'Q') {  // Everything is meant as it is, up to \E.
      const std::size_t end = expression.find("\\E");
      if (end == std::string_view::npos) return false;
      expression.remove_prefix(end + 2);
    }
  }
}

bool Search(const RE2& re, const std::string& text) {
  return RE2::PartialMatch(base::IsValidUTF8(text) ? text : base::ReplaceInvalidUTF8(text), re);
}

}  // namespace

const FilterPtr& Always() {
  static const FilterPtr& always =
      *new FilterPtr(std::make_shared<FilterFunc>([](const Adaptor&) { return true; }));
  return always;
}

bool Any::Match(const Adaptor& adaptor) const {
  for (const FilterPtr& filter : filters_) {
    if (filter->Match(adaptor)) return true;
  }
  return false;
}

bool All::Match(const Adaptor& adaptor) const {
  for (const FilterPtr& filter : filters_) {
    if (!filter->Match(adaptor)) return false;
  }
  return true;
}

Selector::Selector(std::vector<std::string> fieldpath, Operator op, std::string value)
    : fieldpath_(std::move(fieldpath)), op_(op), value_(std::move(value)) {
  if (op_ != Operator::kMatches) return;
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxRegexpMemory);
  auto re = std::make_unique<RE2>(value_, options);
  if (re->ok() && !HasAnyByte(value_)) {
    re_ = std::move(re);
    return;
  }
  too_large_ = re->error_code() == RE2::ErrorPatternTooLarge;
  log::Error(fmt::format("error compiling regexp \"{}\": {}", absl::CHexEscape(value_),
                         re->ok() ? "invalid escape sequence: \\C" : re->error()));
}

Selector::~Selector() = default;

bool Selector::Match(const Adaptor& adaptor) const {
  const std::optional<std::string> field = adaptor.Field(fieldpath_);
  switch (op_) {
    case Operator::kPresent:
      return field.has_value();
    case Operator::kEqual:
      return field.has_value() && *field == value_;
    case Operator::kNotEqual:
      return field.value_or("") != value_;
    case Operator::kMatches:
      return re_ != nullptr && Search(*re_, field.value_or(""));
  }
  return false;
}

}  // namespace containerd::filters
