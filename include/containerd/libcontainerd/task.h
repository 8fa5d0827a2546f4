// SPDX-License-Identifier: Apache-2.0
//
// A container's task and its processes, as an engine drives them.
//
// Source: moby's libcontainerd/types (Process, Task) and libcontainerd/remote.
#ifndef CONTAINERD_LIBCONTAINERD_TASK_H_
#define CONTAINERD_LIBCONTAINERD_TASK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/container.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/libcontainerd/types.h"
#include "containerd/process.h"
#include "containerd/specs/linux.h"
#include "containerd/specs/process.h"
#include "containerd/task.h"

namespace containerd::libcontainerd {

struct Core;

// A handle: copies are the same process. All functions are safe from any thread, act in the
// Client's namespace, and give ErrNotFound for what is gone: by its class, or where a daemon has no
// class for it by the words "container does not exist" and "no such container". Go takes any text
// with "not found" for it, so that a program which is not on $PATH is a missing container there.
class CONTAINERD_EXPORT Process {
 public:
  // A move is a copy, so that there is no moved-from handle to trip over.
  Process(const Process&) = default;
  Process& operator=(const Process&) = default;

  // The exec id, or the container's id.
  const std::string& ID() const { return process_.ID(); }
  std::uint32_t Pid() const { return process_.Pid(); }

  // Sends a signal. ErrNotFound when the process has ended.
  absl::Status Kill(const Context& ctx, int signal);

  // The size of the terminal, in characters.
  absl::Status Resize(const Context& ctx, std::uint32_t width, std::uint32_t height);

  // Waits for the output of the ended process, removes it from the daemon and closes its streams.
  absl::StatusOr<ExitStatus> Delete(const Context& ctx);

  absl::StatusOr<containerd::Status> Status(const Context& ctx);

  // The client's own handle on the same process.
  const containerd::Process& Native() const { return process_; }

 protected:
  friend class Task;
  Process(std::shared_ptr<Core> core, containerd::Process process);

  std::shared_ptr<Core> core_;
  containerd::Process process_;
};

// A handle, as Process, of the container's first process and of all that is in it.
class CONTAINERD_EXPORT Task : public Process {
 public:
  // Runs the created process. A failed start leaves the created task, for ForceDelete.
  absl::Status Start(const Context& ctx);

  // Adds a process and starts it. ErrConflict ("id already in use") for an id that a process of the
  // task has, the container's own included; its streams are left alone, while Go closes them. If
  // starting fails, or the context ends meanwhile, the process is removed again, within 45 s; its
  // stdin is no longer closed then, which Go goes on to do, and logs that there is no such process.
  absl::StatusOr<Process> Exec(const Context& ctx, std::string_view process_id,
                               const specs::Process& spec, bool with_stdin,
                               const StdioCallback& attach_stdio);

  // Freezes and thaws all processes.
  absl::Status Pause(const Context& ctx);
  absl::Status Resume(const Context& ctx);

  // What the task uses of the machine. ErrInvalidArgument for figures of cgroups that cannot be
  // read.
  absl::StatusOr<libcontainerd::Stats> Stats(const Context& ctx);

  // All processes of the container. In Go this fails as soon as there is one that is no exec, and
  // that is the first process.
  absl::StatusOr<std::vector<libcontainerd::Summary>> Summary(const Context& ctx);

  // The pids of the same. Source: Task.Pids.
  absl::StatusOr<std::vector<std::uint32_t>> Pids(const Context& ctx);

  // New limits.
  absl::Status UpdateResources(const Context& ctx, const specs::LinuxResources& resources);

  // Kills all processes and deletes the task, whatever state it is in.
  absl::Status ForceDelete(const Context& ctx);

  // Writes what CRIU makes of the processes to the folder, which is made (mode 0700) if it is not
  // there, and ends them then if `exit` is set, also of a container that was loaded (in Go those go
  // on). ErrNotImplemented for `exit` with a runtime that is neither runc's nor has options of
  // runc. ErrInternal if the daemon's checkpoint holds no such data, which Go calls success.
  // Nothing is left in the daemon, whether this fails, or its context ends (in Go the image is left
  // then); nor in the folder, if it fails. Before the processes are touched it is seen to that the
  // folder can be written to; but with `exit` a disk that fills up loses them. ErrConflict while
  // another call writes to the folder.
  absl::Status CreateCheckpoint(const Context& ctx, const std::string& checkpoint_dir, bool exit);

  // The client's own handle on the same task.
  const containerd::Task& Native() const { return task_; }

 private:
  friend class Container;
  Task(std::shared_ptr<Core> core, containerd::Container container, containerd::Task task);

  containerd::Container container_;
  containerd::Task task_;
};

}  // namespace containerd::libcontainerd

#endif  // CONTAINERD_LIBCONTAINERD_TASK_H_
