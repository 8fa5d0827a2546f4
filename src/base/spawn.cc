// SPDX-License-Identifier: Apache-2.0
#include "src/base/spawn.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/fd.h"

namespace containerd::base {
namespace {

// What posix_spawn does between fork and exec.
struct Actions {
  Actions() { ::posix_spawn_file_actions_init(&files); }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
  ~Actions() { ::posix_spawn_file_actions_destroy(&files); }
  posix_spawn_file_actions_t files{};
};

struct Attributes {
  Attributes() {
    ::posix_spawnattr_init(&value);
    // Nothing that this process blocks or ignores is the program's business.
    sigset_t signals;
    sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&value, &signals);
    sigaddset(&signals, SIGPIPE);
    ::posix_spawnattr_setsigdefault(&value, &signals);
    ::posix_spawnattr_setflags(&value, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  ~Attributes() { ::posix_spawnattr_destroy(&value); }
  posix_spawnattr_t value{};
};

}  // namespace

absl::StatusOr<pid_t> Spawn(SpawnOptions options, std::string_view what) {
  Actions actions;
  const Attributes attributes;
  int above = 3;
  for (const auto& [from, to] : options.descriptors) above = std::max(above, to + 1);
  // Copies, all above the places where they go, so that none is overwritten before it is used.
  std::vector<Fd> copies;
  for (const auto& [from, to] : options.descriptors) {
    Fd copy(::fcntl(from, F_DUPFD_CLOEXEC, above));
    if (!copy) return errdefs::FromErrno(errno, what);
    ::posix_spawn_file_actions_adddup2(&actions.files, copy.get(), to);
    copies.push_back(std::move(copy));
  }
  std::vector<char*> env;
  if (options.env.has_value()) env = Pointers(*options.env);
  pid_t pid = -1;
  const int err =
      ::posix_spawnp(&pid, options.args.front().c_str(), &actions.files, &attributes.value,
                     Pointers(options.args).data(), options.env.has_value() ? env.data() : environ);
  if (err != 0) return errdefs::FromErrno(err, what);
  return pid;
}

std::optional<int> Reap(pid_t pid) {
  for (;;) {
    int status = 0;
    if (::waitpid(pid, &status, 0) == pid) return status;
    if (errno != EINTR) return std::nullopt;
  }
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& s : strings) pointers.push_back(s.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace containerd::base
