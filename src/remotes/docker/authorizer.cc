// SPDX-License-Identifier: Apache-2.0
#include "containerd/remotes/docker/authorizer.h"

#include <map>
#include <utility>

#include <absl/strings/cord.h>
#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/future/future.h"
#include "containerd/remotes/docker/auth.h"
#include "containerd/remotes/docker/scope.h"
#include "containerd/remotes/errors.h"

#include "request.h"
#include "src/base/mutex.h"
#include "src/base/options.h"

namespace containerd::remotes::docker {
namespace {

constexpr char kInvalidMark[] = "containerd-cpp/docker.ErrInvalidAuthorization";
constexpr char kClientID[] = "containerd-client";

struct Token {
  std::string authorization{};  // the field's value
  std::string refresh_token{};
  absl::Time expires = absl::InfiniteFuture();
};

absl::Time Expiry(std::int64_t expires_in_seconds) {
  return expires_in_seconds > 0 ? absl::Now() + absl::Seconds(expires_in_seconds)
                                : absl::InfiniteFuture();
}

// A host's challenge, and the tokens that were fetched for it.
class AuthHandler {
 public:
  AuthHandler(std::shared_ptr<const http::Client> client, http::Header header,
              auth::AuthenticationScheme scheme, auth::TokenOptions common)
      : client_(std::move(client)),
        header_(std::move(header)),
        scheme_(scheme),
        common_(std::move(common)) {}

  absl::StatusOr<Token> Authorize(const Context& ctx) {
    if (scheme_ == auth::AuthenticationScheme::BasicAuth) {
      if (common_.username.empty() || common_.secret.empty()) {
        return errdefs::Unauthenticated(
            "failed to handle basic auth because missing username or secret");
      }
      return Token{.authorization = BasicAuthorization(common_.username, common_.secret)};
    }
    return Bearer(ctx);
  }

 private:
  // A token for the context's scopes. If several threads need the same token, one of them fetches
  // it.
  absl::StatusOr<Token> Bearer(const Context& ctx) {
    auth::TokenOptions to = common_;
    to.scopes = GetTokenScopes(ctx, to.scopes);
    const std::string key = fmt::format("{}", fmt::join(to.scopes, " "));
    while (true) {
      std::optional<Future<Token>> theirs;
      Promise<Token> mine;
      {
        base::MutexLock lock(mu_);
        const auto it = tokens_.find(key);
        if (it != tokens_.end() && !Expired(it->second)) {
          theirs = it->second;
        } else {
          tokens_.insert_or_assign(key, mine.GetFuture());
        }
      }
      if (theirs.has_value()) {
        absl::StatusOr<Token> token = theirs->Get(ctx);
        if (token.ok() || ctx.Done()) return token;
        // The thread that fetched the token was cancelled; this one still needs a token and tries
        // itself.
        if (errdefs::IsCanceled(token.status()) || errdefs::IsDeadlineExceeded(token.status())) {
          continue;
        }
        return token;
      }
      absl::StatusOr<Token> token = Fetch(ctx, to);
      if (!token.ok()) {
        base::MutexLock lock(mu_);
        tokens_.erase(key);  // the next one may have more luck
      }
      mine.Set(token);
      return token;
    }
  }

  static bool Expired(const Future<Token>& future) {
    if (!future.IsReady()) return false;
    const absl::StatusOr<Token> token = future.Get(Context::Background());
    return !token.ok() || token->expires <= absl::Now();
  }

