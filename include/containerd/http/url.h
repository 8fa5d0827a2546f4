// SPDX-License-Identifier: Apache-2.0
//
// The parts of an http or https URL.
//
//   absl::StatusOr<http::Url> url = http::ParseUrl("https://localhost:5000/v2/?n=1");
//   if (!url.ok()) return url.status();
//   url->host;        // "localhost:5000"
//   url->AddQuery("last", "a b");
//   url->String();    // "https://localhost:5000/v2/?n=1&last=a+b"
//
// All functions are pure. Source: net/url.
#ifndef CONTAINERD_HTTP_URL_H_
#define CONTAINERD_HTTP_URL_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include "containerd/export/export.h"

namespace containerd::http {

// A URL in its parts. Source: url.URL.
struct CONTAINERD_EXPORT Url {
  std::string scheme{};     // "http" or "https", lower case
  std::string user_info{};  // what stands before "@", still escaped
  std::string host{};       // with the port, if one is named; IPv6 in brackets; lower case
  std::string path{};       // still escaped; empty or beginning with "/"
  std::string query{};      // still escaped, without "?"

  std::string String() const;

  // The host without port and brackets, and the port as named or that of the scheme.
  std::string Hostname() const;
  std::string Port() const;

  void AddQuery(std::string_view key, std::string_view value);

  friend bool operator==(const Url&, const Url&) = default;
};

// ErrInvalidArgument for any text that is not an absolute http or https URL, or has control
// characters, spaces or backslashes. The fragment is dropped.
CONTAINERD_EXPORT absl::StatusOr<Url> ParseUrl(std::string_view text);

// What a Location header means: an absolute URL, or one that is relative to `base`.
// Source: URL.ResolveReference.
CONTAINERD_EXPORT absl::StatusOr<Url> ResolveReference(const Url& base, std::string_view location);

// The name and the port of "host", "host:port", "[::1]:port"; the port is empty if not named.
CONTAINERD_EXPORT std::pair<std::string, std::string> SplitHostPort(std::string_view host);

// The one spelling of a host by which hosts are compared: in lower case, IPv6 in its short form and
// in brackets, without the port if it is the scheme's own. "quay.io" for "Quay.io:443" and https.
CONTAINERD_EXPORT std::string CanonicalHost(std::string_view host, std::string_view scheme);

// Whether scheme, name and port of both are the same, however they are spelled: what is meant for
// one may go to the other. Source: RFC 6454 section 5.
CONTAINERD_EXPORT bool SameOrigin(const Url& a, const Url& b);

// As a query has it: space is "+", and all but letters, digits and "-_.~" is percent-escaped.
// Source: url.QueryEscape.
CONTAINERD_EXPORT std::string QueryEscape(std::string_view text);
CONTAINERD_EXPORT std::string QueryUnescape(
    std::string_view text);  // what is no escape stays as it is

// Source: url.Values.Encode, with the order kept.
CONTAINERD_EXPORT std::string EncodeQuery(
    const std::vector<std::pair<std::string, std::string>>& values);
CONTAINERD_EXPORT std::vector<std::pair<std::string, std::string>> ParseQuery(
    std::string_view query);

}  // namespace containerd::http

#endif  // CONTAINERD_HTTP_URL_H_
