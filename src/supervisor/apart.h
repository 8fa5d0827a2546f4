// SPDX-License-Identifier: Apache-2.0
//
// What keeps the containers of one private daemon apart from those of another that have the same
// namespace and id.
#ifndef CONTAINERD_SRC_SUPERVISOR_APART_H_
#define CONTAINERD_SRC_SUPERVISOR_APART_H_

#include <string>

#include <absl/status/status.h>

#include "containerd/client.h"
#include "containerd/containers/containers.h"
#include "containerd/context/context.h"

namespace containerd::supervisor {

// The name of the daemon's folder in the cgroup hierarchy: one for each state folder.
std::string CgroupParent(const std::string& state_dir);

// Gives a container that is about to be created a runc state folder, and a cgroup below `parent`.
absl::Status KeepApart(const Context& ctx, const Client& client, const std::string& runc_root,
                       const std::string& parent, containers::Container& container);

// Removes what is empty at and below `parent` in the cgroup hierarchy.
void RemoveEmptyCgroups(const std::string& parent);

}  // namespace containerd::supervisor

#endif  // CONTAINERD_SRC_SUPERVISOR_APART_H_
