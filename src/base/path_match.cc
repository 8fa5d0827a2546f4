// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/path.h"
#include "src/base/utf8.h"

namespace containerd::base {
namespace {

// Takes one UTF-8 character, or one byte that is none, off the front of `text`.
DecodedRune TakeCharacter(std::string_view& text) {
  const DecodedRune character = DecodeRune(text);
  text.remove_prefix(character.width);
  return character;
}

// A pattern, taken apart piece by piece from the front.
class Pattern {
 public:
  explicit Pattern(std::string_view text) : rest_(text) {}

  struct Element {
    enum class Kind { kStar, kAny, kLiteral, kClass } kind = Kind::kAny;
    std::string_view literal{};
    bool negated = false;
    std::vector<std::pair<Rune, Rune>> ranges{};
  };

  // The elements in order; nullopt if the pattern is malformed.
  std::optional<std::vector<Element>> Parse() {
    std::vector<Element> elements;
    while (!rest_.empty()) {
      Element element;
      const char c = rest_[0];
      if (c == '*' || c == '?') {
        element.kind = c == '*' ? Element::Kind::kStar : Element::Kind::kAny;
        rest_.remove_prefix(1);
      } else if (c == '[') {
        element.kind = Element::Kind::kClass;
        rest_.remove_prefix(1);
        if (!ParseClass(element)) return std::nullopt;
      } else {
        element.kind = Element::Kind::kLiteral;
        if (c == '\\') rest_.remove_prefix(1);
        if (rest_.empty()) return std::nullopt;
        element.literal = rest_.substr(0, 1);
        rest_.remove_prefix(1);
      }
      elements.push_back(std::move(element));
    }
    return elements;
  }

 private:
  // The rest of "[…]": at least one character or range.
  bool ParseClass(Element& element) {
    if (rest_.starts_with('^')) {
      element.negated = true;
      rest_.remove_prefix(1);
    }
    while (!rest_.starts_with(']') || element.ranges.empty()) {
      const std::optional<Rune> low = TakeClassCharacter();
      if (!low) return false;
      std::optional<Rune> high = low;
      if (rest_.starts_with('-')) {
        rest_.remove_prefix(1);
        high = TakeClassCharacter();
        if (!high) return false;
      }
      element.ranges.emplace_back(*low, *high);
    }
    rest_.remove_prefix(1);
    return true;
  }

  // One character of a class, maybe after a backslash. It cannot be the pattern's last.
  std::optional<Rune> TakeClassCharacter() {
    if (rest_.empty() || rest_[0] == '-' || rest_[0] == ']') return std::nullopt;
    if (rest_[0] == '\\') rest_.remove_prefix(1);
    if (rest_.empty()) return std::nullopt;
    const DecodedRune character = TakeCharacter(rest_);
    const bool invalid = character.rune == kRuneError && character.width == 1;
    if (invalid || rest_.empty()) return std::nullopt;
    return character.rune;
  }

  std::string_view rest_;
};

// Takes what `element`, not a star, matches off the front of `name`.
bool TakeMatch(const Pattern::Element& element, std::string_view& name) {
  if (name.empty()) return false;
  if (element.kind == Pattern::Element::Kind::kLiteral) {
    if (!name.starts_with(element.literal)) return false;
    name.remove_prefix(element.literal.size());
    return true;
  }
  if (element.kind == Pattern::Element::Kind::kAny) {
    if (name[0] == '/') return false;
    TakeCharacter(name);
    return true;
  }
  // A byte that is no character counts as U+FFFD.
  const Rune character = TakeCharacter(name).rune;
  const bool in_class = std::any_of(
      element.ranges.begin(), element.ranges.end(),
      [&](const auto& range) { return range.first <= character && character <= range.second; });
  return in_class != element.negated;
}

}  // namespace

std::optional<bool> MatchPath(std::string_view pattern, std::string_view name) {
  const std::optional<std::vector<Pattern::Element>> elements = Pattern(pattern).Parse();
  if (!elements) return std::nullopt;

  // Only the last star is ever tried again: what stands before it has matched as early as it can.
  std::size_t next = 0;
  std::optional<std::size_t> star;
  std::string_view star_rest;
  while (true) {
    if (next < elements->size() && (*elements)[next].kind == Pattern::Element::Kind::kStar) {
      star = ++next;
      star_rest = name;
      continue;
    }
    if (next < elements->size()) {
      if (TakeMatch((*elements)[next], name)) {
        ++next;
        continue;
      }
    } else if (name.empty()) {
      return true;
    }
    // The star takes one more byte.
    if (!star || star_rest.empty() || star_rest[0] == '/') return false;
    star_rest.remove_prefix(1);
    name = star_rest;
    next = *star;
  }
}

}  // namespace containerd::base
