// SPDX-License-Identifier: Apache-2.0
#include "containerd/http/url.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "chars.h"
#include "src/base/ascii.h"
#include "src/base/escape.h"
#include "src/base/host.h"

namespace containerd::http {
namespace {

// Longer URLs are in no registry's interest.
constexpr std::size_t kMaxUrl = std::size_t{64} << 10;

absl::Status Invalid(std::string_view text, std::string_view why) {
  return errdefs::InvalidArgument(fmt::format("invalid URL \"{}\": {}", text.substr(0, 256), why));
}

bool ValidHost(std::string_view host) {
  std::string_view port;
  std::string_view name = host;
  if (host.starts_with('[')) {
    const auto close = host.find(']');
    if (close == std::string_view::npos || close == 1) return false;
    name = host.substr(1, close - 1);
    // A zone follows an escaped percent sign.
    const auto zone = std::min(name.find("%25"), name.size());
    const bool ok = std::all_of(name.begin(), name.end(), [](char c) {
      return base::IsAlnum(c) || std::string_view(":.%-_~").find(c) != std::string_view::npos;
    });
    const std::string address =
        zone == name.size() ? std::string(name)
                            : fmt::format("{}%{}", name.substr(0, zone), name.substr(zone + 3));
    if (!ok || !base::IsIPv6(address)) return false;
    port = host.substr(close + 1);
  } else {
    const auto colon = host.find(':');
    name = host.substr(0, colon);
    if (colon != std::string_view::npos) port = host.substr(colon);
    const bool ok = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return base::IsAlnum(c) || c == '-' || c == '.' || c == '_' || c == '~' || (c & 0x80) != 0;
    });
    if (!ok) return false;
  }
  if (port.empty()) return true;
  port.remove_prefix(1);
  if (host.starts_with('[') && host[host.find(']') + 1] != ':') return false;
  return port.size() <= 5 &&
         std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// RFC 3986 section 5.2.4.
std::string RemoveDotSegments(std::string_view path) {
  std::vector<std::string_view> segments;
  std::string_view rest = path.substr(path.starts_with('/') ? 1 : 0);
  bool directory = false;
  while (true) {
    const auto slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    directory = segment == "." || segment == "..";
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
    } else if (segment != ".") {
      segments.push_back(segment);
    }
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  std::string out;
  for (const std::string_view segment : segments) out.append("/").append(segment);
  if (directory || out.empty()) out.push_back('/');
  return out;
}

}  // namespace

std::string Url::String() const {
  std::string out = scheme + "://";
  if (!user_info.empty()) out.append(user_info).append("@");
  out.append(host).append(path);
  if (!query.empty()) out.append("?").append(query);
  return out;
}

std::pair<std::string, std::string> SplitHostPort(std::string_view host) {
  if (host.starts_with('[')) {
    const auto close = host.find(']');
    if (close == std::string_view::npos) return {std::string(host), ""};
    std::string_view port = host.substr(close + 1);
    if (port.starts_with(':')) port.remove_prefix(1);
    return {std::string(host.substr(1, close - 1)), std::string(port)};
  }
  const auto colon = host.find(':');
  if (colon == std::string_view::npos || host.find(':', colon + 1) != std::string_view::npos) {
    return {std::string(host), ""};
  }
  return {std::string(host.substr(0, colon)), std::string(host.substr(colon + 1))};
}

std::string CanonicalHost(std::string_view host, std::string_view scheme) {
  auto [name, port] = SplitHostPort(host);
  name = base::Lower(name);
  in6_addr address{};
  if (inet_pton(AF_INET6, name.c_str(), &address) == 1) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    name = inet_ntop(AF_INET6, &address, text.data(), text.size());
  }
  if (name.find(':') != std::string::npos) name = fmt::format("[{}]", name);
  port.erase(0, std::min(port.find_first_not_of('0'), port.size()));
  if (port == (scheme == "https" ? "443" : "80")) port.clear();
  return port.empty() ? name : fmt::format("{}:{}", name, port);
}

