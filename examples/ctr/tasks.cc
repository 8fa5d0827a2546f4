// SPDX-License-Identifier: Apache-2.0
//
// ctr tasks
#include <csignal>
#include <iostream>
#include <memory>
#include <optional>

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <fmt/format.h>

#include "containerd/typeurl/proto.h"

#include "cni.h"
#include "commands.h"
#include "interrupt.h"
#include "io/containerd/cgroups/v1/metrics.pb.h"
#include "io/containerd/cgroups/v2/metrics.pb.h"
#include "output.h"
#include "session.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide
namespace v1 = ::io::containerd::cgroups::v1;
namespace v2 = ::io::containerd::cgroups::v2;

absl::StatusOr<Container> LoadContainer(const Context& ctx, Client& client, const Args& args) {
  if (args.Get(0).empty()) return Refused("container id must be provided");
  return client.LoadContainer(ctx, args.Get(0));
}

absl::StatusOr<Task> LoadTask(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<Container> container = LoadContainer(ctx, client, args);
  if (!container.ok()) return container.status();
  return container->Task(ctx);
}

// Whether the container's own process has a terminal.
absl::StatusOr<bool> HasTerminal(const Context& ctx, Container& container) {
  absl::StatusOr<specs::Spec> spec = container.Spec(ctx);
  if (!spec.ok()) return spec.status();
  return spec->process && spec->process->terminal;
}

absl::Status ListTasks(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<std::vector<tasks::Process>> all = client.TaskService()->List(ctx);
  if (!all.ok()) return all.status();
  Table table(4, 4);
  table.Row({"TASK", "PID", "STATUS", ""});
  for (const tasks::Process& task : *all) {
    if (args.Bool("quiet")) {
      std::cout << task.id << "\n";
    } else {
      table.Row({task.id, absl::StrCat(task.pid),
                 absl::AsciiStrToUpper(std::string(tasks::ToString(task.status)))});
    }
  }
  if (!args.Bool("quiet")) table.Print();
  return absl::OkStatus();
}

absl::Status StartTask(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<Container> container = LoadContainer(ctx, client, args);
  if (!container.ok()) return container.status();
  absl::StatusOr<bool> terminal = HasTerminal(ctx, *container);
  if (!terminal.ok()) return terminal.status();
  return RunTask(ctx, *container, args, *terminal);
}

absl::Status ExecInTask(const Context& ctx, Client& client, const Args& args) {
  const bool terminal = args.Bool("tty");
  if (!args.IsSet("exec-id")) {
    return Refused("Required flag \"exec-id\" not set");
  }
  if (terminal && args.IsSet("log-uri")) {
    return Refused("can't use log-uri with tty");
  }
  if (args.IsSet("log-uri") && args.IsSet("fifo-dir")) {
    return errdefs::InvalidArgument("can't use log-uri with fifo-dir");
  }
  absl::StatusOr<Container> container = LoadContainer(ctx, client, args);
  if (!container.ok()) return container.status();
  absl::StatusOr<specs::Spec> spec = container->Spec(ctx);
  if (!spec.ok()) return spec.status();
  if (const std::string user = args.Text("user"); !user.empty()) {
    absl::StatusOr<containers::Container> info = container->Info(ctx);
    if (!info.ok()) return info.status();
    // Its name is one of the container's root file system.
    absl::Status s = WithSpec(*spec, {oci::WithUser(user)})(ctx, client, &*info);
    if (!s.ok()) return s;
    spec = typeurl::UnmarshalAny<specs::Spec>(info->spec);
    if (!spec.ok()) return spec.status();
  }
  if (!spec->process) return errdefs::FailedPrecondition("the container's spec has no process");
  specs::Process process = *spec->process;
  process.terminal = terminal;
  process.args = args.From(1);
  if (const std::string cwd = args.Text("cwd"); !cwd.empty()) process.cwd = cwd;

  absl::StatusOr<Task> task = container->Task(ctx);
  if (!task.ok()) return task.status();
  Terminal raw;
  const bool detach = args.Bool("detach");
  if (absl::Status s = SetRaw(terminal && !detach, raw); !s.ok()) return s;
  absl::StatusOr<cio::Creator> streams = StreamsOf(args, terminal);
  if (!streams.ok()) return streams.status();
  absl::StatusOr<Process> exec = task->Exec(ctx, args.Text("exec-id"), process, *streams);
  if (!exec.ok()) return exec.status();
  absl::Status s = detach ? exec->Start(ctx) : StartAndWait(ctx, *exec, raw);
  if (detach && s.ok()) return s;
  s.Update(exec->Delete(Afterwards(ctx), {WithProcessKill}).status());
  return s;
}

