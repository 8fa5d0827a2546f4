// SPDX-License-Identifier: Apache-2.0
//
// ctr containers
#include <iostream>
#include <memory>

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <fmt/format.h>

#include "commands.h"
#include "interrupt.h"
#include "output.h"
#include "session.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

absl::Status NoContainer() { return errdefs::InvalidArgument("container id must be provided"); }

absl::Status CreateContainer(const Context& ctx, Client& client, const Args& args) {
  return NewContainer(ctx, client, args).status();
}

absl::Status ListContainers(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<std::vector<Container>> all = client.Containers(ctx, args.All());
  if (!all.ok()) return all.status();
  Table table(4, 4);
  table.Row({"CONTAINER", "IMAGE", "RUNTIME", ""});
  for (Container& container : *all) {
    if (args.Bool("quiet")) {
      std::cout << container.ID() << "\n";
      continue;
    }
    // The record as it was listed: nothing more is asked.
    absl::StatusOr<containers::Container> info = container.Info(ctx, {WithoutRefreshedMetadata});
    if (!info.ok()) return info.status();
    table.Row({info->id, info->image.empty() ? "-" : info->image, info->runtime.name, ""});
  }
  if (!args.Bool("quiet")) table.Print();
  return absl::OkStatus();
}

// As Go writes a *anypb.Any.
std::string AnyJSON(const typeurl::Any& any) {
  if (any.empty()) return "null";
  std::vector<std::string> members;
  if (!any.type_url.empty()) members.push_back("\"type_url\":" + Quote(any.type_url));
  if (!any.value.empty()) members.push_back("\"value\":" + Quote(absl::Base64Escape(any.value)));
  return absl::StrCat("{", absl::StrJoin(members, ","), "}");
}

absl::Status PrintContainer(const Context& ctx, Client& client, const Args& args) {
  if (args.Get(0).empty()) return NoContainer();
  absl::StatusOr<Container> container = client.LoadContainer(ctx, args.Get(0));
  if (!container.ok()) return container.status();
  absl::StatusOr<containers::Container> info = container->Info(ctx, {WithoutRefreshedMetadata});
  if (!info.ok()) return info.status();
  std::string spec;
  if (!info->spec.empty()) {
    absl::StatusOr<specs::Spec> decoded = typeurl::UnmarshalAny<specs::Spec>(info->spec);
    if (!decoded.ok()) return decoded.status();
    spec = specs::Marshal(*decoded);
  }
  if (args.Bool("spec")) {
    std::cout << Indent(spec.empty() ? "null" : spec) << "\n";
    return absl::OkStatus();
  }
  std::vector<std::string> extensions;
  for (const auto& [name, value] : info->extensions) {
    extensions.push_back(absl::StrCat(Quote(name), ":", AnyJSON(value)));
  }
  std::string text = fmt::format(
      R"({{"ID":{},"Labels":{},"Image":{},"Runtime":{{"Name":{},"Options":{}}},"SnapshotKey":{},)"
      R"("Snapshotter":{},"CreatedAt":{},"UpdatedAt":{},"Extensions":{{{}}},"SandboxID":{})",
      Quote(info->id), JSON(info->labels), Quote(info->image), Quote(info->runtime.name),
      AnyJSON(info->runtime.options), Quote(info->snapshot_key), Quote(info->snapshotter),
      JSON(info->created_at), JSON(info->updated_at), absl::StrJoin(extensions, ","),
      Quote(info->sandbox_id));
  if (!spec.empty()) text += ",\"Spec\":" + spec;
  std::cout << Indent(text + "}") << "\n";
  return absl::OkStatus();
}

// A container with a task that is stopped, or never ran, goes with it.
absl::Status RemoveContainer(const Context& ctx, Client& client, const Args& args,
                             const std::string& id) {
  absl::StatusOr<Container> container = client.LoadContainer(ctx, id);
  if (!container.ok()) return container.status();
  if (absl::StatusOr<Task> task = container->Task(ctx, cio::Load); task.ok()) {
    absl::StatusOr<Status> status = task->Status(ctx);
    if (!status.ok()) return status.status();
    if (status->status != ProcessStatus::kStopped && status->status != ProcessStatus::kCreated) {
      return Refused(fmt::format("cannot delete a non stopped container: {}",
                                 tasks::ToString(status->status)));
    }
    if (absl::Status s = task->Delete(ctx).status(); !s.ok()) return s;
  }
  std::vector<DeleteOpt> opts;
  if (!args.Bool("keep-snapshot")) opts.emplace_back(WithSnapshotCleanup);
  return container->Delete(ctx, opts);
}

absl::Status RemoveContainers(const Context& ctx, Client& client, const Args& args) {
  if (args.All().empty()) {
    return errdefs::InvalidArgument("must specify at least one container to delete");
  }
  return ForEach(args, "container", RemoveContainer, ctx, client);
}

absl::Status LabelContainer(const Context& ctx, Client& client, const Args& args) {
  if (args.Get(0).empty()) return NoContainer();
  absl::StatusOr<Container> container = client.LoadContainer(ctx, args.Get(0));
  if (!container.ok()) return container.status();
  absl::StatusOr<Labels> labels = container->SetLabels(ctx, ParseLabels(args.From(1)));
  if (!labels.ok()) return labels.status();
  std::cout << JoinLabels(*labels) << "\n";
  return absl::OkStatus();
}

