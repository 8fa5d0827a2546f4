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
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
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
  // That nothing but white space follows.
  bool Finish();

  // OK, or the error, with the path of the value at which it occurred.
  absl::Status status() const;

 private:
  enum class Step { kItem, kEnd, kError };
  class Nesting;

  // Iterating: `first` is true before the first item. NextMember leaves the reader at the value.
  bool Open(char bracket, std::string_view want);
  Step Next(char close, bool& first);
  Step NextMember(std::string& name, bool& first);

  bool ReadSigned(std::int64_t& out, std::int64_t min, std::int64_t max);
  bool ReadUnsigned(std::uint64_t& out, std::uint64_t max);
  bool ReadStringToken(std::string& out);
  bool ReadEscape(std::string& out);
  bool ScanNumber(std::string_view& token);
  bool Skip();
  bool CountStruct();
  void SkipSpace();
  char Peek();
  std::string_view DescribeNext();
  bool Fail(std::string_view what);
  bool FailType(std::string_view want);
  void AtIndex(std::size_t index);
  void AtKey(std::string_view key);
  void AtField(std::string_view name);

  template <class T>
  bool ReadItems(std::vector<T>& out);
  template <class T>
  static constexpr bool kIsStruct = Bound<T>;

  friend class MemberReader;

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  int structs_ = 0;
  std::string error_;
  std::string path_;
};

// The visitor that a Bind sees when reading: takes one member of the document to its field.
class MemberReader {
 public:
  MemberReader(Reader& reader, std::string_view name, Extra& extra)
      : reader_(reader), name_(name), extra_(extra) {}

  template <class T>
  void Field(std::string_view name, T& field, Omit = Omit::kNever) {
    if (Matches(name)) Done(name, reader_.Read(field));
  }
  void Field(std::string_view name, absl::Time& field, Omit = Omit::kNever);
  void Field(std::string_view name, std::optional<absl::Time>& field, Omit = Omit::kNever);
  void Base64(std::string_view name, std::string& field, Omit = Omit::kNever) {
    if (Matches(name)) Done(name, reader_.ReadBase64(field));
  }
  template <class T>
  void Inline(T& embedded) {
    Bind(*this, embedded);
  }

  // Keeps the member in `extra` if no field took it. False if there was an error.
  bool Finish();

 private:
  enum class State { kLooking, kRead, kFailed };

  bool Matches(std::string_view name) const { return state_ == State::kLooking && name == name_; }
  void Done(std::string_view name, bool ok);

  Reader& reader_;
  std::string_view name_;
  Extra& extra_;
  State state_ = State::kLooking;
};

// Writes values as compact JSON. Most code only calls Marshal, below.
class Writer {
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
class ObjectWriter {
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

// Reads all of `text` as a T. Any bytes give a value or an InvalidArgument error, which names the
// path and the byte at which reading stopped: "json: layers[2].size: want an integer, found a
// string (byte 310)". Text that is not UTF-8 is read with U+FFFD in place of each wrong byte, and
// of two members of the same name the last one counts, as in Go. Unlike Go, names must match
// exactly.
template <class T>
absl::StatusOr<T> Unmarshal(std::string_view text) {
  Reader reader(text);
  T value{};
  if (!reader.Read(value) || !reader.Finish()) return reader.status();
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
  if (!Open('[', "an array")) return false;
  bool first = true;
  while (true) {
    const Step step = Next(']', first);
    if (step == Step::kEnd) return true;
    if (step == Step::kError) return false;
    if (kIsStruct<T> && !CountStruct()) return false;
    out.emplace_back();
    if (!Read(out.back())) {
      AtIndex(out.size() - 1);
      return false;
    }
  }
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
  if (!Open('{', "an object")) return false;
  bool first = true;
  std::string key;
  while (true) {
    const Step step = NextMember(key, first);
    if (step == Step::kEnd) return true;
    if (step == Step::kError) return false;
    if (kIsStruct<T> && !CountStruct()) return false;
    T& value = out[key];
    value = T{};
    if (!Read(value)) {
      AtKey(key);
      return false;
    }
  }
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
  if (!Open('{', "an object")) return false;
  bool first = true;
  std::string name;
  while (true) {
    const Step step = NextMember(name, first);
    if (step == Step::kEnd) return true;
    if (step == Step::kError) return false;
    MemberReader member(*this, name, out.extra);
    Bind(member, out);
    if (!member.Finish()) return false;
  }
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
