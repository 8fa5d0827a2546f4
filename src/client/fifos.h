// SPDX-License-Identifier: Apache-2.0
//
// Attaching to the streams of a process that runs already.
#ifndef CONTAINERD_SRC_CLIENT_FIFOS_H_
#define CONTAINERD_SRC_CLIENT_FIFOS_H_

#include <memory>

#include <absl/status/statusor.h>

#include "containerd/cio/cio.h"
#include "containerd/tasks/tasks.h"

namespace containerd::internal {

// The process's streams given to `attach`; nullptr without `attach`. Closing them removes the FIFOs
// and the folder that they were alone in, as the creator would have. Source: client.loadFifos.
absl::StatusOr<std::shared_ptr<cio::IO>> AttachToProcess(const tasks::Process& process,
                                                         const cio::Attach& attach);

}  // namespace containerd::internal

#endif  // CONTAINERD_SRC_CLIENT_FIFOS_H_
