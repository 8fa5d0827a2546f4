// SPDX-License-Identifier: Apache-2.0
//
// JSON as Go's encoding/json reads and writes it: a struct is bound to its document once, as a
// list of fields in the order of the Go struct, and what is written equals Go's output byte for
// byte (field order, omitempty, sorted maps, HTML escaping, base64, RFC 3339 times). Members that
// a struct has no field for are kept in its `extra`. Reading is total and bounded.
//
//   struct Box {
//     std::uint64_t height = 0;
//     std::uint64_t width = 0;
//     std::string title;
//     gojson::Extra extra;                       // Every bound struct has one.
//   };
//
//   template <class V, gojson::Of<Box> T>        // In the struct's namespace; T may be const.
//   void Bind(V& v, T& box) {
//     v.Field("height", box.height);
//     v.Field("width", box.width);
//     v.Field("title", box.title, gojson::kOmitEmpty);
//   }
//
//   absl::StatusOr<Box> box = gojson::Unmarshal<Box>(R"({"height":24,"width":80,"depth":1})");
//   gojson::Marshal(*box);                       // The same text again.
//
// Field types and their Go counterparts: bool, integers of fixed width (Go's int and uint are 64
// bits wide), std::string, std::vector ([]T), Slice (a []T without omitempty), std::map
// (map[string]T), std::set<std::string> (map[string]struct{}), std::optional (*T), absl::Time,
// RawMessage and other bound structs. Bytes ([]byte) are a std::string bound with Base64(); an
// embedded struct is bound with Inline().
#ifndef CONTAINERD_SRC_GOJSON_INTERNAL_CODEC_H_
#define CONTAINERD_SRC_GOJSON_INTERNAL_CODEC_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/export/export.h"
#include "containerd/gojson/value.h"

namespace containerd::gojson {

// Documents nested deeper than this are refused.
inline constexpr int kMaxDepth = 128;
// So are documents with more structs than this in their arrays and maps: a struct takes a hundred
// times the memory of the two bytes that make an empty one.
inline constexpr int kMaxStructs = 1 << 17;

// Whether a field is written when it is empty: Go's `omitempty`. Structs are never empty.
enum class Omit : bool { kNever, kEmpty };
inline constexpr Omit kOmitEmpty = Omit::kEmpty;

// T is S or const S: what a Bind takes to serve both directions.
template <class T, class S>
concept Of = std::same_as<std::remove_const_t<T>, S>;

class MemberReader;
class ObjectWriter;

template <class T>
concept Bound = requires(MemberReader& reader, ObjectWriter& writer, T& value, const T& constant) {
  Bind(reader, value);
  Bind(writer, constant);
};

// Reads values from JSON text, in order. A function that returns false has recorded an error, after
// which the reader is of no use any more. Most code only calls Unmarshal, below.
class CONTAINERD_SIBLING Reader {
 public:
  // Takes `text`, which has to outlive the reader, apart. Nothing may be read unless status() is
  // OK.
  explicit Reader(std::string_view text);
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // Each reads the next value into `out`. As in Go, `null` makes optionals and containers empty and
  // leaves anything else alone.
  bool Read(bool& out);
  bool Read(std::string& out);
  bool Read(RawMessage& out);
  bool Read(std::set<std::string>& out);
  template <std::integral T>
  bool Read(T& out);
  template <class T>
  bool Read(std::vector<T>& out);
  template <class T>
  bool Read(Slice<T>& out);
  template <class T>
  bool Read(std::map<std::string, T>& out);
  template <class T>
  bool Read(std::optional<T>& out);
  template <Bound T>
  bool Read(T& out);

  bool ReadBase64(std::string& out);
  // `zone` becomes the offset as it was spelled, or empty for UTC.
  bool ReadTime(absl::Time& out, std::string& zone);
  // Consumes a `null` if the next value is one.
  bool ConsumeNull();

  // OK, or the error, with the path of the value at which it occurred.
  const absl::Status& status() const { return status_; }

 private:
  class Lexer;
  enum class Kind : unsigned char { kNull, kFalse, kTrue, kNumber, kString, kKey, kArray, kObject };
  // A value or a member's name, which stands before its value. What an array or an object holds
  // follows it. Small, as `[0,0,0]` has one for each two bytes.
  struct Token {
    std::uint32_t begin;  // Its bytes in text_: a string with its quotes, an object to its brace.
    std::uint32_t end;
    std::uint32_t link;  // Of an array or object, the token after all that it holds; of a string
                         // with escapes, one more than its place in strings_.
    Kind kind;
  };

  // Iterating over an array or object: until at_ is `end`.
  bool Enter(Kind kind, std::string_view want, std::size_t& end);
  // The member's name that is next. A struct's fields are told from the keys of a map in errors.
  std::string_view TakeName();
  std::string_view TakeKey();

