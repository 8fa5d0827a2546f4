// SPDX-License-Identifier: Apache-2.0
#include "reconcile.h"

#include <map>
#include <utility>

#include <absl/time/clock.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::libcontainerd {
namespace {

EventInfo ExitOf(const Live& process, const tasks::Process& found) {
  return {.container_id = process.container_id,
          .process_id = process.process_id,
          .pid = process.pid,
          .exit_code = found.exit_status,
          .exited_at = found.exited_at == absl::InfinitePast() ? absl::Now() : found.exited_at};
}

// Files `process` under what the daemon says of it.
void File(const Live& process, const tasks::Process& found, Comparison& result) {
  if (found.pid != 0 && process.pid != 0 && found.pid != process.pid) {
    result.gone.push_back(process);
  } else if (found.status == tasks::Status::kStopped) {
    result.exited.push_back(ExitOf(process, found));
  }
}

}  // namespace

absl::StatusOr<Comparison> Compare(const Context& ctx, tasks::Service& service,
                                   const std::vector<Live>& processes) {
  auto listed = service.List(ctx);
  if (!listed.ok()) return listed.status();
  Comparison result;
  std::map<std::string, tasks::Process> tasks;
  for (tasks::Process& task : *listed) {
    const std::string id = task.container_id.empty() ? task.id : task.container_id;
    result.containers.insert(id);
    tasks[id] = std::move(task);
  }
  for (const Live& process : processes) {
    const auto task = tasks.find(process.container_id);
    if (task == tasks.end()) {
      result.gone.push_back(process);
      continue;
    }
    if (process.IsInit()) {
      File(process, task->second, result);
      continue;
    }
    auto exec = service.Get(ctx, process.container_id, process.process_id);
    if (exec.ok()) {
      File(process, *exec, result);
    } else if (errdefs::IsNotFound(exec.status())) {
      result.gone.push_back(process);
    } else {
      return exec.status();
    }
  }
  return result;
}

}  // namespace containerd::libcontainerd
