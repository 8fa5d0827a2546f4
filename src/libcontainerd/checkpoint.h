// SPDX-License-Identifier: Apache-2.0
//
// Checkpoints of processes between a folder and the content store.
#ifndef CONTAINERD_SRC_LIBCONTAINERD_CHECKPOINT_H_
#define CONTAINERD_SRC_LIBCONTAINERD_CHECKPOINT_H_

#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/client.h"
#include "containerd/context/context.h"
#include "containerd/image.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/task.h"

namespace containerd::libcontainerd {

// Whether a runtime is runc, or takes its options.
bool IsRunc(std::string_view runtime);

// Writes the folder as a tar archive into the content store; the context's lease holds it.
// ErrInvalidArgument for a folder without CRIU's data. Source: writeContent.
absl::StatusOr<ocispec::Descriptor> UploadCheckpoint(const Context& ctx, containerd::Client& client,
                                                     const std::string& dir);

// Puts the processes of a checkpoint into the folder. ErrInternal if it holds none.
absl::Status DownloadCheckpoint(const Context& ctx, containerd::Client& client,
                                const Image& checkpoint, const std::string& dir);

// Has runc end the task when its checkpoint is written. ErrNotImplemented for other runtimes.
// Source: getCheckpointOptions.
CheckpointTaskOpt WithExit(bool exit);

}  // namespace containerd::libcontainerd

#endif  // CONTAINERD_SRC_LIBCONTAINERD_CHECKPOINT_H_
