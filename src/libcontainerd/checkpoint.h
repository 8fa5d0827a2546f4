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
#include "containerd/typeurl/any.h"

namespace containerd::libcontainerd {

// Whether a runtime is runc, or was given options of runc.
bool IsRunc(std::string_view runtime, const typeurl::Any& options);

// Writes the folder as a tar archive into the content store; the context's lease holds it.
// ErrInvalidArgument for a folder without CRIU's data. Source: writeContent.
absl::StatusOr<ocispec::Descriptor> UploadCheckpoint(const Context& ctx, containerd::Client& client,
                                                     const std::string& dir);

// Where a checkpoint comes in: a new folder inside the one that it is for, which is made (mode
// 0700) if it is not there. What is not kept goes with the object, and leaves what was there
// before.
class Incoming {
 public:
  static absl::StatusOr<Incoming> Make(const std::string& dir);
  Incoming(Incoming&& other) noexcept;
  Incoming& operator=(Incoming&&) = delete;
  ~Incoming();

  const std::string& path() const { return path_; }

  // Moves all that has come in to its place.
  absl::Status Keep();

 private:
  Incoming(std::string dir, bool made, std::string path);

  std::string dir_;
  bool made_;  // by this object
  std::string path_;
};

// Puts the processes of a checkpoint into the folder. ErrInternal if it holds none.
absl::Status DownloadCheckpoint(const Context& ctx, containerd::Client& client,
                                const Image& checkpoint, Incoming& incoming);

// Has runc end the task when its checkpoint is written. ErrNotImplemented for other runtimes.
// Source: getCheckpointOptions.
CheckpointTaskOpt WithExit(bool exit, typeurl::Any runtime_options);

}  // namespace containerd::libcontainerd

#endif  // CONTAINERD_SRC_LIBCONTAINERD_CHECKPOINT_H_
