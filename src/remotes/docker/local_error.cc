// SPDX-License-Identifier: Apache-2.0
#include "local_error.h"

#include "containerd/errdefs/errdefs.h"

#include "src/errdefs/internal/mark.h"

namespace containerd::remotes::docker {
namespace {

constexpr char kHelperMark[] = "docker.HelperError";

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
  return errdefs::Mark(LocalError(status), kHelperMark);
}

bool IsHelperError(const absl::Status& status) { return errdefs::IsMarked(status, kHelperMark); }

}  // namespace containerd::remotes::docker
