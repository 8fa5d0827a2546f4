// SPDX-License-Identifier: Apache-2.0
//
// runc's options for a checkpoint, as messages of the two runtimes that take them.
#ifndef CONTAINERD_SRC_CLIENT_CHECKPOINT_RUNC_H_
#define CONTAINERD_SRC_CLIENT_CHECKPOINT_RUNC_H_

#include <string_view>

#include <absl/status/statusor.h>

#include "containerd/checkpoint.h"
#include "containerd/typeurl/any.h"

namespace containerd::internal {

// The options as the message that `runtime` takes.
absl::StatusOr<typeurl::Any> PackCheckpointOptions(std::string_view runtime,
                                                   const CheckpointOptions& options);

// What Task::Checkpoint has to know of its options.
struct CheckpointOutcome {
  bool exit = false;       // the task ends
  bool to_folder = false;  // the checkpoint is written to a folder, not to the content store
};

// Reads options of either runtime; others have no outcome of these.
CheckpointOutcome ReadCheckpointOutcome(const typeurl::Any& any);

}  // namespace containerd::internal

#endif  // CONTAINERD_SRC_CLIENT_CHECKPOINT_RUNC_H_
