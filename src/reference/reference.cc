// SPDX-License-Identifier: Apache-2.0
#include "containerd/reference/reference.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/ascii.h>
#include <fmt/format.h>

#include "errors.h"
#include "src/base/escape.h"
#include "src/base/host.h"
#include "src/base/path.h"

namespace containerd::reference {
namespace {

constexpr char kInvalid[] = "invalid reference";
constexpr char kObjectRequired[] = "object required";
constexpr char kHostnameRequired[] = "hostname required";

constexpr char kBadHostCharacter[] = "invalid character or escape in host name";

absl::Status Malformed(std::string_view text, std::string_view why) {
  return Error(kInvalid, fmt::format("{} {}: {}", kInvalid, Quote(text), why));
}

bool IsAlphanumeric(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); }

bool IsOneOf(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

// What may stand in a host as it is.
bool IsHostCharacter(char c) {
  return static_cast<unsigned char>(c) >= 0x80 || IsAlphanumeric(c) ||
         IsOneOf(c, "-_.~!$&'()*+,;=:[]<>\"");
}

// What may stand before an "@" in the authority of a URL.
bool IsUserinfoCharacter(char c) { return IsAlphanumeric(c) || IsOneOf(c, "-._:~!$&'()*+,;=%@"); }

// "" or ":" and digits, maybe none.
bool IsOptionalPort(std::string_view text) {
  return text.empty() || (text[0] == ':' && std::all_of(text.begin() + 1, text.end(), [](char c) {
                            return c >= '0' && c <= '9';
                          }));
}

// Which part of a URL a text is, and so what may be escaped in it and what must be.
enum class Part { kPath, kHost, kZone, kOther };

// Decodes percent signs. nullopt if one is not followed by two digits, or if the part must not have
// such a character, plain or escaped. Source: unescape in net/url.
std::optional<std::string> Unescape(std::string_view text, Part part) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      if ((part == Part::kHost || part == Part::kZone) && !IsHostCharacter(text[i])) {
        return std::nullopt;
      }
      out.push_back(text[i]);
      continue;
    }
    const std::optional<char> escaped = base::LeadingPercent(text.substr(i));
    if (!escaped) return std::nullopt;
    const char c = *escaped;
    const bool ascii = static_cast<unsigned char>(c) < 0x80;
    // Hosts have only bytes above ASCII escaped, and "%" itself; zones what a host may have, blanks
    // and "%".
    if (c != '%') {
      if (part == Part::kHost && ascii) return std::nullopt;
      // Bytes above ASCII must stand in a zone as they are.
      const bool in_host = IsHostCharacter(c) && ascii;
      if (part == Part::kZone && c != ' ' && !in_host) return std::nullopt;
    }
    out.push_back(c);
    i += 2;
  }
  return out;
}

// What stands between brackets: an IPv6 address, maybe with a zone ("fe80::1%25eth0"), which has
// rules of its own. Decoded.
absl::StatusOr<std::string> ParseIPLiteral(std::string_view text, std::string_view literal) {
  const std::size_t zone = std::min(literal.find("%25"), literal.size());
  std::optional<std::string> address = Unescape(literal.substr(0, zone), Part::kHost);
  const std::optional<std::string> suffix = Unescape(literal.substr(zone), Part::kZone);
  if (!address || !suffix) return Malformed(text, kBadHostCharacter);
  *address += *suffix;
  if (!base::IsIPv6(*address)) {
    return Malformed(text, fmt::format("{} is no IPv6 address", Quote(*address)));
  }
  return *std::move(address);
}

// Source: parseHost in net/url.
absl::StatusOr<std::string> ParseHost(std::string_view text, std::string_view host) {
  const std::size_t open = host.rfind('[');
  std::size_t port_begin = std::min(host.rfind(':'), host.size());
  std::string name;
  if (open == 0) {
    const std::size_t close = host.rfind(']');
    if (close == std::string_view::npos) return Malformed(text, "missing ']' in host");
    absl::StatusOr<std::string> address = ParseIPLiteral(text, host.substr(1, close - 1));
    if (!address.ok()) return address;
    name = fmt::format("[{}]", *address);
    port_begin = close + 1;
  } else if (open != std::string_view::npos) {
    return Malformed(text, "unexpected '[' in host");
  } else {
    std::optional<std::string> unescaped = Unescape(host.substr(0, port_begin), Part::kHost);
    if (!unescaped) return Malformed(text, kBadHostCharacter);
    name = *std::move(unescaped);
  }
  const std::string_view port = host.substr(port_begin);
  if (!IsOptionalPort(port)) {
    return Malformed(text, fmt::format("invalid port {} after host", Quote(port)));
  }
  return name.append(port);
}

