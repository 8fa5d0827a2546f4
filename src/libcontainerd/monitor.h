// SPDX-License-Identifier: Apache-2.0
//
// Hears what happens in the namespace, and tells the Backend.
#ifndef CONTAINERD_SRC_LIBCONTAINERD_MONITOR_H_
#define CONTAINERD_SRC_LIBCONTAINERD_MONITOR_H_

#include <memory>

#include <absl/status/status.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"
#include "containerd/events/events.h"
#include "containerd/libcontainerd/types.h"

#include "core.h"

namespace containerd::libcontainerd {

// How long things may take.
struct Patience {
  absl::Duration ready = absl::Seconds(10);  // until events come to a new Client

  // For the exit of a process that is gone to come by itself: the daemon needs up to two seconds to
  // clear up after a shim.
  absl::Duration late_exit = absl::Seconds(3);

  absl::Duration answer = absl::Seconds(30);             // for a list of all tasks
  absl::Duration first_pause = absl::Milliseconds(100);  // between questions that failed
  absl::Duration last_pause = absl::Seconds(5);
};

// The subscription to the events of tasks. After each gap it lists the tasks and makes up for the
// exits that fell into it; what it gets no answer about it asks for again, while events go on.
class Monitor {
 public:
  Monitor(const Context& ctx, std::shared_ptr<Core> core, std::shared_ptr<Backend> backend,
          const Patience& patience = {});
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  // Ends it, and waits for what of the Backend runs, but for what this is called from.
  ~Monitor();

  // Waits, for as long as makes sense, until events come. A daemon that is away is waited for by
  // the subscription itself, and is no error.
  absl::Status WaitReady(const Context& ctx);

 private:
  class State;

  CancelFunc cancel_;
  const std::shared_ptr<State> state_;
  std::unique_ptr<events::CallbackSubscription> subscription_;
};

}  // namespace containerd::libcontainerd

#endif  // CONTAINERD_SRC_LIBCONTAINERD_MONITOR_H_
