// SPDX-License-Identifier: Apache-2.0
#include "src/base/host.h"

#include <arpa/inet.h>
#include <cstddef>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>

#include <absl/status/status.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/escape.h"

namespace containerd::base {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

absl::Status Invalid(std::string_view text, std::string_view why) {
  return errdefs::InvalidArgument(fmt::format("address {}: {}", Quote(text), why));
}

}  // namespace

absl::StatusOr<HostPort> SplitHostPort(std::string_view text) {
  const HostPort whole{.host = text, .port = std::nullopt};
  const std::size_t colon = text.rfind(':');
  if (colon == kNone) return whole;

  std::string_view host = text.substr(0, colon);
  std::string_view port = text.substr(colon + 1);
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == kNone) return Invalid(text, "missing ']'");
    if (close + 1 != colon) {
      const bool port_has_colon = close + 1 < text.size() && text[close + 1] == ':';
      return port_has_colon ? Invalid(text, "too many colons") : absl::StatusOr<HostPort>(whole);
    }
    host = text.substr(1, close - 1);
  } else {
    if (host.find(':') != kNone) return Invalid(text, "too many colons");
    if (host.find(']') != kNone) return Invalid(text, "unexpected ']'");
  }
  if (host.find('[') != kNone || port.find('[') != kNone) return Invalid(text, "unexpected '['");
  if (port.find(']') != kNone) return Invalid(text, "unexpected ']'");
  return HostPort{.host = host, .port = port};
}

bool IsIPv6(std::string_view text) {
  const std::size_t zone = text.find('%');
  if (zone != kNone && zone + 1 == text.size()) return false;
  const std::string_view address = text.substr(0, zone);
  // A NUL would end the text early.
  if (address.find('\0') != kNone) return false;
  in6_addr ignored{};
  return ::inet_pton(AF_INET6, std::string(address).c_str(), &ignored) == 1;
}

std::string UnixTarget(std::string_view path) {
  // Two slashes at its beginning would make a host of what follows.
  while (path.starts_with("//")) path.remove_prefix(1);
  return "unix://" + PercentEncode(path, "/");
}

}  // namespace containerd::base
