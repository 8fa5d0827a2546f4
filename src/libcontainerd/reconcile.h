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

// How the processes that were thought to live stand with the daemon.
struct Comparison {
  std::vector<EventInfo> exited{};     // the daemon knows how
  std::vector<Live> gone{};            // it does not know of them
  std::set<std::string> containers{};  // those that have a task
};

absl::StatusOr<Comparison> Compare(const Context& ctx, tasks::Service& service,
                                   const std::vector<Live>& processes);

}  // namespace containerd::libcontainerd

#endif  // CONTAINERD_SRC_LIBCONTAINERD_RECONCILE_H_
