// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/http/http.h"

#include "observe.h"
#include "src/errdefs/internal/guard.h"
#include "src/errdefs/internal/mark.h"

namespace containerd::http {
namespace {

constexpr char kMark[] = "http.ErrorKind";

// How the message of an error of a kind ends.
constexpr std::array<std::pair<std::string_view, ErrorKind>, 6> kKinds = {{
    {"unexpected EOF", ErrorKind::kUnexpectedEOF},
    {"timeout", ErrorKind::kTimeout},
    {"TLS handshake timeout", ErrorKind::kHandshakeTimeout},
    {"connection refused", ErrorKind::kConnectionRefused},
    {"server gave no TLS answer", ErrorKind::kNotTLS},
    {"certificate refused", ErrorKind::kCertificate},
}};

// What may follow to another host: how the content is wanted, and nothing that could tell who
// asks.
constexpr std::array kPortable = {
    "Accept",     "Accept-Encoding", "Accept-Language",   "Content-Type", "Range",
    "User-Agent", "If-None-Match",   "If-Modified-Since", "If-Range"};

}  // namespace

std::string_view ToString(ErrorKind kind) {
  const auto known = std::find_if(kKinds.begin(), kKinds.end(),
                                  [kind](const auto& k) { return k.second == kind; });
  return known != kKinds.end() ? known->first : "other";
}

absl::Status NewError(ErrorKind kind, std::string_view message) {
  const std::string_view text = ToString(kind);
  if (text == ToString(ErrorKind::kOther)) return errdefs::Unknown(message);
  const bool said = message.ends_with(fmt::format(": {}", text));
  return errdefs::Mark(
      errdefs::Unknown(said ? std::string(message) : fmt::format("{}: {}", message, text)), kMark,
      std::string(text));
}

ErrorKind KindOf(const absl::Status& status) {
  const std::optional<std::string> marked = errdefs::MarkOf(status, kMark);
  for (const auto& [text, kind] : kKinds) {
    if (marked == text) return kind;
  }
  return ErrorKind::kOther;
}

absl::StatusOr<std::optional<Request>> NextRequest(const Request& request,
                                                   const Response& response) {
  const int code = response.status_code;
  const bool keeps_method = code == 307 || code == 308;
  if (!keeps_method && code != 301 && code != 302 && code != 303) return std::nullopt;
  const std::string location = response.header.Get("Location");
  if (location.empty()) return std::nullopt;
  absl::StatusOr<Url> from = ParseUrl(request.url);
  if (!from.ok()) return from.status();
  absl::StatusOr<Url> to = ResolveReference(*from, location);
  if (!to.ok()) {
    return errdefs::Annotate(to.status(), fmt::format("redirect from {}", request.url));
  }
  Request next = request;
  next.url = to->String();
  if (keeps_method) {
    if (request.body != nullptr && !request.body->Rewind()) return std::nullopt;
  } else {
    if (next.method != "HEAD") next.method = "GET";
    if (next.body != nullptr) {
      next.body.reset();
      next.header.Del("Content-Type");
    }
  }
  next.header.Del("Host");
  if (!SameOrigin(*from, *to)) {
    Header kept;
    for (const char* name : kPortable) {
      for (const std::string& value : next.header.Values(name)) kept.Add(name, value);
    }
    next.header = std::move(kept);
  }
  return next;
}

Future<std::shared_ptr<Response>> Client::Start(const Context& ctx, Request request) const {
  const std::shared_ptr<RoundTripper> used = transport != nullptr ? transport : DefaultTransport();
  return Send(*used, timeout > absl::ZeroDuration() ? WithTimeout(ctx, timeout) : ctx,
              std::move(request));
}

absl::StatusOr<std::shared_ptr<Response>> Client::Do(const Context& ctx, Request request) const {
  const Context bounded = timeout > absl::ZeroDuration() ? WithTimeout(ctx, timeout) : ctx;
  const std::shared_ptr<RoundTripper> used = transport != nullptr ? transport : DefaultTransport();
  for (int via = 1;; ++via) {
    absl::StatusOr<std::shared_ptr<Response>> response = Send(*used, bounded, request).Get(bounded);
    if (!response.ok()) return response;
    absl::StatusOr<std::optional<Request>> next = NextRequest(request, **response);
    if (!next.ok()) return next.status();
    if (!next->has_value()) return response;
    if (via > kMaxRedirects) {
      return errdefs::Unknown(fmt::format("{} {}: stopped after {} redirects", request.method,
                                          request.url, kMaxRedirects));
    }
    request = *std::move(*next);
    if (check_redirect) {
      absl::Status s =
          errdefs::Guard("a check of redirects", check_redirect, bounded, request, via);
      if (!s.ok()) return s;
    }
  }
}

std::string_view StatusText(int code) {
  switch (code) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 203:
      return "Non-Authoritative Information";
    case 204:
      return "No Content";
    case 205:
      return "Reset Content";
    case 206:
      return "Partial Content";
    case 300:
      return "Multiple Choices";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 305:
      return "Use Proxy";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 407:
      return "Proxy Authentication Required";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Request Entity Too Large";
    case 414:
      return "Request URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Requested Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Entity";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 451:
      return "Unavailable For Legal Reasons";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 511:
      return "Network Authentication Required";
    default:
      return "";
  }
}

}  // namespace containerd::http
