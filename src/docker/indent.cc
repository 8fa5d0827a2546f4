// SPDX-License-Identifier: Apache-2.0
#include "indent.h"

#include <cstddef>

namespace containerd::remotes::docker {

std::string Indent(std::string_view json) {
  std::string out;
  std::size_t depth = 0;
  bool quoted = false;
  const auto newline = [&] { out.append("\n").append(3 * depth, ' '); };
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (quoted) {
      out.push_back(c);
      if (c == '\\' && i + 1 < json.size()) out.push_back(json[++i]);
      if (c == '"') quoted = false;
      continue;
    }
    switch (c) {
      case '{':
      case '[':
        out.push_back(c);
        if (i + 1 < json.size() && (json[i + 1] == '}' || json[i + 1] == ']')) {
          out.push_back(json[++i]);
          break;
        }
        ++depth;
        newline();
        break;
      case '}':
      case ']':
        --depth;
        newline();
        out.push_back(c);
        break;
      case ',':
        out.push_back(c);
        newline();
        break;
      case ':':
        out.append(": ");
        break;
      default:
        quoted = c == '"';
        out.push_back(c);
    }
  }
  return out;
}

}  // namespace containerd::remotes::docker