  bool ReadSigned(std::int64_t& out, std::int64_t min, std::int64_t max);
  bool ReadUnsigned(std::uint64_t& out, std::uint64_t max);
  template <class T>
  bool ReadNumber(T& out, T min, T max);
  bool Expect(Kind kind, std::string_view want);
  bool CountStruct();
  std::string_view Text(const Token& token) const;
  std::string_view String(const Token& token) const;
  // The token after the value at `at`.
  std::size_t After(std::size_t at) const;
  std::string PathTo(std::size_t at) const;
  bool Fail(std::string_view what);
  bool FailAt(std::size_t byte, std::string_view what);
  bool FailType(std::string_view want);

  template <class T>
  bool ReadItems(std::vector<T>& out);
  template <class T>
  static constexpr bool kIsStruct = Bound<T>;

  friend class MemberReader;

  std::string repaired_;
  std::string_view text_;
  std::vector<Token> tokens_;
  std::vector<std::string> strings_;
  std::size_t at_ = 0;
  int structs_ = 0;
  absl::Status status_;
};

// The visitor that a Bind sees when reading: takes one member of the document to its field, which
// is the one of that very name, or else the first whose name differs in case only.
class CONTAINERD_SIBLING MemberReader {
 public:
  MemberReader(Reader& reader, std::string_view name, Extra& extra)
      : reader_(reader), name_(name), extra_(extra) {}

  // Whether no field has taken the member yet; from then on the case of names does not count.
  bool IgnoreCase();

  template <class T>
  void Field(std::string_view name, T& field, Omit = Omit::kNever) {
    if (Matches(name)) Done(reader_.Read(field));
  }
  void Field(std::string_view name, absl::Time& field, Omit = Omit::kNever);
  void Field(std::string_view name, std::optional<absl::Time>& field, Omit = Omit::kNever);
  void Base64(std::string_view name, std::string& field, Omit = Omit::kNever) {
    if (Matches(name)) Done(reader_.ReadBase64(field));
  }
  template <class T>
  void Inline(T& embedded) {
    Bind(*this, embedded);
  }

  // Keeps the member in `extra` if no field took it. False if there was an error.
  bool Finish();

 private:
  enum class State { kExact, kAnyCase, kRead, kFailed };

  bool Matches(std::string_view name) const {
    if (state_ == State::kExact) return name == name_;
    return state_ == State::kAnyCase && EqualsInAnyCase(name);
  }
  bool EqualsInAnyCase(std::string_view name) const;
  void Done(bool ok) { state_ = ok ? State::kRead : State::kFailed; }

  Reader& reader_;
  std::string_view name_;
  Extra& extra_;
  State state_ = State::kExact;
};

// Writes values as compact JSON. Most code only calls Marshal, below.
class CONTAINERD_SIBLING Writer {
 public:
  void Write(bool value);
  void Write(std::string_view value);
  void Write(const std::string& value) { Write(std::string_view(value)); }
  void Write(const RawMessage& value);
  void Write(const std::set<std::string>& value);
  template <std::integral T>
  void Write(T value);
  template <class T>
  void Write(const std::vector<T>& value);
  template <class T>
  void Write(const Slice<T>& value);
  template <class T>
  void Write(const std::map<std::string, T>& value);
  template <class T>
  void Write(const std::optional<T>& value);
  template <Bound T>
  void Write(const T& value);

  void WriteBase64(std::string_view bytes);
  // `zone` as ReadTime gives it. A time outside the years 0 to 9999, which RFC 3339 cannot spell,
  // is written as the nearest one inside.
  void WriteTime(absl::Time value, std::string_view zone);

  std::string TakeText() { return std::move(text_); }

 private:
  friend class ObjectWriter;

  void WriteSigned(std::int64_t value);
  void WriteUnsigned(std::uint64_t value);

  std::string text_;
};

// The visitor that a Bind sees when writing: writes each field as a member of one object.
class CONTAINERD_SIBLING ObjectWriter {
 public:
  ObjectWriter(Writer& writer, const Extra& extra) : writer_(writer), extra_(extra) {
    writer_.text_.push_back('{');
  }

  template <class T>
  void Field(std::string_view name, const T& field, Omit omit = Omit::kNever) {
    if (omit == Omit::kEmpty && IsEmpty(field)) return;
    Name(name);
    writer_.Write(field);
  }
  void Field(std::string_view name, const absl::Time& field, Omit = Omit::kNever);
  void Field(std::string_view name, const std::optional<absl::Time>& field,
             Omit omit = Omit::kNever);
  void Base64(std::string_view name, const std::string& field, Omit omit = Omit::kNever);
  template <class T>
  void Inline(const T& embedded) {
    Bind(*this, embedded);
  }

  // Writes the members that have no field, and the closing brace.
  void Finish();

 private:
  template <class T>
  static bool IsEmpty(const T& field) {
    if constexpr (std::integral<T>) {
      return field == T{};
    } else if constexpr (std::same_as<T, RawMessage>) {
      return field.text.empty();
    } else if constexpr (requires { field.has_value(); }) {
      return !field.has_value();
    } else if constexpr (requires { field.empty(); }) {
      return field.empty();
    } else {
      return false;
    }
  }

