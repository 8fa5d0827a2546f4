// SPDX-License-Identifier: Apache-2.0
#include "containerd/transfer/registry.h"

#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"
#include "containerd/option/option.h"
#include "containerd/remotes/docker/config.h"
#include "containerd/remotes/docker/resolver.h"
#include "containerd/streaming/streaming.h"
#include "containerd/transfer/byte_stream.h"
#include "containerd/types/transfer/registry.pb.h"
#include "containerd/typeurl/typeurl.h"

#include "src/base/options.h"
#include "src/transfer/internal/pump.h"

namespace containerd::transfer::registry {
namespace {

namespace pb = ::containerd::types::transfer;
namespace docker = ::containerd::remotes::docker;

pb::AuthResponse ResponseOf(const Credentials& credentials) {
  pb::AuthResponse response;
  if (!credentials.header.empty()) {
    response.set_authtype(pb::HEADER);
    response.set_secret(credentials.header);
  } else if (!credentials.username.empty()) {
    response.set_authtype(pb::CREDENTIALS);
    response.set_username(credentials.username);
    response.set_secret(credentials.secret);
  } else if (!credentials.secret.empty()) {
    response.set_authtype(pb::REFRESH);
    response.set_secret(credentials.secret);
  }
  return response;
}

// Answers the daemon's questions until it has answered ours.
Pump CredentialPump(std::shared_ptr<CredentialHelper> helper,
                    std::shared_ptr<streaming::Stream> stream) {
  return [helper = std::move(helper), stream = std::move(stream)](
             const Context& /*ctx*/, const Context& transferring) -> PumpResult {
    for (;;) {
      absl::StatusOr<typeurl::Any> message = stream->Recv(transferring);
      if (!message.ok()) {
        if (!transferring.Done() && !errdefs::IsOutOfRange(message.status())) {
          log::Warn(fmt::format("questions for credentials ended early: {}",
                                errdefs::Message(message.status())));
        }
        return {};
      }
      const auto request = typeurl::UnmarshalAny<pb::AuthRequest>(*message);
      pb::AuthResponse response;
      if (!request.ok()) {
        log::Warn(fmt::format("a question for credentials that is none: {}",
                              errdefs::Message(request.status())));
      } else {
        absl::StatusOr<Credentials> credentials =
            helper->GetCredentials(transferring, request->reference(), request->host());
        if (!credentials.ok()) {
          if (transferring.Done()) return {};
          return {.own = errdefs::Annotate(credentials.status(),
                                           fmt::format("credentials for \"{}\"", request->host()))};
        }
        response = ResponseOf(*credentials);
      }
      const auto any = typeurl::MarshalAny(response);
      if (!any.ok()) return {.own = any.status()};
      if (!stream->Send(transferring, *any).ok()) return {};
    }
  };
}

}  // namespace

Opt WithHeaders(http::Header headers) {
  return [headers = std::move(headers)](RegistryOptions& options) {
    options.headers = headers;
    return absl::OkStatus();
  };
}

Opt WithCredentials(std::shared_ptr<CredentialHelper> creds) {
  return [creds = std::move(creds)](RegistryOptions& options) {
    options.creds = creds;
    return absl::OkStatus();
  };
}

Opt WithHostDir(std::string host_dir) {
  return [host_dir = std::move(host_dir)](RegistryOptions& options) {
    options.host_dir = host_dir;
    return absl::OkStatus();
  };
}

Opt WithDefaultScheme(std::string scheme) {
  return [scheme = std::move(scheme)](RegistryOptions& options) {
    options.default_scheme = scheme;
    return absl::OkStatus();
  };
}

constinit const option::Plain<Opt> WithHTTPDebug([](RegistryOptions& options) {
  options.http_debug = true;
  return absl::OkStatus();
});

constinit const option::Plain<Opt> WithHTTPTrace([](RegistryOptions& options) {
  options.http_trace = true;
  return absl::OkStatus();
});

Opt WithClientStream(std::shared_ptr<io::Writer> writer) {
  return [writer = std::move(writer)](RegistryOptions& options) {
    options.client_stream = writer;
    return absl::OkStatus();
  };
}

OCIRegistry::OCIRegistry(std::string reference, RegistryOptions options,
                         std::shared_ptr<remotes::ResolverWithOptions> resolver)
    : reference_(std::move(reference)),
      options_(std::move(options)),
      resolver_(std::move(resolver)) {}

std::string OCIRegistry::String() const { return fmt::format("OCI Registry ({})", reference_); }

absl::StatusOr<typeurl::Any> OCIRegistry::MarshalAny(const Context& ctx,
                                                     streaming::StreamCreator& streams,
                                                     std::vector<Pump>& pumps) const {
  pb::OCIRegistry message;
  message.set_reference(reference_);
  pb::RegistryResolver& resolver = *message.mutable_resolver();
  for (const auto& [name, values] : options_.headers.fields()) {
    if (!values.empty()) (*resolver.mutable_headers())[name] = values.front();
  }
  resolver.set_host_dir(options_.host_dir);
  resolver.set_default_scheme(options_.default_scheme);
  if (options_.creds != nullptr) {
    resolver.set_auth_stream(GenerateID("creds"));
    auto stream = streams.Create(ctx, resolver.auth_stream());
    if (!stream.ok()) return stream.status();
    pumps.push_back(CredentialPump(options_.creds, *std::move(stream)));
  }
  if (options_.http_debug || options_.http_trace) {
    resolver.set_http_debug(!options_.http_trace   ? pb::DEBUG
                            : !options_.http_debug ? pb::TRACE
                                                   : pb::BOTH);
    if (options_.client_stream != nullptr) {
      resolver.set_logs_stream(GenerateID("http-debug-logs"));
      auto stream = streams.Create(ctx, resolver.logs_stream());
      if (!stream.ok()) return stream.status();
      pumps.push_back(ReceivePump(options_.client_stream, *std::move(stream), Until::kSilence));
    }
  }
  return typeurl::MarshalAny(message);
}

absl::StatusOr<remotes::Resolver::Resolved> OCIRegistry::Resolve(const Context& ctx) const {
  return resolver_->Resolve(ctx, reference_);
}

void OCIRegistry::SetResolverOptions(const std::vector<ImageResolverOpt>& options) {
  resolver_->SetOptions(options);
}

absl::StatusOr<std::shared_ptr<transfer::Fetcher>> OCIRegistry::Fetcher(
    const Context& ctx, std::string_view ref) const {
  return resolver_->Fetcher(ctx, ref);
}

absl::StatusOr<std::shared_ptr<transfer::Pusher>> OCIRegistry::Pusher(
    const Context& ctx, const ocispec::Descriptor& desc) const {
  // The digest is added so that only the manifest with that digest gets the tag.
  return resolver_->Pusher(ctx, reference_.find('@') != std::string::npos
                                    ? reference_
                                    : fmt::format("{}@{}", reference_, desc.digest));
}

absl::StatusOr<OCIRegistry> NewOCIRegistry(const Context& ctx, std::string ref,
                                           const std::vector<Opt>& opts) {
  RegistryOptions options;
  if (absl::Status s = base::Apply(opts, options); !s.ok()) return s;
  docker::config::HostOptions hosts{.default_scheme = options.default_scheme};
  if (!options.host_dir.empty()) hosts.host_dir = docker::config::HostDirFromRoot(options.host_dir);
  if (options.creds != nullptr) {
    hosts.credentials = [creds = options.creds, ref](
                            const Context& c,
                            std::string_view host) -> absl::StatusOr<docker::Credentials> {
      absl::StatusOr<Credentials> found = creds->GetCredentials(c, ref, host);
      if (!found.ok()) return found.status();
      return docker::Credentials{.username = found->username, .secret = found->secret};
    };
  }
  auto resolver = docker::NewResolver(
      {.hosts = docker::config::ConfigureHosts(ctx, std::move(hosts)), .headers = options.headers});
  return OCIRegistry(std::move(ref), std::move(options), std::move(resolver));
}

}  // namespace containerd::transfer::registry
