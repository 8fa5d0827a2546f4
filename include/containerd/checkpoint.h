// SPDX-License-Identifier: Apache-2.0
//
// Checkpoints: a container with its running processes as an image, to be pushed, pulled and
// restored, on another machine too.
//
//   absl::StatusOr<Image> saved = container.Checkpoint(
//       ctx, "example.com/web:saved",
//       {WithCheckpointImage, WithCheckpointRuntime, WithCheckpointRW, WithCheckpointTaskExit,
//        WithCheckpointTask});
//   if (!saved.ok()) return saved.status();
//   ...
//   absl::StatusOr<Container> web = client.Restore(
//       ctx, "web", *saved,
//       {WithRestoreImage, WithRestoreSpec, WithRestoreRuntime, WithRestoreRW});
//   if (!web.ok()) return web.status();
//   absl::StatusOr<Task> task = web->NewTask(ctx, cio::NullIO, {WithTaskCheckpoint(*saved)});
//   if (!task.ok()) return task.status();
//   absl::Status s = task->Start(ctx);
//
// A checkpoint is an image index: the processes as CRIU wrote them, the container's spec and
// runtime options, the changes to its root file system, and its image. One that was pulled is
// hostile input; its index is read up to images::kMaxManifestSize, and what it names is checked
// against its digests.
//
// CRIU has to be on the daemon's PATH to checkpoint or restore processes.
//
// Source: client/container_checkpoint_opts.go, container_restore_opts.go, task_opts.go.
#ifndef CONTAINERD_CHECKPOINT_H_
#define CONTAINERD_CHECKPOINT_H_

#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/client.h"
#include "containerd/container.h"
#include "containerd/container_opts_fwd.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/image.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/ocispec/manifest.h"
#include "containerd/option/option.h"
#include "containerd/task.h"

namespace containerd {

// What runc can be told: the message containerd.runc.v1.CheckpointOptions.
struct CheckpointOptions {
  bool exit = false;                            // end the task when its checkpoint is written
  bool open_tcp = false;                        // include established TCP connections
  bool external_unix_sockets = false;           // include unix sockets whose other end is outside
  bool terminal = false;                        // include terminals
  bool file_locks = false;                      // include file locks; Container::Checkpoint sets it
  std::vector<std::string> empty_namespaces{};  // to leave out, and to make anew on restore
  std::string cgroups_mode{};                   // of CRIU: "soft", "full" or "strict"
  std::string image_path{};  // a folder for the checkpoint, in place of the content store
  std::string work_path{};   // a folder for CRIU's logs
};

// Annotations of a checkpoint's index, beside ocispec::kAnnotationRefName for the image's name.
inline constexpr char kCheckpointRuntimeNameLabel[] = "io.containerd.checkpoint.runtime";
inline constexpr char kCheckpointSnapshotterNameLabel[] = "io.containerd.checkpoint.snapshotter";

// What a checkpoint lacks. Each of class ErrNotFound.
CONTAINERD_EXPORT absl::Status ErrMediaTypeNotFound(std::string_view media_type = {});
CONTAINERD_EXPORT bool IsErrMediaTypeNotFound(const absl::Status& status);
CONTAINERD_EXPORT absl::Status ErrImageNameNotFoundInIndex();
CONTAINERD_EXPORT bool IsErrImageNameNotFoundInIndex(const absl::Status& status);
CONTAINERD_EXPORT absl::Status ErrRuntimeNameNotFoundInIndex();
CONTAINERD_EXPORT bool IsErrRuntimeNameNotFoundInIndex(const absl::Status& status);
CONTAINERD_EXPORT absl::Status ErrSnapshotterNameNotFoundInIndex();
CONTAINERD_EXPORT bool IsErrSnapshotterNameNotFoundInIndex(const absl::Status& status);

// The first descriptor of a media type, or ErrMediaTypeNotFound.
CONTAINERD_EXPORT absl::StatusOr<ocispec::Descriptor> GetIndexByMediaType(
    const ocispec::Index& index, std::string_view media_type);

// Options of Container::Checkpoint. They run in order, so that WithCheckpointTaskExit has to come
// before WithCheckpointTask.

// Adds the container's image.
CONTAINERD_EXPORT extern const option::Plain<CheckpointOpt> WithCheckpointImage;

// Adds the processes of the container's task, which must be running or paused, and its spec.
// ErrAlreadyExists as for Task::Checkpoint, which Go's client takes for success.
CONTAINERD_EXPORT extern const option::Plain<CheckpointOpt> WithCheckpointTask;

// Adds the options of the container's runtime, if it has any.
CONTAINERD_EXPORT extern const option::Plain<CheckpointOpt> WithCheckpointRuntime;

// Adds what was changed in the container's root file system since it was made of the image.
CONTAINERD_EXPORT extern const option::Plain<CheckpointOpt> WithCheckpointRW;

// Ends the task once its checkpoint is written.
CONTAINERD_EXPORT extern const option::Plain<CheckpointOpt> WithCheckpointTaskExit;

// Options of Client::Restore.

// Gives the container the image of that name, which must have been unpacked, and a snapshot of it
// under the container's id. ErrImageNameNotFoundInIndex, ErrSnapshotterNameNotFoundInIndex.
CONTAINERD_EXPORT extern const option::Plain<RestoreOpt> WithRestoreImage;

// The runtime, with its options if the checkpoint has any. ErrRuntimeNameNotFoundInIndex.
CONTAINERD_EXPORT extern const option::Plain<RestoreOpt> WithRestoreRuntime;

// The spec that the container had. ErrMediaTypeNotFound if the checkpoint is without a task.
CONTAINERD_EXPORT extern const option::Plain<RestoreOpt> WithRestoreSpec;

// Applies the changes of the root file system to the snapshot that an option before this one made.
// ErrMediaTypeNotFound if the checkpoint has none.
CONTAINERD_EXPORT extern const option::Plain<RestoreOpt> WithRestoreRW;

// Makes a new container of a checkpoint in one option of NewContainer, as the client before 1.3
// did: its image, a new snapshot of it under `snapshot_key`, the changes of the root file system,
// and the spec; each if the checkpoint has it. ErrInvalidArgument for an image that is no
// checkpoint, ErrAlreadyExists for a snapshot that exists (Go's client writes the changes into it)
// unless an option before this one gave it to the container, ErrFailedPrecondition for changes
// without an image.
CONTAINERD_EXPORT NewContainerOpt WithCheckpoint(const Image& checkpoint, std::string snapshot_key);

// Restores a new task's processes. ErrNotFound if the checkpoint has none.
CONTAINERD_EXPORT NewTaskOpt WithTaskCheckpoint(const Image& checkpoint);

// Options of Task::Checkpoint.

// The image to make.
CONTAINERD_EXPORT CheckpointTaskOpt WithCheckpointName(std::string name);

// A folder on the daemon's machine to write to, in place of an image. ErrInvalidArgument if the
// options so far are of another runtime than runc.
CONTAINERD_EXPORT CheckpointTaskOpt WithCheckpointImagePath(std::string path);

// All that runc can be told, in place of options set before.
CONTAINERD_EXPORT CheckpointTaskOpt WithCheckpointOptions(CheckpointOptions options);

}  // namespace containerd

#endif  // CONTAINERD_CHECKPOINT_H_
