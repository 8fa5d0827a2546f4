// SPDX-License-Identifier: Apache-2.0
//
// Options of Container::NewTask and Task::Update.
//
// Those that set an option of the runtime change containerd.runc.v1.Options, or for the runtime
// io.containerd.runtime.v1.linux of daemons before 2.0 containerd.linux.runc.CreateOptions; they
// are ErrInvalidArgument for a task whose options are of another type.
//
// Source: client/task_opts.go, task_opts_unix.go.
#ifndef CONTAINERD_TASK_OPTS_H_
#define CONTAINERD_TASK_OPTS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "containerd/export/export.h"
#include "containerd/mount/mount.h"
#include "containerd/option/option.h"
#include "containerd/specs/linux.h"
#include "containerd/task.h"

namespace containerd {

// Mounts for the root file system, on top of the container's snapshot if it has one.
CONTAINERD_EXPORT NewTaskOpt WithRootFS(std::vector<mount::Mount> mounts);

// An absolute path to the shim's binary, in place of the one that the runtime's name stands for.
CONTAINERD_EXPORT NewTaskOpt WithRuntimePath(std::string path);

// A task service that runs already, e.g. in a virtual machine; since daemon 2.0.
CONTAINERD_EXPORT NewTaskOpt WithTaskAPIEndpoint(std::string address, std::uint32_t version);

// Are options: no keyring of the session's own; chroot in place of pivot_root(2).
CONTAINERD_EXPORT extern const option::Plain<NewTaskOpt> WithNoNewKeyring;
CONTAINERD_EXPORT extern const option::Plain<NewTaskOpt> WithNoPivotRoot;

// The cgroup that the shim itself runs in.
CONTAINERD_EXPORT NewTaskOpt WithShimCgroup(std::string path);

// Who owns the pipes of the task's streams.
CONTAINERD_EXPORT NewTaskOpt WithUIDOwner(std::uint32_t uid);
CONTAINERD_EXPORT NewTaskOpt WithGIDOwner(std::uint32_t gid);

// CRIU's files, of a checkpoint that was written to a directory.
CONTAINERD_EXPORT NewTaskOpt WithRestoreImagePath(std::string path);
CONTAINERD_EXPORT NewTaskOpt WithRestoreWorkPath(std::string path);

// New limits for a running task.
CONTAINERD_EXPORT UpdateTaskOpt WithResources(const specs::LinuxResources& resources);
CONTAINERD_EXPORT UpdateTaskOpt WithAnnotations(std::map<std::string, std::string> annotations);

// Whether the parts of a runtime's name that `expected` has, "io.containerd.runc" say, are those of
// `current`. Source: CheckRuntime of the client before 2.0.
CONTAINERD_EXPORT bool CheckRuntime(std::string_view current, std::string_view expected);

}  // namespace containerd

#endif  // CONTAINERD_TASK_OPTS_H_
