// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/value.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <sstream>
#include <utility>

#include <absl/status/status.h>
#include <absl/strings/ascii.h>
#include <absl/strings/str_join.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

namespace containerd::cri {
namespace {

// Text of a configuration that is read.
constexpr std::size_t kMaxTOML = std::size_t{1} << 20;

Value::Table FromTOML(const toml::table& table);

template <typename T>
std::string Spell(const T& value) {
  std::ostringstream out;
  out << value;
  return std::move(out).str();
}

Value FromTOML(const toml::node& node) {
  if (const auto* table = node.as_table()) return FromTOML(*table);
  if (const auto* array = node.as_array()) {
    Value::Array items;
    for (const toml::node& item : *array) items.push_back(FromTOML(item));
    return items;
  }
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return number->get();
  if (const auto* number = node.as_floating_point()) return number->get();
  if (const auto* yes = node.as_boolean()) return yes->get();
  if (const auto* date = node.as_date()) return Value::Time{Spell(date->get())};
  if (const auto* time = node.as_time()) return Value::Time{Spell(time->get())};
  if (const auto* both = node.as_date_time()) return Value::Time{Spell(both->get())};
  return Value(false);  // TOML has no other kind
}

Value::Table FromTOML(const toml::table& table) {
  Value::Table out;
  for (const auto& [key, node] : table)
    out.insert_or_assign(std::string(key.str()), FromTOML(node));
  return out;
}

// Writing is not left to toml++, whose 3.3 breaks keys and texts that have quotes or newlines.

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
      out += fmt::format("\\u{:04X}", c);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string Key(const std::string& key) {
  const bool bare = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
  });
  return bare ? key : Quoted(key);
}

std::string Float(double value) {
  std::string text = fmt::format("{}", value);
  // Else it would be an integer.
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

// A time; what is none is a text.
std::string TimeOrText(const std::string& text) {
  const toml::parse_result parsed = toml::parse("time = " + text);
  if (parsed) {
    const Value time = FromTOML(*parsed.table().get("time"));
    if (const auto* known = time.As<Value::Time>(); known != nullptr) return known->text;
  }
  return Quoted(text);
}

// On one line.
std::string Inline(const Value& value) {
  if (const auto* yes = value.As<bool>()) return *yes ? "true" : "false";
  if (const auto* number = value.As<std::int64_t>()) return fmt::format("{}", *number);
  if (const auto* number = value.As<double>()) return Float(*number);
  if (const auto* text = value.As<std::string>()) return Quoted(*text);
  if (const auto* time = value.As<Value::Time>()) return TimeOrText(time->text);
  if (const auto* array = value.As<Value::Array>()) {
    return fmt::format("[{}]", absl::StrJoin(*array, ", ", [](std::string* out, const Value& item) {
                         *out += Inline(item);
                       }));
  }
  const auto member = [](std::string* out, const auto& pair) {
    *out += fmt::format("{} = {}", Key(pair.first), Inline(pair.second));
  };
  return fmt::format("{{{}}}", absl::StrJoin(*value.As<Value::Table>(), ", ", member));
}

// A table below the header that is its path, and then each table in it.
void Write(std::string& out, const Value::Table& table, const std::string& path) {
  for (const auto& [key, value] : table) {
    if (value.As<Value::Table>() == nullptr) {
      out += fmt::format("{} = {}\n", Key(key), Inline(value));
    }
  }
  for (const auto& [key, value] : table) {
    const auto* inner = value.As<Value::Table>();
    if (inner == nullptr) continue;
    const std::string name = path.empty() ? Key(key) : fmt::format("{}.{}", path, Key(key));
    out += fmt::format("\n[{}]\n", name);
    Write(out, *inner, name);
  }
}

}  // namespace

std::string_view Value::Kind() const {
  constexpr std::array<std::string_view, std::variant_size_v<Variant>> kKinds = {
      "a boolean", "an integer", "a float", "a string", "a time", "an array", "a table"};
  return kKinds[value_.index()];
}

absl::StatusOr<Value::Table> ParseTOML(std::string_view text) {
  if (text.size() > kMaxTOML) {
    return errdefs::ResourceExhausted(
        fmt::format("toml: {} bytes are more than {}", text.size(), kMaxTOML));
  }
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    return errdefs::InvalidArgument(fmt::format(
        "toml: line {}: {}", parsed.error().source().begin.line, parsed.error().description()));
  }
  return FromTOML(parsed.table());
}

std::string FormatTOML(const Value::Table& table) {
  std::string text;
  Write(text, table, "");
  return text;
}

}  // namespace containerd::cri
