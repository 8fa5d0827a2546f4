// SPDX-License-Identifier: Apache-2.0
//
// Moves a running container to another daemon: a checkpoint of its memory and files goes over as
// an archive, and the container goes on there. Needs CRIU.
#include <iostream>

#include <fmt/format.h>

#include "example.h"

namespace {

using namespace containerd;  // NOLINT: as in the guide

// What goes over.
struct Saved {
  std::string base;  // the name of the container's image
  std::string archive;
};

// Ends the task here; its container stays until it goes on over there.
absl::StatusOr<Saved> Save(const Context& ctx, Client& from, Container& container) {
  absl::StatusOr<containers::Container> info = container.Info(ctx);
  if (!info.ok()) return info.status();
  absl::StatusOr<Task> task = container.Task(ctx);
  if (!task.ok()) return task.status();
  absl::StatusOr<Image> checkpoint =
      container.Checkpoint(ctx, "checkpoint/" + container.ID(),
                           {WithCheckpointImage, WithCheckpointTaskExit, WithCheckpointTask,
                            WithCheckpointRuntime, WithCheckpointRW});
  if (!checkpoint.ok()) return checkpoint.status();
  Saved saved{.base = info->image, .archive = {}};
  io::StringWriter writer(&saved.archive);
  absl::Status s =
      from.Export(ctx, writer,
                  {images::archive::WithImage(from.ImageService(), saved.base),
                   images::archive::WithImage(from.ImageService(), checkpoint->Name())});
  if (!s.ok()) return s;
  // Two daemons of one machine share runc's list of containers.
  s = task->Delete(ctx, {WithProcessKill}).status();
  if (!s.ok()) return s;
  return saved;
}

absl::Status Continue(const Context& ctx, Client& to, const std::string& id, Saved saved) {
  io::StringReader reader(std::move(saved.archive));
  absl::StatusOr<std::vector<images::Image>> imported = to.Import(ctx, reader);
  if (!imported.ok()) return imported.status();
  absl::StatusOr<Image> base = to.GetImage(ctx, saved.base);
  if (!base.ok()) return base.status();
  if (absl::Status s = base->Unpack(ctx, ""); !s.ok()) return s;
  absl::StatusOr<Image> checkpoint = to.GetImage(ctx, "checkpoint/" + id);
  if (!checkpoint.ok()) return checkpoint.status();
  absl::StatusOr<Container> container = to.Restore(
      ctx, id, *checkpoint, {WithRestoreImage, WithRestoreSpec, WithRestoreRuntime, WithRestoreRW});
  if (!container.ok()) return container.status();
  absl::StatusOr<Task> task =
      container->NewTask(ctx, cio::NullIO, {WithTaskCheckpoint(*checkpoint)});
  if (!task.ok()) return task.status();
  if (absl::Status s = task->Start(ctx); !s.ok()) return s;
  std::cout << fmt::format("{} goes on as process {}\n", id, task->Pid());
  return absl::OkStatus();
}

absl::Status Run(const Context& ctx, Client from, const example::Args& args) {
  absl::StatusOr<Client> to = Client::New(ctx, args[1]);
  if (!to.ok()) return to.status();
  absl::StatusOr<Container> container = from.LoadContainer(ctx, args[0]);
  if (!container.ok()) return container.status();
  absl::StatusOr<Saved> saved = Save(ctx, from, *container);
  if (!saved.ok()) return saved.status();
  if (absl::Status s = Continue(ctx, *to, args[0], *std::move(saved)); !s.ok()) return s;
  return container->Delete(ctx, {WithSnapshotCleanup});
}

}  // namespace

int main(int argc, char** argv) {
  return example::Main(argc, argv, 2, "migrate CONTAINER ADDRESS-OF-THE-OTHER-DAEMON", Run);
}
