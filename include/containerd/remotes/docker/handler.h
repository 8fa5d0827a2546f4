// SPDX-License-Identifier: Apache-2.0
//
// Source: core/remotes/docker/handler.go.
#ifndef CONTAINERD_REMOTES_DOCKER_HANDLER_H_
#define CONTAINERD_REMOTES_DOCKER_HANDLER_H_

#include <memory>
#include <string_view>

#include <absl/status/statusor.h>

#include "containerd/content/content.h"
#include "containerd/export/export.h"
#include "containerd/images/handlers.h"

namespace containerd::remotes::docker {

// A handler that notes on content, in the label "containerd.io/distribution.source.<host>", that
// the repository of `ref` has it. Pushers mount from there.
CONTAINERD_EXPORT absl::StatusOr<images::HandlerFunc> AppendDistributionSourceLabel(
    std::shared_ptr<content::Manager> manager, std::string_view ref);

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_REMOTES_DOCKER_HANDLER_H_
