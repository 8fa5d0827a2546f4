// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/recover.h"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include <absl/time/clock.h>

#include "containerd/cri/constants.h"
#include "containerd/cri/labels.h"
#include "containerd/cri/names.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"

namespace containerd::cri {
namespace {

using Tasks = std::map<std::string, tasks::Process, std::less<>>;

// The plugin starts and deletes a container's task just before it writes the checkpoint. So long is
// waited for checkpoints and tasks that do not fit together to do so, all in all.
constexpr absl::Duration kSettle = absl::Seconds(1);
constexpr absl::Duration kSettleStep = absl::Milliseconds(50);

std::optional<tasks::Process> Find(const Tasks& all, const std::string& id) {
  const auto found = all.find(id);
  return found == all.end() ? std::nullopt : std::optional(found->second);
}

absl::StatusOr<Tasks> ListTasks(const Context& ctx, Client& client) {
  absl::StatusOr<std::vector<tasks::Process>> list = client.TaskService()->List(ctx);
  if (!list.ok()) return list.status();
  Tasks tasks;
  for (tasks::Process& process : *list) tasks.emplace(process.id, std::move(process));
  return tasks;
}

absl::StatusOr<std::vector<containers::Container>> ListOfKind(const Context& ctx, Client& client,
                                                              const char* kind) {
  return client.ContainerService()->List(ctx, {FilterLabel(kContainerKindLabel, kind)});
}

// Where a container's checkpoint is; empty if it is not looked at.
std::string RootOf(const Config& config, const std::string& id) {
  if (config.root_dir.empty()) return "";
  return GetContainerRootDir(config, id).value_or("");
}

std::optional<ContainerStatus> Checkpoint(const std::string& root) {
  if (root.empty()) return std::nullopt;
  absl::StatusOr<ContainerStatus> status = LoadContainerStatus(root);
  if (status.ok()) return *std::move(status);
  // As Go does: such a container is as one without.
  log::Warn(errdefs::Message(status.status()));
  return std::nullopt;
}

// What there is of a container besides its record.
struct Traces {
  std::optional<ContainerStatus> checkpoint{};
  std::optional<tasks::Process> task{};
};

// Whether checkpoint and task can be of the same time.
bool Fit(const Traces& traces) {
  if (!traces.checkpoint) return true;
  const ContainerState state = traces.checkpoint->State();
  if (!traces.task) return state != ContainerState::kRunning;
  if (traces.task->status == tasks::Status::kCreated) return state == ContainerState::kCreated;
  return traces.task->status == tasks::Status::kStopped || state != ContainerState::kExited;
}

// The container's checkpoint, and its task of those that were listed; both are asked for again
// while they do not fit. Errors are the daemon's.
absl::StatusOr<Traces> TracesOf(const Context& ctx, Client& client, const std::string& id,
                                const std::string& root, const Tasks& listed,
                                absl::Time settled_by) {
  Traces traces{.checkpoint = Checkpoint(root), .task = Find(listed, id)};
  for (bool first = true; !Fit(traces); first = false) {
    if (!first) {
      if (absl::Now() >= settled_by) break;
      if (absl::Status s = Sleep(ctx, kSettleStep); !s.ok()) return s;
    }
    absl::StatusOr<tasks::Process> task = client.TaskService()->Get(ctx, id, "");
    if (!task.ok() && !errdefs::IsNotFound(task.status())) return task.status();
    traces.task = task.ok() ? std::optional(*std::move(task)) : std::nullopt;
    traces.checkpoint = Checkpoint(root);
  }
  return traces;
}

// The status that the traces make. If they make none, which is told, the container is unknown; what
// its checkpoint says may be of use.
ContainerStatus StatusOf(const containers::Container& record, const Traces& traces,
                         Recovery& recovery) {
  absl::StatusOr<ContainerStatus> status =
      RecoveredStatus(record, traces.checkpoint, traces.task, absl::Now());
  if (status.ok()) return *std::move(status);
  recovery.unknown.push_back(status.status());
  ContainerStatus unknown = traces.checkpoint.value_or(UnknownContainerStatus());
  unknown.unknown = true;
  return unknown;
}

template <typename Entry>
absl::Status Replace(EntryStore<Entry>& store, std::vector<Entry> entries) {
  std::set<std::string> gone;
  for (const Entry& old : store.List()) gone.insert(old.info.id);
  for (Entry& entry : entries) {
    gone.erase(entry.info.id);
    if (absl::Status s = store.Put(std::move(entry)); !s.ok()) return s;
  }
  for (const std::string& id : gone) store.Delete(id);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Recovery> Recover(const Context& ctx, Client& client, const Config& config,
                                 SandboxStore& sandboxes, ContainerStore& containers) {
  // In this order: what is listed later is not older.
  auto sandbox_records = ListOfKind(ctx, client, kContainerKindSandbox);
  if (!sandbox_records.ok()) return sandbox_records.status();
  auto container_records = ListOfKind(ctx, client, kContainerKindContainer);
  if (!container_records.ok()) return container_records.status();
  absl::StatusOr<Tasks> tasks = ListTasks(ctx, client);
  if (!tasks.ok()) return tasks.status();

  Recovery recovery;
  std::vector<SandboxEntry> found_sandboxes;
  for (const containers::Container& record : *sandbox_records) {
    absl::StatusOr<SandboxInfo> info = SandboxInfoOf(record);
    if (!info.ok()) {
      recovery.left_out.push_back(info.status());
      continue;
    }
    found_sandboxes.push_back({.info = *std::move(info),
                               .status = RecoveredSandboxStatus(record, Find(*tasks, record.id))});
  }
  std::vector<ContainerEntry> found_containers;
  const absl::Time settled_by = absl::Now() + kSettle;
  for (const containers::Container& record : *container_records) {
    absl::StatusOr<ContainerInfo> info = ContainerInfoOf(record);
    if (!info.ok()) {
      recovery.left_out.push_back(info.status());
      continue;
    }
    absl::StatusOr<Traces> traces =
        TracesOf(ctx, client, record.id, RootOf(config, record.id), *tasks, settled_by);
    if (!traces.ok()) return traces.status();
    found_containers.push_back(
        {.info = *std::move(info), .status = StatusStorage(StatusOf(record, *traces, recovery))});
  }
  if (absl::Status s = Replace(sandboxes, std::move(found_sandboxes)); !s.ok()) return s;
  if (absl::Status s = Replace(containers, std::move(found_containers)); !s.ok()) return s;
  return recovery;
}

}  // namespace containerd::cri
