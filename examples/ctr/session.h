// SPDX-License-Identifier: Apache-2.0
//
// What a process in a container has of this program's while it runs: the terminal and the signals.
#ifndef CONTAINERD_EXAMPLES_CTR_SESSION_H_
#define CONTAINERD_EXAMPLES_CTR_SESSION_H_

#include <functional>
#include <optional>
#include <vector>

#include "containerd/containerd.h"

#include "cli.h"

namespace ctr {

class Network;

// The terminal that a process gets; none if it gets none, or nobody waits for it.
using Terminal = std::optional<containerd::console::Console>;

// Makes this program's terminal raw, if the process is to have one, until `raw` goes.
absl::Status SetRaw(bool terminal, Terminal& raw);

// Starts the process, waits for its end with the signals and the size of the terminal passed on,
// and gives Exit of its code.
absl::Status StartAndWait(const containerd::Context& ctx, containerd::Process& process,
                          const Terminal& terminal);

// The same for one that runs already, but for the signals.
absl::Status WaitForExit(const containerd::Context& ctx, containerd::Process& process,
                         const Terminal& terminal);

// Does `work` while the task is paused, if it runs. It goes on afterwards, whatever happened.
absl::Status WhilePaused(const containerd::Context& ctx, containerd::Task& task,
                         const std::function<absl::Status()>& work);

// The flags of a task's streams, and the streams that they ask for.
std::vector<Flag> StreamFlags();
absl::StatusOr<containerd::cio::Creator> StreamsOf(const Args& args, bool terminal);

// A task of the container, as the flags say: until its end, when it gives Exit of its code, or
// started only, with `--detach`. No other task stays, whatever happens. It has the network, if
// there is one.
absl::Status RunTask(const containerd::Context& ctx, containerd::Container& container,
                     const Args& args, bool terminal, const Network* network = nullptr);

}  // namespace ctr

#endif  // CONTAINERD_EXAMPLES_CTR_SESSION_H_
