// SPDX-License-Identifier: Apache-2.0
#include "src/gojson/internal/indent.h"

#include <cstddef>

namespace containerd::gojson {

std::string Indent(std::string_view json, std::string_view prefix) {
  std::string out;
  std::size_t depth = 0;
  bool quoted = false;
  const auto newline = [&] { out.append("\n").append(prefix).append(3 * depth, ' '); };
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (quoted) {
      out.push_back(c);
      if (c == '\\' && i + 1 < json.size()) out.push_back(json[++i]);
      quoted = c != '"';
      continue;
    }
    const char next = i + 1 < json.size() ? json[i + 1] : '\0';
    if (c == '{' || c == '[') {
      out.push_back(c);
      if (next == '}' || next == ']') {
        out.push_back(next);
        ++i;
      } else {
        ++depth;
        newline();
      }
    } else if (c == '}' || c == ']') {
      --depth;
      newline();
      out.push_back(c);
    } else {
      out.push_back(c);
      if (c == ',') newline();
      if (c == ':') out.push_back(' ');
      quoted = c == '"';
    }
  }
  return out;
}

}  // namespace containerd::gojson