absl::Status AttachToTask(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<Container> container = LoadContainer(ctx, client, args);
  if (!container.ok()) return container.status();
  absl::StatusOr<bool> terminal = HasTerminal(ctx, *container);
  if (!terminal.ok()) return terminal.status();
  Terminal raw;
  if (absl::Status s = SetRaw(*terminal, raw); !s.ok()) return s;
  // Before there is output: whoever sees that may send a signal.
  absl::StatusOr<Task> running = container->Task(ctx);
  if (!running.ok()) return running.status();
  absl::StatusOr<std::unique_ptr<Forwarder>> signals = ForwardAllSignals(ctx, *running);
  if (!signals.ok()) return signals.status();
  absl::StatusOr<Task> task = container->Task(ctx, cio::NewAttach({cio::WithStdio}));
  if (!task.ok()) return task.status();
  absl::Status s = WaitForExit(ctx, *task, raw);
  s.Update(task->Delete(ctx).status());
  return s;
}

absl::Status KillTask(const Context& ctx, Client& client, const Args& args) {
  const std::string exec_id = args.Text("exec-id");
  if (args.Bool("all") && !exec_id.empty()) {
    return Refused("specify an exec-id or all; not both");
  }
  absl::StatusOr<Container> container = LoadContainer(ctx, client, args);
  if (!container.ok()) return container.status();
  // That which the container's image asks for, unless a flag says another.
  absl::StatusOr<int> signal = args.Text("signal").empty() ? GetStopSignal(ctx, *container, SIGTERM)
                                                           : ParseSignal(args.Text("signal"));
  if (!signal.ok()) return signal.status();
  absl::StatusOr<Task> task = container->Task(ctx);
  if (!task.ok()) return task.status();
  // Whatever the signal is. A task that is started later has none.
  absl::StatusOr<std::optional<Network>> network = NetworkOf(ctx, *container);
  if (!network.ok()) return network.status();
  if (*network) {
    if (absl::Status s = (*network)->Remove(); !s.ok()) return s;
  }
  std::vector<KillOpt> opts;
  if (args.Bool("all")) opts.emplace_back(WithKillAll);
  if (!exec_id.empty()) opts.push_back(WithKillExecID(exec_id));
  return task->Kill(ctx, *signal, opts);
}

absl::Status RemoveTask(const Context& ctx, Client& client, const Args& args,
                        const std::string& id) {
  absl::StatusOr<Container> container = client.LoadContainer(ctx, id);
  if (!container.ok()) return container.status();
  // With its pipes, which nobody else removes of one that was detached.
  absl::StatusOr<Task> task = container->Task(ctx, cio::Load);
  if (!task.ok()) return task.status();
  std::vector<ProcessDeleteOpt> opts;
  if (args.Bool("force")) opts.emplace_back(WithProcessKill);
  const std::string exec_id = args.Text("exec-id");
  if (!exec_id.empty()) {
    absl::StatusOr<Process> process = task->LoadProcess(ctx, exec_id, cio::Load);
    if (!process.ok()) return process.status();
    absl::StatusOr<ExitStatus> status = process->Delete(ctx, opts);
    return status.ok() ? Exit(status->ExitCode()) : status.status();
  }
  absl::StatusOr<ExitStatus> status = task->Delete(ctx, opts);
  if (!status.ok()) return status.status();
  if (status->ExitCode() != 0) {
    Warn(fmt::format("task {} exit with non-zero exit code {}", id, status->ExitCode()));
  }
  return absl::OkStatus();
}

