// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <system_error>

#include <absl/strings/ascii.h>
#include <absl/strings/escaping.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/gojson/internal/codec.h"
#include "text.h"

namespace containerd::gojson {
namespace {

constexpr std::size_t kMaxShownKey = 64;
constexpr int kMaxShownDepth = 16;

// A member's name as it stands in a path: .name or ["name"].
std::string Element(std::string_view name, bool quoted) {
  const std::string_view shown = name.substr(0, kMaxShownKey);
  for (const char c : shown) {
    quoted = quoted || !(absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_');
  }
  const std::string_view cut = shown.size() < name.size() ? "..." : "";
  if (!quoted) return fmt::format(".{}{}", shown, cut);
  return fmt::format("[\"{}{}\"]", absl::CHexEscape(std::string(shown)), cut);
}

}  // namespace

std::string_view Reader::Text(const Token& token) const {
  return text_.substr(token.begin, token.end - token.begin);
}

std::string_view Reader::String(const Token& token) const {
  if (token.link > 0) return strings_[token.link - 1];
  return text_.substr(token.begin + 1, token.end - token.begin - 2);
}

std::size_t Reader::After(std::size_t at) const {
  const bool holds = at < tokens_.size() && tokens_[at].kind >= Kind::kArray;
  return holds ? tokens_[at].link : at + 1;
}

// Down from the outermost value; a token that is not there yet belongs to what is still open.
std::string Reader::PathTo(std::size_t at) const {
  std::string path;
  int depth = 0;
  for (std::size_t outer = 0; outer < at && outer < tokens_.size();) {
    const Token& container = tokens_[outer];
    if (container.kind < Kind::kArray) break;
    if (++depth > kMaxShownDepth) return path + "...";
    const bool object = container.kind == Kind::kObject;
    std::size_t inner = outer + 1;
    std::size_t index = 0;
    for (; inner < tokens_.size(); ++index) {
      const std::size_t next = After(inner + (object ? 1 : 0));
      if (at < next) break;
      inner = next;
    }
    if (object && inner < tokens_.size()) {
      path += Element(String(tokens_[inner]), tokens_[inner].kind == Kind::kKey);
      ++inner;
    } else if (!object) {
      path += fmt::format("[{}]", index);
    }
    outer = inner;
  }
  return path;
}

bool Reader::FailAt(std::size_t byte, std::string_view what) {
  std::string path = PathTo(at_);
  if (path.starts_with('.')) path.erase(0, 1);
  if (!path.empty()) path += ": ";
  status_ = errdefs::InvalidArgument(fmt::format("json: {}{} (byte {})", path, what, byte));
  return false;
}

bool Reader::Fail(std::string_view what) { return FailAt(tokens_[at_].begin, what); }

bool Reader::FailType(std::string_view want) {
  static constexpr std::string_view kFound[] = {"null",     "a boolean", "a boolean", "a number",
                                                "a string", "a string",  "an array",  "an object"};
  const auto kind = static_cast<std::size_t>(tokens_[at_].kind);
  return Fail(fmt::format("want {}, found {}", want, kFound[kind]));
}

bool Reader::Expect(Kind kind, std::string_view want) {
  return tokens_[at_].kind == kind || FailType(want);
}

bool Reader::CountStruct() {
  if (++structs_ <= kMaxStructs) return true;
  return Fail(fmt::format("more than {} objects", kMaxStructs));
}

bool Reader::Enter(Kind kind, std::string_view want, std::size_t& end) {
  if (!Expect(kind, want)) return false;
  end = tokens_[at_++].link;
  return true;
}

std::string_view Reader::TakeName() { return String(tokens_[at_++]); }

std::string_view Reader::TakeKey() {
  tokens_[at_].kind = Kind::kKey;
  return TakeName();
}

bool Reader::ConsumeNull() {
  if (tokens_[at_].kind != Kind::kNull) return false;
  ++at_;
  return true;
}

bool Reader::Read(bool& out) {
  if (ConsumeNull()) return true;
  out = tokens_[at_].kind == Kind::kTrue;
  if (!out && !Expect(Kind::kFalse, "a boolean")) return false;
  ++at_;
  return true;
}

template <class T>
bool Reader::ReadNumber(T& out, T min, T max) {
  if (!Expect(Kind::kNumber, "an integer")) return false;
  const std::string_view text = Text(tokens_[at_]);
  if (text.find_first_of(".eE") != std::string_view::npos) {
    return Fail("want an integer, found a fraction or exponent");
  }
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < min || value > max) {
    return Fail(fmt::format("integer out of range, want {} to {}", min, max));
  }
  out = value;
  ++at_;
  return true;
}

bool Reader::ReadSigned(std::int64_t& out, std::int64_t min, std::int64_t max) {
  return ReadNumber(out, min, max);
}

bool Reader::ReadUnsigned(std::uint64_t& out, std::uint64_t max) {
  return ReadNumber(out, std::uint64_t{0}, max);
}

bool Reader::Read(std::string& out) {
  if (ConsumeNull()) return true;
  if (!Expect(Kind::kString, "a string")) return false;
  out = TakeName();
  return true;
}

bool Reader::Read(RawMessage& out) {
  out.text.clear();
  if (ConsumeNull()) return true;
  out.text = Compact(Text(tokens_[at_]));
  at_ = After(at_);
  return true;
}

bool Reader::Read(std::set<std::string>& out) {
  if (ConsumeNull()) {
    out.clear();
    return true;
  }
  std::size_t end = 0;
  if (!Enter(Kind::kObject, "an object", end)) return false;
  while (at_ < end) {
    out.emplace(TakeKey());
    // Go's struct{}: an object, in which nothing is of interest.
    if (ConsumeNull()) continue;
    if (!Expect(Kind::kObject, "an object")) return false;
    at_ = After(at_);
  }
  return true;
}

bool Reader::ReadBase64(std::string& out) {
  if (ConsumeNull()) {
    out.clear();
    return true;
  }
  if (!Expect(Kind::kString, "a string of base64")) return false;
  std::string encoded(String(tokens_[at_]));
  std::erase_if(encoded, [](char c) { return c == '\r' || c == '\n'; });
  // Stricter than absl's decoder, which also takes white space and does without padding.
  const bool alphabet =
      encoded.find_first_not_of(
          "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") == std::string::npos;
  std::string bytes;
  if (!alphabet || encoded.size() % 4 != 0 || !absl::Base64Unescape(encoded, &bytes)) {
    return Fail("a string that is not base64");
  }
  out = std::move(bytes);
  ++at_;
  return true;
}

bool Reader::ReadTime(absl::Time& out, std::string& zone) {
  if (!Expect(Kind::kString, "a time")) return false;
  if (!ParseTime(String(tokens_[at_]), out, zone)) {
    return Fail("want a time as RFC 3339 spells it");
  }
  ++at_;
  return true;
}

bool MemberReader::IgnoreCase() {
  if (state_ != State::kExact) return false;
  state_ = State::kAnyCase;
  return true;
}

bool MemberReader::EqualsInAnyCase(std::string_view name) const { return EqualFold(name, name_); }

void MemberReader::Field(std::string_view name, absl::Time& field, Omit) {
  if (!Matches(name)) return;
  if (reader_.ConsumeNull()) return Done(true);
  std::string zone;
  const bool ok = reader_.ReadTime(field, zone);
  if (ok && zone != extra_.Lookup(name, Extra::Kind::kZone)) {
    extra_.Set(name, zone, Extra::Kind::kZone);
  }
  Done(ok);
}

void MemberReader::Field(std::string_view name, std::optional<absl::Time>& field, Omit) {
  if (!Matches(name)) return;
  if (reader_.ConsumeNull()) {
    field.reset();
    return Done(true);
  }
  Field(name, field.emplace());
}

bool MemberReader::Finish() {
  if (state_ == State::kAnyCase) {
    const bool null = reader_.ConsumeNull();
    RawMessage value{null ? "null" : ""};
    Done(null || reader_.Read(value));
    extra_.Set(name_, value.text, Extra::Kind::kUnknown);
  }
  return state_ == State::kRead;
}

}  // namespace containerd::gojson