  void Name(std::string_view name);

  Writer& writer_;
  const Extra& extra_;
  bool first_ = true;
};

// Reads all of `text` as a T. Any bytes give a value or an ErrInvalidArgument error, which names
// the path and the byte of the value that is wrong: "json: layers[2].size: want an integer, found a
// string (byte 310)". As in Go, U+FFFD stands for each byte that is not UTF-8 and for half of a
// surrogate pair, a member goes to the field of its name or else to one whose name differs in case
// only, and of two members of the same name the last one counts. Unlike in Go, U+FFFD stands for
// them in members without a field too, where a number that no double can hold is an error.
template <class T>
absl::StatusOr<T> Unmarshal(std::string_view text) {
  Reader reader(text);
  T value{};
  if (!reader.status().ok() || !reader.Read(value)) return reader.status();
  return value;
}

// Writes `value` as compact JSON, as Go's json.Marshal does.
template <class T>
std::string Marshal(const T& value) {
  Writer writer;
  writer.Write(value);
  return writer.TakeText();
}

// ---- Implementation details only below. ----

template <std::integral T>
bool Reader::Read(T& out) {
  if (ConsumeNull()) return true;
  if constexpr (std::is_signed_v<T>) {
    std::int64_t value = 0;
    if (!ReadSigned(value, std::numeric_limits<T>::min(), std::numeric_limits<T>::max())) {
      return false;
    }
    out = static_cast<T>(value);
  } else {
    std::uint64_t value = 0;
    if (!ReadUnsigned(value, std::numeric_limits<T>::max())) return false;
    out = static_cast<T>(value);
  }
  return true;
}

template <class T>
bool Reader::ReadItems(std::vector<T>& out) {
  out.clear();
  std::size_t end = 0;
  if (!Enter(Kind::kArray, "an array", end)) return false;
  while (at_ < end) {
    if (kIsStruct<T> && !CountStruct()) return false;
    if (!Read(out.emplace_back())) return false;
  }
  return true;
}

template <class T>
bool Reader::Read(std::vector<T>& out) {
  if (ConsumeNull()) {
    out.clear();
    return true;
  }
  return ReadItems(out);
}

template <class T>
bool Reader::Read(Slice<T>& out) {
  if (ConsumeNull()) {
    out = Slice<T>();
    return true;
  }
  out = std::vector<T>();
  return ReadItems(out);
}

template <class T>
bool Reader::Read(std::map<std::string, T>& out) {
  if (ConsumeNull()) {
    out.clear();
    return true;
  }
  std::size_t end = 0;
  if (!Enter(Kind::kObject, "an object", end)) return false;
  while (at_ < end) {
    T& value = out[std::string(TakeKey())];
    value = T{};
    if (kIsStruct<T> && !CountStruct()) return false;
    if (!Read(value)) return false;
  }
  return true;
}

template <class T>
bool Reader::Read(std::optional<T>& out) {
  if (ConsumeNull()) {
    out.reset();
    return true;
  }
  if (!out.has_value()) out.emplace();
  return Read(*out);
}

template <Bound T>
bool Reader::Read(T& out) {
  if (ConsumeNull()) return true;
  std::size_t end = 0;
  if (!Enter(Kind::kObject, "an object", end)) return false;
  while (at_ < end) {
    MemberReader member(*this, TakeName(), out.extra);
    Bind(member, out);
    if (member.IgnoreCase()) Bind(member, out);
    if (!member.Finish()) return false;
  }
  return true;
}

template <std::integral T>
void Writer::Write(T value) {
  if constexpr (std::is_signed_v<T>) {
    WriteSigned(value);
  } else {
    WriteUnsigned(value);
  }
}

template <class T>
void Writer::Write(const std::vector<T>& value) {
  text_.push_back('[');
  bool first = true;
  for (const T& item : value) {
    if (!first) text_.push_back(',');
    first = false;
    Write(item);
  }
  text_.push_back(']');
}

template <class T>
void Writer::Write(const Slice<T>& value) {
  if (value.IsNil()) {
    text_.append("null");
  } else {
    Write(static_cast<const std::vector<T>&>(value));
  }
}

template <class T>
void Writer::Write(const std::map<std::string, T>& value) {
  text_.push_back('{');
  bool first = true;
  for (const auto& [key, item] : value) {
    if (!first) text_.push_back(',');
    first = false;
    Write(key);
    text_.push_back(':');
    Write(item);
  }
  text_.push_back('}');
}

template <class T>
void Writer::Write(const std::optional<T>& value) {
  if (value.has_value()) {
    Write(*value);
  } else {
    text_.append("null");
  }
}

template <Bound T>
void Writer::Write(const T& value) {
  ObjectWriter object(*this, value.extra);
  Bind(object, value);
  object.Finish();
}

}  // namespace containerd::gojson

#endif  // CONTAINERD_SRC_GOJSON_INTERNAL_CODEC_H_