  absl::StatusOr<Token> Fetch(const Context& ctx, const auth::TokenOptions& to) {
    if (to.secret.empty()) {
      absl::StatusOr<Token> token = Get(ctx, to);
      if (token.ok()) return token;
      return errdefs::Annotate(token.status(), "failed to fetch anonymous token");
    }
    absl::StatusOr<auth::OAuthTokenResponse> oauth =
        auth::FetchTokenWithOAuth(ctx, *client_, header_, kClientID, to);
    if (oauth.ok()) {
      return Token{.authorization = "Bearer " + oauth->access_token,
                   .refresh_token = oauth->refresh_token,
                   .expires = Expiry(oauth->expires_in_seconds)};
    }
    absl::Status failure = oauth.status();
    // Token servers that know no POST answer 404, 401 or 400 to it.
    if (const auto answer = errors::AsUnexpectedStatus(failure)) {
      const int code = answer->status_code;
      if ((code == 405 && !to.username.empty()) || code == 404 || code == 401 || code == 400) {
        absl::StatusOr<Token> token = Get(ctx, to);
        if (token.ok()) return token;
        failure = token.status();
      }
    }
    return errdefs::Annotate(failure, "failed to fetch oauth token");
  }

  absl::StatusOr<Token> Get(const Context& ctx, const auth::TokenOptions& to) {
    absl::StatusOr<auth::FetchTokenResponse> response =
        auth::FetchToken(ctx, *client_, header_, to);
    if (!response.ok()) return response.status();
    return Token{.authorization = "Bearer " + response->token,
                 .refresh_token = response->refresh_token,
                 .expires = Expiry(response->expires_in_seconds)};
  }

  const std::shared_ptr<const http::Client> client_;
  const http::Header header_;
  const auth::AuthenticationScheme scheme_;
  const auth::TokenOptions common_;
  base::Mutex mu_;
  std::map<std::string, Future<Token>> tokens_ ABSL_GUARDED_BY(mu_);
};

bool SameRequest(const http::Response& a, const http::Response& b) {
  return a.request_method == b.request_method && a.request_url == b.request_url;
}

// Whether a bearer challenge says that a token was refused, and that another should be tried. An
// error if that was tried already.
absl::StatusOr<bool> RefusedToken(const auth::Challenge& challenge,
                                  const std::vector<std::shared_ptr<http::Response>>& responses) {
  const std::size_t n = responses.size();
  const bool again = n > 1 && SameRequest(*responses[n - 2], *responses[n - 1]);
  const auto error = challenge.parameters.find("error");
  if (error == challenge.parameters.end() || error->second.empty()) {
    // The same demand after it was answered: perhaps the token has expired.
    return again && responses[n - 2]->status_code == 401;
  }
  if (!again) return true;
  return ErrInvalidAuthorization(fmt::format("server message: {}", error->second.substr(0, 256)));
}

class DockerAuthorizer final : public Authorizer {
 public:
  explicit DockerAuthorizer(AuthorizerConfig config) : config_(std::move(config)) {
    if (config_.client == nullptr) config_.client = std::make_shared<const http::Client>();
  }

  absl::Status Authorize(const Context& ctx, http::Request& request) override {
    if (!config_.error.ok()) return config_.error;
    absl::StatusOr<http::Url> url = http::ParseUrl(request.url);
    if (!url.ok()) return url.status();
    std::shared_ptr<AuthHandler> handler;
    {
      base::MutexLock lock(mu_);
      const auto it = handlers_.find(url->host);
      if (it == handlers_.end()) return absl::OkStatus();
      handler = it->second;
    }
    absl::StatusOr<Token> token = handler->Authorize(ctx);
    if (!token.ok()) return token.status();
    request.header.Set("Authorization", token->authorization);
    if (!token->refresh_token.empty() && config_.on_fetch_refresh_token) {
      config_.on_fetch_refresh_token(ctx, token->refresh_token, request);
    }
    return absl::OkStatus();
  }

