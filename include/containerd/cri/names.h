// SPDX-License-Identifier: Apache-2.0
//
// How the plugin names sandboxes and containers, and where it keeps their files. All functions are
// pure and safe from any thread.
//
// Source: pkg/cri/server/helpers.go.
#ifndef CONTAINERD_CRI_NAMES_H_
#define CONTAINERD_CRI_NAMES_H_

#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "containerd/cri/config.h"
#include "containerd/cri/types.h"
#include "containerd/export/export.h"

namespace containerd::cri {

// "<name>_<namespace>_<uid>_<attempt>": unique where the metadata is, as long as no part has a "_",
// which no name in Kubernetes has. Source: makeSandboxName.
CONTAINERD_EXPORT std::string MakeSandboxName(const PodSandboxMetadata& sandbox);

// "<container>_<pod>_<namespace>_<uid>_<attempt>". The attempt is the container's; the pod's is not
// in the name. Source: makeContainerName.
CONTAINERD_EXPORT std::string MakeContainerName(const ContainerMetadata& container,
                                                const PodSandboxMetadata& sandbox);

// The folders of a sandbox's or container's files, below the plugin's root (what outlives a reboot,
// as the checkpoint of a container's status) or below its state (pipes). ErrInvalidArgument for an
// id that is no identifier, as "../x", and for a config without that folder; in Go such an id leads
// out of it. Source: criService.getSandboxRootDir and its siblings.
CONTAINERD_EXPORT absl::StatusOr<std::string> GetSandboxRootDir(const Config& config,
                                                                std::string_view id);
CONTAINERD_EXPORT absl::StatusOr<std::string> GetVolatileSandboxRootDir(const Config& config,
                                                                        std::string_view id);
CONTAINERD_EXPORT absl::StatusOr<std::string> GetContainerRootDir(const Config& config,
                                                                  std::string_view id);
CONTAINERD_EXPORT absl::StatusOr<std::string> GetVolatileContainerRootDir(const Config& config,
                                                                          std::string_view id);

// Whether the mounts have one at this path of the container. Paths are compared after path.Clean.
// Source: isInCRIMounts.
CONTAINERD_EXPORT bool IsInCRIMounts(std::string_view dst, const std::vector<Mount>& mounts);

}  // namespace containerd::cri

#endif  // CONTAINERD_CRI_NAMES_H_
