// SPDX-License-Identifier: Apache-2.0
#include "tasks.h"

#include <csignal>
#include <optional>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/events/task.pb.h"
#include "containerd/namespaces/namespaces.h"
#include "containerd/services/tasks/v1/tasks.pb.h"
#include "containerd/specs/json.h"
#include "containerd/typeurl/proto.h"

#include "src/mount/internal/proto.h"
#include "src/rpc/internal/proto_descriptor.h"
#include "src/rpc/internal/proto_time.h"

namespace containerd::testing::fake {
namespace {

namespace pb_tasks = ::containerd::services::tasks::v1;
using google::protobuf::Empty;

constexpr std::uint32_t kKilled = 128 + SIGKILL;

absl::Status NoTask(std::string_view container_id) {
  return errdefs::NotFound(fmt::format("no running task found: task {} not found", container_id));
}

// As Texts of a spec's process; none of what is no spec.
std::vector<std::string> ArgsOf(const typeurl::Any& any) {
  const auto spec = specs::Unmarshal<specs::Spec>(any.value);
  if (!spec.ok() || !spec->process.has_value()) return {};
  return spec->process->args;
}

}  // namespace

void Tasks::Script(std::string container_id, std::string exec_id, ProcessScript script) {
  const base::MutexLock lock(mu_);
  scripts_[{std::move(container_id), std::move(exec_id)}] = std::move(script);
}

void Tasks::OnProcess(ScriptFunc script) {
  const base::MutexLock lock(mu_);
  script_ = std::move(script);
}

ProcessScript Tasks::ScriptOf(const ScriptedProcess& process) const {
  ScriptFunc script;
  {
    const base::MutexLock lock(mu_);
    const auto found = scripts_.find({process.container_id, process.exec_id});
    if (found != scripts_.end()) return found->second;
    script = script_;
  }
  if (script) return script(process);
  return {.runs = process.exec_id.empty() ? absl::InfiniteDuration() : absl::ZeroDuration()};
}

absl::StatusOr<std::shared_ptr<Process>> Tasks::Make(const std::string& ns, tasks::Process process,
                                                     const std::string& exec_id,
                                                     ProcessScript script) {
  if (!script.create_error.ok()) return script.create_error;
  {
    const base::MutexLock lock(mu_);
    process.pid = next_pid_++;
  }
  process.status = tasks::Status::kCreated;
  const Key key(ns, process.container_id);
  return Process::Create(
      std::move(process), std::move(script),
      [weak = weak_from_this(), exchange = exchange_, key, exec_id](const tasks::Process& ended) {
        events::TaskExit event;
        event.set_container_id(ended.container_id);
        event.set_id(ended.id);
        event.set_pid(ended.pid);
        event.set_exit_status(ended.exit_status);
        *event.mutable_exited_at() = rpc::ToProto(ended.exited_at);
        exchange->Tell(key.first, events::kTaskExitEventTopic, event);
        if (const std::shared_ptr<Tasks> self = weak.lock()) self->Ended(key, exec_id);
      });
}

void Tasks::Ended(const Key& key, const std::string& exec_id) const {
  if (!exec_id.empty()) return;
  Task task;
  {
    const base::MutexLock lock(mu_);
    const auto found = tasks_.find(key);
    if (found != tasks_.end()) task = found->second;
  }
  for (const auto& [id, process] : task) {
    if (!id.empty()) (void)process->Exit(kKilled);
  }
}

absl::Status Tasks::CheckSandbox(const Context& ctx, const containers::Container& container) {
  const std::string& id = container.sandbox_id;
  // Of one that has no record the daemon thinks that it is an older daemon's.
  if (id.empty() || !stores_.sandboxes->Get(ctx, id).ok()) return absl::OkStatus();
  return errdefs::Annotate(sandboxes_.Get(ctx, id).status(),
                           fmt::format("can't find shim for sandbox {}", id));
}

absl::StatusOr<std::uint32_t> Tasks::Create(const Context& ctx,
                                            const tasks::CreateTaskRequest& request) {
  absl::StatusOr<containers::Container> container =
      stores_.containers->Get(ctx, request.container_id);
  if (!container.ok()) return container.status();
  if (absl::Status s = CheckSandbox(ctx, *container); !s.ok()) return s;
  const std::string ns = *ctx.Namespace();
  const Key key(ns, request.container_id);
  {
    const base::MutexLock lock(mu_);
    if (tasks_.contains(key)) {
      return errdefs::AlreadyExists(fmt::format("task {}: already exists", request.container_id));
    }
  }
  absl::StatusOr<std::shared_ptr<Process>> process = Make(
      ns,
      {.container_id = request.container_id,
       .id = request.container_id,
       .stdin_path = request.stdin_path,
       .stdout_path = request.stdout_path,
       .stderr_path = request.stderr_path,
       .terminal = request.terminal},
      "",
      ScriptOf({.ns = ns, .container_id = request.container_id, .args = ArgsOf(container->spec)}));
  if (!process.ok()) return process.status();
  const std::uint32_t pid = (*process)->Get().pid;
  {
    const base::MutexLock lock(mu_);
    if (!tasks_.try_emplace(key, Task{{"", *process}}).second) {
      return errdefs::AlreadyExists(fmt::format("task {}: already exists", request.container_id));
    }
  }
  events::TaskCreate event;
  event.set_container_id(request.container_id);
  event.set_bundle(
      fmt::format("/run/containerd/io.containerd.runtime.v2.task/{}/{}", ns, request.container_id));
  event.set_pid(pid);
  mount::ToProto(request.rootfs, event.mutable_rootfs());
  event.mutable_io()->set_stdin(request.stdin_path);
  event.mutable_io()->set_stdout(request.stdout_path);
  event.mutable_io()->set_stderr(request.stderr_path);
  event.mutable_io()->set_terminal(request.terminal);
  exchange_->Tell(ctx, events::kTaskCreateEventTopic, event);
  return pid;
}

absl::Status Tasks::Exec(const Context& ctx, const tasks::ExecProcessRequest& request) {
  absl::StatusOr<std::shared_ptr<Process>> first = Find(ctx, request.container_id, "");
  if (!first.ok()) return first.status();
  if (const tasks::Status status = (*first)->Get().status;
      status != tasks::Status::kRunning && status != tasks::Status::kCreated) {
    return errdefs::Unknown(fmt::format("cannot exec in a {} state", tasks::ToString(status)));
  }
  if (request.exec_id.empty()) return errdefs::InvalidArgument("the exec id must not be empty");
  const std::string ns = *ctx.Namespace();
  const auto spec = specs::Unmarshal<specs::Process>(request.spec.value);
  absl::StatusOr<std::shared_ptr<Process>> process =
      Make(ns,
           {.container_id = request.container_id,
            .id = request.exec_id,
            .stdin_path = request.stdin_path,
            .stdout_path = request.stdout_path,
            .stderr_path = request.stderr_path,
            .terminal = request.terminal},
           request.exec_id,
           ScriptOf({.ns = ns,
                     .container_id = request.container_id,
                     .exec_id = request.exec_id,
                     .args = spec.ok() ? spec->args : std::vector<std::string>()}));
  if (!process.ok()) return process.status();
  {
    const base::MutexLock lock(mu_);
    const auto task = tasks_.find({ns, request.container_id});
    if (task == tasks_.end()) return NoTask(request.container_id);
    if (!task->second.try_emplace(request.exec_id, *process).second) {
      return errdefs::AlreadyExists(fmt::format("id {}: already exists", request.exec_id));
    }
  }
  events::TaskExecAdded event;
  event.set_container_id(request.container_id);
  event.set_exec_id(request.exec_id);
  exchange_->Tell(ctx, events::kTaskExecAddedEventTopic, event);
  return absl::OkStatus();
}

absl::StatusOr<std::uint32_t> Tasks::Start(const Context& ctx, const std::string& container_id,
                                           const std::string& exec_id) {
  absl::StatusOr<std::shared_ptr<Process>> process = Find(ctx, container_id, exec_id);
  if (!process.ok()) return process.status();
  std::uint32_t pid = 0;
  // Told of before it can end.
  const auto tell = [&](std::uint32_t started) {
    pid = started;
    if (exec_id.empty()) {
      events::TaskStart event;
      event.set_container_id(container_id);
      event.set_pid(pid);
      exchange_->Tell(ctx, events::kTaskStartEventTopic, event);
    } else {
      events::TaskExecStarted event;
      event.set_container_id(container_id);
      event.set_exec_id(exec_id);
      event.set_pid(pid);
      exchange_->Tell(ctx, events::kTaskExecStartedEventTopic, event);
    }
  };
  if (absl::Status s = (*process)->Start(tell); !s.ok()) return s;
  return pid;
}

absl::Status Tasks::Kill(const Context& ctx, const tasks::KillRequest& request) {
  absl::StatusOr<std::shared_ptr<Process>> process =
      Find(ctx, request.container_id, request.exec_id);
  if (!process.ok()) return process.status();
  absl::Status s = (*process)->Signal(request.signal);
  if (!request.all || !request.exec_id.empty()) return s;  // as shims: an exec dies alone
  const base::MutexLock lock(mu_);
  const auto task = tasks_.find({*ctx.Namespace(), request.container_id});
  if (task == tasks_.end()) return s;
  for (const auto& [id, other] : task->second) {
    if (other != *process) (void)other->Signal(request.signal);
  }
  return s;
}

absl::Status Tasks::SetPaused(const Context& ctx, const std::string& container_id, bool paused) {
  absl::StatusOr<std::shared_ptr<Process>> process = Find(ctx, container_id, "");
  if (!process.ok()) return process.status();
  if (absl::Status s = (*process)->SetPaused(paused); !s.ok()) return s;
  if (paused) {
    events::TaskPaused event;
    event.set_container_id(container_id);
    exchange_->Tell(ctx, events::kTaskPausedEventTopic, event);
  } else {
    events::TaskResumed event;
    event.set_container_id(container_id);
    exchange_->Tell(ctx, events::kTaskResumedEventTopic, event);
  }
  return absl::OkStatus();
}

absl::StatusOr<tasks::Process> Tasks::Delete(const Context& ctx, const std::string& container_id,
                                             const std::string& exec_id) {
  absl::StatusOr<std::shared_ptr<Process>> process = Find(ctx, container_id, exec_id);
  if (!process.ok()) return process.status();
  const tasks::Process was = (*process)->Get();
  if (was.status == tasks::Status::kRunning || was.status == tasks::Status::kPaused) {
    return errdefs::Unknown(fmt::format("cannot delete a {} process", tasks::ToString(was.status)));
  }
  Task gone;
  {
    const base::MutexLock lock(mu_);
    const auto task = tasks_.find({*ctx.Namespace(), container_id});
    if (task == tasks_.end()) return NoTask(container_id);
    if (exec_id.empty()) {
      gone.swap(task->second);
      tasks_.erase(task);
    } else {
      gone[exec_id] = *process;
      task->second.erase(exec_id);
    }
  }
  for (const auto& [id, each] : gone) {
    if (each->Get().status != tasks::Status::kStopped) each->Forget();
  }
  if (exec_id.empty()) {
    events::TaskDelete event;
    event.set_container_id(container_id);
    event.set_pid(was.pid);
    event.set_exit_status(was.exit_status);
    rpc::SetTime(was.exited_at, &event, &events::TaskDelete::mutable_exited_at);
    exchange_->Tell(ctx, events::kTaskDeleteEventTopic, event);
  }
  return was;
}

absl::StatusOr<std::shared_ptr<Process>> Tasks::Find(const Context& ctx,
                                                     const std::string& container_id,
                                                     const std::string& exec_id) const {
  absl::StatusOr<std::string> ns = namespaces::NamespaceRequired(ctx);
  if (!ns.ok()) return ns.status();
  const base::MutexLock lock(mu_);
  const auto task = tasks_.find({*ns, container_id});
  if (task == tasks_.end()) return NoTask(container_id);
  const auto process = task->second.find(exec_id);
  if (process == task->second.end()) {
    return errdefs::NotFound(fmt::format("process {} not found", exec_id));
  }
  return process->second;
}

absl::StatusOr<std::vector<tasks::Process>> Tasks::List(const Context& ctx) const {
  absl::StatusOr<std::string> ns = namespaces::NamespaceRequired(ctx);
  if (!ns.ok()) return ns.status();
  const base::MutexLock lock(mu_);
  std::vector<tasks::Process> all;
  for (const auto& [key, task] : tasks_) {
    if (key.first == *ns) all.push_back(task.at("")->Get());
  }
  return all;
}

absl::StatusOr<std::vector<tasks::Process>> Tasks::Processes(
    const Context& ctx, const std::string& container_id) const {
  if (absl::Status s = Find(ctx, container_id, "").status(); !s.ok()) return s;
  const base::MutexLock lock(mu_);
  std::vector<tasks::Process> all;
  const auto task = tasks_.find({*ctx.Namespace(), container_id});
  if (task == tasks_.end()) return all;
  for (const auto& [id, process] : task->second) {
    tasks::Process each = process->Get();
    // An exec that was not started is none so far; a first process is there, and waits.
    if (each.status != tasks::Status::kStopped && each.pid != 0) all.push_back(std::move(each));
  }
  return all;
}

void Tasks::EndIn(const Context& ctx, const std::string& sandbox_id) {
  std::vector<std::shared_ptr<Process>> ended;
  {
    const base::MutexLock lock(mu_);
    for (const auto& [key, task] : tasks_) {
      if (key.first != ctx.Namespace()) continue;
      const auto container = stores_.containers->Get(ctx, key.second);
      if (container.ok() && container->sandbox_id == sandbox_id) ended.push_back(task.at(""));
    }
  }
  for (const std::shared_ptr<Process>& process : ended) {
    (void)process->Exit(kKilled);
    process->WhenExited([weak = weak_from_this(), ctx](const tasks::Process& gone) {
      if (const std::shared_ptr<Tasks> self = weak.lock()) {
        (void)self->Delete(ctx, gone.container_id, "");
      }
    });
  }
}

void Tasks::Forget() {
  const base::MutexLock lock(mu_);
  for (const auto& [key, task] : tasks_) {
    for (const auto& [id, process] : task) process->Forget();
  }
  tasks_.clear();
}

namespace {

v1::types::Process ToProto(const tasks::Process& process) {
  v1::types::Process proto;
  proto.set_container_id(process.container_id);
  proto.set_id(process.id);
  proto.set_pid(process.pid);
  proto.set_status(static_cast<v1::types::Status>(process.status));
  proto.set_stdin(process.stdin_path);
  proto.set_stdout(process.stdout_path);
  proto.set_stderr(process.stderr_path);
  proto.set_terminal(process.terminal);
  proto.set_exit_status(process.exit_status);
  rpc::SetTime(process.exited_at, &proto, &v1::types::Process::mutable_exited_at);
  return proto;
}

template <typename Response>
void FillExit(const tasks::Process& process, Response* response) {
  response->set_exit_status(process.exit_status);
  rpc::SetTime(process.exited_at, response, &Response::mutable_exited_at);
}

absl::Status FillDeleted(const absl::StatusOr<tasks::Process>& process,
                         pb_tasks::DeleteResponse* response) {
  if (!process.ok()) return process.status();
  response->set_id(process->id);
  response->set_pid(process->pid);
  FillExit(*process, response);
  return absl::OkStatus();
}

}  // namespace

void ServeTasks(Server& server, Tasks& tasks) {
  const std::string at = "/containerd.services.tasks.v1.Tasks/";
  server.Unary<pb_tasks::CreateTaskRequest, pb_tasks::CreateTaskResponse>(
      at + "Create",
      [&tasks](const Context& ctx, const auto& request, auto& response) -> absl::Status {
        absl::StatusOr<std::uint32_t> pid =
            tasks.Create(ctx, {.container_id = request.container_id(),
                               .rootfs = mount::FromProto(request.rootfs()),
                               .stdin_path = request.stdin(),
                               .stdout_path = request.stdout(),
                               .stderr_path = request.stderr(),
                               .terminal = request.terminal()});
        if (!pid.ok()) return pid.status();
        response.set_container_id(request.container_id());
        response.set_pid(*pid);
        return absl::OkStatus();
      });
  server.Unary<pb_tasks::StartRequest, pb_tasks::StartResponse>(
      at + "Start",
      [&tasks](const Context& ctx, const auto& request, auto& response) -> absl::Status {
        absl::StatusOr<std::uint32_t> pid =
            tasks.Start(ctx, request.container_id(), request.exec_id());
        if (!pid.ok()) return pid.status();
        response.set_pid(*pid);
        return absl::OkStatus();
      });
  server.Unary<pb_tasks::DeleteTaskRequest, pb_tasks::DeleteResponse>(
      at + "Delete", [&tasks](const Context& ctx, const auto& request, auto& response) {
        return FillDeleted(tasks.Delete(ctx, request.container_id(), ""), &response);
      });
  server.Unary<pb_tasks::DeleteProcessRequest, pb_tasks::DeleteResponse>(
      at + "DeleteProcess", [&tasks](const Context& ctx, const auto& request, auto& response) {
        return FillDeleted(tasks.Delete(ctx, request.container_id(), request.exec_id()), &response);
      });
  server.Unary<pb_tasks::GetRequest, pb_tasks::GetResponse>(
      at + "Get",
      [&tasks](const Context& ctx, const auto& request, auto& response) -> absl::Status {
        auto process = tasks.Find(ctx, request.container_id(), request.exec_id());
        if (!process.ok()) return process.status();
        *response.mutable_process() = ToProto((*process)->Get());
        return absl::OkStatus();
      });
  server.Unary<pb_tasks::ListTasksRequest, pb_tasks::ListTasksResponse>(
      at + "List", [&tasks](const Context& ctx, const auto&, auto& response) -> absl::Status {
        auto all = tasks.List(ctx);
        if (!all.ok()) return all.status();
        for (const auto& process : *all) *response.add_tasks() = ToProto(process);
        return absl::OkStatus();
      });
  server.Unary<pb_tasks::KillRequest, Empty>(
      at + "Kill", [&tasks](const Context& ctx, const auto& request, Empty&) {
        return tasks.Kill(ctx, {.container_id = request.container_id(),
                                .exec_id = request.exec_id(),
                                .signal = request.signal(),
                                .all = request.all()});
      });
  server.Unary<pb_tasks::ExecProcessRequest, Empty>(
      at + "Exec", [&tasks](const Context& ctx, const auto& request, Empty&) {
        return tasks.Exec(ctx, {.container_id = request.container_id(),
                                .exec_id = request.exec_id(),
                                .stdin_path = request.stdin(),
                                .stdout_path = request.stdout(),
                                .stderr_path = request.stderr(),
                                .terminal = request.terminal(),
                                .spec = typeurl::FromProto(request.spec())});
      });
  server.Unary<pb_tasks::ResizePtyRequest, Empty>(
      at + "ResizePty", [&tasks](const Context& ctx, const auto& request, Empty&) {
        return tasks.Find(ctx, request.container_id(), request.exec_id()).status();
      });
  server.Unary<pb_tasks::CloseIORequest, Empty>(
      at + "CloseIO", [&tasks](const Context& ctx, const auto& request, Empty&) {
        auto process = tasks.Find(ctx, request.container_id(), request.exec_id());
        if (process.ok() && request.stdin()) (*process)->CloseStdin();
        return process.status();
      });
  server.Unary<pb_tasks::PauseTaskRequest, Empty>(
      at + "Pause", [&tasks](const Context& ctx, const auto& request, Empty&) {
        return tasks.SetPaused(ctx, request.container_id(), true);
      });
  server.Unary<pb_tasks::ResumeTaskRequest, Empty>(
      at + "Resume", [&tasks](const Context& ctx, const auto& request, Empty&) {
        return tasks.SetPaused(ctx, request.container_id(), false);
      });
  server.Unary<pb_tasks::ListPidsRequest, pb_tasks::ListPidsResponse>(
      at + "ListPids",
      [&tasks](const Context& ctx, const auto& request, auto& response) -> absl::Status {
        auto all = tasks.Processes(ctx, request.container_id());
        if (!all.ok()) return all.status();
        for (const auto& process : *all) response.add_processes()->set_pid(process.pid);
        return absl::OkStatus();
      });
  server.Unary<pb_tasks::UpdateTaskRequest, Empty>(
      at + "Update", [&tasks](const Context& ctx, const auto& request, Empty&) {
        return tasks.Find(ctx, request.container_id(), "").status();
      });
  server.Deferred<pb_tasks::WaitRequest, pb_tasks::WaitResponse>(
      at + "Wait", [&tasks](const Context& ctx, const auto& request, const auto& answer) {
        auto process = tasks.Find(ctx, request.container_id(), request.exec_id());
        if (!process.ok()) return answer(process.status());
        (*process)->WhenExited([answer](const tasks::Process& ended) {
          pb_tasks::WaitResponse response;
          FillExit(ended, &response);
          answer(std::move(response));
        });
      });
}

}  // namespace containerd::testing::fake
