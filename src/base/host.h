// SPDX-License-Identifier: Apache-2.0
//
// Hosts as URLs and addresses write them, brackets and all.
#ifndef CONTAINERD_SRC_BASE_HOST_H_
#define CONTAINERD_SRC_BASE_HOST_H_

#include <optional>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

namespace containerd::base {

// The parts of "host:port" or "[host]:port", without the brackets.
struct HostPort {
  std::string_view host;
  // Maybe empty; nullopt if nothing says that there is one. Then `host` is all of the text.
  std::optional<std::string_view> port;
};

// Takes an address apart, without looking at what the host is. ErrInvalidArgument for brackets that
// stand elsewhere than around the host, and for a host with colons but no brackets. Source:
// net.SplitHostPort.
absl::StatusOr<HostPort> SplitHostPort(std::string_view text);

// Whether a text is an IPv6 address, with or without a zone ("fe80::1%eth0"). Nothing else may
// stand between brackets. Source: netip.ParseAddr.
bool IsIPv6(std::string_view text);

// What gRPC calls the unix socket of that path: a URI, in which the path's own "%", "?" and "#" are
// escaped, as they would name another path otherwise.
std::string UnixTarget(std::string_view path);

}  // namespace containerd::base

#endif  // CONTAINERD_SRC_BASE_HOST_H_
