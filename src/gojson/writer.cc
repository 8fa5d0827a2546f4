// SPDX-License-Identifier: Apache-2.0
#include <absl/strings/escaping.h>
#include <fmt/format.h>

#include "src/gojson/internal/codec.h"
#include "text.h"

namespace containerd::gojson {

void Writer::Write(bool value) { text_.append(value ? "true" : "false"); }

void Writer::WriteSigned(std::int64_t value) { text_.append(fmt::format_int(value).c_str()); }

void Writer::WriteUnsigned(std::uint64_t value) { text_.append(fmt::format_int(value).c_str()); }

void Writer::Write(std::string_view value) {
  constexpr char kHex[] = "0123456789abcdef";
  text_.push_back('"');
  while (!value.empty()) {
    const char c = value.front();
    if (static_cast<unsigned char>(c) >= 0x80) {
      const std::size_t size = Utf8Size(value);
      if (size == 0) {
        text_.append("\\ufffd");
        value.remove_prefix(1);
        continue;
      }
      const std::string_view rune = value.substr(0, size);
      // Line and paragraph separators end a line in JavaScript.
      if (rune == "\xE2\x80\xA8" || rune == "\xE2\x80\xA9") {
        text_.append(rune.back() == '\xA8' ? "\\u2028" : "\\u2029");
      } else {
        text_.append(rune);
      }
      value.remove_prefix(size);
      continue;
    }
    value.remove_prefix(1);
    switch (c) {
      case '"':
        text_.append("\\\"");
        break;
      case '\\':
        text_.append("\\\\");
        break;
      case '\b':
        text_.append("\\b");
        break;
      case '\f':
        text_.append("\\f");
        break;
      case '\n':
        text_.append("\\n");
        break;
      case '\r':
        text_.append("\\r");
        break;
      case '\t':
        text_.append("\\t");
        break;
      default:
        if (IsPlain(c) && c != '<' && c != '>' && c != '&') {
          text_.push_back(c);
        } else {
          const auto byte = static_cast<unsigned char>(c);
          text_.append("\\u00");
          text_.push_back(kHex[byte >> 4U]);
          text_.push_back(kHex[byte & 0xFU]);
        }
    }
  }
  text_.push_back('"');
}

void Writer::Write(const RawMessage& value) {
  text_.append(value.text.empty() ? std::string_view("null") : std::string_view(value.text));
}

void Writer::Write(const std::set<std::string>& value) {
  text_.push_back('{');
  bool first = true;
  for (const std::string& key : value) {
    if (!first) text_.push_back(',');
    first = false;
    Write(key);
    text_.append(":{}");
  }
  text_.push_back('}');
}

void Writer::WriteBase64(std::string_view bytes) {
  text_.push_back('"');
  text_.append(absl::Base64Escape(absl::string_view(bytes.data(), bytes.size())));
  text_.push_back('"');
}

void Writer::WriteTime(absl::Time value, std::string_view zone) {
  text_.push_back('"');
  text_.append(FormatTime(value, zone));
  text_.push_back('"');
}

void ObjectWriter::Name(std::string_view name) {
  if (!first_) writer_.text_.push_back(',');
  first_ = false;
  writer_.Write(name);
  writer_.text_.push_back(':');
}

void ObjectWriter::Field(std::string_view name, const absl::Time& field, Omit) {
  Name(name);
  writer_.WriteTime(field, extra_.Lookup(name, Extra::Kind::kZone));
}

void ObjectWriter::Field(std::string_view name, const std::optional<absl::Time>& field, Omit omit) {
  if (field.has_value()) {
    Field(name, *field);
  } else if (omit == Omit::kNever) {
    Name(name);
    writer_.text_.append("null");
  }
}

void ObjectWriter::Base64(std::string_view name, const std::string& field, Omit omit) {
  if (omit == Omit::kEmpty && field.empty()) return;
  Name(name);
  writer_.WriteBase64(field);
}

void ObjectWriter::Finish() {
  for (const Extra::Member& member : extra_.members_) {
    if (member.kind != Extra::Kind::kUnknown) continue;
    Name(member.name);
    writer_.text_.append(member.text);
  }
  writer_.text_.push_back('}');
}

}  // namespace containerd::gojson
