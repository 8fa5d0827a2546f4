// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <array>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <vector>

#include "containerd/http/http.h"

namespace containerd::http {
namespace {

std::string Env(const char* upper, const char* lower) {
  for (const char* name : {upper, lower}) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): as all who read it
    if (value != nullptr && *value != '\0') return value;
  }
  return "";
}

// An address as 16 bytes, IPv4 mapped into IPv6.
std::optional<std::array<unsigned char, 16>> ParseIP(const std::string& text) {
  std::array<unsigned char, 16> out{};
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) {
    out[10] = out[11] = 0xff;
    std::memcpy(out.data() + 12, &v4, 4);
    return out;
  }
  if (inet_pton(AF_INET6, text.c_str(), out.data()) == 1) return out;
  return std::nullopt;
}

bool IsLoopback(const std::array<unsigned char, 16>& ip) {
  static constexpr std::array<unsigned char, 16> v6 = {0, 0, 0, 0, 0, 0, 0, 0,
                                                       0, 0, 0, 0, 0, 0, 0, 1};
  static constexpr std::array<unsigned char, 13> v4 = {0, 0, 0, 0,    0,    0,  0,
                                                       0, 0, 0, 0xff, 0xff, 127};
  return ip == v6 || std::memcmp(ip.data(), v4.data(), v4.size()) == 0;
}

bool InNetwork(const std::array<unsigned char, 16>& ip, std::string_view cidr) {
  const auto slash = cidr.find('/');
  const std::string base_text(cidr.substr(0, slash));
  const auto base = ParseIP(base_text);
  if (!base) return false;
  int bits = std::atoi(std::string(cidr.substr(slash + 1)).c_str());
  if (base_text.find(':') == std::string::npos) bits += 96;
  if (bits < 0 || bits > 128) return false;
  for (int i = 0; i < bits; ++i) {
    const auto at = static_cast<std::size_t>(i / 8);
    const int mask = 0x80 >> (i % 8);
    if ((ip[at] & mask) != ((*base)[at] & mask)) return false;
  }
  return true;
}

// Whether one item of NO_PROXY is about the host.
bool Matches(std::string item, const std::string& host, const std::string& port) {
  if (item == "*") return true;
  for (char& c : item) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const auto ip = ParseIP(host);
  if (item.find('/') != std::string_view::npos) return ip.has_value() && InNetwork(*ip, item);
  auto [name, item_port] = SplitHostPort(item);
  if (!item_port.empty() && item_port != port) return false;
  if (const auto item_ip = ParseIP(name)) return ip.has_value() && *ip == *item_ip;
  if (name.starts_with("*.")) name.erase(0, 1);
  if (name.empty()) return false;
  if (name.front() == '.') return host.ends_with(name);
  return host == name || host.ends_with("." + name);
}

}  // namespace

std::string ProxyFromEnvironment(const Url& url) {
  std::string proxy =
      url.scheme == "https" ? Env("HTTPS_PROXY", "https_proxy") : Env("HTTP_PROXY", "http_proxy");
  if (proxy.empty()) return "";
  const std::string host = url.Hostname();
  if (host == "localhost") return "";
  if (const auto ip = ParseIP(host); ip.has_value() && IsLoopback(*ip)) return "";
  const std::string list = Env("NO_PROXY", "no_proxy");
  for (std::string_view rest = list; !rest.empty();) {
    const auto comma = rest.find(',');
    std::string_view item = rest.substr(0, comma);
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    if (!item.empty() && Matches(std::string(item), host, url.Port())) return "";
  }
  if (proxy.find("://") == std::string::npos) proxy = "http://" + proxy;
  return proxy;
}

}  // namespace containerd::http
