// SPDX-License-Identifier: Apache-2.0
//
// Moves a running container to another daemon: a checkpoint of its memory and files goes over as
// an archive, and the container goes on there; here, if it cannot. Needs CRIU.
#include <iostream>

#include <fmt/format.h>

#include "example.h"

namespace {

using namespace containerd;  // NOLINT: as in the guide

// Ends the task: its container stays until it goes on over there.
absl::StatusOr<Image> Freeze(const Context& ctx, Container& container) {
  absl::StatusOr<Task> task = container.Task(ctx);
  if (!task.ok()) return task.status();
  absl::StatusOr<Image> checkpoint =
      container.Checkpoint(ctx, "checkpoint/" + container.ID(),
                           {WithCheckpointImage, WithCheckpointTaskExit, WithCheckpointTask,
                            WithCheckpointRuntime, WithCheckpointRW});
  if (!checkpoint.ok()) return checkpoint.status();
  // Two daemons of one machine share runc's list of containers.
  if (auto deleted = task->Delete(ctx, {WithProcessKill}); !deleted.ok()) return deleted.status();
  return checkpoint;
}

// Runs a container from where it was; leaves no task if that fails.
absl::Status GoOn(const Context& ctx, Container& container, const Image& checkpoint) {
  absl::StatusOr<Task> task = container.NewTask(ctx, cio::NullIO, {WithTaskCheckpoint(checkpoint)});
  if (!task.ok()) return task.status();
  if (absl::Status s = task->Start(ctx); !s.ok()) {
    if (auto deleted = task->Delete(ctx, {WithProcessKill}); !deleted.ok()) {
      s = errdefs::Annotate(s, fmt::format("({})", errdefs::Message(deleted.status())));
    }
    return s;
  }
  std::cout << fmt::format("{} goes on as process {}\n", container.ID(), task->Pid());
  return absl::OkStatus();
}

// Leaves no container there if it cannot go on.
absl::Status Move(const Context& ctx, Client& from, Client& to, Container& container,
                  const std::string& checkpoint_name) {
  absl::StatusOr<containers::Container> info = container.Info(ctx);
  if (!info.ok()) return info.status();
  std::string archive;
  io::StringWriter writer(&archive);
  absl::Status s = from.Export(ctx, writer,
                               {images::archive::WithImage(from.ImageService(), info->image),
                                images::archive::WithImage(from.ImageService(), checkpoint_name)});
  if (!s.ok()) return s;
  io::StringReader reader(std::move(archive));
  if (auto imported = to.Import(ctx, reader); !imported.ok()) return imported.status();
  absl::StatusOr<Image> base = to.GetImage(ctx, info->image);
  if (!base.ok()) return base.status();
  if (s = base->Unpack(ctx, ""); !s.ok()) return s;
  absl::StatusOr<Image> checkpoint = to.GetImage(ctx, checkpoint_name);
  if (!checkpoint.ok()) return checkpoint.status();
  absl::StatusOr<Container> restored =
      to.Restore(ctx, container.ID(), *checkpoint,
                 {WithRestoreImage, WithRestoreSpec, WithRestoreRuntime, WithRestoreRW});
  if (!restored.ok()) return restored.status();
  s = GoOn(ctx, *restored, *checkpoint);
  if (!s.ok()) s.Update(restored->Delete(ctx, {WithSnapshotCleanup}));
  return s;
}

absl::Status Run(const Context& ctx, Client from, const example::Args& args) {
  absl::StatusOr<Client> to = Client::New(ctx, args[1]);
  if (!to.ok()) return to.status();
  absl::StatusOr<Container> container = from.LoadContainer(ctx, args[0]);
  if (!container.ok()) return container.status();
  absl::StatusOr<Image> checkpoint = Freeze(ctx, *container);
  if (!checkpoint.ok()) return checkpoint.status();
  const std::string name = checkpoint->Name();
  absl::Status moved = Move(ctx, from, *to, *container, name);
  absl::Status done = moved.ok() ? container->Delete(ctx, {WithSnapshotCleanup})
                                 : GoOn(ctx, *container, *checkpoint);
  absl::Status there = to->ImageService()->Delete(ctx, name);
  if (!errdefs::IsNotFound(there)) moved.Update(there);
  if (done.ok()) {
    done = from.ImageService()->Delete(ctx, name);
  } else if (!moved.ok()) {  // what is left to try again with
    moved = errdefs::Annotate(
        moved, fmt::format("{} is kept, nothing runs ({})", name, errdefs::Message(done)));
  }
  moved.Update(done);
  return moved;
}

}  // namespace

int main(int argc, char** argv) {
  return example::Main(argc, argv, 2, "migrate CONTAINER ADDRESS-OF-THE-OTHER-DAEMON", Run);
}
