// SPDX-License-Identifier: Apache-2.0
//
// A recursive-descent reader of JSON text. Recursion is bounded by kMaxDepth: every array and
// object, also inside skipped values, is counted by Open.
#include <charconv>
#include <system_error>

#include <absl/strings/escaping.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/gojson/internal/codec.h"
#include "text.h"

namespace containerd::gojson {
namespace {

constexpr std::size_t kMaxQuotedKey = 64;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The value of four hex digits at `text[at]`, or -1.
int Hex4(std::string_view text, std::size_t at) {
  if (text.size() < at + 4) return -1;
  int value = 0;
  for (const char c : text.substr(at, 4)) {
    int digit = 0;
    if (IsDigit(c)) {
      digit = c - '0';
    } else if (c >= 'a' && c <= 'f') {
      digit = c - 'a' + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = c - 'A' + 10;
    } else {
      return -1;
    }
    value = value * 16 + digit;
  }
  return value;
}

}  // namespace

void Reader::SkipSpace() {
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return;
    ++at_;
  }
}

// The first character of the next token; NUL at the end, which begins no token either.
char Reader::Peek() {
  SkipSpace();
  return at_ < text_.size() ? text_[at_] : '\0';
}

std::string_view Reader::DescribeNext() {
  const char c = Peek();
  if (at_ >= text_.size()) return "the end of the text";
  switch (c) {
    case '{':
      return "an object";
    case '[':
      return "an array";
    case '"':
      return "a string";
    case 't':
    case 'f':
      return "a boolean";
    case 'n':
      return "null";
    default:
      return (c == '-' || IsDigit(c)) ? "a number" : "no JSON value";
  }
}

bool Reader::Fail(std::string_view what) {
  error_ = fmt::format("{} (byte {})", what, at_);
  return false;
}

bool Reader::FailType(std::string_view want) {
  const std::string_view found = DescribeNext();  // Moves on to the value.
  return Fail(fmt::format("want {}, found {}", want, found));
}

// The path grows from its end as the failed reads return.
void Reader::AtIndex(std::size_t index) { path_ = fmt::format("[{}]{}", index, path_); }

void Reader::AtKey(std::string_view key) {
  const bool cut = key.size() > kMaxQuotedKey;
  const std::string shown(key.substr(0, kMaxQuotedKey));
  path_ = fmt::format("[\"{}{}\"]{}", absl::CHexEscape(shown), cut ? "..." : "", path_);
}

void Reader::AtField(std::string_view name) { path_ = fmt::format(".{}{}", name, path_); }

absl::Status Reader::status() const {
  if (error_.empty()) return absl::OkStatus();
  if (path_.empty()) return errdefs::InvalidArgument(fmt::format("json: {}", error_));
  const std::string_view path = std::string_view(path_).substr(path_.front() == '.' ? 1 : 0);
  return errdefs::InvalidArgument(fmt::format("json: {}: {}", path, error_));
}

bool Reader::CountStruct() {
  if (++structs_ <= kMaxStructs) return true;
  return Fail(fmt::format("more than {} objects", kMaxStructs));
}

bool Reader::Open(char bracket, std::string_view want) {
  if (Peek() != bracket) return FailType(want);
  if (depth_ >= kMaxDepth) return Fail(fmt::format("nested more than {} deep", kMaxDepth));
  ++depth_;
  ++at_;
  return true;
}

Reader::Step Reader::Next(char close, bool& first) {
  const char c = Peek();
  if (c == close) {
    ++at_;
    --depth_;
    return Step::kEnd;
  }
  if (!first) {
    if (c != ',') {
      Fail(fmt::format("want ',' or '{}' after a value", close));
      return Step::kError;
    }
    ++at_;
  }
  first = false;
  return Step::kItem;
}

Reader::Step Reader::NextMember(std::string& name, bool& first) {
  const Step step = Next('}', first);
  if (step != Step::kItem) return step;
  if (Peek() != '"') {
    FailType("a member's name");
    return Step::kError;
  }
  name.clear();
  if (!ReadStringToken(name)) return Step::kError;
  if (Peek() != ':') {
    Fail("want ':' after a member's name");
    return Step::kError;
  }
  ++at_;
  return Step::kItem;
}

bool Reader::ConsumeNull() {
  if (Peek() != 'n' || text_.substr(at_, 4) != "null") return false;
  at_ += 4;
  return true;
}

bool Reader::Finish() {
  SkipSpace();
  return at_ == text_.size() || Fail("text after the value");
}

