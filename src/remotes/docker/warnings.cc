// SPDX-License-Identifier: Apache-2.0
#include "containerd/remotes/docker/warnings.h"

#include <optional>

#include <fmt/format.h>

#include "containerd/log/log.h"

#include "src/base/escape.h"

namespace containerd::remotes::docker {
namespace {

// What may stand in a quoted string of HTTP as it is (RFC 9110 section 5.6.4), and after "\".
bool IsQuotedText(unsigned char c) {
  return c == '\t' || c == ' ' || c == 0x21 || (c >= 0x23 && c <= 0x5b) || (c >= 0x5d && c != 0x7f);
}
bool IsQuotedPair(unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7f); }

}  // namespace

std::string ParseWarningText(std::string_view warning) {
  constexpr std::string_view prefix = "299 - ";
  if (!warning.starts_with(prefix)) return "";
  std::string_view text = warning.substr(prefix.size());
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return "";
  text = text.substr(1, text.size() - 2);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    bool valid = false;
    if (c == '\\') {
      if (++i == text.size()) return "";
      c = text[i];
      valid = IsQuotedPair(static_cast<unsigned char>(c));
    } else {
      if (const std::optional<char> escaped = base::LeadingPercent(text.substr(i)); escaped) {
        c = *escaped;
        i += 2;
      }
      valid = IsQuotedText(static_cast<unsigned char>(c));
    }
    if (!valid) return "";
    out.push_back(c);
  }
  return out;
}

void LogWarningHandler::Warn(const Context&, const WarningSource& src, std::string_view warning) {
  log::Warn(fmt::format("registry warning: {} (ref \"{}\", digest \"{}\")", warning,
                        src.ref.String(), src.digest));
}

}  // namespace containerd::remotes::docker
