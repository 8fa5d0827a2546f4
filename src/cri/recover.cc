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

// The plugin deletes the task of a container that has exited just before it writes the checkpoint.
// So long is the checkpoint of such a container waited for.
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

bool IsSettled(const std::optional<ContainerStatus>& checkpoint,
               const std::optional<tasks::Process>& task) {
  return task || !checkpoint || checkpoint->State() != ContainerState::kRunning;
}

absl::StatusOr<ContainerEntry> Load(const Context& ctx, const containers::Container& record,
                                    const std::string& root, const Tasks& all,
                                    absl::Time settled_by) {
  absl::StatusOr<ContainerInfo> info = ContainerInfoOf(record);
  if (!info.ok()) return info.status();
  const std::optional<tasks::Process> task = Find(all, record.id);
  std::optional<ContainerStatus> checkpoint = Checkpoint(root);
  while (!IsSettled(checkpoint, task) && absl::Now() < settled_by) {
    if (absl::Status s = Sleep(ctx, kSettleStep); !s.ok()) return s;
    checkpoint = Checkpoint(root);
  }
  absl::StatusOr<ContainerStatus> status = RecoveredStatus(record, checkpoint, task, absl::Now());
  if (!status.ok()) return status.status();
  return ContainerEntry{.info = *std::move(info), .status = StatusStorage(*std::move(status))};
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
    absl::StatusOr<ContainerEntry> entry =
        Load(ctx, record, RootOf(config, record.id), *tasks, settled_by);
    if (absl::Status ended = ctx.Err(); !ended.ok()) return ended;
    if (entry.ok()) {
      found_containers.push_back(*std::move(entry));
    } else {
      recovery.left_out.push_back(entry.status());
    }
  }
  if (absl::Status s = Replace(sandboxes, std::move(found_sandboxes)); !s.ok()) return s;
  if (absl::Status s = Replace(containers, std::move(found_containers)); !s.ok()) return s;
  return recovery;
}

}  // namespace containerd::cri
