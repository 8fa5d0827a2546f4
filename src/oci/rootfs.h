// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_OCI_ROOTFS_H_
#define CONTAINERD_SRC_OCI_ROOTFS_H_

#include <functional>

#include <absl/status/status.h>

#include "containerd/oci/spec.h"

#include "root_view.h"

namespace containerd::oci {

// Runs `look` with the root file system of the container: that of its snapshot, mounted for the
// time if there is no other way, or the spec's root path if the container has neither snapshotter
// nor snapshot. Returns look's error; it may be called twice, the second time for a mount.
absl::Status WithRootView(const Context& ctx, Client* client,
                          const containers::Container* container, const Spec& spec,
                          const std::function<absl::Status(const RootView&)>& look);

}  // namespace containerd::oci

#endif  // CONTAINERD_SRC_OCI_ROOTFS_H_
