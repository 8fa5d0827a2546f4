// SPDX-License-Identifier: Apache-2.0
#include "containerd/remotes/errors.h"

#include <absl/strings/cord.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/gojson/internal/codec.h"

namespace containerd::remotes::errors {
namespace {

// The type under which Go registers the error for the wire.
constexpr char kPayload[] =
    "github.com/containerd/containerd/v2/core/remotes/errors/ErrUnexpectedStatus";

struct Payload {
  ErrUnexpectedStatus answer;
  std::int64_t code = 0;
  gojson::Extra extra;
};

template <class V, gojson::Of<Payload> T>
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
  absl::Status status = errdefs::New(ClassOf(answer.status_code), message);
  status.SetPayload(kPayload, absl::Cord(gojson::Marshal(Payload{answer, answer.status_code, {}})));
  return status;
}

std::optional<ErrUnexpectedStatus> AsUnexpectedStatus(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  if (!payload) return std::nullopt;
  absl::StatusOr<Payload> read = gojson::Unmarshal<Payload>(std::string(*payload));
  if (!read.ok()) return std::nullopt;
  read->answer.status_code = static_cast<int>(read->code);
  return std::move(read->answer);
}

}  // namespace containerd::remotes::errors
