// SPDX-License-Identifier: Apache-2.0
#include "containerd/remotes/docker/authorizer.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/future/future.h"
#include "containerd/log/log.h"
#include "containerd/remotes/docker/auth.h"
#include "containerd/remotes/docker/registry.h"
#include "containerd/remotes/docker/scope.h"
#include "containerd/remotes/errors.h"

#include "asked.h"
#include "local_error.h"
#include "request.h"
#include "src/base/mutex.h"
#include "src/base/options.h"
#include "src/errdefs/internal/guard.h"
#include "src/errdefs/internal/mark.h"
#include "token.h"

namespace containerd::remotes::docker {
namespace {

constexpr char kInvalidMark[] = "docker.ErrInvalidAuthorization";
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

// "repository:foo" for "repository:foo:pull"; the whole if there are no actions.
std::string_view ObjectOf(std::string_view scope) { return scope.substr(0, scope.rfind(':')); }

// What a token is asked for: the scopes that the request wants, and those that the host demanded
// for it. A host that knows the repository under another name says so in its demand, and that
// counts.
std::vector<std::string> Combine(std::vector<std::string> wanted,
                                 const std::vector<std::string>& demanded,
                                 std::string_view repository) {
  const std::string asked = fmt::format("repository:{}", repository);
  bool other = false;
  bool same = false;
  for (const std::string& scope : demanded) {
    same = same || ObjectOf(scope) == asked;
    other = other || scope.starts_with("repository:");
  }
  if (other && !same) {
    std::erase_if(wanted, [&](const std::string& scope) { return ObjectOf(scope) == asked; });
  }
  wanted.insert(wanted.end(), demanded.begin(), demanded.end());
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  std::erase(wanted, "");
  return wanted;
}

std::string KeyOf(const std::vector<std::string>& scopes) {
  return fmt::format("{}", fmt::join(scopes, " "));
}

// Credentials as they were found, and why there are none if that is a fault.
struct Found {
  Credentials credentials{};
  std::string fault{};
};

// A host's challenge, and the tokens that were fetched for it.
class AuthHandler {
 public:
  AuthHandler(std::shared_ptr<const http::Client> client, http::Header header,
              auth::AuthenticationScheme scheme, auth::TokenOptions common, std::string fault)
      : client_(std::move(client)),
        header_(std::move(header)),
        scheme_(scheme),
        common_(std::move(common)),
        fault_(std::move(fault)) {}

  absl::StatusOr<Token> Authorize(const Context& ctx, const Asked& asked) {
    if (scheme_ == auth::AuthenticationScheme::BasicAuth) {
      if (common_.username.empty() || common_.secret.empty()) {
        return errdefs::Unauthenticated(
            "failed to handle basic auth because missing username or secret");
      }
      return Token{.authorization = BasicAuthorization(common_.username, common_.secret)};
    }
    return Bearer(ctx, asked);
  }

  // What the host demands for the context's scopes. Whether that is new.
  bool Learn(const Context& ctx, const std::vector<std::string>& demanded) {
    base::MutexLock lock(mu_);
    std::vector<std::string>& known = demanded_[KeyOf(GetTokenScopes(ctx, {}))];
    if (known == demanded) return false;
    known = demanded;
    return true;
  }

  bool IsFor(const auth::TokenOptions& common) const {
    return scheme_ == auth::AuthenticationScheme::BearerAuth && common_.realm == common.realm &&
           common_.service == common.service;
  }

  Credentials credentials() const {
    return {.username = common_.username, .secret = common_.secret};
  }

  // Why it has no credentials, if they could not be asked for.
  const std::string& fault() const { return fault_; }

 private:
  // A token for the context's scopes. If several threads need the same token, one of them fetches
  // it.
  absl::StatusOr<Token> Bearer(const Context& ctx, const Asked& asked) {
    auth::TokenOptions to = common_;
    to.scopes = GetTokenScopes(ctx, {});
    {
      base::MutexLock lock(mu_);
      const auto demanded = demanded_.find(KeyOf(to.scopes));
      to.scopes = Combine(
          to.scopes, demanded != demanded_.end() ? demanded->second : std::vector<std::string>(),
          asked.repository);
    }
    const std::string key = KeyOf(to.scopes);
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
        if (!fault_.empty()) token = errdefs::Annotate(token.status(), fault_);
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
    if (KnowsNoPost(failure, to)) {
      absl::StatusOr<Token> token = Get(ctx, to);
      if (token.ok()) return token;
      failure = token.status();
    }
    return errdefs::Annotate(failure, "failed to fetch oauth token");
  }

