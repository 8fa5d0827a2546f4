// SPDX-License-Identifier: Apache-2.0
#include "scanner.h"

#include <cstddef>
#include <string>
#include <string_view>

#include <re2/re2.h>

#include "src/base/utf8.h"

namespace containerd::filters {
namespace {

bool IsFieldRune(base::Rune r) {
  return r == '_' || (r >= 'A' && r <= 'Z') || (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9');
}

bool IsOperatorRune(base::Rune r) { return r == '=' || r == '!' || r == '~'; }
bool IsQuoteRune(base::Rune r) { return r == '/' || r == '|' || r == '"'; }
bool IsSeparatorRune(base::Rune r) { return r == ',' || r == '.'; }

// Unicode's property White_Space. Source: unicode.IsSpace.
bool IsSpace(base::Rune r) {
  return (r >= '\t' && r <= '\r') || r == ' ' || r == 0x85 || r == 0xA0 || r == 0x1680 ||
         (r >= 0x2000 && r <= 0x200A) || r == 0x2028 || r == 0x2029 || r == 0x202F || r == 0x205F ||
         r == 0x3000;
}

// A letter, mark, number, punctuation character or symbol. Source: unicode.IsGraphic less spaces.
bool IsVisible(base::Rune r) {
  if (r < 0) return false;
  if (r < 0x80) return r > ' ' && r < 0x7F;
  static const RE2& visible = *new RE2("[\\pL\\pM\\pN\\pP\\pS]");
  std::string encoded;
  base::AppendRune(encoded, r);
  return RE2::FullMatch(encoded, visible);
}

bool IsValueRune(base::Rune r) { return r != ',' && !IsSpace(r) && IsVisible(r); }

int DigitValue(base::Rune r) {
  if (r >= '0' && r <= '9') return r - '0';
  if (r >= 'a' && r <= 'f') return r - 'a' + 10;
  if (r >= 'A' && r <= 'F') return r - 'A' + 10;
  return 16;  // Above any digit.
}

}  // namespace

base::Rune Scanner::Next() {
  if (pos_ >= input_.size()) return kTokenEOF;
  pos_ = end_;
  const base::DecodedRune decoded = base::DecodeRune(input_.substr(end_));
  end_ += decoded.width;
  if (decoded.width == 0) return kTokenEOF;
  if (decoded.rune == base::kRuneError) {  // Also a U+FFFD that is spelled out, as in Go.
    Fail("rune error");
    return kTokenIllegal;
  }
  if (decoded.rune == 0) {
    Fail("unexpected null");
    return kTokenIllegal;
  }
  return decoded.rune;
}

base::Rune Scanner::Peek() {
  const std::size_t pos = pos_;
  const std::size_t end = end_;
  const base::Rune ch = Next();
  pos_ = pos;
  end_ = end;
  return ch;
}

Token Scanner::Scan() {
  base::Rune ch = Next();
  // Blanks go, but not where one would be an operator's or quote's own; none is.
  while (IsSpace(ch)) ch = Next();
  const std::size_t pos = pos_;

  if (ch == kTokenEOF || ch == kTokenIllegal) return {pos, ch, {}};
  if (IsQuoteRune(ch)) {
    const bool legal = ScanQuoted(ch);
    return {pos, legal ? kTokenQuoted : kTokenIllegal, TextFrom(pos)};
  }
  if (IsSeparatorRune(ch)) {
    value_ = false;
    return {pos, kTokenSeparator, TextFrom(pos)};
  }
  if (IsOperatorRune(ch)) {
    SkipWhile(IsOperatorRune);
    value_ = true;
    return {pos, kTokenOperator, TextFrom(pos)};
  }
  if (value_) {
    SkipWhile(IsValueRune);
    value_ = false;
    return {pos, kTokenValue, TextFrom(pos)};
  }
  if (IsFieldRune(ch)) {
    SkipWhile(IsFieldRune);
    return {pos, kTokenField, TextFrom(pos)};
  }
  return {pos, ch, {}};
}

template <typename Predicate>
void Scanner::SkipWhile(Predicate predicate) {
  while (predicate(Peek())) Next();
}

bool Scanner::ScanQuoted(base::Rune quote) {
  bool legal = true;
  base::Rune ch = Next();
  while (ch != quote) {
    if (ch == '\n' || ch < 0) {
      Fail("quoted literal not terminated");
      return false;
    }
    if (ch == '\\') {
      const Escape escape = ScanEscape(quote);
      ch = escape.next;
      legal = legal && escape.legal;
    } else {
      ch = Next();
    }
  }
  return legal;
}

Scanner::Escape Scanner::ScanEscape(base::Rune quote) {
  const base::Rune ch = Next();
  if (ch == quote) return {Next(), true};
  switch (ch) {
    case 'a':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
    case 'v':
    case '\\':
      return {Next(), true};
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
      return ScanDigits(ch, 8, 3);
    case 'x':
      return ScanDigits(Next(), 16, 2);
    case 'u':
      return ScanDigits(Next(), 16, 4);
    case 'U':
      return ScanDigits(Next(), 16, 8);
    default:
      Fail("illegal escape sequence");
      return {ch, false};
  }
}

Scanner::Escape Scanner::ScanDigits(base::Rune ch, int base, int count) {
  while (count > 0 && DigitValue(ch) < base) {
    ch = Next();
    --count;
  }
  if (count == 0) return {ch, true};
  Fail("illegal numeric escape sequence");
  return {ch, false};
}

void Scanner::Fail(std::string_view message) {
  if (error_.empty()) error_ = message;
}

}  // namespace containerd::filters
