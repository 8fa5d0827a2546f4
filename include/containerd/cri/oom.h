// SPDX-License-Identifier: Apache-2.0
//
// Why a container was killed.
//
// Source: pkg/cri/server/events.go.
#ifndef CONTAINERD_CRI_OOM_H_
#define CONTAINERD_CRI_OOM_H_

#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/client.h"
#include "containerd/context/context.h"
#include "containerd/cri/status.h"
#include "containerd/export/export.h"
#include "containerd/tasks/metric.h"

namespace containerd::cri {

// Whether metrics of a task, of either kind of cgroups, count a process that the kernel killed for
// its memory. ErrNotFound or ErrInvalidArgument for metrics of another kind, or broken ones.
CONTAINERD_EXPORT absl::StatusOr<bool> HasOOMKill(const tasks::Metric& metric);

// The same, asked of a container's task: it may have ended, but not been deleted. ErrNotFound if it
// has no task.
CONTAINERD_EXPORT absl::StatusOr<bool> OOMKilled(const Context& ctx, Client& client,
                                                 std::string_view container_id);

// Puts an exit into a container's status: its code and time, and as reason kOOMExitReason where the
// metrics say so. They are looked at only for the exit code of SIGKILL (137), and before the exit
// is reported, as the daemon's OOM event may come later than that of the exit. If they cannot be
// had the exit is reported without a reason. A reason that the status has stays.
//
// A status that was unknown is one of an exit then, and no longer has kUnknownExitReason; of one
// that has an exit already, code, time and reason stay. Without a time (that of 1970) the exit was
// now. To be called before the task is deleted. Source: handleContainerExit as it is since 2.2,
// which leaves the reason "Unknown".
CONTAINERD_EXPORT void ReportExit(const Context& ctx, Client& client, std::string_view container_id,
                                  std::int32_t exit_code, absl::Time exited_at,
                                  ContainerStatus& status);

}  // namespace containerd::cri

#endif  // CONTAINERD_CRI_OOM_H_
