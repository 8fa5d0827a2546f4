// SPDX-License-Identifier: Apache-2.0
#include "session.h"

#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <unistd.h>
#include <utility>

#include <absl/strings/str_cat.h>

#include "cni.h"
#include "commands.h"
#include "interrupt.h"

namespace ctr {

using namespace containerd;  // NOLINT: as in the guide

namespace {

// Of a process that runs.
absl::Status Attend(const Context& ctx, Process& process, const Terminal& terminal,
                    const Future<ExitStatus>& exit) {
  absl::StatusOr<std::unique_ptr<Forwarder>> sizes = nullptr;
  if (terminal) sizes = HandleConsoleResize(ctx, process, *terminal);
  if (!sizes.ok()) Warn(absl::StrCat("resize pty: ", Explain(sizes.status()), "\r"));
  absl::StatusOr<ExitStatus> status = exit.Get(ctx);
  return status.ok() ? Exit(status->ExitCode()) : status.status();
}

}  // namespace

absl::Status SetRaw(bool terminal, Terminal& raw) {
  if (!terminal) return absl::OkStatus();
  absl::StatusOr<console::Console> current = console::Console::FromFd(STDIN_FILENO);
  if (!current.ok()) return current.status();
  raw.emplace(*std::move(current));
  return raw->SetRaw();
}

absl::Status StartAndWait(const Context& ctx, Process& process, const Terminal& terminal) {
  Future<ExitStatus> exit = process.Wait(ctx);
  absl::StatusOr<std::unique_ptr<Forwarder>> signals = ForwardAllSignals(ctx, process);
  if (!signals.ok()) return signals.status();
  if (absl::Status s = process.Start(ctx); !s.ok()) return s;
  return Attend(ctx, process, terminal, exit);
}

absl::Status WaitForExit(const Context& ctx, Process& process, const Terminal& terminal) {
  return Attend(ctx, process, terminal, process.Wait(ctx));
}

absl::Status WhilePaused(const Context& ctx, Task& task,
                         const std::function<absl::Status()>& work) {
  absl::StatusOr<Status> status = task.Status(ctx);
  if (!status.ok()) return status.status();
  if (status->status != ProcessStatus::kRunning) return work();
  absl::Status s = task.Pause(ctx);
  if (s.ok()) s = work();
  // Also if the context has ended, in the midst of pausing even.
  s.Update(task.Resume(Afterwards(ctx)));
  return s;
}

std::vector<Flag> StreamFlags() {
  return {
      {"null-io", "Send all IO to /dev/null"},
      {"log-uri", "Log uri", Kind::kText},
      {"fifo-dir", "Directory used for storing IO FIFOs", Kind::kText},
      {"pid-file", "File path to write the task's pid", Kind::kText},
      {"detach,d", "Detach from the task after it has started execution"},
      {"no-pivot", "Disable use of pivot-root (linux only)"},
  };
}

absl::StatusOr<cio::Creator> StreamsOf(const Args& args, bool terminal) {
  const std::string uri = args.Text("log-uri");
  if (terminal && args.Bool("null-io")) {
    return Refused("tty and null-io cannot be used together");
  }
  if (args.Bool("null-io")) return cio::NullIO;
  if (!uri.empty()) return terminal ? cio::TerminalLogURI(uri) : cio::LogURI(uri);
  std::vector<cio::Opt> opts{cio::WithStdio};
  if (terminal) opts.emplace_back(cio::WithTerminal);
  if (const std::string dir = args.Text("fifo-dir"); !dir.empty()) {
    opts.push_back(cio::WithFIFODir(dir));
  }
  return cio::NewCreator(opts);
}

namespace {

// Not started.
absl::StatusOr<Task> NewTask(const Context& ctx, Container& container, const Args& args,
                             bool terminal) {
  absl::StatusOr<cio::Creator> streams = StreamsOf(args, terminal);
  if (!streams.ok()) return streams.status();
  absl::StatusOr<specs::Spec> spec = container.Spec(ctx);
  if (!spec.ok()) return spec.status();
  std::vector<NewTaskOpt> opts;
  if (args.Bool("no-pivot")) opts.emplace_back(WithNoPivotRoot);
  // The pipes are for who is root in the container.
  if (spec->linux_ && !spec->linux_->uid_mappings.empty()) {
    opts.push_back(WithUIDOwner(spec->linux_->uid_mappings.front().host_id));
  }
  if (spec->linux_ && !spec->linux_->gid_mappings.empty()) {
    opts.push_back(WithGIDOwner(spec->linux_->gid_mappings.front().host_id));
  }
  return container.NewTask(ctx, *streams, opts);
}

// Writes the pid to the file that `--pid-file` names, if it does.
absl::Status WritePidFile(const Args& args, std::uint32_t pid) {
  const std::string path = args.Text("pid-file");
  if (path.empty()) return absl::OkStatus();
  // Whoever waits for the file finds all of it.
  const std::string part = absl::StrCat(path, ".", pid);
  std::ofstream file(part);
  file << pid << std::flush;
  if (file.good() && rename(part.c_str(), path.c_str()) == 0) return absl::OkStatus();
  unlink(part.c_str());
  return Refused(absl::StrCat("cannot write ", path));
}

}  // namespace

absl::Status RunTask(const Context& ctx, Container& container, const Args& args, bool terminal,
                     const Network* network) {
  const bool detach = args.Bool("detach");
  Terminal raw;
  if (absl::Status s = SetRaw(terminal && !detach, raw); !s.ok()) return s;
  absl::StatusOr<Task> task = NewTask(ctx, container, args, terminal);
  if (!task.ok()) return task.status();
  absl::Status s = WritePidFile(args, task->Pid());
  if (s.ok() && network != nullptr) s = network->Setup(task->Pid());
  if (s.ok()) s = detach ? task->Start(ctx) : StartAndWait(ctx, *task, raw);
  if (detach && s.ok()) return s;
  if (network != nullptr) {
    const absl::Status removed = network->Remove();
    if (!removed.ok()) Warn(absl::StrCat("failed to remove network: ", Explain(removed)));
  }
  s.Update(task->Delete(Afterwards(ctx), {WithProcessKill}).status());
  return s;
}

}  // namespace ctr
