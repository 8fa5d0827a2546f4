// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_LIBCONTAINERD_RECONCILE_H_
#define CONTAINERD_SRC_LIBCONTAINERD_RECONCILE_H_

#include <set>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/libcontainerd/types.h"
#include "containerd/tasks/tasks.h"

#include "tracker.h"

namespace containerd::libcontainerd {

// What the daemon says of one process.
struct Answer {
  enum class Fate {
    kLives,
    kExited,  // with `exit`
    kGone,    // it does not know of it
  };
  Fate fate = Fate::kLives;
  EventInfo exit{};
};

// Asks for the process by its name. An error says that nothing is known of it.
absl::StatusOr<Answer> AskFor(const Context& ctx, tasks::Service& service, const Live& process);

// How the processes that were thought to live stand with the daemon.
struct Comparison {
  std::vector<EventInfo> exited{};     // the daemon knows how
  std::vector<Live> doubtful{};        // to be asked for: gone, or not answered for
  std::set<std::string> containers{};  // those that have a task
};

// A list without a task says little: the daemon leaves out those whose shim does not answer soon.
absl::StatusOr<Comparison> Compare(const Context& ctx, tasks::Service& service,
                                   const std::vector<Live>& processes);

}  // namespace containerd::libcontainerd

#endif  // CONTAINERD_SRC_LIBCONTAINERD_RECONCILE_H_
