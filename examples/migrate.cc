// SPDX-License-Identifier: Apache-2.0
//
// Moves a running container to another daemon: a checkpoint of its memory and files goes over as
// an archive, and the container goes on there. Needs CRIU.
#include <iostream>

#include <fmt/format.h>

#include "example.h"

namespace {

using namespace containerd;  // NOLINT: as in the guide

absl::StatusOr<std::string> Save(const Context& ctx, Client& from, const std::string& id) {
  absl::StatusOr<Container> container = from.LoadContainer(ctx, id);
  if (!container.ok()) return container.status();
  absl::StatusOr<Image> checkpoint =
      container->Checkpoint(ctx, "checkpoint/" + id,
                            {WithCheckpointImage, WithCheckpointTaskExit, WithCheckpointTask,
                             WithCheckpointRuntime, WithCheckpointRW});
  if (!checkpoint.ok()) return checkpoint.status();
  std::string archive;
  io::StringWriter writer(&archive);
  absl::Status s = from.Export(
      ctx, writer, {images::archive::WithImage(from.ImageService(), checkpoint->Name())});
  if (!s.ok()) return s;
  return archive;
}

absl::Status Continue(const Context& ctx, Client& to, const std::string& id, std::string archive) {
  io::StringReader reader(std::move(archive));
  absl::StatusOr<std::vector<images::Image>> imported = to.Import(ctx, reader);
  if (!imported.ok()) return imported.status();
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
  absl::StatusOr<std::string> archive = Save(ctx, from, args[0]);
  if (!archive.ok()) return archive.status();
  return Continue(ctx, *to, args[0], *std::move(archive));
}

}  // namespace

int main(int argc, char** argv) {
  return example::Main(argc, argv, 2, "migrate CONTAINER ADDRESS-OF-THE-OTHER-DAEMON", Run);
}
