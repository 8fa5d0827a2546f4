// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/value.h"

#include <array>
#include <cstddef>
#include <sstream>
#include <type_traits>

#include <absl/status/status.h>
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

toml::table ToTOML(const Value::Table& table);
toml::array ToTOML(const Value::Array& array);

// What a Value holds, as toml++ has it.
template <typename Held>
auto ToNode(const Held& held) {
  if constexpr (std::is_same_v<Held, Value::Table> || std::is_same_v<Held, Value::Array>) {
    return ToTOML(held);
  } else if constexpr (std::is_same_v<Held, Value::Time>) {
    return held.text;
  } else {
    return held;
  }
}

toml::table ToTOML(const Value::Table& table) {
  toml::table out;
  for (const auto& [key, value] : table) {
    const std::string& name = key;
    std::visit([&](const auto& held) { out.insert_or_assign(name, ToNode(held)); }, value.Get());
  }
  return out;
}

toml::array ToTOML(const Value::Array& array) {
  toml::array out;
  for (const Value& item : array) {
    std::visit([&](const auto& held) { out.push_back(ToNode(held)); }, item.Get());
  }
  return out;
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
  std::ostringstream out;
  out << toml::toml_formatter(ToTOML(table));
  return std::move(out).str();
}

}  // namespace containerd::cri