  // Token servers that know no POST refuse it in many ways, or send a page of their site.
  static bool KnowsNoPost(const absl::Status& failure, const auth::TokenOptions& to) {
    if (auth::IsErrNoTokenServer(failure)) return true;
    const auto answer = errors::AsUnexpectedStatus(failure);
    if (!answer.has_value()) return false;
    switch (answer->status_code) {
      case 405:
        return !to.username.empty();  // a refresh token is for POST only
      case 400:
      case 401:
      case 403:
      case 404:
      case 411:
      case 415:
      case 422:
      case 501:
        return true;
      default:
        return false;
    }
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
  const std::string fault_;
  base::Mutex mu_;
  std::map<std::string, Future<Token>> tokens_ ABSL_GUARDED_BY(mu_);  // by their scopes
  // What the host demands, by the scopes that the request wanted.
  std::map<std::string, std::vector<std::string>> demanded_ ABSL_GUARDED_BY(mu_);
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
    const Asked asked = AskedOf(ctx);
    absl::StatusOr<std::shared_ptr<AuthHandler>> handler = HandlerFor(ctx, *url, asked);
    if (!handler.ok()) return handler.status();
    if (*handler == nullptr) return absl::OkStatus();
    if (asked.note != nullptr) *asked.note = (*handler)->fault();
    absl::StatusOr<Token> token = (*handler)->Authorize(ctx, asked);
    if (!token.ok()) return token.status();
    request.header.Set("Authorization", token->authorization);
    if (!token->refresh_token.empty() && config_.on_fetch_refresh_token) {
      absl::Status s = errdefs::Guard("OnFetchRefreshToken", config_.on_fetch_refresh_token, ctx,
                                      token->refresh_token, request);
      if (!s.ok()) return s;
    }
    return absl::OkStatus();
  }

  absl::Status AddResponses(
      const Context& ctx, const std::vector<std::shared_ptr<http::Response>>& responses) override {
    const http::Response& last = *responses.back();
    const Asked asked = AskedOf(ctx);
    absl::StatusOr<http::Url> url =
        http::ParseUrl(asked.url.empty() ? last.request_url : asked.url);
    if (!url.ok()) return url.status();
    for (const auth::Challenge& challenge : auth::ParseAuthHeader(last.header)) {
      if (challenge.scheme == auth::AuthenticationScheme::BearerAuth) {
        return AnswerBearer(ctx, *url, asked, challenge, responses);
      }
      if (challenge.scheme == auth::AuthenticationScheme::BasicAuth && config_.credentials) {
        return AnswerBasic(ctx, *url, asked);
      }
    }
    return errdefs::NotImplemented(
        fmt::format("{}: failed to find supported auth scheme", url->host));
  }

 private:
  using HandlerPtr = std::shared_ptr<AuthHandler>;

  // Whether credentials would be there for anybody on the way to see, on a way that a registry
  // chose.
  static bool IsExposed(const http::Url& url, const Asked& asked) {
    return !asked.referrer.empty() && url.scheme != "https" && !IsLocalhost(url.host);
  }

  // nullptr if nothing is known for the host. What it demanded of one repository it demands of
  // another one too, if the credentials for both are the same.
  absl::StatusOr<HandlerPtr> HandlerFor(const Context& ctx, const http::Url& url,
                                        const Asked& asked) {
    const std::string host = HostOf(url);
    {
      base::MutexLock lock(mu_);
      const auto known = handlers_.find(host);
      if (known == handlers_.end() || known->second.empty()) return nullptr;
      const auto it = known->second.find(asked.repository);
      if (it != known->second.end()) {
        const bool secret = it->second->credentials() != Credentials();
        return secret && IsExposed(url, asked) ? nullptr : it->second;
      }
    }
    absl::StatusOr<Found> found = Find(ctx, url, asked);
    if (!found.ok()) return found.status();
    base::MutexLock lock(mu_);
    auto& known = handlers_[host];
    for (const auto& [repository, handler] : known) {
      if (handler->credentials() != found->credentials) continue;
      const HandlerPtr shared = handler;
      return known.try_emplace(asked.repository, shared).first->second;
    }
    return nullptr;
  }

