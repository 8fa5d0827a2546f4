// SPDX-License-Identifier: Apache-2.0
#include "abandoned.h"

#include <unistd.h>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"
#include "containerd/task.h"
#include "containerd/tasks/tasks.h"

#include "src/base/cleanup.h"
#include "src/rpc/internal/outcome.h"
#include "stdio.h"

namespace containerd::libcontainerd {
namespace {

absl::Status Remove(const Context& ctx, containerd::Container& container,
                    std::string_view exec_id) {
  auto task = container.Task(ctx);
  if (!task.ok()) return task.status();
  if (exec_id.empty()) return task->Delete(ctx, {WithProcessKill}).status();
  auto process = task->LoadProcess(ctx, exec_id);
  if (!process.ok()) return process.status();
  return process->Delete(ctx).status();
}

// What the engine does not attach is nobody's.
bool IsOurs(std::string_view path, std::string_view ours) {
  return path == ours || path.empty() || path == "/dev/null";
}

}  // namespace

void RemoveAbandoned(const Context& ctx, Core& core, containerd::Container container,
                     std::string_view exec_id, const cio::Config& streams,
                     const absl::Status& why) {
  // The FIFOs have been removed where it is certain that there is no such process.
  if (!rpc::OutcomeOpen(why) || ::access(streams.stdout.c_str(), F_OK) != 0) return;
  const Context last = base::CleanUpContext(ctx);
  const auto found = core.client.TaskService()->Get(last, container.ID(), exec_id);
  absl::Status removed = found.status();
  if (found.ok()) {
    if (found->status != tasks::Status::kCreated || !IsOurs(found->stdin_path, streams.stdin) ||
        !IsOurs(found->stdout_path, streams.stdout) ||
        !IsOurs(found->stderr_path, streams.stderr)) {
      return;
    }
    removed = Remove(last, container, exec_id);
  }
  if (removed.ok() || errdefs::IsNotFound(removed)) removed = RemoveFIFOs(streams);
  if (removed.ok()) return;
  log::Warn(fmt::format("{}: removing process \"{}\", which may have been made: {}",
                        core.About(container.ID()), exec_id.empty() ? container.ID() : exec_id,
                        errdefs::Message(removed)));
}

}  // namespace containerd::libcontainerd
