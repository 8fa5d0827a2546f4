// SPDX-License-Identifier: Apache-2.0
//
// A process of this or an earlier supervisor, held by a pidfd: signals reach that process or none,
// even if its pid has been reused.
#ifndef CONTAINERD_SRC_SUPERVISOR_PROCESS_H_
#define CONTAINERD_SRC_SUPERVISOR_PROCESS_H_

#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "src/base/fd.h"

namespace containerd::supervisor {

struct SpawnOptions {
  std::string binary;             // a path
  std::vector<std::string> args;  // argv, args[0] included
  std::vector<std::string> env;   // NAME=value
  std::string working_dir;        // empty: this process's
  int output_fd = -1;             // stdout and stderr; -1: inherited
  int death_signal = 0;           // sent when the thread that calls Spawn ends
};

class Process {
 public:
  // Starts a child in a session of its own: stdin is /dev/null, no other descriptor is passed on,
  // signals are unblocked and have their default action. Fails if the binary cannot be executed.
  static absl::StatusOr<Process> Spawn(const SpawnOptions& options);

  // A process that is not our child, or nobody knows. ErrNotFound when there is none.
  static absl::StatusOr<Process> Open(pid_t pid);

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }

  // ErrNotFound when the process has ended.
  absl::Status Signal(int signal) const;

  // Waits until the process has ended, and reaps it if it is our child. False after `timeout`.
  bool Wait(absl::Duration timeout);

  // How it ended, once Wait was true: "exited with status 1", "was killed by signal 9".
  const std::string& Outcome() const { return outcome_; }
  // The exit status, 128 + signal, or -1 for one that is not our child.
  int ExitCode() const { return exit_code_; }

 private:
  Process(pid_t pid, base::Fd pidfd, bool child)
      : pid_(pid), pidfd_(std::move(pidfd)), child_(child) {}

  pid_t pid_;
  base::Fd pidfd_;
  bool child_;
  std::string outcome_;
  int exit_code_ = -1;
};

// The program `name` in the first folder of the PATH in `env` that has it; empty if none has.
std::string FindProgram(std::string_view name, const std::vector<std::string>& env);

// The arguments of a running process; empty when there is none, or it is a zombie.
std::vector<std::string> CommandLine(pid_t pid);

// Waits until one of two descriptors (either may be -1) is readable; false after `timeout`.
bool AwaitReadable(int a, int b, absl::Duration timeout);

}  // namespace containerd::supervisor

#endif  // CONTAINERD_SRC_SUPERVISOR_PROCESS_H_
