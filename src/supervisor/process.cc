// SPDX-License-Identifier: Apache-2.0
#include "process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <linux/close_range.h>
#include <optional>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/fd.h"
#include "src/base/look_path.h"
#include "src/base/read_file.h"
#include "src/base/spawn.h"

namespace containerd::supervisor {
namespace {

// What the child does between fork and exec: async-signal-safe calls only, since other threads'
// locks are frozen in whatever state they were in. Returns the errno of the step that failed.
int ExecInChild(const SpawnOptions& o, char* const* argv, char* const* envp, pid_t parent,
                int null_fd) {
  setsid();
  struct sigaction default_action = {};
  default_action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, &default_action, nullptr);
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  if (o.death_signal != 0) {
    if (prctl(PR_SET_PDEATHSIG, o.death_signal) != 0) return errno;
    if (getppid() != parent) return ESRCH;  // it died before it could be signalled to us
  }
  if (!o.working_dir.empty() && chdir(o.working_dir.c_str()) != 0) return errno;
  if (dup2(null_fd, STDIN_FILENO) < 0) return errno;
  if (o.output_fd >= 0) {
    if (dup2(o.output_fd, STDOUT_FILENO) < 0) return errno;
    if (dup2(o.output_fd, STDERR_FILENO) < 0) return errno;
  }
  // Marked rather than closed, so that an exec that fails can still be reported.
  if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
    const long limit = sysconf(_SC_OPEN_MAX);
    for (int fd = 3; fd < limit; ++fd) fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  execve(o.binary.c_str(), argv, envp);
  return errno;
}

}  // namespace

absl::StatusOr<Process> Process::Spawn(const SpawnOptions& options) {
  const std::string what = fmt::format("starting {}", options.binary);
  std::vector<std::string> args = options.args;
  std::vector<std::string> env = options.env;
  const std::vector<char*> argv = base::Pointers(args);
  const std::vector<char*> envp = base::Pointers(env);
  const base::Fd null_fd(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (null_fd.get() < 0) return errdefs::FromErrno(errno, what);
  // The child reports the errno of a failed exec here; a successful one closes it.
  absl::StatusOr<base::Pipe> report = base::MakePipe();
  if (!report.ok()) return errdefs::Annotate(report.status(), what);

  // All signals are blocked meanwhile: a handler of ours must not run in the child.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  const int fork_errno = errno;
  if (pid == 0) {
    const int err = ExecInChild(options, argv.data(), envp.data(), parent, null_fd.get());
    [[maybe_unused]] const ssize_t n = write(report->write_end.get(), &err, sizeof(err));
    _exit(127);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return errdefs::FromErrno(fork_errno, what);

  report->write_end.Reset();
  int child_errno = 0;
  ssize_t n = 0;
  do {
    n = read(report->read_end.get(), &child_errno, sizeof(child_errno));
  } while (n < 0 && errno == EINTR);
  if (n == sizeof(child_errno)) {
    waitpid(pid, nullptr, 0);
    return errdefs::FromErrno(child_errno, what);
  }
  base::Fd pidfd = base::OpenPidfd(pid);
  if (pidfd.get() < 0) {
    const int err = errno;
    kill(pid, SIGKILL);  // still ours: nobody has reaped it
    waitpid(pid, nullptr, 0);
    return errdefs::FromErrno(err, fmt::format("{}: pidfd_open", what));
  }
  return Process(pid, std::move(pidfd), /*child=*/true);
}

absl::StatusOr<Process> Process::Open(pid_t pid) {
  base::Fd pidfd = base::OpenPidfd(pid);
  if (pidfd.get() < 0) {
    if (errno == ESRCH || errno == EINVAL) {
      return errdefs::NotFound(fmt::format("no process {}", pid));
    }
    return errdefs::FromErrno(errno, fmt::format("opening process {}", pid));
  }
  return Process(pid, std::move(pidfd), /*child=*/false);
}

absl::Status Process::Signal(int signal) const {
  if (syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0) == 0)
    return absl::OkStatus();
  if (errno == ESRCH) return errdefs::NotFound(fmt::format("process {} has ended", pid_));
  return errdefs::FromErrno(errno, fmt::format("sending signal {} to process {}", signal, pid_));
}

bool Process::Wait(absl::Duration timeout) {
  if (!outcome_.empty()) return true;
  if (!AwaitReadable(pidfd_.get(), -1, timeout)) return false;
  outcome_ = "has ended";
  if (!child_) return true;
  siginfo_t info = {};
  // The status is lost if the program ignores SIGCHLD or reaps every child itself.
  while (waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) != 0) {
    if (errno != EINTR) return true;
  }
  if (info.si_code == CLD_EXITED) {
    exit_code_ = info.si_status;
    outcome_ = fmt::format("exited with status {}", info.si_status);
  } else {
    exit_code_ = 128 + info.si_status;
    outcome_ = fmt::format("was killed by signal {}", info.si_status);
  }
  return true;
}

std::string FindProgram(std::string_view name, const std::vector<std::string>& env) {
  constexpr std::string_view kPath = "PATH=";
  for (const std::string& variable : env) {
    if (!variable.starts_with(kPath)) continue;
    std::string found = base::FindProgram(std::string_view(variable).substr(kPath.size()), name);
    if (!found.empty()) return found;
  }
  return "";
}

std::vector<std::string> CommandLine(pid_t pid) {
  std::string text;  // empty if it has ended
  if (base::ReadFile(fmt::format("/proc/{}/cmdline", pid), text)) return {};
  std::vector<std::string> out;
  for (size_t begin = 0; begin < text.size();) {
    out.emplace_back(text.c_str() + begin);  // up to the next NUL
    begin += out.back().size() + 1;
  }
  return out;
}

bool AwaitReadable(int a, int b, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  std::array<pollfd, 2> fds = {pollfd{a, POLLIN, 0}, pollfd{b, POLLIN, 0}};
  while (true) {
    int wait_ms = -1;
    if (timeout < absl::InfiniteDuration()) {
      const absl::Duration left =
          std::clamp(deadline - absl::Now(), absl::ZeroDuration(), absl::Hours(1));
      wait_ms =
          static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1))));
    }
    const int n = poll(fds.data(), fds.size(), wait_ms);
    if (n > 0) return true;
    if (n == 0 && absl::Now() >= deadline) return false;
    if (n < 0 && errno != EINTR) return false;
  }
}

}  // namespace containerd::supervisor