bool Reader::Read(bool& out) {
  if (ConsumeNull()) return true;
  const char c = Peek();
  if (c == 't' && text_.substr(at_, 4) == "true") {
    at_ += 4;
    out = true;
    return true;
  }
  if (c == 'f' && text_.substr(at_, 5) == "false") {
    at_ += 5;
    out = false;
    return true;
  }
  return FailType("a boolean");
}

// Takes the longest prefix that is a number of JSON's grammar.
bool Reader::ScanNumber(std::string_view& token) {
  SkipSpace();
  std::size_t end = at_;
  const auto digits = [&] {
    const std::size_t begin = end;
    while (end < text_.size() && IsDigit(text_[end])) ++end;
    return end > begin;
  };
  if (end < text_.size() && text_[end] == '-') ++end;
  if (end < text_.size() && text_[end] == '0') {
    ++end;
  } else if (!digits()) {
    return FailType("a number");
  }
  if (end < text_.size() && text_[end] == '.') {
    ++end;
    if (!digits()) return Fail("a number without digits after its point");
  }
  if (end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
    ++end;
    if (end < text_.size() && (text_[end] == '+' || text_[end] == '-')) ++end;
    if (!digits()) return Fail("a number without digits in its exponent");
  }
  token = text_.substr(at_, end - at_);
  return true;
}

bool Reader::ReadSigned(std::int64_t& out, std::int64_t min, std::int64_t max) {
  const char c = Peek();
  if (c != '-' && !IsDigit(c)) return FailType("an integer");
  std::string_view token;
  if (!ScanNumber(token)) return false;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), value);
  const bool whole = end == token.data() + token.size();
  if (!whole && error == std::errc()) return Fail("want an integer, found a fraction or exponent");
  if (error != std::errc() || value < min || value > max) {
    return Fail(fmt::format("integer out of range, want {} to {}", min, max));
  }
  at_ += token.size();
  out = value;
  return true;
}

bool Reader::ReadUnsigned(std::uint64_t& out, std::uint64_t max) {
  const char c = Peek();
  if (c != '-' && !IsDigit(c)) return FailType("an integer");
  std::string_view token;
  if (!ScanNumber(token)) return false;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), value);
  const bool whole = end == token.data() + token.size();
  if (!whole && error == std::errc()) return Fail("want an integer, found a fraction or exponent");
  if (error != std::errc() || value > max) {
    return Fail(fmt::format("integer out of range, want 0 to {}", max));
  }
  at_ += token.size();
  out = value;
  return true;
}

bool Reader::Read(std::string& out) {
  if (ConsumeNull()) return true;
  if (Peek() != '"') return FailType("a string");
  out.clear();
  return ReadStringToken(out);
}

// Appends the string token at at_, which is at its opening quote.
bool Reader::ReadStringToken(std::string& out) {
  ++at_;
  while (true) {
    std::size_t plain = at_;
    while (plain < text_.size() && IsPlain(text_[plain])) ++plain;
    out.append(text_, at_, plain - at_);
    at_ = plain;
    if (at_ >= text_.size()) return Fail("a string without an end");

    const char c = text_[at_];
    if (c == '"') {
      ++at_;
      return true;
    }
    if (c == '\\') {
      if (!ReadEscape(out)) return false;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      return Fail("a control character in a string");
    } else if (const std::size_t size = Utf8Size(text_.substr(at_)); size > 0) {
      out.append(text_, at_, size);
      at_ += size;
    } else {
      AppendUtf8(kReplacement, out);
      ++at_;
    }
  }
}

bool Reader::ReadEscape(std::string& out) {
  const char c = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
  switch (c) {
    case '"':
    case '\\':
    case '/':
      out.push_back(c);
      break;
    case 'b':
      out.push_back('\b');
      break;
    case 'f':
      out.push_back('\f');
      break;
    case 'n':
      out.push_back('\n');
      break;
    case 'r':
      out.push_back('\r');
      break;
    case 't':
      out.push_back('\t');
      break;
    case 'u': {
      const int unit = Hex4(text_, at_ + 2);
      if (unit < 0) return Fail("\\u without four hex digits");
      at_ += 6;
      if (unit < 0xD800 || unit > 0xDFFF) {
        AppendUtf8(static_cast<char32_t>(unit), out);
        return true;
      }
      // Half of a surrogate pair: meaningless without the other half.
      const int low = text_.substr(at_, 2) == "\\u" ? Hex4(text_, at_ + 2) : -1;
      if (unit < 0xDC00 && low >= 0xDC00 && low <= 0xDFFF) {
        at_ += 6;
        AppendUtf8(static_cast<char32_t>(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)), out);
      } else {
        AppendUtf8(kReplacement, out);
      }
      return true;
    }
    default:
      return Fail("an unknown escape in a string");
  }
  at_ += 2;
  return true;
}