// Source: parseAuthority in net/url.
absl::StatusOr<std::string> ParseAuthority(std::string_view text, std::string_view authority) {
  const std::size_t at = authority.rfind('@');
  if (at == std::string_view::npos) return ParseHost(text, authority);
  absl::StatusOr<std::string> host = ParseHost(text, authority.substr(at + 1));
  if (!host.ok()) return host;
  const std::string_view userinfo = authority.substr(0, at);
  if (!std::all_of(userinfo.begin(), userinfo.end(), IsUserinfoCharacter) ||
      !Unescape(userinfo, Part::kOther)) {
    return Malformed(text, "invalid user information before host");
  }
  return host;
}

}  // namespace

std::string_view Spec::Hostname() const {
  return std::string_view(locator).substr(0, locator.find('/'));
}

digest::Digest Spec::Digest() const { return SplitObject(object).second; }

std::string Spec::String() const {
  if (object.empty()) return locator;
  if (object.starts_with('@')) return locator + object;
  return fmt::format("{}:{}", locator, object);
}

absl::StatusOr<Spec> Parse(std::string_view text) {
  if (text.find("://") != std::string_view::npos) return Malformed(text, "it has a scheme");

  std::string_view rest = text;
  if (const std::size_t hash = rest.find('#'); hash != std::string_view::npos) {
    if (!Unescape(rest.substr(hash + 1), Part::kOther)) {
      return Malformed(text, "invalid escape after '#'");
    }
    rest = rest.substr(0, hash);
  }
  if (std::any_of(rest.begin(), rest.end(), IsControl)) {
    return Malformed(text, "invalid control character");
  }
  rest = rest.substr(0, rest.find('?'));

  const std::size_t slash = std::min(rest.find('/'), rest.size());
  const absl::StatusOr<std::string> host = ParseAuthority(text, rest.substr(0, slash));
  if (!host.ok()) return host.status();
  std::optional<std::string> path = Unescape(rest.substr(slash), Part::kPath);
  if (!path) return Malformed(text, "invalid escape in path");
  if (host->empty()) return ErrHostnameRequired(text);

  Spec spec;
  if (const std::size_t split = path->find_first_of(":@"); split != std::string::npos) {
    // An "@" stays, to tell a digest from a tag.
    spec.object = path->substr((*path)[split] == ':' ? split + 1 : split);
    path->resize(split);
  }
  spec.locator = base::CleanPath(fmt::format("{}/{}", *host, *path));
  return spec;
}

std::pair<std::string, digest::Digest> SplitObject(std::string_view object) {
  const std::size_t at = object.find('@');
  if (at == std::string_view::npos) return {std::string(object), {}};
  return {std::string(object.substr(0, at)), digest::Digest(object.substr(at + 1))};
}

absl::Status ErrInvalid(std::string_view text) {
  return Error(kInvalid, fmt::format("{} {}", kInvalid, Quote(text)));
}
bool IsErrInvalid(const absl::Status& status) { return IsError(status, kInvalid); }

absl::Status ErrObjectRequired(std::string_view text) {
  return Error(kObjectRequired, fmt::format("reference {}: {}", Quote(text), kObjectRequired));
}
bool IsErrObjectRequired(const absl::Status& status) { return IsError(status, kObjectRequired); }

absl::Status ErrHostnameRequired(std::string_view text) {
  return Error(kHostnameRequired, fmt::format("reference {}: {}", Quote(text), kHostnameRequired));
}
bool IsErrHostnameRequired(const absl::Status& status) {
  return IsError(status, kHostnameRequired);
}

}  // namespace containerd::reference
