// SPDX-License-Identifier: Apache-2.0
//
// A container's bundle: the folder in the engine's state folder that has the FIFOs of its
// processes.
//
// Source: moby's libcontainerd/remote/client_linux.go.
#ifndef CONTAINERD_LIBCONTAINERD_BUNDLE_H_
#define CONTAINERD_LIBCONTAINERD_BUNDLE_H_

#include <string>

#include <absl/status/statusor.h>

#include "containerd/container_opts_fwd.h"
#include "containerd/export/export.h"
#include "containerd/specs/spec.h"
#include "containerd/userns/userns.h"

namespace containerd::libcontainerd {

// The label of a container's record that names its bundle. Source: DockerContainerBundlePath.
inline constexpr char kBundlePathLabel[] = "com.docker/engine.bundle.path";

// Who the container's root is on the host: 0:0 unless the spec has a user namespace.
// ErrInvalidArgument if that maps no root, where Go takes the host's. Source: getSpecUser,
// hostIDFromMap.
CONTAINERD_EXPORT absl::StatusOr<userns::User> HostRoot(const specs::Spec& spec);

// Makes the folder `dir` and records its path in the label. For a container in a user namespace it
// belongs to the container's root, and its path is another: a folder on the way that is missing, or
// that nobody else may pass through, is replaced by `<path>.<uid>.<gid>`, of mode 0700.
//
// ErrInvalidArgument unless `dir` is absolute; ErrFailedPrecondition, with the path, if a file or a
// link is in the way, or a folder `<path>.<uid>.<gid>` is somebody else's (Go takes all of these);
// errors of the file system, also of one that is read-only. What it made is gone again then.
CONTAINERD_EXPORT NewContainerOpt WithBundle(std::string dir, const specs::Spec& spec);

}  // namespace containerd::libcontainerd

#endif  // CONTAINERD_LIBCONTAINERD_BUNDLE_H_
