// SPDX-License-Identifier: Apache-2.0
//
// What a daemon leaves behind when it ends, and how to get rid of it.
#ifndef CONTAINERD_SRC_SUPERVISOR_CLEANUP_H_
#define CONTAINERD_SRC_SUPERVISOR_CLEANUP_H_

#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>

namespace containerd::supervisor {

// The mount points at or below `dir` that `mountinfo` (proc_pid_mountinfo(5)) lists, innermost
// first.
std::vector<std::string> MountsUnder(std::string_view mountinfo, std::string_view dir);

// Unmounts, lazily, whatever is mounted at or below `dir`.
absl::Status UnmountUnder(const std::string& dir);

// Ends the shims of the daemon that listened on `address`, then the tasks whose bundles are in
// `state` (containerd's state folder), as the daemon itself does with a shim that died: by the
// shim's `delete` command, run with the environment `env`. The daemon must be down.
absl::Status EndTasks(const std::string& address, const std::string& state,
                      const std::vector<std::string>& env);

// Removes a folder with everything in it; refuses while something is mounted below.
absl::Status RemoveTree(const std::string& dir);

}  // namespace containerd::supervisor

#endif  // CONTAINERD_SRC_SUPERVISOR_CLEANUP_H_