absl::Status RemoveTasks(const Context& ctx, Client& client, const Args& args) {
  if (args.IsSet("exec-id")) return RemoveTask(ctx, client, args, args.Get(0));
  return ForEach(args, "task", RemoveTask, ctx, client);
}

absl::Status ListProcesses(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<Task> task = LoadTask(ctx, client, args);
  if (!task.ok()) return task.status();
  absl::StatusOr<std::vector<ProcessInfo>> processes = task->Pids(ctx);
  if (!processes.ok()) return processes.status();
  Table table(1, 4);
  table.Row({"PID", "INFO"});
  for (const ProcessInfo& process : *processes) {
    table.Row({absl::StrCat(process.pid), process.info.empty() ? "-" : process.info.type_url});
  }
  table.Print();
  return absl::OkStatus();
}

void AddRows(Table& table, const v1::Metrics& m) {
  const auto row = [&](const char* name, auto value) {
    table.Row({name, absl::StrCat(value), ""});
  };
  if (m.has_memory()) {
    row("memory.usage_in_bytes", m.memory().usage().usage());
    row("memory.limit_in_bytes", m.memory().usage().limit());
    row("memory.stat.cache", m.memory().total_cache());
  }
  if (m.has_cpu()) {
    row("cpuacct.usage", m.cpu().usage().total());
    row("cpuacct.usage_percpu",
        absl::StrCat("[", absl::StrJoin(m.cpu().usage().per_cpu(), " "), "]"));
  }
  if (m.has_pids()) {
    row("pids.current", m.pids().current());
    row("pids.limit", m.pids().limit());
  }
}

void AddRows(Table& table, const v2::Metrics& m) {
  const auto row = [&](const char* name, auto value) {
    table.Row({name, absl::StrCat(value), ""});
  };
  if (m.has_pids()) {
    row("pids.current", m.pids().current());
    row("pids.limit", m.pids().limit());
  }
  if (m.has_cpu()) {
    row("cpu.usage_usec", m.cpu().usage_usec());
    row("cpu.user_usec", m.cpu().user_usec());
    row("cpu.system_usec", m.cpu().system_usec());
    row("cpu.nr_periods", m.cpu().nr_periods());
    row("cpu.nr_throttled", m.cpu().nr_throttled());
    row("cpu.throttled_usec", m.cpu().throttled_usec());
  }
  if (m.has_memory()) {
    row("memory.usage", m.memory().usage());
    row("memory.usage_limit", m.memory().usage_limit());
    row("memory.swap_usage", m.memory().swap_usage());
    row("memory.swap_limit", m.memory().swap_limit());
  }
}

template <class Message>
absl::Status PrintMetrics(const tasks::Metric& metric, const std::string& format) {
  absl::StatusOr<Message> message = typeurl::UnmarshalAny<Message>(metric.data);
  if (!message.ok()) return message.status();
  if (format == "json") {
    std::cout << Indent(JSON(*message), 2) << "\n";
    return absl::OkStatus();
  }
  if (format != "table") return Refused("format must be table or json");
  const std::int64_t seconds = absl::ToUnixSeconds(metric.timestamp);
  Table table(1, 4);
  table.Row({"ID", "TIMESTAMP", ""});
  table.Row(
      {metric.id,
       fmt::format("seconds:{} nanos:{}", seconds,
                   absl::ToInt64Nanoseconds(metric.timestamp - absl::FromUnixSeconds(seconds))),
       ""});
  table.Row({""});
  table.Row({"METRIC", "VALUE", ""});
  AddRows(table, *message);
  table.Print();
  return absl::OkStatus();
}

