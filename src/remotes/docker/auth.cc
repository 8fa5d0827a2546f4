// SPDX-License-Identifier: Apache-2.0
#include "containerd/remotes/docker/auth.h"

#include <algorithm>
#include <utility>

#include <absl/strings/escaping.h>
#include <absl/strings/numbers.h>
#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "request.h"
#include "src/base/ascii.h"
#include "src/base/escape.h"
#include "src/errdefs/internal/mark.h"
#include "src/gojson/internal/codec.h"
#include "token.h"

namespace containerd::remotes::docker::auth {
namespace {

constexpr char kNoTokenServerMark[] = "docker.auth.NoTokenServer";
constexpr char kNoTokenMark[] = "docker.auth.ErrNoToken";

// More than any token server sends.
constexpr std::size_t kMaxTokenResponse = std::size_t{1} << 20;

// Before a request for a token is repeated, and the longest that a server may ask for.
constexpr absl::Duration kTokenPause = absl::Milliseconds(200);
constexpr absl::Duration kMaxTokenPause = absl::Seconds(10);

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool IsToken(char c) {
  return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f &&
         std::string_view("\"(),/:;<=>?@[]\\{}").find(c) == std::string_view::npos;
}

// Each takes what it reads off the front of `rest`.
void SkipSpace(std::string_view& rest) {
  while (!rest.empty() && IsSpace(rest.front())) rest.remove_prefix(1);
}

std::string_view TakeToken(std::string_view& rest) {
  const auto end = std::find_if_not(rest.begin(), rest.end(), IsToken);
  const std::string_view token = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
  rest.remove_prefix(token.size());
  return token;
}

std::string TakeTokenOrQuoted(std::string_view& rest) {
  if (!rest.starts_with('"')) return std::string(TakeToken(rest));
  std::string out;
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return out;
    }
    if (rest[i] == '\\' && ++i == rest.size()) break;
    out.push_back(rest[i]);
  }
  rest = {};  // the quote was not closed
  return "";
}

void SkipSeparators(std::string_view& rest) {
  while (!rest.empty() && (IsSpace(rest.front()) || rest.front() == ',')) rest.remove_prefix(1);
}

// The parameters of one challenge, up to the next challenge's scheme: a field may have several
// challenges, and a challenge's credentials in base64 instead of parameters (RFC 9110 section
// 11.3).
std::map<std::string, std::string> TakeParameters(std::string_view& rest) {
  std::map<std::string, std::string> out;
  while (true) {
    SkipSeparators(rest);
    std::string_view ahead = rest;
    const std::string key = base::Lower(TakeToken(ahead));
    SkipSpace(ahead);
    if (key.empty() || !ahead.starts_with('=')) {
      // A scheme is followed by a blank, by a comma, or by nothing.
      const std::size_t length = static_cast<std::size_t>(ahead.data() - rest.data());
      if (key.empty() || (!ahead.empty() && ahead.front() != ',' && length == key.size())) {
        // No scheme either, as base64 is none: on to what follows the next comma.
        rest.remove_prefix(std::min(rest.find(','), rest.size()));
        if (rest.empty()) return out;
        continue;
      }
      return out;
    }
    ahead.remove_prefix(1);
    SkipSpace(ahead);
    out[key] = TakeTokenOrQuoted(ahead);
    rest = ahead;
    SkipSpace(rest);
    // What is left of a value that was none.
    if (!rest.empty() && rest.front() != ',')
      rest.remove_prefix(std::min(rest.find(','), rest.size()));
    if (rest.empty()) return out;
  }
}

struct TokenBody {
  std::string token;
  std::string access_token;
  std::string refresh_token;
  gojson::RawMessage expires_in;  // a number; of some servers a string that holds one
  gojson::RawMessage issued_at;
  gojson::RawMessage scope;  // of some servers a list
  gojson::Extra extra;
};

// What is not needed to use a token is no reason to refuse it.
std::string Text(const gojson::RawMessage& value) {
  return gojson::Unmarshal<std::string>(value.text).value_or("");
}

std::int64_t Seconds(const gojson::RawMessage& value) {
  const std::string quoted = Text(value);
  double seconds = 0;
  if (!absl::SimpleAtod(quoted.empty() ? value.text : quoted, &seconds)) return 0;
  return seconds > 0 && seconds < 1e15 ? static_cast<std::int64_t>(seconds) : 0;
}

template <class V, gojson::Of<TokenBody> T>
void Bind(V& v, T& t) {
  v.Field("token", t.token);
  v.Field("access_token", t.access_token);
  v.Field("refresh_token", t.refresh_token);
  v.Field("expires_in", t.expires_in);
  v.Field("issued_at", t.issued_at);
  v.Field("scope", t.scope);
}

bool IsTransientCode(int code) {
  return code == 408 || code == 429 || code == 500 || code == 502 || code == 503 || code == 504;
}

