// SPDX-License-Identifier: Apache-2.0
#include "containerd/remotes/docker/registry.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/future/executor.h"

#include "request.h"
#include "src/base/ascii.h"
#include "src/base/escape.h"
#include "src/base/host.h"
#include "src/base/mutex.h"
#include "src/base/options.h"
#include "src/errdefs/internal/guard.h"

namespace containerd::remotes::docker {
namespace {

bool IsLoopbackAddress(const std::string& text) {
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  if (inet_pton(AF_INET6, text.c_str(), &v6) != 1) return false;
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

// Delays telling a body that its transfer is over until it is known that the request is not sent
// again.
class HeldBody final : public http::RequestBody {
 public:
  explicit HeldBody(std::shared_ptr<http::RequestBody> body) : body_(std::move(body)) {}

  std::int64_t Size() const override { return body_->Size(); }
  absl::StatusOr<std::optional<std::size_t>> Pull(std::span<char> buf,
                                                  const std::function<void()>& wake) override {
    return body_->Pull(buf, wake);
  }
  bool Rewind() override { return body_->Rewind(); }

  void Finished(const absl::Status& result) override {
    {
      base::MutexLock lock(mu_);
      finished_ = result;
      if (!released_) return;
    }
    body_->Finished(result);
  }

  void Release() {
    std::optional<absl::Status> result;
    {
      base::MutexLock lock(mu_);
      released_ = true;
      result = finished_;
    }
    if (result.has_value()) body_->Finished(*result);
  }

 private:
  const std::shared_ptr<http::RequestBody> body_;
  base::Mutex mu_;
  bool released_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<absl::Status> finished_ ABSL_GUARDED_BY(mu_);
};

class HTTPFallback final : public http::RoundTripper,
                           public std::enable_shared_from_this<HTTPFallback> {
 public:
  explicit HTTPFallback(std::shared_ptr<http::RoundTripper> super) : super_(std::move(super)) {}

  Future<ResponsePtr> RoundTrip(const Context& ctx, http::Request request) override {
    absl::StatusOr<http::Url> url = http::ParseUrl(request.url);
    if (!url.ok()) return Future<ResponsePtr>::Ready(url.status());
    {
      base::MutexLock lock(mu_);
      if (plain_host_ == url->host) return Send(ctx, Plain(request, *url));
    }
    Promise<ResponsePtr> promise;
    http::Request first = request;
    const auto held = request.body != nullptr ? std::make_shared<HeldBody>(request.body) : nullptr;
    if (held != nullptr) first.body = held;
    Send(ctx, std::move(first))
        .Then(
            [self = shared_from_this(), promise, ctx, request, held,
             url = *url](const absl::StatusOr<ResponsePtr>& result) {
              if (result.ok() || url.scheme != "https" || !ShouldFallBack(result.status(), url) ||
                  (request.body != nullptr && !request.body->Rewind())) {
                if (held != nullptr) held->Release();
                promise.Set(result);
                return;
              }
              {
                base::MutexLock lock(self->mu_);
                self->plain_host_ = url.host;
              }
              self->Send(ctx, Plain(request, url))
                  .Then(
                      [promise](const absl::StatusOr<ResponsePtr>& second) { promise.Set(second); },
                      InlineExecutor());
            },
            InlineExecutor());
    return promise.GetFuture();
  }

 private:
  Future<ResponsePtr> Send(const Context& ctx, http::Request request) {
    return errdefs::Guard("a RoundTripper", &http::RoundTripper::RoundTrip, *super_, ctx,
                          std::move(request));
  }

  static http::Request Plain(http::Request request, http::Url url) {
    url.scheme = "http";
    request.url = url.String();
    return request;
  }

  static bool ShouldFallBack(const absl::Status& failure, const http::Url& url) {
    switch (http::KindOf(failure)) {
      case http::ErrorKind::kNotTLS:
      case http::ErrorKind::kHandshakeTimeout:
        return true;
      case http::ErrorKind::kConnectionRefused:
      case http::ErrorKind::kTimeout:
        // The other scheme has another port, unless one is named.
        return http::SplitHostPort(url.host).second.empty();
      default:
        return false;
    }
  }

  const std::shared_ptr<http::RoundTripper> super_;
  base::Mutex mu_;
  std::string plain_host_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

RegistryHosts Registries(std::vector<RegistryHosts> registries) {
  return [registries = std::move(registries)](
             std::string_view name) -> absl::StatusOr<std::vector<RegistryHost>> {
    for (const RegistryHosts& registry : registries) {
      absl::StatusOr<std::vector<RegistryHost>> hosts = registry(name);
      if (!hosts.ok() || !hosts->empty()) return hosts;
    }
    return std::vector<RegistryHost>();
  };
}

RegistryOpt WithPlainHTTP(HostMatch f) {
  return [f = std::move(f)](RegistryOptions& o) { o.plain_http = f; };
}

RegistryOpt WithAuthorizer(std::shared_ptr<Authorizer> authorizer) {
  return [authorizer = std::move(authorizer)](RegistryOptions& o) { o.authorizer = authorizer; };
}

RegistryOpt WithHostTranslator(HostTranslator h) {
  return [h = std::move(h)](RegistryOptions& o) { o.host = h; };
}

RegistryOpt WithClient(std::shared_ptr<const http::Client> client) {
  return [client = std::move(client)](RegistryOptions& o) { o.client = client; };
}

RegistryHosts ConfigureDefaultRegistries(const std::vector<RegistryOpt>& opts) {
  RegistryOptions options;
  options.error = base::Apply(opts, options);
  if (options.client == nullptr) {
    options.client =
        std::make_shared<const http::Client>(http::Client{.transport = DefaultHTTPTransport()});
  }
  return [options](std::string_view name) -> absl::StatusOr<std::vector<RegistryHost>> {
    if (!options.error.ok()) return options.error;
    RegistryHost host{.client = options.client,
                      .authorizer = options.authorizer,
                      .scheme = "https",
                      .path = "/v2",
                      .capabilities = kAllHostCapabilities};
    if (options.plain_http) {
      absl::StatusOr<bool> plain =
          errdefs::Guard("a choice of plain HTTP", options.plain_http, name);
      if (!plain.ok()) return plain.status();
      if (*plain) host.scheme = "http";
    }
    absl::StatusOr<std::string> translated =
        options.host ? errdefs::Guard("a translation of hosts", options.host, name)
                     : DefaultHost(name);
    if (!translated.ok()) return translated.status();
    host.host = *std::move(translated);
    return std::vector{host};
  };
}

absl::StatusOr<bool> MatchAllHosts(std::string_view) { return true; }

absl::StatusOr<bool> MatchLocalhost(std::string_view host) {
  if (host == "::1" || host == "[::1]") return true;
  const absl::StatusOr<base::HostPort> parts = base::SplitHostPort(host);
  if (!parts.ok()) return parts.status();
  if (parts->port == "") {
    return errdefs::InvalidArgument(
        fmt::format("invalid host name format: {}: no port after ':'", base::Quote(host)));
  }
  return base::Lower(parts->host) == "localhost" || IsLoopbackAddress(std::string(parts->host));
}

bool IsLocalhost(std::string_view host) {
  const std::string name = http::SplitHostPort(host).first;
  return base::Lower(name) == "localhost" || IsLoopbackAddress(name);
}

absl::StatusOr<std::string> DefaultHost(std::string_view name) {
  return std::string(base::Lower(name) == "docker.io" ? "registry-1.docker.io" : name);
}

std::shared_ptr<http::RoundTripper> DefaultHTTPTransport(const http::TLSConfig& tls) {
  return http::NewTransport({.tls = tls});
}

std::shared_ptr<http::RoundTripper> NewHTTPFallback(std::shared_ptr<http::RoundTripper> transport) {
  return std::make_shared<HTTPFallback>(std::move(transport));
}

}  // namespace containerd::remotes::docker
