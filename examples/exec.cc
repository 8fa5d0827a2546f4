// SPDX-License-Identifier: Apache-2.0
//
// Runs a program with a terminal in a container that runs, on this program's own terminal.
#include <iostream>
#include <memory>
#include <unistd.h>

#include <fmt/format.h>

#include "example.h"

namespace {

using namespace containerd;  // NOLINT: as in the guide

absl::Status Run(const Context& ctx, Client client, const example::Args& args) {
  absl::StatusOr<Container> container = client.LoadContainer(ctx, args[0]);
  if (!container.ok()) return container.status();
  absl::StatusOr<Task> task = container->Task(ctx);
  if (!task.ok()) return task.status();
  absl::StatusOr<specs::Spec> spec = container->Spec(ctx);
  if (!spec.ok()) return spec.status();
  if (!spec->process) return errdefs::FailedPrecondition("the container's spec has no process");

  // The user, the environment and the rest are those of the container's own process.
  specs::Process process = *spec->process;
  process.args.assign(args.begin() + 1, args.end());
  process.terminal = true;
  absl::StatusOr<Process> exec = task->Exec(ctx, fmt::format("exec-{}", getpid()), process,
                                            cio::NewCreator({cio::WithStdio, cio::WithTerminal}));
  if (!exec.ok()) return exec.status();

  Future<ExitStatus> exit = exec->Wait(ctx);
  absl::Status s = exec->Start(ctx);
  // Keys go to the container as they are, and the sizes of the terminal too, until the end.
  absl::StatusOr<console::Console> terminal = console::Console::FromFd(STDIN_FILENO);
  absl::StatusOr<std::unique_ptr<Forwarder>> sizes = nullptr;
  if (s.ok() && terminal.ok()) {
    s = terminal->SetRaw();
    sizes = HandleConsoleResize(ctx, *exec, *terminal);
    s.Update(sizes.status());
  }
  absl::StatusOr<ExitStatus> status = s.ok() ? exit.Get(ctx) : absl::StatusOr<ExitStatus>(s);
  // Whatever happened, nothing of it stays.
  absl::Status deleted = exec->Delete(ctx, {WithProcessKill}).status();
  if (!status.ok()) return status.status();
  std::cout << fmt::format("exited with {}\r\n", status->ExitCode());
  return deleted;
}

}  // namespace

int main(int argc, char** argv) {
  return example::Main(argc, argv, 2, "exec CONTAINER PROGRAM [ARGUMENT...]", Run);
}
