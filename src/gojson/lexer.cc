// SPDX-License-Identifier: Apache-2.0
//
// Takes JSON text apart with nlohmann's parser, which reports values as it meets them, but not
// where: that is found again, as what is left of the text begins with the value. They are noted as
// a list of tokens, and text_ keeps how each was spelled.
#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "src/gojson/internal/codec.h"
#include "text.h"

namespace containerd::gojson {
namespace {

// What nlohmann's message says beyond the place and the bytes that it read last.
std::string_view Reason(std::string_view message) {
  constexpr std::string_view kPrefix = "syntax error ";
  message.remove_prefix(std::min(message.find(kPrefix) + kPrefix.size(), message.size()));
  return message.substr(0, message.find("; last read"));
}

}  // namespace

class Reader::Lexer {
 public:
  using Json = nlohmann::json;

  explicit Lexer(Reader& reader) : reader_(reader), text_(reader.text_) {}

  void Run() {
    if (text_.size() > std::numeric_limits<std::uint32_t>::max()) {
      Fail("more than 4 GiB of text");
    } else if (text_.starts_with("\xEF\xBB\xBF")) {
      Fail("a byte order mark before the value");  // Which nlohmann's parser would pass over.
    } else if (Json::sax_parse(text_.begin(), text_.end(), this) && Begin() < text_.size()) {
      Fail("text after the value");  // To nlohmann's parser a NUL is an end as well.
    }
    reader_.at_ = 0;
  }

  // What nlohmann's parser calls; false stops it.
  bool null() { return Add(Kind::kNull); }
  bool boolean(bool value) { return Add(value ? Kind::kTrue : Kind::kFalse); }
  bool number_integer(Json::number_integer_t) { return Add(Kind::kNumber); }
  bool number_unsigned(Json::number_unsigned_t) { return Add(Kind::kNumber); }
  bool number_float(Json::number_float_t, const std::string&) { return Add(Kind::kNumber); }
  bool string(std::string& value) {
    Add(Kind::kString);
    Token& token = reader_.tokens_.back();
    if (value.size() + 2 != token.end - token.begin) {  // There are escapes, all longer.
      reader_.strings_.push_back(std::move(value));
      token.link = static_cast<std::uint32_t>(reader_.strings_.size());
    }
    return true;
  }
  bool key(std::string& value) { return string(value); }
  bool start_object(std::size_t) { return Open(Kind::kObject); }
  bool start_array(std::size_t) { return Open(Kind::kArray); }
  bool end_object() { return Close(); }
  bool end_array() { return Close(); }
  bool binary(Json::binary_t&) { return false; }  // There is none in text.
  bool parse_error(std::size_t, const std::string&, const Json::exception& error) {
    constexpr int kOverflow = 406;
    return Fail(error.id == kOverflow ? "a number too large for a double" : Reason(error.what()));
  }

 private:
  // Where the next token begins, with only white space and separators before it.
  std::size_t Begin() const {
    return std::min(text_.find_first_not_of(" \t\n\r,:", end_), text_.size());
  }

  // Where the token ends that begins at `begin`. The parser has found it to be one of that kind.
  std::size_t End(Kind kind, std::size_t begin) const {
    switch (kind) {
      case Kind::kNull:
      case Kind::kTrue:
        return begin + 4;
      case Kind::kFalse:
        return begin + 5;
      case Kind::kNumber:
        return std::min(text_.find_first_not_of("+-.0123456789Ee", begin), text_.size());
      case Kind::kString:
        for (++begin; text_[begin] != '"'; ++begin) {
          if (text_[begin] == '\\') ++begin;
        }
        return begin + 1;
      default:
        return begin + 1;
    }
  }

  bool Add(Kind kind) {
    const std::size_t begin = Begin();
    end_ = End(kind, begin);
    reader_.tokens_.push_back(
        {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end_), 0, kind});
    return true;
  }

  bool Open(Kind kind) {
    if (open_.size() >= kMaxDepth) return Fail(fmt::format("nested more than {} deep", kMaxDepth));
    open_.push_back(reader_.tokens_.size());
    Add(kind);
    reader_.tokens_.back().link = std::numeric_limits<std::uint32_t>::max();
    return true;
  }

  bool Close() {
    end_ = Begin() + 1;
    Token& token = reader_.tokens_[open_.back()];
    token.end = static_cast<std::uint32_t>(end_);
    token.link = static_cast<std::uint32_t>(reader_.tokens_.size());
    open_.pop_back();
    return true;
  }

  bool Fail(std::string_view what) {
    reader_.at_ = reader_.tokens_.size();
    return reader_.FailAt(Begin(), what);
  }

  Reader& reader_;
  const std::string_view text_;
  std::size_t end_ = 0;  // Of the last token.
  std::vector<std::size_t> open_;
};

Reader::Reader(std::string_view text) : text_(Repair(text, repaired_)) { Lexer(*this).Run(); }

}  // namespace containerd::gojson
