// SPDX-License-Identifier: Apache-2.0
#include "process.h"

#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

extern char** environ;

namespace containerd::mount {

absl::StatusOr<ProgramResult> RunProgram(const std::vector<std::string>& argv) {
  constexpr std::size_t kMaxOutput = 64 << 10;
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return errdefs::FromErrno(errno, "making a pipe");

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
  posix_spawn_file_actions_adddup2(&actions, fds[1], 2);
  std::vector<char*> args;
  args.reserve(argv.size() + 1);
  for (const std::string& arg : argv) args.push_back(const_cast<char*>(arg.c_str()));
  args.push_back(nullptr);
  pid_t pid = -1;
  const int err = posix_spawnp(&pid, args[0], &actions, nullptr, args.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(fds[1]);
  if (err != 0) {
    close(fds[0]);
    return errdefs::FromErrno(err, fmt::format("running \"{}\"", argv[0]));
  }

  ProgramResult result;
  char buffer[4096];
  for (;;) {
    const ssize_t n = read(fds[0], buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    const std::size_t room = kMaxOutput - result.output.size();
    result.output.append(buffer, std::min(static_cast<std::size_t>(n), room));
  }
  close(fds[0]);

  int status = 0;
  pid_t reaped = -1;
  do {
    reaped = waitpid(pid, &status, 0);
  } while (reaped < 0 && errno == EINTR);
  if (reaped == pid) result.wait_status = status;
  return result;
}

}  // namespace containerd::mount
