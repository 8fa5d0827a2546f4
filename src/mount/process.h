// SPDX-License-Identifier: Apache-2.0
//
// Runs helper programs.
#ifndef CONTAINERD_SRC_MOUNT_PROCESS_H_
#define CONTAINERD_SRC_MOUNT_PROCESS_H_

#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

namespace containerd::mount {

struct ProgramResult {
  // As waitpid(2) gives it; nullopt if somebody else in this process reaped the child (SIGCHLD
  // ignored), so that nobody knows.
  std::optional<int> wait_status{};
  std::string output{};  // stdout and stderr; cut at 64 KiB

  bool Succeeded() const { return wait_status == 0; }
  bool Unknown() const { return !wait_status.has_value(); }
};

// Runs a program found on PATH, without stdin, until it exits. ErrNotFound if there is none.
absl::StatusOr<ProgramResult> RunProgram(const std::vector<std::string>& argv);

}  // namespace containerd::mount

#endif  // CONTAINERD_SRC_MOUNT_PROCESS_H_
