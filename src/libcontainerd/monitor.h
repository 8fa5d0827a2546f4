// SPDX-License-Identifier: Apache-2.0
//
// Hears what happens in the namespace, and tells the Backend.
#ifndef CONTAINERD_SRC_LIBCONTAINERD_MONITOR_H_
#define CONTAINERD_SRC_LIBCONTAINERD_MONITOR_H_

#include <memory>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/events/events.h"
#include "containerd/libcontainerd/types.h"

#include "core.h"

namespace containerd::libcontainerd {

// The subscription to the events of tasks. After each gap it lists the tasks and makes up for the
// exits that fell into it.
class Monitor {
 public:
  Monitor(const Context& ctx, std::shared_ptr<Core> core, std::shared_ptr<Backend> backend);
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
