// SPDX-License-Identifier: Apache-2.0
//
// The lexical half of the filter language. Source: pkg/filters/scanner.go.
#ifndef CONTAINERD_SRC_FILTERS_SCANNER_H_
#define CONTAINERD_SRC_FILTERS_SCANNER_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "src/base/utf8.h"

namespace containerd::filters {

// Kinds of token. A character that begins none is a token of its own code point.
inline constexpr base::Rune kTokenEOF = -1;
inline constexpr base::Rune kTokenQuoted = -2;  // The quotes belong to the text.
inline constexpr base::Rune kTokenValue = -3;
inline constexpr base::Rune kTokenField = -4;
inline constexpr base::Rune kTokenSeparator = -5;
inline constexpr base::Rune kTokenOperator = -6;  // Any run of '=', '!' and '~'.
inline constexpr base::Rune kTokenIllegal = -7;   // Scanner::error() says why.

struct Token {
  std::size_t pos;
  base::Rune kind;
  std::string_view text;  // Of the input; empty for EOF and single characters.
};

// Cuts a filter into tokens. The one after an operator is a value, which may have characters that
// a field may not. `input` must outlive the scanner.
class Scanner {
 public:
  explicit Scanner(std::string_view input) : input_(input) {}

  Token Scan();

  // The next character, without consuming it: a code point, kTokenEOF or kTokenIllegal.
  base::Rune Peek();

  // Where the next character begins.
  std::size_t offset() const { return end_; }

  // The first lexical error so far; empty if there was none.
  const std::string& error() const { return error_; }

 private:
  base::Rune Next();
  bool ScanQuoted(base::Rune quote);
  struct Escape {
    base::Rune next;  // The character after the sequence.
    bool legal;
  };
  Escape ScanEscape(base::Rune quote);
  Escape ScanDigits(base::Rune ch, int base, int count);
  template <typename Predicate>
  void SkipWhile(Predicate predicate);
  void Fail(std::string_view message);
  std::string_view TextFrom(std::size_t pos) const { return input_.substr(pos, end_ - pos); }

  std::string_view input_;
  std::size_t pos_ = 0;  // The current character lies between these two.
  std::size_t end_ = 0;
  bool value_ = false;  // An operator has been seen, and not yet what follows it.
  std::string error_;
};

}  // namespace containerd::filters

#endif  // CONTAINERD_SRC_FILTERS_SCANNER_H_
