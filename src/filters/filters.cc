// SPDX-License-Identifier: Apache-2.0
#include "containerd/filters/filters.h"

#include <memory>
#include <optional>
#include <string>
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
  auto re = std::make_unique<RE2>(value_, options);
  if (re->ok()) {
    re_ = std::move(re);
  } else {
    log::Error(
        fmt::format("error compiling regexp \"{}\": {}", absl::CHexEscape(value_), re->error()));
  }
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
