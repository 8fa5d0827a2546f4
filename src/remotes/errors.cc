// SPDX-License-Identifier: Apache-2.0
#include "containerd/remotes/errors.h"

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/errdefs/internal/mark.h"
#include "src/gojson/internal/codec.h"

namespace containerd::remotes::errors {
namespace {

constexpr char kAnswer[] = "remotes.ErrUnexpectedStatus";

// As Go puts it on the wire.
struct Wire {
  ErrUnexpectedStatus answer;
  std::int64_t code = 0;
  gojson::Extra extra;
};

template <class V, gojson::Of<Wire> T>
void Bind(V& v, T& p) {
  v.Field("status", p.answer.status);
  v.Field("statusCode", p.code);
  v.Base64("body", p.answer.body, gojson::kOmitEmpty);
  v.Field("requestURL", p.answer.request_url, gojson::kOmitEmpty);
  v.Field("requestMethod", p.answer.request_method, gojson::kOmitEmpty);
}

errdefs::Class ClassOf(int status_code) {
  switch (status_code) {
    case 401:
      return errdefs::Class::ErrUnauthenticated;
    case 403:
      return errdefs::Class::ErrPermissionDenied;
    case 429:
      return errdefs::Class::ErrResourceExhausted;
    default:
      return errdefs::Class::ErrUnknown;
  }
}

}  // namespace

absl::Status NewUnexpectedStatusErr(const ErrUnexpectedStatus& answer, std::string_view detail) {
  std::string message = fmt::format("unexpected status from {} request to {}: {}",
                                    answer.request_method, answer.request_url, answer.status);
  if (!detail.empty()) message += fmt::format(": {}", detail);
  return errdefs::Mark(errdefs::New(ClassOf(answer.status_code), message), kAnswer,
                       gojson::Marshal(Wire{answer, answer.status_code, {}}));
}

std::optional<ErrUnexpectedStatus> AsUnexpectedStatus(const absl::Status& status) {
  const std::optional<std::string> json = errdefs::MarkOf(status, kAnswer);
  if (!json) return std::nullopt;
  absl::StatusOr<Wire> read = gojson::Unmarshal<Wire>(*json);
  if (!read.ok()) return std::nullopt;
  read->answer.status_code = static_cast<int>(read->code);
  return std::move(read->answer);
}

}  // namespace containerd::remotes::errors
