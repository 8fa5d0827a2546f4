// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_REMOTES_DOCKER_TOKEN_H_
#define CONTAINERD_SRC_REMOTES_DOCKER_TOKEN_H_

#include <absl/status/status.h>

namespace containerd::remotes::docker::auth {

// auth.cc: the answer was a success, but nothing that a token server says.
bool IsErrNoTokenServer(const absl::Status& status);

}  // namespace containerd::remotes::docker::auth

#endif  // CONTAINERD_SRC_REMOTES_DOCKER_TOKEN_H_