bool SameOrigin(const Url& a, const Url& b) {
  return a.scheme == b.scheme && CanonicalHost(a.host, a.scheme) == CanonicalHost(b.host, b.scheme);
}

std::string Url::Hostname() const { return SplitHostPort(host).first; }

std::string Url::Port() const {
  std::string port = SplitHostPort(host).second;
  if (port.empty()) port = scheme == "https" ? "443" : "80";
  return port;
}

void Url::AddQuery(std::string_view key, std::string_view value) {
  if (!query.empty()) query.push_back('&');
  query.append(QueryEscape(key)).append("=").append(QueryEscape(value));
}

absl::StatusOr<Url> ParseUrl(std::string_view text) {
  if (text.size() > kMaxUrl) return Invalid(text, "too long");
  for (const char c : text) {
    if (IsControl(c) || c == ' ' || c == '\\' || c == '"' || c == '<' || c == '>') {
      return errdefs::InvalidArgument("invalid URL: it has a character that no URL has");
    }
  }
  const auto colon = text.find("://");
  if (colon == std::string_view::npos) return Invalid(text, "no scheme");
  Url url;
  url.scheme = base::Lower(text.substr(0, colon));
  if (url.scheme != "http" && url.scheme != "https") {
    return Invalid(text, "the scheme is neither http nor https");
  }
  std::string_view rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  if (const auto mark = rest.find('?'); mark != std::string_view::npos) {
    url.query = rest.substr(mark + 1);
    rest = rest.substr(0, mark);
  }
  const auto slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  if (slash != std::string_view::npos) url.path = rest.substr(slash);
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    url.user_info = authority.substr(0, at);
    authority = authority.substr(at + 1);
    if (url.user_info.find('@') != std::string::npos) return Invalid(text, "more than one @");
  }
  url.host = base::Lower(authority);
  if (!ValidHost(url.host)) return Invalid(text, "no valid host");
  return url;
}

absl::StatusOr<Url> ResolveReference(const Url& base, std::string_view location) {
  if (location.size() > kMaxUrl) return Invalid(location, "too long");
  location = location.substr(0, location.find('#'));
  const auto special = location.find_first_of(":/?");
  if (special != std::string_view::npos && location[special] == ':') return ParseUrl(location);
  if (location.starts_with("//")) return ParseUrl(fmt::format("{}:{}", base.scheme, location));
  Url url = base;
  const auto mark = location.find('?');
  const std::string_view path = location.substr(0, mark);
  if (path.empty()) {
    if (mark != std::string_view::npos) url.query = location.substr(mark + 1);
  } else {
    url.query = mark == std::string_view::npos ? "" : location.substr(mark + 1);
    if (path.starts_with('/')) {
      url.path = RemoveDotSegments(path);
    } else {
      const std::string directory = base.path.substr(0, base.path.rfind('/') + 1);
      url.path = RemoveDotSegments(
          fmt::format("/{}{}", directory, path).substr(directory.starts_with('/') ? 1 : 0));
    }
  }
  return ParseUrl(url.String());
}

std::string QueryEscape(std::string_view text) { return base::QueryEncode(text); }

std::string QueryUnescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (const std::optional<char> escaped = base::LeadingPercent(text.substr(i)); escaped) {
      out.push_back(*escaped);
      i += 2;
    } else {
      out.push_back(text[i] == '+' ? ' ' : text[i]);
    }
  }
  return out;
}

std::string EncodeQuery(const std::vector<std::pair<std::string, std::string>>& values) {
  std::string out;
  for (const auto& [key, value] : values) {
    if (!out.empty()) out.push_back('&');
    out.append(QueryEscape(key)).append("=").append(QueryEscape(value));
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> ParseQuery(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> out;
  while (!query.empty()) {
    const auto end = query.find('&');
    const std::string_view item = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    if (item.empty()) continue;
    const auto equals = item.find('=');
    out.emplace_back(
        QueryUnescape(item.substr(0, equals)),
        equals == std::string_view::npos ? "" : QueryUnescape(item.substr(equals + 1)));
  }
  return out;
}

}  // namespace containerd::http
