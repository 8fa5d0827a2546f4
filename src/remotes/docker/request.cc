// SPDX-License-Identifier: Apache-2.0
#include "request.h"

#include <algorithm>
#include <charconv>

#include <absl/strings/escaping.h>
#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"
#include "containerd/remotes/docker/errcode.h"
#include "containerd/remotes/errors.h"

#include "asked.h"
#include "local_error.h"
#include "src/base/escape.h"
#include "src/errdefs/internal/guard.h"
#include "src/threads/internal/callback.h"
#include "src/tracing/internal/observation.h"
#include "with_errors.h"

namespace containerd::remotes::docker {
namespace {

constexpr char kNamespaceQueryArg[] = "ns";

// The pause before the first repetition, doubled for each further one, unless the registry says how
// long to wait.
constexpr absl::Duration kFirstBackoff = absl::Milliseconds(50);

struct WarningContext {
  WarningSource source;
};

// As a segment or several of a URL's path. "%" is escaped too: the text is none of a URL yet.
std::string EscapePath(std::string_view text) {
  return base::PercentEncode(text, ":@/!$&'()*+,;=");
}

// "/v2" and "library/busybox" and "blobs": one slash between each, none at the end.
std::string JoinPath(const std::vector<std::string_view>& parts) {
  std::string out;
  for (std::string_view part : parts) {
    while (part.starts_with('/')) part.remove_prefix(1);
    while (part.ends_with('/')) part.remove_suffix(1);
    if (!part.empty()) out.append("/").append(part);
  }
  return out.empty() ? "/" : out;
}

// The URL as it is parsed: hosts in the configuration may be in any case.
http::Url Lowered(const http::Url& url) { return http::ParseUrl(url.String()).value_or(url); }

// The path of repositories below the API's root: "proxy/hub" for "/v2/proxy/hub".
std::string_view PrefixOf(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  constexpr std::string_view root = "/v2/";
  const auto at = path.find(root);
  return at == std::string_view::npos ? std::string_view() : path.substr(at + root.size());
}

}  // namespace

bool IsTransient(const absl::Status& status) {
  switch (http::KindOf(status)) {
    case http::ErrorKind::kUnexpectedEOF:
    case http::ErrorKind::kTimeout:
    case http::ErrorKind::kHandshakeTimeout:
      return true;
    default:
      return false;
  }
}

bool GetMayTellMore(int head_code) {
  const bool refused = head_code >= 400 && head_code < 500;
  return (refused && head_code != 401 && head_code != 408 && head_code != 429) || head_code == 501;
}

std::string BasicAuthorization(std::string_view username, std::string_view secret) {
  return "Basic " + absl::Base64Escape(fmt::format("{}:{}", username, secret));
}

std::string SanitizeUrl(std::string_view text) {
  absl::StatusOr<http::Url> url = http::ParseUrl(text);
  if (!url.ok()) return std::string(text.substr(0, text.find('?')));
  if (!url->user_info.empty()) {
    url->user_info = url->user_info.substr(0, url->user_info.find(':')) + ":xxxxx";
  }
  auto values = http::ParseQuery(url->query);
  for (auto& [key, value] : values) {
    if (key != kNamespaceQueryArg && !value.empty()) value = "REDACTED";
  }
  url->query = http::EncodeQuery(values);
  return url->String();
}

absl::Status UnexpectedResponse(const Context& ctx, http::Response& response) {
  std::string body(errors::kMaxErrorBody, '\0');
  const absl::StatusOr<std::size_t> n = io::ReadFull(ctx, *response.body, body);
  body.resize(n.ok() ? *n : 0);
  const errors::ErrUnexpectedStatus answer{.status = response.status,
                                           .status_code = response.status_code,
                                           .body = body,
                                           .request_url = SanitizeUrl(response.request_url),
                                           .request_method = response.request_method};
  absl::StatusOr<Errors> said = Errors::UnmarshalJSON(body);
  if (!said.ok() || said->Len() == 0) {
    return errors::NewUnexpectedStatusErr(answer, response.note);
  }
  std::string text = said->String();
  // It goes to logs and terminals.
  text.resize(std::min<std::size_t>(text.size(), 4096));
  for (char& c : text) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f) c = '?';
  }
  if (!response.note.empty()) text += fmt::format(" ({})", response.note);
  return WithErrors(errors::NewUnexpectedStatusErr(answer, text), *said);
}

