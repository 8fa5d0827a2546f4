// SPDX-License-Identifier: Apache-2.0
//
// What happens to a program that runs a container in front of its user, passed on to the container:
// the signals that it gets, and the size of its terminal.
//
//   auto signals = ForwardAllSignals(ctx, task);
//   if (!signals.ok()) return signals.status();
//   Future<ExitStatus> exit = task.Wait(ctx);
//
// Source: cmd/ctr/commands/signals.go and cmd/ctr/commands/tasks, which are no packages that others
// can use.
#ifndef CONTAINERD_FORWARD_H_
#define CONTAINERD_FORWARD_H_

#include <memory>

#include <absl/status/statusor.h>

#include "containerd/console/console.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/process.h"

namespace containerd {

// Passes on until it is destroyed. Of two for the same signal the younger one gets it, and has to
// go first. Has a thread, and the program's handlers of its signals are put aside meanwhile.
class CONTAINERD_EXPORT Forwarder {
 public:
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;
  // What is under way is ended, and its thread waited for.
  virtual ~Forwarder() = default;

 protected:
  Forwarder() = default;
};

// Has the process get the signals that this program gets, in place of it: all that a program can
// catch, but for those of its own faults, profilers and children, SIGPIPE, SIGTTIN, SIGTTOU, SIGURG
// and SIGWINCH.
//
// What cannot be passed on is logged, and what comes after the process's end is dropped. Threads of
// the program that wait in poll(2) and its like are interrupted (EINTR), as by any handler.
// ErrResourceExhausted if there can be no thread, or with more than 16 at once. Source:
// commands.ForwardAllSignals; its StopCatch is the destructor.
CONTAINERD_EXPORT absl::StatusOr<std::unique_ptr<Forwarder>> ForwardAllSignals(
    const Context& ctx, const Process& process);

// Gives the process's terminal the size of this one, now and whenever it changes (SIGWINCH, which
// is caught as ForwardAllSignals does it). `terminal` outlives the result. Source:
// tasks.HandleConsoleResize.
CONTAINERD_EXPORT absl::StatusOr<std::unique_ptr<Forwarder>> HandleConsoleResize(
    const Context& ctx, const Process& process, const console::Console& terminal);

}  // namespace containerd

#endif  // CONTAINERD_FORWARD_H_
