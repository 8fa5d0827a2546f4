// SPDX-License-Identifier: Apache-2.0
#include "output.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <memory>

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/string_view.h>
#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "containerd/errdefs/errdefs.h"

namespace ctr {
namespace {

constexpr std::size_t kTabWidth = 8;

// In characters.
std::size_t Width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string Scaled(double size, double base, const std::vector<std::string>& units,
                   std::string_view format) {
  std::size_t i = 0;
  for (; size >= base && i + 1 < units.size(); ++i) size /= base;
  return fmt::format(fmt::runtime(format), size, units[i]);
}

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// One value of a field; of a repeated one the i-th.
std::string FieldJSON(const Message& m, const FieldDescriptor& field, int i) {
  const Reflection& r = *m.GetReflection();
  const bool many = field.is_repeated();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(many ? r.GetRepeatedInt32(m, &field, i) : r.GetInt32(m, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(many ? r.GetRepeatedInt64(m, &field, i) : r.GetInt64(m, &field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(many ? r.GetRepeatedUInt32(m, &field, i) : r.GetUInt32(m, &field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(many ? r.GetRepeatedUInt64(m, &field, i) : r.GetUInt64(m, &field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return fmt::format("{}", many ? r.GetRepeatedDouble(m, &field, i) : r.GetDouble(m, &field));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return fmt::format("{}", many ? r.GetRepeatedFloat(m, &field, i) : r.GetFloat(m, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return (many ? r.GetRepeatedBool(m, &field, i) : r.GetBool(m, &field)) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrCat(many ? r.GetRepeatedEnumValue(m, &field, i) : r.GetEnumValue(m, &field));
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string text = many ? r.GetRepeatedString(m, &field, i) : r.GetString(m, &field);
      return Quote(field.type() == FieldDescriptor::TYPE_BYTES ? absl::Base64Escape(text) : text);
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return JSON(many ? r.GetRepeatedMessage(m, &field, i) : r.GetMessage(m, &field));
  }
  return "null";
}

std::string RepeatedJSON(const Message& m, const FieldDescriptor& field) {
  const int size = m.GetReflection()->FieldSize(m, &field);
  std::vector<std::string> values;
  values.reserve(static_cast<std::size_t>(size));
  for (int i = 0; i < size; ++i) {
    if (!field.is_map()) {
      values.push_back(FieldJSON(m, field, i));
      continue;
    }
    const Message& entry = m.GetReflection()->GetRepeatedMessage(m, &field, i);
    const google::protobuf::Descriptor& type = *entry.GetDescriptor();
    const std::string key = FieldJSON(entry, *type.field(0), 0);
    values.push_back(absl::StrCat(key.front() == '"' ? key : Quote(key), ":",
                                  FieldJSON(entry, *type.field(1), 0)));
  }
  if (!field.is_map()) return absl::StrCat("[", absl::StrJoin(values, ","), "]");
  std::sort(values.begin(), values.end());
  return absl::StrCat("{", absl::StrJoin(values, ","), "}");
}

}  // namespace

// The rows that have a cell in the column which follows those of `widths` share its width; where
// there are none, the rows are written.
void Table::Format(std::size_t first, std::size_t last, std::vector<std::size_t>& widths,
                   std::string& out) const {
  const std::size_t column = widths.size();
  std::size_t pending = first;
  for (std::size_t i = first; i < last; ++i) {
    if (column + 1 >= rows_[i].size()) continue;
    Write(pending, i, widths, out);
    std::size_t width = min_width_;
    std::size_t end = i;
    for (; end < last && column + 1 < rows_[end].size(); ++end) {
      width = std::max(width, Width(rows_[end][column]) + padding_);
    }
    widths.push_back(width);
    Format(i, end, widths, out);
    widths.pop_back();
    pending = end;
    i = end - 1;
  }
  Write(pending, last, widths, out);
}

void Table::Write(std::size_t first, std::size_t last, const std::vector<std::size_t>& widths,
                  std::string& out) const {
  for (std::size_t row = first; row < last; ++row) {
    for (std::size_t i = 0; i < rows_[row].size(); ++i) {
      const std::string& cell = rows_[row][i];
      out += cell;
      if (i >= widths.size()) continue;
      if (fill_ == '\t') {
        const std::size_t width = (widths[i] + kTabWidth - 1) / kTabWidth * kTabWidth;
        out.append((width - Width(cell) + kTabWidth - 1) / kTabWidth, '\t');
      } else {
        out.append(widths[i] - Width(cell), fill_);
      }
    }
    out += "\n";
  }
}

std::string Table::Text() const {
  std::string out;
  std::vector<std::size_t> widths;
  Format(0, rows_.size(), widths, out);
  return out;
}

void Table::Print() const { std::cout << Text() << std::flush; }

std::string BinarySize(std::int64_t bytes) {
  return Scaled(static_cast<double>(bytes), 1024,
                {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"}, "{:.1f} {}");
}

std::string DecimalSize(std::int64_t bytes) {
  return Scaled(static_cast<double>(bytes), 1000,
                {"B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"}, "{:.4g}{}");
}

std::string HumanDuration(absl::Duration duration) {
  const std::int64_t seconds = absl::ToInt64Seconds(duration);
  if (seconds < 1) return "Less than a second";
  if (seconds == 1) return "1 second";
  if (seconds < 60) return absl::StrCat(seconds, " seconds");
  const std::int64_t minutes = seconds / 60;
  if (minutes == 1) return "About a minute";
  if (minutes < 60) return absl::StrCat(minutes, " minutes");
  const std::int64_t hours = std::lround(absl::ToDoubleHours(duration));
  constexpr std::int64_t kDay = 24;
  if (hours == 1) return "About an hour";
  if (hours < 2 * kDay) return absl::StrCat(hours, " hours");
  if (hours < 14 * kDay) return absl::StrCat(hours / kDay, " days");
  if (hours < 60 * kDay) return absl::StrCat(hours / kDay / 7, " weeks");
  if (hours < 730 * kDay) return absl::StrCat(hours / kDay / 30, " months");
  return absl::StrCat(absl::ToInt64Hours(duration) / kDay / 365, " years");
}

std::string JoinLabels(const std::map<std::string, std::string>& labels, const std::string& none) {
  return labels.empty() ? none : absl::StrJoin(labels, ",", absl::PairFormatter("="));
}

std::string Quote(std::string_view text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == '<' || c == '>' || c == '&') {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string Indent(std::string_view json, std::size_t spaces) {
  std::string out;
  std::size_t depth = 0;
  bool text = false;
  const auto line = [&] { out.append(1, '\n').append(depth * spaces, ' '); };
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (text) {
      out += c;
      if (c == '\\' && i + 1 < json.size()) out += json[++i];
      if (c == '"') text = false;
    } else if ((c == '{' || c == '[') && i + 1 < json.size() &&
               json[i + 1] == (c == '{' ? '}' : ']')) {
      out += {c, json[++i]};
    } else if (c == '{' || c == '[') {
      out += c;
      ++depth;
      line();
    } else if (c == '}' || c == ']') {
      --depth;
      line();
      out += c;
    } else if (c == ',') {
      out += c;
      line();
    } else if (c == ':') {
      out += ": ";
    } else {
      out += c;
      text = c == '"';
    }
  }
  return out;
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%E*S +0000 UTC", time, absl::UTCTimeZone());
}

std::string JSON(absl::Time time) {
  if (time == absl::InfinitePast()) return "\"0001-01-01T00:00:00Z\"";
  return Quote(absl::FormatTime("%Y-%m-%d%ET%H:%M:%E*SZ", time, absl::UTCTimeZone()));
}

std::string JSON(const google::protobuf::Message& message) {
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  std::vector<std::string> members;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const bool many = field.is_repeated();
    // As with omitempty.
    if (many ? message.GetReflection()->FieldSize(message, &field) == 0
             : !message.GetReflection()->HasField(message, &field)) {
      continue;
    }
    members.push_back(
        absl::StrCat(Quote(field.name()), ":",
                     many ? RepeatedJSON(message, field) : FieldJSON(message, field, 0)));
  }
  return absl::StrCat("{", absl::StrJoin(members, ","), "}");
}

std::string JSON(const std::map<std::string, std::string>& labels) {
  if (labels.empty()) return "null";
  return absl::StrCat("{",
                      absl::StrJoin(labels, ",",
                                    [](std::string* out, const auto& label) {
                                      absl::StrAppend(out, Quote(label.first), ":",
                                                      Quote(label.second));
                                    }),
                      "}");
}

absl::StatusOr<std::string> MessageJSON(const containerd::typeurl::Any& any) {
  if (any.empty()) return "";
  const google::protobuf::Descriptor* type =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
          any.type_url.substr(any.type_url.rfind('/') + 1));
  if (type == nullptr) {
    return containerd::errdefs::NotImplemented("cannot unmarshal a message of type " +
                                               any.type_url);
  }
  const std::unique_ptr<Message> message(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  if (!message->ParseFromString(any.value)) {
    return containerd::errdefs::InvalidArgument("cannot unmarshal a message of type " +
                                                any.type_url);
  }
  return JSON(*message);
}

}  // namespace ctr