// Sends the request, and once more if the server has a weak moment.
absl::StatusOr<std::shared_ptr<http::Response>> SendTwice(const Context& ctx,
                                                          const http::Client& client,
                                                          const http::Request& request) {
  absl::StatusOr<std::shared_ptr<http::Response>> response = client.Do(ctx, request);
  absl::Duration pause = kTokenPause;
  if (response.ok()) {
    if (!IsTransientCode((*response)->status_code)) return response;
    const std::string asked = (*response)->header.Get("Retry-After");
    pause = ParseRetryAfter(asked, absl::Now()).value_or(kTokenPause);
    if (pause > kMaxTokenPause || absl::Now() + pause >= ctx.Deadline()) return response;
  } else if (!IsTransient(response.status()) || ctx.Done()) {
    return response;
  }
  if (request.body != nullptr && !request.body->Rewind()) return response;
  if (!Sleep(ctx, pause).ok()) return response;
  return client.Do(ctx, request);
}

absl::StatusOr<TokenBody> Ask(const Context& ctx, const http::Client& client,
                              http::Request request) {
  absl::StatusOr<std::shared_ptr<http::Response>> response = SendTwice(ctx, client, request);
  if (!response.ok()) return response.status();
  if ((*response)->status_code < 200 || (*response)->status_code >= 400) {
    return UnexpectedResponse(ctx, **response);
  }
  absl::StatusOr<std::string> body = io::ReadAll(ctx, *(*response)->body, kMaxTokenResponse);
  if (!body.ok()) return errdefs::Annotate(body.status(), "unable to read token response");
  absl::StatusOr<TokenBody> token = gojson::Unmarshal<TokenBody>(*body);
  if (!token.ok()) {
    return errdefs::Mark(
        errdefs::Annotate(token.status(), fmt::format("unable to decode token response of {}",
                                                      SanitizeUrl(request.url))),
        kNoTokenServerMark);
  }
  return token;
}

http::Header WithUserAgent(http::Header header) {
  if (!header.Has("User-Agent")) header.Set("User-Agent", kUserAgent);
  return header;
}

// Whether credentials for one may go to the other.
bool SameOriginText(std::string_view a, std::string_view b) {
  absl::StatusOr<http::Url> x = http::ParseUrl(a);
  absl::StatusOr<http::Url> y = http::ParseUrl(b);
  return x.ok() && y.ok() && http::SameOrigin(*x, *y);
}

// The URL of a token server. As Go's url.Parse, it takes characters that should have been escaped
// and escapes them, and refuses escapes that are none in the path.
absl::StatusOr<http::Url> ParseRealm(std::string_view text) {
  const std::string_view::size_type slashes = text.find("://");
  const auto path = slashes == std::string_view::npos ? slashes : text.find('/', slashes + 3);
  std::string escaped(text.substr(0, path));
  if (path != std::string_view::npos) {
    for (const char c : text.substr(path)) {
      if (std::string_view(" \"<>\\").find(c) != std::string_view::npos) {
        base::AppendPercent(escaped, c);
      } else {
        escaped.push_back(c);
      }
    }
  }
  absl::StatusOr<http::Url> url = http::ParseUrl(escaped);
  if (!url.ok()) return url;
  for (std::size_t i = 0; i < url->path.size(); ++i) {
    const std::string_view rest = std::string_view(url->path).substr(i);
    if (rest.front() == '%' && !base::LeadingPercent(rest).has_value()) {
      return errdefs::InvalidArgument(
          fmt::format("invalid URL escape {}", base::Quote(rest.substr(0, 3))));
    }
  }
  return url;
}

}  // namespace

std::string_view ToString(AuthenticationScheme scheme) {
  switch (scheme) {
    case AuthenticationScheme::BasicAuth:
      return "Basic";
    case AuthenticationScheme::DigestAuth:
      return "Digest";
    case AuthenticationScheme::BearerAuth:
      return "Bearer";
  }
  return "unknown";
}

absl::Status ErrNoToken() {
  return errdefs::Mark(
      errdefs::Unknown("authorization server did not include a token in the response"),
      kNoTokenMark);
}

bool IsErrNoTokenServer(const absl::Status& status) {
  return errdefs::IsMarked(status, kNoTokenServerMark);
}

bool IsErrNoToken(const absl::Status& status) { return errdefs::IsMarked(status, kNoTokenMark); }

std::vector<Challenge> ParseAuthHeader(const http::Header& header) {
  std::vector<Challenge> out;
  for (const std::string& field : header.Values("WWW-Authenticate")) {
    std::string_view rest = field;
    SkipSeparators(rest);
    while (!rest.empty()) {
      const std::string scheme = base::Lower(TakeToken(rest));
      if (scheme.empty()) break;  // no challenge begins like this
      Challenge challenge;
      challenge.parameters = TakeParameters(rest);
      if (scheme == "basic") {
        challenge.scheme = AuthenticationScheme::BasicAuth;
      } else if (scheme == "digest") {
        challenge.scheme = AuthenticationScheme::DigestAuth;
      } else if (scheme == "bearer") {
        challenge.scheme = AuthenticationScheme::BearerAuth;
      } else {
        continue;
      }
      out.push_back(std::move(challenge));
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const Challenge& a, const Challenge& b) {
    return static_cast<int>(a.scheme) > static_cast<int>(b.scheme);
  });
  return out;
}