// The host's version of cgroups decides which of the two messages comes.
absl::Status ShowMetrics(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<Task> task = LoadTask(ctx, client, args);
  if (!task.ok()) return task.status();
  absl::StatusOr<tasks::Metric> metric = task->Metrics(ctx);
  if (!metric.ok()) return metric.status();
  const std::string format = args.Text("format");
  return typeurl::Is<v2::Metrics>(metric->data) ? PrintMetrics<v2::Metrics>(*metric, format)
                                                : PrintMetrics<v1::Metrics>(*metric, format);
}

absl::Status PauseTask(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<Task> task = LoadTask(ctx, client, args);
  return task.ok() ? task->Pause(ctx) : task.status();
}

absl::Status ResumeTask(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<Task> task = LoadTask(ctx, client, args);
  return task.ok() ? task->Resume(ctx) : task.status();
}

absl::Status CheckpointTask(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<Task> task = LoadTask(ctx, client, args);
  if (!task.ok()) return task.status();
  CheckpointOptions options;
  options.exit = args.Bool("exit");
  options.image_path = args.Text("image-path");
  options.work_path = args.Text("work-path");
  absl::StatusOr<Image> image = task->Checkpoint(ctx, {WithCheckpointOptions(options)});
  if (!image.ok()) return image.status();
  if (options.image_path.empty()) std::cout << image->Name() << "\n";
  return absl::OkStatus();
}

}  // namespace

Command TasksCommand() {
  Command group{"tasks,t,task", "Manage tasks"};
  group.commands = {
      {"attach", "Attach to the IO of a running container", "CONTAINER", {}, AttachToTask},
      {"checkpoint",
       "Checkpoint a container",
       "[flags] CONTAINER",
       {{"exit", "Stop the container after the checkpoint"},
        {"image-path", "Path to criu image files", Kind::kText},
        {"work-path", "Path to criu work files and logs", Kind::kText}},
       CheckpointTask},
      {"delete,del,remove,rm",
       "Delete one or more tasks",
       "CONTAINER [CONTAINER, ...]",
       {{"force,f", "Force delete task process"}, {"exec-id", "Process ID to kill", Kind::kText}},
       RemoveTasks},
      {"exec",
       "Execute additional processes in an existing container",
       "[flags] CONTAINER CMD [ARG...]",
       {{"cwd", "Working directory of the new process", Kind::kText},
        {"tty,t", "Allocate a TTY for the container"},
        {"detach,d", "Detach from the task after it has started execution"},
        {"exec-id", "Exec specific id for the process", Kind::kText},
        {"null-io", "Send all IO to /dev/null"},
        {"fifo-dir", "Directory used for storing IO FIFOs", Kind::kText},
        {"log-uri", "Log uri for custom shim logging", Kind::kText},
        {"user", "User id or name", Kind::kText}},
       ExecInTask},
      {"list,ls", "List tasks", "[flags]", {{"quiet,q", "Print only the task id"}}, ListTasks},
      {"kill",
       "Signal a container (default: SIGTERM)",
       "[flags] CONTAINER",
       {{"signal,s", "Signal to send to the container", Kind::kText},
        {"exec-id", "Process ID to kill", Kind::kText},
        {"all,a", "Send signal to all processes inside the container"}},
       KillTask},
      {"metrics,metric",
       "Get a single data point of metrics for a task with the built-in Linux runtime",
       "CONTAINER",
       {{"format", "\"table\" or \"json\"", Kind::kText, "table"}},
       ShowMetrics},
      {"pause", "Pause an existing container", "CONTAINER", {}, PauseTask},
      {"ps", "List processes for container", "CONTAINER", {}, ListProcesses},
      {"resume", "Resume a paused container", "CONTAINER", {}, ResumeTask},
      {"start", "Start a container that has been created", "CONTAINER", StreamFlags(), StartTask},
  };
  return group;
}

}  // namespace ctr
