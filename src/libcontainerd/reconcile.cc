// SPDX-License-Identifier: Apache-2.0
#include "reconcile.h"

#include <map>
#include <utility>

#include <absl/time/clock.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::libcontainerd {
namespace {

// For the answer about one process: the daemon itself gives a shim two seconds.
constexpr absl::Duration kAnswerTimeout = absl::Seconds(5);

EventInfo ExitOf(const Live& process, const tasks::Process& found) {
  return {.container_id = process.container_id,
          .process_id = process.process_id,
          .pid = process.pid,
          .exit_code = found.exit_status,
          .exited_at = found.exited_at == absl::InfinitePast() ? absl::Now() : found.exited_at};
}

Answer AnswerOf(const Live& process, const tasks::Process& found) {
  if (found.pid != 0 && process.pid != 0 && found.pid != process.pid) {
    return {.fate = Answer::Fate::kGone};  // it is another run
  }
  if (found.status == tasks::Status::kStopped) {
    return {.fate = Answer::Fate::kExited, .exit = ExitOf(process, found)};
  }
  return {};
}

void File(const Live& process, Answer answer, Comparison& result) {
  if (answer.fate == Answer::Fate::kExited) result.exited.push_back(std::move(answer.exit));
  if (answer.fate == Answer::Fate::kGone) result.doubtful.push_back(process);
}

}  // namespace

absl::StatusOr<Answer> AskFor(const Context& ctx, tasks::Service& service, const Live& process) {
  const auto found = service.Get(WithTimeout(ctx, kAnswerTimeout), process.container_id,
                                 process.IsInit() ? "" : process.process_id);
  if (found.ok()) return AnswerOf(process, *found);
  if (errdefs::IsNotFound(found.status())) return Answer{.fate = Answer::Fate::kGone};
  return found.status();
}

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
  std::set<std::string> silent;  // containers that are not answered for: their execs can wait
  for (const Live& process : processes) {
    const auto task = tasks.find(process.container_id);
    if (task == tasks.end() || silent.contains(process.container_id)) {
      result.doubtful.push_back(process);
    } else if (process.IsInit()) {
      File(process, AnswerOf(process, task->second), result);
    } else if (auto answer = AskFor(ctx, service, process); answer.ok()) {
      File(process, *std::move(answer), result);
    } else {
      silent.insert(process.container_id);
      result.doubtful.push_back(process);
    }
  }
  return result;
}

}  // namespace containerd::libcontainerd
