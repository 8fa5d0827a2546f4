// SPDX-License-Identifier: Apache-2.0
#include "referrers.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"
#include "containerd/log/log.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/manifest.h"

#include "src/base/ascii.h"
#include "src/base/escape.h"

namespace containerd::remotes::docker {
namespace {

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Takes one item off the front of `rest`: up to the separator, which counts neither in quotes nor
// in angle brackets.
std::string_view TakeItem(std::string_view& rest, char separator) {
  char inside = '\0';
  std::size_t end = 0;
  for (; end < rest.size(); ++end) {
    const char c = rest[end];
    if (inside != '\0') {
      if (c == inside) inside = '\0';
    } else if (c == '"') {
      inside = '"';
    } else if (c == '<') {
      inside = '>';
    } else if (c == separator) {
      break;
    }
  }
  const std::string_view item = Trim(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return item;
}

// Whether a link's parameters have "next" among the relations.
bool IsNext(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::string_view parameter = TakeItem(parameters, ';');
    const auto equals = parameter.find('=');
    if (equals == std::string_view::npos) continue;
    if (base::Lower(Trim(parameter.substr(0, equals))) != "rel") continue;
    std::string value = base::Lower(Trim(parameter.substr(equals + 1)));
    std::erase(value, '"');
    std::string_view relations = value;
    while (!relations.empty()) {
      if (TakeItem(relations, ' ') == "next") return true;
    }
  }
  return false;
}

}  // namespace

absl::StatusOr<Referrers> ParseReferrers(std::string_view text, const http::Header& header,
                                         const digest::Digest& subject) {
  const auto no_list = [&](std::string_view why) {
    log::Debug(
        fmt::format("asked for the referrers of {}, but got no list: {}", subject.String(), why));
    return std::nullopt;
  };
  std::string type = header.Get("Content-Type");
  type = base::Lower(Trim(std::string_view(type).substr(0, type.find(';'))));
  if (type.starts_with("text/html")) return no_list(type);
  absl::StatusOr<digest::Digest> actual = subject.Algorithm().FromBytes(text);
  if (actual.ok() && *actual == subject) return no_list("the subject itself");
  absl::StatusOr<ocispec::Index> index = ocispec::Unmarshal<ocispec::Index>(text);
  if (!index.ok()) {
    if (!Trim(text).starts_with('{')) return no_list(base::Quote(text, 100));
    return errdefs::Annotate(index.status(), "failed to decode referrers index");
  }
  const std::string& said = index->media_type.empty() ? type : index->media_type;
  if (images::IsManifestType(said)) return no_list(said);
  return std::move(index->manifests);
}

absl::StatusOr<std::optional<http::Url>> NextPage(const http::Header& header,
                                                  const http::Url& page) {
  for (const std::string& field : header.Values("Link")) {
    std::string_view rest = field;
    while (!rest.empty()) {
      const std::string_view link = TakeItem(rest, ',');
      const auto end = link.find('>');
      if (!link.starts_with('<') || end == std::string_view::npos) continue;
      if (!IsNext(link.substr(end + 1))) continue;
      absl::StatusOr<http::Url> next = http::ResolveReference(page, link.substr(1, end - 1));
      if (!next.ok()) return errdefs::Annotate(next.status(), "link to the next page");
      if (http::CanonicalHost(next->host, next->scheme) !=
          http::CanonicalHost(page.host, page.scheme)) {
        return errdefs::PermissionDenied(
            fmt::format("the next page of {} is at another host, {}", page.host, next->host));
      }
      next->scheme = page.scheme;
      next->host = page.host;
      return *std::move(next);
    }
  }
  return std::nullopt;
}

}  // namespace containerd::remotes::docker