  absl::Status AddResponses(
      const Context& ctx, const std::vector<std::shared_ptr<http::Response>>& responses) override {
    const http::Response& last = *responses.back();
    absl::StatusOr<http::Url> url = http::ParseUrl(last.request_url);
    if (!url.ok()) return url.status();
    const std::string& host = url->host;
    for (const auth::Challenge& challenge : auth::ParseAuthHeader(last.header)) {
      if (challenge.scheme == auth::AuthenticationScheme::BearerAuth) {
        absl::StatusOr<bool> refused = RefusedToken(challenge, responses);
        {
          base::MutexLock lock(mu_);
          if (!refused.ok() || *refused) handlers_.erase(host);
          if (!refused.ok()) return refused.status();
          // One registry demands the same each time, but for the scope, which is the request's.
          if (handlers_.contains(host)) return absl::OkStatus();
        }
        absl::StatusOr<Credentials> found = Find(ctx, host);
        if (!found.ok()) return found.status();
        absl::StatusOr<auth::TokenOptions> common =
            auth::GenerateTokenOptions(ctx, host, found->username, found->secret, challenge);
        if (!common.ok()) return common.status();
        common->fetch_refresh_token = config_.on_fetch_refresh_token != nullptr;
        Keep(host, challenge.scheme, *std::move(common), /*replace=*/false);
        return absl::OkStatus();
      }
      if (challenge.scheme == auth::AuthenticationScheme::BasicAuth && config_.credentials) {
        absl::StatusOr<Credentials> found = Find(ctx, host);
        if (!found.ok()) return found.status();
        if (found->username.empty() || found->secret.empty()) {
          return ErrInvalidAuthorization("no basic auth credentials");
        }
        Keep(host, challenge.scheme, {.username = found->username, .secret = found->secret},
             /*replace=*/true);
        return absl::OkStatus();
      }
    }
    return errdefs::NotImplemented(fmt::format("{}: failed to find supported auth scheme", host));
  }

 private:
  absl::StatusOr<Credentials> Find(const Context& ctx, const std::string& host) const {
    if (!config_.credentials) return Credentials();
    return config_.credentials(ctx, host);
  }

  void Keep(const std::string& host, auth::AuthenticationScheme scheme, auth::TokenOptions common,
            bool replace) {
    auto handler =
        std::make_shared<AuthHandler>(config_.client, config_.header, scheme, std::move(common));
    base::MutexLock lock(mu_);
    if (replace) {
      handlers_.insert_or_assign(host, std::move(handler));
    } else {
      handlers_.try_emplace(host, std::move(handler));  // another thread may have been faster
    }
  }

  AuthorizerConfig config_;
  base::Mutex mu_;
  std::map<std::string, std::shared_ptr<AuthHandler>> handlers_ ABSL_GUARDED_BY(mu_);  // by host
};

}  // namespace

absl::Status ErrInvalidAuthorization(std::string_view why) {
  absl::Status status =
      errdefs::Unauthenticated(why.empty() ? std::string("authorization failed")
                                           : fmt::format("{}: authorization failed", why));
  status.SetPayload(kInvalidMark, absl::Cord());
  return status;
}

bool IsErrInvalidAuthorization(const absl::Status& status) {
  return status.GetPayload(kInvalidMark).has_value();
}

AuthorizerOpt WithAuthClient(std::shared_ptr<const http::Client> client) {
  return [client = std::move(client)](AuthorizerConfig& config) { config.client = client; };
}

AuthorizerOpt WithAuthCreds(CredentialsFunc credentials) {
  return [credentials = std::move(credentials)](AuthorizerConfig& config) {
    config.credentials = credentials;
  };
}

AuthorizerOpt WithAuthHeader(http::Header header) {
  return [header = std::move(header)](AuthorizerConfig& config) { config.header.Merge(header); };
}

AuthorizerOpt WithFetchRefreshToken(OnFetchRefreshToken f) {
  return [f = std::move(f)](AuthorizerConfig& config) { config.on_fetch_refresh_token = f; };
}

std::shared_ptr<Authorizer> NewDockerAuthorizer(const std::vector<AuthorizerOpt>& opts) {
  AuthorizerConfig config;
  config.error = base::Apply(opts, config);
  return std::make_shared<DockerAuthorizer>(std::move(config));
}

}  // namespace containerd::remotes::docker
