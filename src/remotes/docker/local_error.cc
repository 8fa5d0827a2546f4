// SPDX-License-Identifier: Apache-2.0
#include "local_error.h"

#include <absl/strings/cord.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::remotes::docker {
namespace {

constexpr char kHelperMark[] = "containerd-cpp/docker.HelperError";

}  // namespace

absl::Status LocalError(const absl::Status& status) {
  const bool of_a_file = errdefs::IsNotFound(status) || errdefs::IsAlreadyExists(status) ||
                         errdefs::IsPermissionDenied(status) ||
                         errdefs::IsResourceExhausted(status);
  return of_a_file ? errdefs::Unknown(errdefs::Message(status)) : status;
}

absl::Status AuthorizerError(const absl::Status& status) {
  const bool of_content = errdefs::IsNotFound(status) || errdefs::IsAlreadyExists(status);
  return of_content ? errdefs::Unknown(errdefs::Message(status)) : status;
}

absl::Status HelperError(const absl::Status& status) {
  absl::Status marked = LocalError(status);
  if (!marked.ok()) marked.SetPayload(kHelperMark, absl::Cord());
  return marked;
}

bool IsHelperError(const absl::Status& status) {
  return status.GetPayload(kHelperMark).has_value();
}

}  // namespace containerd::remotes::docker
