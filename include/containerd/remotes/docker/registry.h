// SPDX-License-Identifier: Apache-2.0
//
// Which hosts serve a registry's name, what for, and how they are reached.
//
//   namespace docker = remotes::docker;
//   docker::RegistryHosts hosts = docker::ConfigureDefaultRegistries(
//       {docker::WithAuthorizer(authorizer), docker::WithPlainHTTP(docker::MatchLocalhost)});
//
// Source: core/remotes/docker/registry.go.
#ifndef CONTAINERD_REMOTES_DOCKER_REGISTRY_H_
#define CONTAINERD_REMOTES_DOCKER_REGISTRY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "containerd/export/export.h"
#include "containerd/http/http.h"
#include "containerd/option/option.h"
#include "containerd/remotes/docker/authorizer.h"

namespace containerd::remotes::docker {

// What a host is trusted with. A mirror pulls; one that is not trusted must not resolve, which is
// to say what a tag stands for.
class HostCapabilities {
 public:
  constexpr HostCapabilities() = default;
  constexpr explicit HostCapabilities(std::uint8_t bits) : bits_(bits) {}

  // Whether all of `other` are among them.
  constexpr bool Has(HostCapabilities other) const { return (bits_ & other.bits_) == other.bits_; }

  constexpr HostCapabilities& operator|=(HostCapabilities other) {
    bits_ = static_cast<std::uint8_t>(bits_ | other.bits_);
    return *this;
  }
  friend constexpr HostCapabilities operator|(HostCapabilities a, HostCapabilities b) {
    return a |= b;
  }
  friend constexpr bool operator==(HostCapabilities, HostCapabilities) = default;

 private:
  std::uint8_t bits_ = 0;
};

inline constexpr HostCapabilities kHostCapabilityPull{1};       // content by digest
inline constexpr HostCapabilities kHostCapabilityResolve{2};    // what a tag stands for
inline constexpr HostCapabilities kHostCapabilityPush{4};       //
inline constexpr HostCapabilities kHostCapabilityReferrers{8};  // the referrers endpoint
inline constexpr HostCapabilities kAllHostCapabilities =
    kHostCapabilityPull | kHostCapabilityResolve | kHostCapabilityPush | kHostCapabilityReferrers;

// A server of a registry, and what may be asked of it. Source: docker.RegistryHost.
struct RegistryHost {
  std::shared_ptr<const http::Client> client{};  // nullptr: one with all defaults
  std::shared_ptr<docker::Authorizer> authorizer{};
  std::string host{};    // "registry-1.docker.io", "localhost:5000"
  std::string scheme{};  // "https" or "http"
  std::string path{};    // of the API: "/v2"
  HostCapabilities capabilities{};
  http::Header header{};  // for each request to this host, and never to another
};

// The hosts for a name ("docker.io"), in the order in which to try them. None: this function knows
// nothing about the name.
using RegistryHosts =
    std::function<absl::StatusOr<std::vector<RegistryHost>>(std::string_view name)>;

// Asks one after another until one returns hosts or fails.
CONTAINERD_EXPORT RegistryHosts Registries(std::vector<RegistryHosts> registries);

using HostMatch = std::function<absl::StatusOr<bool>(std::string_view host)>;
using HostTranslator = std::function<absl::StatusOr<std::string>(std::string_view name)>;

// Filled by RegistryOpts.
struct RegistryOptions {
  std::shared_ptr<docker::Authorizer> authorizer{};
  HostMatch plain_http{};
  HostTranslator host{};
  std::shared_ptr<const http::Client> client{};
  absl::Status error{};  // of an option: what is made with these options returns it
};

using RegistryOpt = option::Option<RegistryOptions&>;

// Plain HTTP for the names that match.
CONTAINERD_EXPORT RegistryOpt WithPlainHTTP(HostMatch f);
CONTAINERD_EXPORT RegistryOpt WithAuthorizer(std::shared_ptr<Authorizer> authorizer);
// The host for a name; by default DefaultHost.
CONTAINERD_EXPORT RegistryOpt WithHostTranslator(HostTranslator h);
CONTAINERD_EXPORT RegistryOpt WithClient(std::shared_ptr<const http::Client> client);

// Each name is served by one host that can do everything.
CONTAINERD_EXPORT RegistryHosts
ConfigureDefaultRegistries(const std::vector<RegistryOpt>& opts = {});

CONTAINERD_EXPORT absl::StatusOr<bool> MatchAllHosts(std::string_view host);

// Whether the host, with or without port, is localhost or an address of the loopback.
// ErrInvalidArgument for what is no host.
CONTAINERD_EXPORT absl::StatusOr<bool> MatchLocalhost(std::string_view host);

// The same without errors: false then. Source: docker.IsLocalhost.
CONTAINERD_EXPORT bool IsLocalhost(std::string_view host);

// "registry-1.docker.io" for "docker.io", else the name itself.
CONTAINERD_EXPORT absl::StatusOr<std::string> DefaultHost(std::string_view name);

// A transport with the timeouts that registries are used with.
CONTAINERD_EXPORT std::shared_ptr<http::RoundTripper> DefaultHTTPTransport(
    const http::TLSConfig& tls = {});

// Sends to https URLs, and repeats in plain HTTP what fails because the host does not speak TLS (or
// has nobody on the default port); later requests to that host go in plain HTTP, too.
CONTAINERD_EXPORT std::shared_ptr<http::RoundTripper> NewHTTPFallback(
    std::shared_ptr<http::RoundTripper> transport);

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_REMOTES_DOCKER_REGISTRY_H_