std::vector<RegistryHost> Base::FilterHosts(HostCapabilities capabilities) const {
  std::vector<RegistryHost> out;
  for (const RegistryHost& host : hosts) {
    if (host.capabilities.Has(capabilities)) out.push_back(host);
  }
  return out;
}

Context WithWarningSource(const Context& ctx, std::optional<ocispec::Descriptor> desc,
                          std::string_view digest) {
  WarningContext value;
  value.source.desc = std::move(desc);
  value.source.digest = digest;
  return WithValue(ctx, std::move(value));
}

void ReportWarnings(const Context& ctx, const reference::Spec& ref, const http::Header& header,
                    const std::shared_ptr<WarningHandler>& handler) {
  if (handler == nullptr) return;
  const auto* value = ctx.Value<WarningContext>();
  WarningSource source = value != nullptr ? value->source : WarningSource();
  source.ref = ref;
  for (const std::string& warning : header.Values("Warning")) {
    const std::string text = ParseWarningText(warning);
    if (text.empty()) continue;
    threads::Notify("a handler of warnings", [&] { handler->Warn(ctx, source, text); });
  }
}

RegistryRequest::RegistryRequest(const Base& base, RegistryHost registry_host,
                                 std::string_view request_method,
                                 const std::vector<std::string>& parts)
    : host(std::move(registry_host)),
      method(request_method),
      header(base.header),
      refspec(base.refspec),
      named(base.repository),
      warning_handler(base.warning_handler) {
  header.Merge(host.header);
  if (!header.Has("User-Agent")) header.Set("User-Agent", kUserAgent);
  url.scheme = host.scheme;
  url.host = host.host;
  std::string resource = base.repository;
  for (const std::string& part : parts) resource.append("/").append(part);
  url.path = JoinPath({host.path, EscapePath(resource)});
  const std::string_view prefix = PrefixOf(host.path);
  repository = prefix.empty() ? base.repository : fmt::format("{}/{}", prefix, base.repository);
  // "uploads/" keeps its slash.
  if (!parts.empty() && parts.back().ends_with('/')) url.path.push_back('/');
}

void RegistryRequest::AddNamespace(std::string_view ns) {
  const std::string name = http::CanonicalHost(ns, host.scheme);
  const std::string mine = http::CanonicalHost(host.host, host.scheme);
  const bool proxy = name != mine && (name != "docker.io" || mine != "registry-1.docker.io");
  if (proxy) AddQuery(kNamespaceQueryArg, ns);
}

void RegistryRequest::SetMediaType(std::string_view media_type) {
  header.Set("Accept", media_type.empty() ? "*/*" : fmt::format("{}, */*", media_type));
}

absl::StatusOr<Future<ResponsePtr>> RequestRun::Send(const Context& transfer, const Context& wait) {
  if (redirected_.has_value()) {
    sent_ = *std::exchange(redirected_, std::nullopt);
  } else {
    sent_ = {.method = request_.method,
             .url = request_.url.String(),
             .header = request_.header,
             .buffer_size = request_.buffer_size};
    ++attempt_;
  }
  const bool has_body = request_.make_body && sent_.method == request_.method;
  if (has_body) sent_.body = request_.make_body();
  if (request_.host.authorizer != nullptr) {
    absl::Status s = errdefs::Guard("an Authorizer", &Authorizer::Authorize,
                                    *request_.host.authorizer, Told(wait), sent_);
    if (!s.ok()) {
      return errdefs::Annotate(AuthorizerError(s), fmt::format("{}: failed to authorize", Name()));
    }
  }
  const Context told = attempt_ > 1 ? tracing::WithAttempt(transfer, attempt_) : transfer;
  Future<ResponsePtr> future = request_.host.client != nullptr
                                   ? request_.host.client->Start(told, sent_)
                                   : http::Client().Start(told, sent_);
  sent_.body = nullptr;
  return future;
}

