// SPDX-License-Identifier: Apache-2.0
//
// Errors of this machine: of a file, or of a program that is run. Their classes are those of files,
// and must not be taken for what a registry says of its objects.
#ifndef CONTAINERD_SRC_REMOTES_DOCKER_LOCAL_ERROR_H_
#define CONTAINERD_SRC_REMOTES_DOCKER_LOCAL_ERROR_H_

#include <absl/status/status.h>

namespace containerd::remotes::docker {

// The error of a file with a class that says nothing of a registry: ErrNotFound, ErrAlreadyExists,
// ErrPermissionDenied and ErrResourceExhausted become ErrUnknown.
absl::Status LocalError(const absl::Status& status);

// The same for the error of an authorizer, which may have asked a registry who asks, but not for
// what: it can be refused, but finds nothing missing.
absl::Status AuthorizerError(const absl::Status& status);

// Marks the error of a credential helper, without which a request may go on, and finds the mark.
absl::Status HelperError(const absl::Status& status);
bool IsHelperError(const absl::Status& status);

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_SRC_REMOTES_DOCKER_LOCAL_ERROR_H_
