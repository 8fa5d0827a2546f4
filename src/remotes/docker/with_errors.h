// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_REMOTES_DOCKER_WITH_ERRORS_H_
#define CONTAINERD_SRC_REMOTES_DOCKER_WITH_ERRORS_H_

#include <absl/status/status.h>

#include "containerd/remotes/docker/errcode.h"

namespace containerd::remotes::docker {

// Gives an error what AsErrors returns of it.
absl::Status WithErrors(absl::Status status, const Errors& errors);

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_SRC_REMOTES_DOCKER_WITH_ERRORS_H_