// Passes over the next value, whatever it is.
bool Reader::Skip() {
  bool first = true;
  std::string scratch;
  switch (Peek()) {
    case '{':
      if (!Open('{', {})) return false;
      while (true) {
        const Step step = NextMember(scratch, first);
        if (step != Step::kItem) return step == Step::kEnd;
        if (!Skip()) return false;
      }
    case '[':
      if (!Open('[', {})) return false;
      while (true) {
        const Step step = Next(']', first);
        if (step != Step::kItem) return step == Step::kEnd;
        if (!Skip()) return false;
      }
    case '"':
      return ReadStringToken(scratch);
    case 't':
    case 'f': {
      bool value = false;
      return Read(value);
    }
    case 'n':
      return ConsumeNull() || FailType("a value");
    default: {
      std::string_view token;
      if (!ScanNumber(token)) return false;
      at_ += token.size();
      return true;
    }
  }
}

bool Reader::Read(RawMessage& out) {
  if (ConsumeNull()) {
    out.text.clear();
    return true;
  }
  SkipSpace();
  const std::size_t begin = at_;
  if (!Skip()) return false;
  out.text = Compact(text_.substr(begin, at_ - begin));
  return true;
}

bool Reader::Read(std::set<std::string>& out) {
  if (ConsumeNull()) {
    out.clear();
    return true;
  }
  if (!Open('{', "an object")) return false;
  bool first = true;
  std::string key;
  while (true) {
    const Step step = NextMember(key, first);
    if (step != Step::kItem) return step == Step::kEnd;
    // Go's struct{}: an object, in which nothing is of interest.
    const bool is_struct = Peek() == '{' || Peek() == 'n';
    if (is_struct ? !Skip() : !FailType("an object")) {
      AtKey(key);
      return false;
    }
    out.insert(key);
  }
}

bool Reader::ReadBase64(std::string& out) {
  if (ConsumeNull()) {
    out.clear();
    return true;
  }
  if (Peek() != '"') return FailType("a string of base64");
  const std::size_t begin = at_;
  std::string encoded;
  if (!ReadStringToken(encoded)) return false;
  std::erase_if(encoded, [](char c) { return c == '\r' || c == '\n'; });
  // Stricter than absl's decoder, which also takes white space and does without padding.
  const bool alphabet =
      encoded.find_first_not_of(
          "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") == std::string::npos;
  std::string bytes;
  if (!alphabet || encoded.size() % 4 != 0 || !absl::Base64Unescape(encoded, &bytes)) {
    at_ = begin;
    return Fail("a string that is not base64");
  }
  out = std::move(bytes);
  return true;
}

bool Reader::ReadTime(absl::Time& out, std::string& zone) {
  if (Peek() != '"') return FailType("a time");
  const std::size_t begin = at_;
  std::string text;
  if (!ReadStringToken(text)) return false;
  if (!ParseTime(text, out, zone)) {
    at_ = begin;
    return Fail("want a time as RFC 3339 spells it");
  }
  return true;
}

void MemberReader::Done(std::string_view name, bool ok) {
  state_ = ok ? State::kRead : State::kFailed;
  if (!ok) reader_.AtField(name);
}

void MemberReader::Field(std::string_view name, absl::Time& field, Omit) {
  if (!Matches(name)) return;
  if (reader_.ConsumeNull()) return Done(name, true);
  std::string zone;
  const bool ok = reader_.ReadTime(field, zone);
  if (ok && zone != extra_.Lookup(name, Extra::Kind::kZone)) {
    extra_.Set(name, zone, Extra::Kind::kZone);
  }
  Done(name, ok);
}

void MemberReader::Field(std::string_view name, std::optional<absl::Time>& field, Omit) {
  if (!Matches(name)) return;
  if (reader_.ConsumeNull()) {
    field.reset();
    return Done(name, true);
  }
  Field(name, field.emplace());
}

bool MemberReader::Finish() {
  if (state_ != State::kLooking) return state_ == State::kRead;
  RawMessage value;
  if (reader_.ConsumeNull()) {
    value.text = "null";
  } else if (!reader_.Read(value)) {
    return false;
  }
  extra_.Set(name_, value.text, Extra::Kind::kUnknown);
  return true;
}

}  // namespace containerd::gojson
