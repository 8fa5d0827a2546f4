// SPDX-License-Identifier: Apache-2.0
//
// A tree of values, as a table of a configuration is: made by hand, or read from TOML text.
//
//   cri::Value::Table options = {{"SystemdCgroup", true}, {"IoUid", 1000}};
//   absl::StatusOr<cri::Value::Table> read = cri::ParseTOML("SystemdCgroup = true");
#ifndef CONTAINERD_CRI_VALUE_H_
#define CONTAINERD_CRI_VALUE_H_

#include <concepts>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <absl/status/statusor.h>

#include "containerd/export/export.h"

namespace containerd::cri {

// A value of TOML.
class Value {
 public:
  using Array = std::vector<Value>;
  using Table = std::map<std::string, Value>;
  // A date, a time or both, as it is spelled.
  struct Time {
    std::string text{};
    friend bool operator==(const Time&, const Time&) = default;
  };
  using Variant = std::variant<bool, std::int64_t, double, std::string, Time, Array, Table>;

  // NOLINTBEGIN(google-explicit-constructor): so that tables can be written as they look.
  Value(bool value) : value_(value) {}
  template <std::integral T>
  Value(T value) : value_(static_cast<std::int64_t>(value)) {}
  Value(double value) : value_(value) {}
  Value(std::string value) : value_(std::move(value)) {}
  Value(std::string_view value) : value_(std::string(value)) {}
  Value(const char* value) : value_(std::string(value)) {}
  Value(Time value) : value_(std::move(value)) {}
  Value(Array value) : value_(std::move(value)) {}
  Value(Table value) : value_(std::move(value)) {}
  // NOLINTEND(google-explicit-constructor)

  const Variant& Get() const { return value_; }

  // The value as a T of Variant; nullptr if it is something else.
  template <typename T>
  const T* As() const {
    return std::get_if<T>(&value_);
  }

  // "a boolean", "an integer", …: for error messages.
  CONTAINERD_EXPORT std::string_view Kind() const;

  friend bool operator==(const Value&, const Value&) = default;

 private:
  Variant value_;
};

// The document's table. ErrInvalidArgument, with the line, for text that is not TOML.
CONTAINERD_EXPORT absl::StatusOr<Value::Table> ParseTOML(std::string_view text);

// A table as TOML text, which ParseTOML reads as the same table if its keys and texts are UTF-8 and
// it is not nested more than a hundred levels deep. A Time that is none becomes a text.
CONTAINERD_EXPORT std::string FormatTOML(const Value::Table& table);

}  // namespace containerd::cri

#endif  // CONTAINERD_CRI_VALUE_H_
