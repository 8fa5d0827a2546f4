// SPDX-License-Identifier: Apache-2.0
//
// A container, as an engine drives it.
//
// Source: moby's libcontainerd/types (Container) and libcontainerd/remote.
#ifndef CONTAINERD_LIBCONTAINERD_CONTAINER_H_
#define CONTAINERD_LIBCONTAINERD_CONTAINER_H_

#include <memory>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/container.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/libcontainerd/task.h"
#include "containerd/libcontainerd/types.h"

namespace containerd::libcontainerd {

// A handle: copies are the same container. All functions are safe from any thread, act in the
// Client's namespace, and give ErrNotFound for what is gone, as Process's do.
class CONTAINERD_EXPORT Container {
 public:
  // A move is a copy, so that there is no moved-from handle to trip over.
  Container(const Container&) = default;
  Container& operator=(const Container&) = default;

  const std::string& ID() const { return container_.ID(); }

  // Creates the container's task, which Task::Start runs, with FIFOs `<bundle>/<id>-stdin` (if
  // `with_stdin`), `-stdout` and (without a terminal) `-stderr`. They belong to the container's
  // root in a user namespace, also of a container that was loaded (in Go that is forgotten).
  //
  // With a folder in `checkpoint_dir`, written by Task::CreateCheckpoint, the processes are
  // restored from it. It goes through the content store under a lease, so that nothing stays there,
  // and the same folder may be restored again, also at the same time; Go fails then, and after a
  // crash for ever. ErrInvalidArgument for a folder without CRIU's data.
  //
  // Errors begin with "failed to create task for container"; nothing is left then, also of a task
  // that the daemon made although its answer was lost or the context ended (Go leaves it, and moby
  // therefore lets no context end here). ErrConflict, when the container has a task or one is being
  // made, leaves that one's FIFOs alone, which Go removes. ErrFailedPrecondition for a container
  // without a bundle.
  absl::StatusOr<libcontainerd::Task> NewTask(const Context& ctx, const std::string& checkpoint_dir,
                                              bool with_stdin, const StdioCallback& attach_stdio);

  // The container's task, without its streams. ErrNotFound if it has none.
  absl::StatusOr<libcontainerd::Task> Task(const Context& ctx);

  // The same with its streams. On failure its FIFOs stay as they are, where Go removes them.
  // Closing stdin ends the process's input, which it does not in Go after this call.
  absl::StatusOr<libcontainerd::Task> AttachTask(const Context& ctx,
                                                 const StdioCallback& attach_stdio);

  // Deletes the record, which must have no task, and its bundle with all that is in it: if the
  // record's label names a bundle of this container in the Client's state folder, and none
  // elsewhere (Go removes whatever the label says). What cannot be removed is logged. With
  // LIBCONTAINERD_NOCLEAN=1 in the environment the bundle stays. ErrNotFound if there is no such
  // record; what an earlier call that failed left of the bundle goes then. ErrConflict while its
  // task is being made.
  absl::Status Delete(const Context& ctx);

  // The client's own handle on the same container.
  const containerd::Container& Native() const { return container_; }

 private:
  friend class Client;
  Container(std::shared_ptr<Core> core, containerd::Container container);

  libcontainerd::Task Known(containerd::Task task) const;

  std::shared_ptr<Core> core_;
  containerd::Container container_;
};

}  // namespace containerd::libcontainerd

#endif  // CONTAINERD_LIBCONTAINERD_CONTAINER_H_