absl::StatusOr<TokenOptions> GenerateTokenOptions(const Context&, std::string_view host,
                                                  std::string_view username,
                                                  std::string_view secret, const Challenge& c) {
  const auto realm = c.parameters.find("realm");
  if (realm == c.parameters.end()) {
    return errdefs::InvalidArgument(
        fmt::format("{}: no realm specified for token auth challenge", host));
  }
  absl::StatusOr<http::Url> url = ParseRealm(realm->second);
  if (!url.ok()) {
    return errdefs::Annotate(url.status(), fmt::format("{}: invalid token auth challenge realm {}",
                                                       host, base::Quote(realm->second)));
  }
  TokenOptions to{
      .realm = url->String(), .username = std::string(username), .secret = std::string(secret)};
  if (const auto it = c.parameters.find("service"); it != c.parameters.end()) {
    to.service = it->second;
  }
  if (const auto it = c.parameters.find("scope"); it != c.parameters.end()) {
    std::string_view rest = it->second;
    while (true) {
      const auto space = rest.find(' ');
      to.scopes.emplace_back(rest.substr(0, space));
      if (space == std::string_view::npos) break;
      rest.remove_prefix(space + 1);
    }
  }
  return to;
}

absl::StatusOr<OAuthTokenResponse> FetchTokenWithOAuth(const Context& ctx,
                                                       const http::Client& client,
                                                       const http::Header& headers,
                                                       std::string_view client_id,
                                                       const TokenOptions& to) {
  std::vector<std::pair<std::string, std::string>> form;
  if (!to.scopes.empty()) form.emplace_back("scope", fmt::format("{}", fmt::join(to.scopes, " ")));
  form.emplace_back("service", to.service);
  form.emplace_back("client_id", client_id);
  if (to.username.empty()) {
    form.emplace_back("grant_type", "refresh_token");
    form.emplace_back("refresh_token", to.secret);
  } else {
    form.emplace_back("grant_type", "password");
    form.emplace_back("username", to.username);
    form.emplace_back("password", to.secret);
  }
  if (to.fetch_refresh_token) form.emplace_back("access_type", "offline");

  http::Request request{.method = "POST",
                        .url = to.realm,
                        .header = WithUserAgent(headers),
                        .body = http::NewStringBody(http::EncodeQuery(form))};
  request.header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  // The form goes where the registry said, and nowhere else.
  http::Client strict = client;
  strict.check_redirect = [&](const Context& c, http::Request& next, int via) -> absl::Status {
    if (next.body != nullptr && !SameOriginText(next.url, to.realm)) {
      return errdefs::PermissionDenied(
          fmt::format("{} redirects to another host, which must not see the credentials",
                      SanitizeUrl(to.realm)));
    }
    return client.check_redirect ? client.check_redirect(c, next, via) : absl::OkStatus();
  };
  absl::StatusOr<TokenBody> body = Ask(ctx, strict, std::move(request));
  if (!body.ok()) return body.status();
  if (body->access_token.empty()) return ErrNoToken();
  return OAuthTokenResponse{.access_token = std::move(body->access_token),
                            .refresh_token = std::move(body->refresh_token),
                            .expires_in_seconds = Seconds(body->expires_in),
                            .issued_at = Text(body->issued_at),
                            .scope = Text(body->scope)};
}

absl::StatusOr<FetchTokenResponse> FetchToken(const Context& ctx, const http::Client& client,
                                              const http::Header& headers, const TokenOptions& to) {
  absl::StatusOr<http::Url> url = http::ParseUrl(to.realm);
  if (!url.ok()) return url.status();
  if (!to.service.empty()) url->AddQuery("service", to.service);
  for (const std::string& scope : to.scopes) url->AddQuery("scope", scope);
  if (to.fetch_refresh_token) url->AddQuery("offline_token", "true");

  http::Request request{.url = url->String(), .header = WithUserAgent(headers)};
  if (!to.secret.empty()) {
    request.header.Set("Authorization", BasicAuthorization(to.username, to.secret));
  }
  absl::StatusOr<TokenBody> body = Ask(ctx, client, std::move(request));
  if (!body.ok()) return body.status();
  FetchTokenResponse out{.token = std::move(body->token),
                         .access_token = std::move(body->access_token),
                         .expires_in_seconds = Seconds(body->expires_in),
                         .issued_at = Text(body->issued_at),
                         .refresh_token = std::move(body->refresh_token)};
  // The two names mean the same.
  if (!out.access_token.empty()) out.token = out.access_token;
  if (out.token.empty()) return ErrNoToken();
  return out;
}

}  // namespace containerd::remotes::docker::auth
