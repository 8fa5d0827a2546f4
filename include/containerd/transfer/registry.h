// SPDX-License-Identifier: Apache-2.0
//
// Package transfer/registry: an image in a registry as source or destination of a transfer.
//
//   auto registry = transfer::registry::NewOCIRegistry(
//       ctx, "registry.example.com/tools:1", {transfer::registry::WithCredentials(my_helper)});
//
// It is the daemon that talks to the registry; only credentials come from here, when it asks.
//
// Source: core/transfer/registry.
#ifndef CONTAINERD_TRANSFER_REGISTRY_H_
#define CONTAINERD_TRANSFER_REGISTRY_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/base/attributes.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/export/export.h"
#include "containerd/http/header.h"
#include "containerd/option/option.h"
#include "containerd/transfer/interfaces.h"
#include "containerd/transfer/transfer.h"

namespace containerd::transfer::registry {

// Credentials for a host. If `header` is set, it is the value of Authorization ("<scheme>
// <parameters>"); daemons so far ignore it. Else, with a username, the secret is the password;
// without one it is a refresh token. All empty: anonymous.
struct Credentials {
  std::string host{};
  std::string username{};
  std::string secret{};
  std::string header{};

  friend bool operator==(const Credentials&, const Credentials&) = default;
};

// Finds credentials. Asked on a thread of the transfer's, one question at a time.
class CONTAINERD_EXPORT CredentialHelper {
 public:
  virtual ~CredentialHelper() = default;

  // For the image `ref` at `host`, which may be a mirror. An error ends the transfer.
  virtual absl::StatusOr<Credentials> GetCredentials(const Context& ctx, std::string_view ref,
                                                     std::string_view host) = 0;
};

// What the options set.
struct RegistryOptions {
  http::Header headers{};
  std::shared_ptr<CredentialHelper> creds{};
  std::string host_dir{};
  std::string default_scheme{};
  bool http_debug = false;
  bool http_trace = false;
  std::shared_ptr<io::Writer> client_stream{};
};

using Opt = option::Option<RegistryOptions&>;

// Fields for each request; of several values of a field the first goes to the daemon.
CONTAINERD_EXPORT Opt WithHeaders(http::Header headers);

CONTAINERD_EXPORT Opt WithCredentials(std::shared_ptr<CredentialHelper> creds);

// The folder with hosts.toml files, on the daemon's host.
CONTAINERD_EXPORT Opt WithHostDir(std::string host_dir);

// "http" or "https" for hosts that nothing is configured for.
CONTAINERD_EXPORT Opt WithDefaultScheme(std::string scheme);

// Has the daemon (since 2.1) write requests or events of HTTP to its log, or to the client's
// stream. Source: registry.WithHTTPDebug, registry.WithHTTPTrace, registry.WithClientStream.
CONTAINERD_EXPORT extern const option::Plain<Opt> WithHTTPDebug;
CONTAINERD_EXPORT extern const option::Plain<Opt> WithHTTPTrace;
CONTAINERD_EXPORT Opt WithClientStream(std::shared_ptr<io::Writer> writer);

// A value; copies share a resolver. Source: registry.OCIRegistry.
class CONTAINERD_EXPORT OCIRegistry final : public Object,
                                            public ImageFetcher,
                                            public ImagePusher,
                                            public ImageResolverOptionSetter {
 public:
  OCIRegistry(std::string reference, RegistryOptions options,
              std::shared_ptr<remotes::ResolverWithOptions> resolver);

  std::string String() const override;
  const std::string& Image() const ABSL_ATTRIBUTE_LIFETIME_BOUND { return reference_; }

  absl::StatusOr<typeurl::Any> MarshalAny(const Context& ctx, streaming::StreamCreator& streams,
                                          std::vector<Pump>& pumps) const override;

  // The functions below ask the registry from this process, not through a daemon.
  absl::StatusOr<remotes::Resolver::Resolved> Resolve(const Context& ctx) const override;
  void SetResolverOptions(const std::vector<ImageResolverOpt>& options) override;
  absl::StatusOr<std::shared_ptr<transfer::Fetcher>> Fetcher(const Context& ctx,
                                                             std::string_view ref) const override;
  absl::StatusOr<std::shared_ptr<transfer::Pusher>> Pusher(
      const Context& ctx, const ocispec::Descriptor& desc) const override;

 private:
  std::string reference_;
  RegistryOptions options_;
  std::shared_ptr<remotes::ResolverWithOptions> resolver_;
};

// Sends no request yet. Source: registry.NewOCIRegistry.
CONTAINERD_EXPORT absl::StatusOr<OCIRegistry> NewOCIRegistry(const Context& ctx, std::string ref,
                                                             const std::vector<Opt>& opts = {});

}  // namespace containerd::transfer::registry

#endif  // CONTAINERD_TRANSFER_REGISTRY_H_
