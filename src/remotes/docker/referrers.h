// SPDX-License-Identifier: Apache-2.0
//
// What registries answer to the question for referrers.
#ifndef CONTAINERD_SRC_REMOTES_DOCKER_REFERRERS_H_
#define CONTAINERD_SRC_REMOTES_DOCKER_REFERRERS_H_

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "containerd/digest/digest.h"
#include "containerd/http/header.h"
#include "containerd/http/url.h"
#include "containerd/ocispec/descriptor.h"

namespace containerd::remotes::docker {

// Most pages of an answer that are read.
inline constexpr std::size_t kMaxReferrerPages = 100;

// Nullopt: the host knows of no list.
using Referrers = std::optional<std::vector<ocispec::Descriptor>>;

// The descriptors in one page. Nullopt for what is no list of referrers: registries and proxies
// without the endpoint answer with a page of their site, or with the subject itself.
absl::StatusOr<Referrers> ParseReferrers(std::string_view text, const http::Header& header,
                                         const digest::Digest& subject);

// Where a Link field leads to with rel="next" (RFC 8288), nullopt if it does not.
// ErrPermissionDenied for a page of another host.
absl::StatusOr<std::optional<http::Url>> NextPage(const http::Header& header,
                                                  const http::Url& page);

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_SRC_REMOTES_DOCKER_REFERRERS_H_
