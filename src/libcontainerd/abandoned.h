// SPDX-License-Identifier: Apache-2.0
//
// What is left of a call whose outcome nobody heard.
#ifndef CONTAINERD_SRC_LIBCONTAINERD_ABANDONED_H_
#define CONTAINERD_SRC_LIBCONTAINERD_ABANDONED_H_

#include <string_view>

#include <absl/status/status.h>

#include "containerd/cio/cio.h"
#include "containerd/container.h"
#include "containerd/context/context.h"

#include "core.h"

namespace containerd::libcontainerd {

// After a failure of making a task, or the process `exec_id` of it: if the daemon has made it all
// the same nobody has a handle on it, and it goes again, with its FIFOs. One that somebody else
// made, or that runs, is left alone.
void RemoveAbandoned(const Context& ctx, Core& core, containerd::Container container,
                     std::string_view exec_id, const cio::Config& streams, const absl::Status& why);

}  // namespace containerd::libcontainerd

#endif  // CONTAINERD_SRC_LIBCONTAINERD_ABANDONED_H_
