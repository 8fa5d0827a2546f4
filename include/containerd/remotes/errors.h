// SPDX-License-Identifier: Apache-2.0
//
// The answer of a registry that was not one of those expected.
//
//   if (auto answer = remotes::errors::AsUnexpectedStatus(status)) log::Warn(answer->body);
//
// Source: core/remotes/errors.
#ifndef CONTAINERD_REMOTES_ERRORS_H_
#define CONTAINERD_REMOTES_ERRORS_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <absl/status/status.h>

#include "containerd/export/export.h"

namespace containerd::remotes::errors {

// Most bytes of a response's body that are kept.
inline constexpr std::size_t kMaxErrorBody = 64000;

// An answer of a registry with another status than was hoped for.
struct ErrUnexpectedStatus {
  std::string status{};  // "403 Forbidden"
  int status_code = 0;
  std::string body{};         // The first kMaxErrorBody bytes.
  std::string request_url{};  // Values of its query are "REDACTED", but for "ns".
  std::string request_method{};

  friend bool operator==(const ErrUnexpectedStatus&, const ErrUnexpectedStatus&) = default;
};

// "unexpected status from GET request to <url>: 403 Forbidden", followed by ": <detail>" if there
// is any. 401 is of class ErrUnauthenticated, 403 ErrPermissionDenied, 429 ErrResourceExhausted and
// all else ErrUnknown. Source: errors.NewUnexpectedStatusErr.
CONTAINERD_EXPORT absl::Status NewUnexpectedStatusErr(const ErrUnexpectedStatus& answer,
                                                      std::string_view detail = "");

// The answer that an error is about, also after errdefs::Annotate.
CONTAINERD_EXPORT std::optional<ErrUnexpectedStatus> AsUnexpectedStatus(const absl::Status& status);

}  // namespace containerd::remotes::errors

#endif  // CONTAINERD_REMOTES_ERRORS_H_
