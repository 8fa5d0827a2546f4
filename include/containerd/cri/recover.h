// SPDX-License-Identifier: Apache-2.0
//
// The plugin's pods and containers, found in containerd's own API: what the plugin does when it
// starts, for a program beside it that changes nothing.
//
//   cri::SandboxStore sandboxes;
//   cri::ContainerStore containers;
//   absl::StatusOr<cri::Recovery> recovered =
//       cri::Recover(WithNamespace(ctx, cri::kNamespace), client, config, sandboxes, containers);
//   auto target = cri::ValidateTargetContainer(containers, sandbox_id, "f3a9");
//
// Source: pkg/cri/server/restart.go.
#ifndef CONTAINERD_CRI_RECOVER_H_
#define CONTAINERD_CRI_RECOVER_H_

#include <optional>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/client.h"
#include "containerd/containers/containers.h"
#include "containerd/context/context.h"
#include "containerd/cri/config.h"
#include "containerd/cri/container_store.h"
#include "containerd/cri/status.h"
#include "containerd/export/export.h"
#include "containerd/tasks/tasks.h"

namespace containerd::cri {

// What Recover could not take as it is, and why; each error names the container.
struct Recovery {
  std::vector<absl::Status> left_out{};
  // Of containers that are in the store, but as CONTAINER_UNKNOWN: checkpoint and task contradict
  // each other (RecoveredStatus).
  std::vector<absl::Status> unknown{};
};

// Makes the stores say what the daemon says now of the sandboxes and containers in the context's
// namespace. Those that are gone leave the stores. A record that cannot be read (a corrupt
// extension, say) is left out and named in the result. Nothing is changed in the daemon: in Go,
// tasks that are no longer used are deleted.
//
// With Config::root_dir, which has to be the plugin's on this machine
// ("/var/lib/containerd/io.containerd.grpc.v1.cri"), a container's status is that of its
// checkpoint, brought up to date by its task. Without it only the task speaks: then a container
// that has no task (it was created only, or has exited) is unknown, and the times of a running one
// are those of its record.
//
// Containers that start or end meanwhile are looked at again, at most for a second. Errors are the
// daemon's, and leave the stores as they were. Source: criService.recover.
CONTAINERD_EXPORT absl::StatusOr<Recovery> Recover(const Context& ctx, Client& client,
                                                   const Config& config, SandboxStore& sandboxes,
                                                   ContainerStore& containers);

// A container's status, from its checkpoint and its task's first process, if it has either. What
// the checkpoint does not know yet is filled in: a task that runs has started, one that has stopped
// has finished, and a container that ran and has no task any more ended in an unknown way, at
// `now`. ErrFailedPrecondition for what cannot be: a task that runs, of a container that has
// exited. Source: criService.loadContainer.
CONTAINERD_EXPORT absl::StatusOr<ContainerStatus> RecoveredStatus(
    const containers::Container& record, const std::optional<ContainerStatus>& checkpoint,
    const std::optional<tasks::Process>& task, absl::Time now);

// A sandbox is ready while its task runs. Source: criService.loadSandbox.
CONTAINERD_EXPORT SandboxStatus RecoveredSandboxStatus(const containers::Container& record,
                                                       const std::optional<tasks::Process>& task);

}  // namespace containerd::cri

#endif  // CONTAINERD_CRI_RECOVER_H_
