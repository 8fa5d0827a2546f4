// SPDX-License-Identifier: Apache-2.0
//
// A running container.
//
//   absl::StatusOr<Task> task = container.NewTask(ctx, cio::NewCreator({cio::WithStdio()}));
//   if (!task.ok()) return task.status();
//   Future<ExitStatus> exit = task->Wait(ctx);
//   absl::Status started = task->Start(ctx);
//   ...
//   absl::StatusOr<ExitStatus> status = task->Delete(ctx);
//
// Source: client/task.go.
#ifndef CONTAINERD_TASK_H_
#define CONTAINERD_TASK_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/cio/cio.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/mount/mount.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/option/option.h"
#include "containerd/process.h"
#include "containerd/specs/spec.h"
#include "containerd/tasks/metric.h"
#include "containerd/typeurl/any.h"

namespace containerd {

class Client;
class Image;

// How Task::Checkpoint does it. Source: client.CheckpointTaskInfo.
struct CheckpointTaskInfo {
  std::string name;               // of the image to make
  std::string parent_checkpoint;  // digest of a checkpoint that this one builds on
  typeurl::Any options;           // the runtime's; containerd.runc.v1.CheckpointOptions

  std::string runtime;  // the container's; Go's CheckpointTaskInfo.Runtime()
};

// Changes how Task::Checkpoint does it. containerd/checkpoint.h has the options.
using CheckpointTaskOpt = option::Option<CheckpointTaskInfo&>;
using CheckpointTaskOpts = CheckpointTaskOpt;  // as Go calls it

// What a new task is made from besides its container. Filled in by NewTaskOpt.
struct TaskInfo {
  std::optional<ocispec::Descriptor> checkpoint;  // to restore from
  std::vector<mount::Mount> rootfs;               // mounted over the container's snapshot
  typeurl::Any options;                           // the runtime's; containerd.runc.v1.Options
  std::string runtime_path;                       // of the shim's binary

  std::string task_api_address;  // of a task service that runs already
  std::uint32_t task_api_version = 0;

  std::string runtime;           // the container's; Go's TaskInfo.Runtime()
  typeurl::Any runtime_options;  // the container's
};

using NewTaskOpt = option::Option<const Context&, Client&, TaskInfo&>;
using NewTaskOpts = NewTaskOpt;  // as Go calls it

// What of a running task is to change.
struct UpdateTaskInfo {
  typeurl::Any resources;  // of specs::LinuxResources
  std::map<std::string, std::string> annotations;
};

using UpdateTaskOpt = option::Option<const Context&, Client&, UpdateTaskInfo&>;
using UpdateTaskOpts = UpdateTaskOpt;  // as Go calls it

// A process of a task, as the daemon counts them.
using ProcessInfo = tasks::ProcessInfo;

// A handle: copies are the same task. All functions are safe from any thread. As a Process it is
// the container's first one, whose exit ends the task.
class CONTAINERD_EXPORT Task : public Process {
 public:
  // Freezes and thaws all processes of the task.
  absl::Status Pause(const Context& ctx);
  absl::Status Resume(const Context& ctx);

  // Adds a process to the task; Start runs it. ErrInvalidArgument for an id that is not an
  // identifier, ErrAlreadyExists if it is taken; on failure its streams are closed. A process that
  // is never started by these handles lets go of its streams with the last of them.
  absl::StatusOr<Process> Exec(const Context& ctx, std::string_view id, const specs::Process& spec,
                               const cio::Creator& creator);

  // All processes in the container, also those that it started itself.
  absl::StatusOr<std::vector<ProcessInfo>> Pids(const Context& ctx);

  // Changes resources and annotations of the running task.
  absl::Status Update(const Context& ctx, const std::vector<UpdateTaskOpt>& opts);

  // A process added by Exec, attached to its streams if `attach` is given. The task's own id gives
  // the task. ErrNotFound if there is none.
  absl::StatusOr<Process> LoadProcess(const Context& ctx, std::string_view id,
                                      const cio::Attach& attach = nullptr);

  // What the task uses of the machine: io.containerd.cgroups.v1.Metrics or .v2.Metrics, for
  // typeurl::UnmarshalTo.
  absl::StatusOr<tasks::Metric> Metrics(const Context& ctx);

  // Makes an image of the task's processes, the container's image and what the task changed in its
  // root file system, while the task is paused. Needs CRIU. The image is named
  // "containerd.io/checkpoint/<id>:<date>" unless an option says otherwise; one without a name is
  // returned when an option sent the checkpoint to a folder instead. The task goes on afterwards
  // even if the context has ended, unless it was paused before or an option ended it. Daemons 1.6
  // and 1.7 answer ErrAlreadyExists while an earlier checkpoint of a container with the same spec
  // exists.
  absl::StatusOr<Image> Checkpoint(const Context& ctx,
                                   const std::vector<CheckpointTaskOpt>& opts = {});

  // The container's spec.
  absl::StatusOr<specs::Spec> Spec(const Context& ctx);

 private:
  friend class Container;
  using Process::Process;
};

}  // namespace containerd

#include "containerd/image.h"  // IWYU pragma: export

#endif  // CONTAINERD_TASK_H_
