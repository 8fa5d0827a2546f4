// SPDX-License-Identifier: Apache-2.0
//
// Runs a program with a terminal in a container that runs, on this program's own terminal.
#include <iostream>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <fmt/format.h>

#include "example.h"

namespace {

using namespace containerd;  // NOLINT: as in the guide

// Keys go to the container as they are, until the end of the scope.
class RawMode {
 public:
  RawMode() : changed_(tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!changed_) return;
    termios raw = before_;
    cfmakeraw(&raw);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  RawMode(const RawMode&) = delete;
  RawMode& operator=(const RawMode&) = delete;
  ~RawMode() {
    if (changed_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }

 private:
  termios before_{};
  bool changed_;
};

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

  const RawMode raw;
  Future<ExitStatus> exit = exec->Wait(ctx);
  absl::Status s = exec->Start(ctx);
  if (winsize size{}; s.ok() && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) {
    s = exec->Resize(ctx, size.ws_col, size.ws_row);
  }
  absl::StatusOr<ExitStatus> status = s.ok() ? exit.Get(ctx) : absl::StatusOr<ExitStatus>(s);
  // Whatever happened, nothing of it stays.
  const absl::Status deleted = exec->Delete(ctx, {WithProcessKill}).status();
  if (!status.ok()) return status.status();
  std::cout << fmt::format("exited with {}\r\n", status->ExitCode());
  return deleted;
}

}  // namespace

int main(int argc, char** argv) {
  return example::Main(argc, argv, 2, "exec CONTAINER PROGRAM [ARGUMENT...]", Run);
}
