// SPDX-License-Identifier: Apache-2.0
//
// The syntactic half of the filter language. Source: pkg/filters/parser.go.
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/filters/filters.h"

#include "quote.h"
#include "scanner.h"
#include "selector.h"
#include "src/base/utf8.h"

namespace containerd::filters {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view input) : input_(input), scanner_(input) {}

  absl::StatusOr<FilterPtr> Parse();

 private:
  absl::StatusOr<FilterPtr> ParseSelector();
  absl::StatusOr<std::vector<std::string>> ParseFieldpath();
  absl::StatusOr<std::string> ParseField();
  absl::StatusOr<Operator> ParseOperator();
  absl::StatusOr<std::string> ParseValue(bool allow_alternative_quotes);
  absl::StatusOr<std::string> UnquoteToken(const Token& token, bool allow_alternative_quotes);

  absl::Status Error(std::size_t pos, std::string_view message) const;

  std::string_view input_;
  Scanner scanner_;
};

absl::StatusOr<FilterPtr> Parser::Parse() {
  std::vector<FilterPtr> selectors;
  while (true) {
    absl::StatusOr<FilterPtr> selector = ParseSelector();
    if (!selector.ok()) return selector.status();
    selectors.push_back(*std::move(selector));

    const base::Rune next = scanner_.Peek();
    if (next == kTokenEOF) return std::make_shared<All>(std::move(selectors));
    if (next != ',') {
      std::string shown;
      base::AppendRune(shown, next);
      return Error(scanner_.offset(), fmt::format("unexpected input: {}", shown));
    }
    scanner_.Scan();
  }
}

absl::StatusOr<FilterPtr> Parser::ParseSelector() {
  absl::StatusOr<std::vector<std::string>> fieldpath = ParseFieldpath();
  if (!fieldpath.ok()) return fieldpath.status();

  const base::Rune next = scanner_.Peek();
  if (next == ',' || next == kTokenEOF) {
    return std::make_shared<Selector>(*std::move(fieldpath), Operator::kPresent, "");
  }

  const absl::StatusOr<Operator> op = ParseOperator();
  if (!op.ok()) return op.status();
  const std::size_t begin = scanner_.offset();
  absl::StatusOr<std::string> value = ParseValue(*op == Operator::kMatches);
  if (!value.ok()) return value.status();
  auto selector = std::make_shared<Selector>(*std::move(fieldpath), *op, *std::move(value));
  if (selector->TooLarge()) return Error(begin, "regular expression needs too much memory");
  return selector;
}

absl::StatusOr<std::vector<std::string>> Parser::ParseFieldpath() {
  std::vector<std::string> fields;
  while (true) {
    absl::StatusOr<std::string> field = ParseField();
    if (!field.ok()) return field.status();
    fields.push_back(*std::move(field));
    if (scanner_.Peek() != '.') return fields;
    scanner_.Scan();
  }
}

absl::StatusOr<std::string> Parser::ParseField() {
  const Token token = scanner_.Scan();
  switch (token.kind) {
    case kTokenField:
      return std::string(token.text);
    case kTokenQuoted:
      return UnquoteToken(token, false);
    case kTokenIllegal:
      return Error(token.pos, scanner_.error());
    default:
      return Error(token.pos, "expected field or quoted");
  }
}

absl::StatusOr<Operator> Parser::ParseOperator() {
  const Token token = scanner_.Scan();
  switch (token.kind) {
    case kTokenOperator:
      if (token.text == "==") return Operator::kEqual;
      if (token.text == "!=") return Operator::kNotEqual;
      if (token.text == "~=") return Operator::kMatches;
      return Error(token.pos, fmt::format("unsupported operator \"{}\"", token.text));
    case kTokenIllegal:
      return Error(token.pos, scanner_.error());
    default:
      return Error(token.pos, R"(expected an operator ("=="|"!="|"~="))");
  }
}

absl::StatusOr<std::string> Parser::ParseValue(bool allow_alternative_quotes) {
  const Token token = scanner_.Scan();
  switch (token.kind) {
    case kTokenValue:
    case kTokenField:
      return std::string(token.text);
    case kTokenQuoted:
      return UnquoteToken(token, allow_alternative_quotes);
    case kTokenIllegal:
      return Error(token.pos, scanner_.error());
    default:
      return Error(token.pos, "expected value or quoted");
  }
}

absl::StatusOr<std::string> Parser::UnquoteToken(const Token& token,
                                                 bool allow_alternative_quotes) {
  if (!allow_alternative_quotes && token.text.front() != '"') {
    return Error(token.pos, "invalid quote encountered");
  }
  std::optional<std::string> text = Unquote(token.text);
  if (!text) return Error(token.pos, "unquoting failed: quote syntax error");
  return *std::move(text);
}

absl::Status Parser::Error(std::size_t pos, std::string_view message) const {
  std::string where(input_);
  if (pos < input_.size()) {
    where = fmt::format("{} >|{}|< {}", input_.substr(0, pos), input_.substr(pos, 1),
                        input_.substr(pos + 1));
  }
  return errdefs::InvalidArgument(fmt::format("filters: parse error: [{}]: {}", where, message));
}

template <typename Range>
absl::StatusOr<FilterPtr> ParseRange(const Range& filters) {
  if (std::empty(filters)) return Always();
  std::vector<FilterPtr> any;
  any.reserve(std::size(filters));
  for (const auto& text : filters) {
    absl::StatusOr<FilterPtr> filter = Parse(text);
    if (!filter.ok()) return filter.status();
    any.push_back(*std::move(filter));
  }
  return std::make_shared<Any>(std::move(any));
}

}  // namespace

absl::StatusOr<FilterPtr> Parse(std::string_view filter) {
  if (filter.empty()) return Always();
  return Parser(filter).Parse();
}

absl::StatusOr<FilterPtr> ParseAll(std::span<const std::string> filters) {
  return ParseRange(filters);
}

absl::StatusOr<FilterPtr> ParseAll(std::initializer_list<std::string_view> filters) {
  return ParseRange(filters);
}

}  // namespace containerd::filters
