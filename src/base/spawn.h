// SPDX-License-Identifier: Apache-2.0
//
// Programs that are run and waited for. A daemon, which outlives what started it, is the
// supervisor's.
#ifndef CONTAINERD_SRC_BASE_SPAWN_H_
#define CONTAINERD_SRC_BASE_SPAWN_H_

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

namespace containerd::base {

struct SpawnOptions {
  std::vector<std::string> args;  // argv; the program is args[0], found on PATH

  // NAME=value; this process's if there is none.
  std::optional<std::vector<std::string>> env{};

  // Which descriptor of this process (first) the program has as which (second). Its standard
  // streams are this process's where nothing else is said; other descriptors are passed on only if
  // they are not marked to be closed.
  std::vector<std::pair<int, int>> descriptors{};
};

// Starts a program. Signals that this process blocks are unblocked in it, and SIGPIPE has its
// default action. Errors begin with `what`: ErrNotFound if there is no such program.
absl::StatusOr<pid_t> Spawn(SpawnOptions options, std::string_view what);

// Waits for the end of a child. As waitpid(2) gives it; nullopt if somebody else in this process
// reaped the child (SIGCHLD ignored), so that nobody knows.
std::optional<int> Reap(pid_t pid);

// As exec(2) wants them; `strings` outlive the result.
std::vector<char*> Pointers(std::vector<std::string>& strings);

}  // namespace containerd::base

#endif  // CONTAINERD_SRC_BASE_SPAWN_H_