// An image of the container, and with --task of its running processes.
absl::Status CheckpointContainer(const Context& ctx, Client& client, const Args& args) {
  if (args.Get(0).empty()) return Refused("container id must be provided");
  if (args.Get(1).empty()) return Refused("ref must be provided");
  absl::StatusOr<Container> container = client.LoadContainer(ctx, args.Get(0));
  if (!container.ok()) return container.status();
  std::vector<CheckpointOpt> opts{WithCheckpointRuntime};
  if (args.Bool("image")) opts.emplace_back(WithCheckpointImage);
  if (args.Bool("rw")) opts.emplace_back(WithCheckpointRW);
  if (args.Bool("task")) opts.emplace_back(WithCheckpointTask);
  const auto checkpoint = [&] { return container->Checkpoint(ctx, args.Get(1), opts).status(); };
  absl::StatusOr<Task> task = container->Task(ctx);
  if (errdefs::IsNotFound(task.status())) return checkpoint();
  if (!task.ok()) return task.status();
  // The file system and the processes are those of one moment.
  return WhilePaused(ctx, *task, checkpoint);
}

// The container of a checkpoint, whose task begins anew, or with --live goes on where it was. A
// terminal is attended, else the task runs by itself.
absl::Status RestoreContainer(const Context& ctx, Client& client, const Args& args) {
  const std::string id = args.Get(0);
  const std::string ref = args.Get(1);
  if (id.empty()) return Refused("container id must be provided");
  if (ref.empty()) return Refused("ref must be provided");
  absl::StatusOr<Image> checkpoint = client.GetImage(ctx, ref);
  if (errdefs::IsNotFound(checkpoint.status())) {
    // A checkpoint is no image: only its content is fetched.
    absl::StatusOr<images::Image> fetched = client.Fetch(ctx, ref);
    if (!fetched.ok()) return fetched.status();
    checkpoint = Image(client, *fetched);
  }
  if (!checkpoint.ok()) return checkpoint.status();
  std::vector<RestoreOpt> opts{WithRestoreImage, WithRestoreSpec, WithRestoreRuntime};
  if (args.Bool("rw")) opts.emplace_back(WithRestoreRW);
  absl::StatusOr<Container> container = client.Restore(ctx, id, *checkpoint, opts);
  if (!container.ok()) return container.status();
  absl::StatusOr<specs::Spec> spec = container->Spec(ctx);
  if (!spec.ok()) return spec.status();
  const bool terminal = spec->process && spec->process->terminal;
  Terminal raw;
  if (absl::Status s = SetRaw(terminal, raw); !s.ok()) return s;
  std::vector<cio::Opt> streams{cio::WithStdio};
  if (terminal) streams.emplace_back(cio::WithTerminal);
  std::vector<NewTaskOpt> how;
  if (args.Bool("live")) how.push_back(WithTaskCheckpoint(*checkpoint));
  absl::StatusOr<Task> task = container->NewTask(ctx, cio::NewCreator(streams), how);
  if (!task.ok()) return task.status();
  absl::Status s = terminal ? StartAndWait(ctx, *task, raw) : task->Start(ctx);
  if (!terminal && s.ok()) return s;
  s.Update(task->Delete(Afterwards(ctx), {WithProcessKill}).status());
  return s;
}

}  // namespace

Command ContainersCommand() {
  Command group{"containers,c,container", "Manage containers"};
  group.commands = {
      {"create", "Create container", "[flags] Image|RootFS CONTAINER [COMMAND] [ARG...]",
       Join({{{"cpu-shares", "Set the cpu shares", Kind::kInt, "0"},
              {"pid-file", "Without effect, as in containerd's ctr", Kind::kText},
              {"no-pivot", "Without effect, as in containerd's ctr"}},
             ContainerFlags()}),
       CreateContainer},
      {"delete,del,remove,rm",
       "Delete one or more existing containers",
       "[flags] CONTAINER [CONTAINER, ...]",
       {{"keep-snapshot", "Do not clean up snapshot with container"}},
       RemoveContainers},
      {"info",
       "Get info about a container",
       "CONTAINER",
       {{"spec", "Only display the spec"}},
       PrintContainer},
      {"list,ls",
       "List containers",
       "[flags] [<filter>, ...]",
       {{"quiet,q", "Print only the container id"}},
       ListContainers},
      {"label",
       "Set and clear labels for a container",
       "CONTAINER [<key>=<value>, ...]",
       {},
       LabelContainer},
      {"checkpoint",
       "Checkpoint a container",
       "CONTAINER REF",
       {{"rw", "Include the rw layer in the checkpoint"},
        {"image", "Include the image in the checkpoint"},
        {"task", "Checkpoint container task"}},
       CheckpointContainer},
      {"restore",
       "Restore a container from checkpoint",
       "[flags] CONTAINER REF",
       {{"rw", "Restore the rw layer from the checkpoint"},
        {"live", "Restore the runtime and memory data from the checkpoint"}},
       RestoreContainer},
  };
  return group;
}

}  // namespace ctr