std::string RequestRun::Name() const {
  return fmt::format("{} {}", sent_.method, SanitizeUrl(sent_.url));
}

Context RequestRun::Told(const Context& wait) {
  Asked asked{.url = sent_.url, .referrer = request_.referrer, .note = note_};
  absl::StatusOr<http::Url> url = http::ParseUrl(sent_.url);
  const bool own = url.ok() && (http::SameOrigin(*url, Lowered(request_.url)) ||
                                (answered_.has_value() && http::SameOrigin(*url, *answered_)));
  if (!own && asked.referrer.empty()) asked.referrer = request_.url.String();
  if (!responses_.empty() && responses_.back()->status_code == 401) asked.refused = refused_;
  if (!asked.referrer.empty()) {
    // What another host demands for itself is all that it gets.
    return WithAsked(WithoutScopes(wait), std::move(asked));
  }
  asked.repository = request_.repository;
  return WithAsked(WithScopesOf(wait, request_.named, request_.repository), std::move(asked));
}

absl::StatusOr<ResponsePtr> RequestRun::Receive(const Context& wait,
                                                absl::StatusOr<ResponsePtr> result) {
  if (!result.ok()) {
    --attempts_;
    absl::Status failure = result.status();
    // The transport names the request, but for the waiting's own end.
    if (errdefs::Message(failure).find("://") == std::string_view::npos) {
      failure = errdefs::Annotate(failure, Name());
    }
    failure = errdefs::Annotate(failure, "failed to do request");
    if (!last_host_ || !request_.repeatable || attempts_ <= 0 || !IsTransient(failure) ||
        wait.Done()) {
      return failure;
    }
    absl::StatusOr<bool> waited = Backoff(wait, nullptr, errdefs::Message(failure));
    if (!waited.ok()) return waited.status();
    if (!*waited) return failure;
    return nullptr;
  }
  ResponsePtr response = *std::move(result);
  if (response->request_url != sent_.url && AskedOf(Told(wait)).referrer.empty()) {
    // The transport fell back to plain HTTP: this is how the host wants to be spoken to.
    absl::StatusOr<http::Url> url = http::ParseUrl(response->request_url);
    if (url.ok()) answered_ = *std::move(url);
  }
  absl::StatusOr<std::optional<http::Request>> next = http::NextRequest(sent_, *response);
  if (!next.ok()) return errdefs::Annotate(next.status(), "failed to do request");
  if (next->has_value()) {
    if (++redirects_ > http::kMaxRedirects) {
      return errdefs::Unknown(fmt::format("failed to do request: {} {}: stopped after {} redirects",
                                          request_.method, SanitizeUrl(request_.url.String()),
                                          http::kMaxRedirects));
    }
    redirected_ = *std::move(*next);
    return nullptr;
  }
  ReportWarnings(wait, request_.refspec, response->header, request_.warning_handler);
  --attempts_;
  responses_.push_back(response);
  response->note = *note_;
  absl::StatusOr<bool> retry = WantsRetry(wait);
  if (!retry.ok()) return retry.status();
  if (!*retry || attempts_ <= 0) return response;
  const int code = response->status_code;
  if (code != 401 && code != 405) {
    absl::StatusOr<bool> waited = Backoff(wait, response.get(), response->status);
    if (!waited.ok()) return waited.status();
    if (!*waited) return response;
  }
  // Drops the body, which is not needed; the transport can then use the connection again.
  response->body = std::make_unique<io::StringReader>("");
  redirects_ = 0;
  return nullptr;
}