  absl::Status AnswerBearer(const Context& ctx, const http::Url& url, const Asked& asked,
                            const auth::Challenge& challenge,
                            const std::vector<std::shared_ptr<http::Response>>& responses) {
    const std::string host = HostOf(url);
    absl::StatusOr<bool> refused = RefusedToken(challenge, responses);
    if (!refused.ok()) {
      Forget(host, asked.repository);
      return refused.status();
    }
    absl::StatusOr<auth::TokenOptions> common =
        auth::GenerateTokenOptions(ctx, url.host, "", "", challenge);
    if (!common.ok()) return common.status();
    const std::vector<std::string> demanded = std::exchange(common->scopes, {});
    {
      base::MutexLock lock(mu_);
      auto& known = handlers_[host];
      const auto it = known.find(asked.repository);
      // One registry demands the same each time, but for the scope.
      if (it != known.end() && it->second->IsFor(*common) &&
          (it->second->Learn(ctx, demanded) || !*refused)) {
        return absl::OkStatus();
      }
      if (it != known.end()) known.erase(it);
    }
    absl::StatusOr<Found> found = Find(ctx, url, asked);
    if (!found.ok()) return found.status();
    common->username = found->credentials.username;
    common->secret = found->credentials.secret;
    common->fetch_refresh_token = config_.on_fetch_refresh_token != nullptr;
    const auto handler = std::make_shared<AuthHandler>(
        config_.client, config_.header, challenge.scheme, *std::move(common), found->fault);
    base::MutexLock lock(mu_);
    // Another thread may have been faster.
    const HandlerPtr kept = handlers_[host].try_emplace(asked.repository, handler).first->second;
    kept->Learn(ctx, demanded);
    return absl::OkStatus();
  }

  absl::Status AnswerBasic(const Context& ctx, const http::Url& url, const Asked& asked) {
    const std::string host = HostOf(url);
    absl::StatusOr<Found> found = Find(ctx, url, asked);
    if (!found.ok()) return found.status();
    const auto& [username, secret] = found->credentials;
    if (username.empty() || secret.empty()) {
      return ErrInvalidAuthorization(
          found->fault.empty() ? "no basic auth credentials"
                               : fmt::format("no basic auth credentials: {}", found->fault));
    }
    if (BasicAuthorization(username, secret) == asked.refused) {
      // Some registries lock an account after a few wrong passwords.
      Forget(host, asked.repository);
      return errdefs::NotImplemented(fmt::format("{}: the credentials were refused", url.host));
    }
    auto handler = std::make_shared<AuthHandler>(
        config_.client, config_.header, auth::AuthenticationScheme::BasicAuth,
        auth::TokenOptions{.username = username, .secret = secret}, "");
    base::MutexLock lock(mu_);
    handlers_[host].insert_or_assign(asked.repository, std::move(handler));
    return absl::OkStatus();
  }

  void Forget(const std::string& host, const std::string& repository) {
    base::MutexLock lock(mu_);
    handlers_[host].erase(repository);
  }

  // The credentials for the host of `url`. A credential helper that fails is told, and the request
  // goes on without: most images can be had by anybody.
  absl::StatusOr<Found> Find(const Context& ctx, const http::Url& url, const Asked& asked) const {
    if (!config_.credentials) return Found();
    if (IsExposed(url, asked)) return Found();
    absl::StatusOr<Credentials> found = AskFor(ctx, HostOf(url));
    if (!found.ok()) {
      if (!IsHelperError(found.status()) || ctx.Done()) return LocalError(found.status());
      const std::string fault =
          fmt::format("no credentials for {}: {}", url.host, errdefs::Message(found.status()));
      log::Warn(fmt::format("{}; going on without", fault));
      return Found{.fault = fault};
    }
    if (*found == Credentials() || asked.referrer.empty()) return Found{.credentials = *found};
    // Whoever has the same credentials for each host that it is asked about does not mean this one.
    absl::StatusOr<http::Url> referrer = http::ParseUrl(asked.referrer);
    if (!referrer.ok()) return Found();
    const bool same_server =
        url.scheme == "https" && url.Port() == "443" && url.Hostname() == referrer->Hostname();
    if (same_server) return Found{.credentials = *found};
    absl::StatusOr<Credentials> theirs = AskFor(ctx, HostOf(*referrer));
    if (!theirs.ok() || *theirs == *found) return Found();
    return Found{.credentials = *found};
  }

  absl::StatusOr<Credentials> AskFor(const Context& ctx, const std::string& host) const {
    return errdefs::Guard("a search for credentials", config_.credentials, ctx, host);
  }

  // The host as it is remembered, and as credentials for it are looked up.
  static std::string HostOf(const http::Url& url) {
    return http::CanonicalHost(url.host, url.scheme);
  }

  AuthorizerConfig config_;
  base::Mutex mu_;
  // By host, and there by the repository: its credentials may be its own.
  std::map<std::string, std::map<std::string, HandlerPtr>> handlers_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

absl::Status ErrInvalidAuthorization(std::string_view why) {
  return errdefs::Mark(
      errdefs::Unauthenticated(why.empty() ? std::string("authorization failed")
                                           : fmt::format("{}: authorization failed", why)),
      kInvalidMark);
}

bool IsErrInvalidAuthorization(const absl::Status& status) {
  return errdefs::IsMarked(status, kInvalidMark);
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