absl::StatusOr<bool> RequestRun::WantsRetry(const Context& wait) {
  const http::Response& last = *responses_.back();
  switch (last.status_code) {
    case 401: {
      if (request_.host.authorizer == nullptr) return false;
      refused_ = sent_.header.Get("Authorization");
      absl::Status s = errdefs::Guard("an Authorizer", &Authorizer::AddResponses,
                                      *request_.host.authorizer, Told(wait), responses_);
      if (s.ok()) return true;
      if (errdefs::IsNotImplemented(s)) return false;
      return errdefs::Annotate(AuthorizerError(s), Name());
    }
    case 405:
      // Registries that do not know HEAD.
      if (request_.method == "HEAD" && request_.url.path.find("/manifests/") != std::string::npos) {
        request_.method = "GET";
        return true;
      }
      return false;
    case 408:
    case 429:
      // With another host left that one is asked instead of waiting.
      return last_host_;
    case 500:
    case 502:
    case 503:
    case 504:
      // The same error twice in a row is taken as permanent.
      if (responses_.size() > 1 &&
          responses_[responses_.size() - 2]->status_code == last.status_code) {
        return false;
      }
      return last_host_ && request_.repeatable;
    default:
      return false;
  }
}

absl::StatusOr<bool> RequestRun::Backoff(const Context& wait, const http::Response* response,
                                         std::string_view why) {
  absl::Duration delay = kFirstBackoff * (1 << retries_++);
  if (response != nullptr) {
    const std::string asked = response->header.Get("Retry-After");
    delay = ParseRetryAfter(asked, absl::Now()).value_or(delay);
  }
  const std::string what =
      fmt::format("{}: {}: waiting {} before it is sent again", Name(), why,
                  absl::FormatDuration(absl::Trunc(delay, absl::Milliseconds(1))));
  if (absl::Now() + delay > wait.Deadline()) {
    return errdefs::DeadlineExceeded(fmt::format("{}: context deadline exceeded", what));
  }
  if (waited_ + delay > kMaxWait) return false;
  waited_ += delay;
  if (absl::Status s = Sleep(wait, delay); !s.ok()) return errdefs::Annotate(s, what);
  return true;
}

absl::StatusOr<ResponsePtr> RequestRun::Do(const Context& transfer, const Context& wait) {
  while (true) {
    absl::StatusOr<Future<ResponsePtr>> future = Send(transfer, wait);
    if (!future.ok()) return future.status();
    absl::StatusOr<ResponsePtr> response = Receive(wait, future->Get(wait));
    if (!response.ok() || *response != nullptr) return response;
  }
}

absl::StatusOr<ResponsePtr> DoWithRetries(const Context& ctx, RegistryRequest request,
                                          bool last_host) {
  return RequestRun(std::move(request), last_host).Do(ctx, ctx);
}

ResponsePtr AskAgainWithGet(const Context& ctx, const ResponsePtr& refusal, RegistryRequest get) {
  if (refusal->request_method != "HEAD" || !GetMayTellMore(refusal->status_code)) return refusal;
  absl::StatusOr<ResponsePtr> got = DoWithRetries(ctx, std::move(get), false);
  if (!got.ok()) return refusal;
  const int code = (*got)->status_code;
  if (code == refusal->status_code) (*got)->request_method = "HEAD";
  return code <= 299 || code == 404 || code == refusal->status_code ? *std::move(got) : refusal;
}

std::optional<absl::Duration> ParseRetryAfter(std::string_view value, absl::Time now) {
  if (value.empty()) return std::nullopt;
  std::int64_t seconds = 0;
  const auto [end, err] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (err == std::errc() && end == value.data() + value.size()) {
    return seconds < 0 ? std::nullopt : std::optional(absl::Seconds(seconds));
  }
  absl::Time when;
  if (!absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", std::string(value), &when, nullptr)) {
    return std::nullopt;
  }
  return std::max(when - now, absl::ZeroDuration());
}

}  // namespace containerd::remotes::docker
