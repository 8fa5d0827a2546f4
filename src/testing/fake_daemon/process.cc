// SPDX-License-Identifier: Apache-2.0
#include "process.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <string_view>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/threads/internal/start.h"

namespace containerd::testing::fake {
namespace {

constexpr std::string_view kFile = "file://";

// An output, -1 for none. Of a FIFO both ends, as a shim has them: what is written stays there
// until it is read, and nobody waits for the reader to come.
absl::StatusOr<int> OpenOutput(const std::string& path) {
  if (path.empty()) return -1;
  const bool file = path.starts_with(kFile);
  if (!file && path[0] != '/') {
    return errdefs::NotImplemented(fmt::format("output \"{}\": only FIFOs and file://", path));
  }
  const std::string at = file ? path.substr(kFile.size()) : path;
  const int flags = file ? O_WRONLY | O_CREAT | O_APPEND : O_RDWR | O_NONBLOCK;
  const int fd = ::open(at.c_str(), flags | O_CLOEXEC, 0640);
  if (fd < 0) return errdefs::FromErrno(errno, fmt::format("open output \"{}\"", at));
  return fd;
}

void Close(int& fd) {
  if (fd >= 0) ::close(std::exchange(fd, -1));
}

pollfd For(int fd, std::int16_t events) { return {.fd = fd, .events = events, .revents = 0}; }

// Writes as much as there is room for.
void WriteSome(int fd, std::string& pending) {
  const ssize_t n = ::write(fd, pending.data(), pending.size());
  if (n > 0) {
    pending.erase(0, static_cast<std::size_t>(n));
  } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
    pending.clear();
  }
}

}  // namespace

Process::Process(tasks::Process process, ProcessScript script, OnExit on_exit)
    : script_(std::move(script)), pid_(process.pid), process_(std::move(process)) {
  if (process_.id != process_.container_id) process_.pid = 0;
  on_exit_.push_back(std::move(on_exit));
}

absl::StatusOr<std::shared_ptr<Process>> Process::Create(tasks::Process process,
                                                         ProcessScript script, OnExit on_exit) {
  const std::shared_ptr<Process> made(
      new Process(std::move(process), std::move(script), std::move(on_exit)));
  made->wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (made->wake_ < 0) return errdefs::FromErrno(errno, "eventfd");
  const base::MutexLock lock(made->mu_);
  absl::StatusOr<int> out = OpenOutput(made->process_.stdout_path);
  if (!out.ok()) return out.status();
  made->stdout_ = *out;
  absl::StatusOr<int> err = OpenOutput(made->process_.stderr_path);
  if (!err.ok()) return err.status();
  made->stderr_ = *err;
  if (const std::string& path = made->process_.stdin_path; !path.empty()) {
    made->stdin_ = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (made->stdin_ < 0) return errdefs::FromErrno(errno, fmt::format("open stdin \"{}\"", path));
    made->stdin_held_ = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  }
  return made;
}

Process::~Process() {
  const base::MutexLock lock(mu_);
  CloseStreams();
  Close(wake_);
}

absl::Status Process::Start(const std::function<void(std::uint32_t)>& tell) {
  const base::MutexLock lock(mu_);
  if (process_.status != tasks::Status::kCreated) {
    return errdefs::Unknown(
        fmt::format("cannot start a {} process", tasks::ToString(process_.status)));
  }
  if (!script_.start_error.ok()) return script_.start_error;
  process_.pid = pid_;
  tell(pid_);
  // It holds itself, so that nobody waits for its end but who asks to.
  absl::StatusOr<std::thread> thread =
      threads::Start("run a process", [self = shared_from_this()] { self->Run(); });
  if (!thread.ok()) return thread.status();
  thread->detach();
  process_.status = tasks::Status::kRunning;
  running_ = true;
  return absl::OkStatus();
}

absl::Status Process::Signal(std::uint32_t signal) {
  const base::MutexLock lock(mu_);
  if (process_.status == tasks::Status::kStopped) {
    return errdefs::NotFound("process already finished");
  }
  if (process_.pid == 0) return errdefs::FailedPrecondition("process not created");
  signals_.push_back(signal);
  if (signal == 0 || (signal != SIGKILL && script_.ignores.contains(signal))) {
    return absl::OkStatus();
  }
  return ExitLocked(128 + signal);
}

absl::Status Process::Exit(std::uint32_t code) {
  const base::MutexLock lock(mu_);
  return ExitLocked(code);
}

absl::Status Process::ExitLocked(std::uint32_t code) {
  if (process_.status == tasks::Status::kStopped) {
    return errdefs::NotFound("process already finished");
  }
  if (std::exchange(exit_, true)) return absl::OkStatus();
  exit_code_ = code;
  if (running_) {
    Wake();
    return absl::OkStatus();
  }
  // It has no thread that could end it: it was never started.
  absl::StatusOr<std::thread> thread =
      threads::Start("end a process", [self = shared_from_this(), code] { self->End(code); });
  if (!thread.ok()) return thread.status();
  thread->detach();
  return absl::OkStatus();
}

void Process::Forget() {
  std::vector<OnExit> dropped;
  const base::MutexLock lock(mu_);
  dropped.swap(on_exit_);
  exit_ = true;
  if (running_) {
    Wake();
  } else {
    process_.status = tasks::Status::kStopped;
    CloseStreams();
  }
}

absl::Status Process::SetPaused(bool paused) {
  const base::MutexLock lock(mu_);
  if (process_.status != (paused ? tasks::Status::kRunning : tasks::Status::kPaused)) {
    return errdefs::Unknown(fmt::format("cannot {} a {} process", paused ? "pause" : "resume",
                                        tasks::ToString(process_.status)));
  }
  process_.status = paused ? tasks::Status::kPaused : tasks::Status::kRunning;
  Wake();
  return absl::OkStatus();
}

void Process::CloseStdin() {
  const base::MutexLock lock(mu_);
  Close(stdin_held_);
  Wake();
}

tasks::Process Process::Get() const {
  const base::MutexLock lock(mu_);
  return process_;
}

std::string Process::Stdin() const {
  const base::MutexLock lock(mu_);
  return read_;
}

std::vector<std::uint32_t> Process::Signals() const {
  const base::MutexLock lock(mu_);
  return signals_;
}

void Process::WhenExited(OnExit fn) {
  base::MutexLock lock(mu_);
  if (process_.status != tasks::Status::kStopped) {
    on_exit_.push_back(std::move(fn));
    return;
  }
  const tasks::Process process = process_;
  lock.Unlock();
  fn(process);
}

void Process::Run() { End(Follow()); }

std::uint32_t Process::Follow() {
  const absl::Time end = absl::Now() + script_.runs;
  std::string out = script_.out;
  std::string err = script_.err;
  bool reading = true;
  char buffer[4096];
  for (;;) {
    pollfd fds[4] = {For(wake_, POLLIN), For(-1, 0), For(-1, 0), For(-1, 0)};
    int timeout = -1;
    {
      const base::MutexLock lock(mu_);
      if (exit_) return exit_code_;
      if (process_.status != tasks::Status::kPaused) {
        if (stdout_ < 0) out.clear();
        if (stderr_ < 0) err.clear();
        if (stdin_ < 0) reading = false;
        const bool waits = !out.empty() || !err.empty() || (script_.reads_stdin && reading);
        const absl::Duration left = end - absl::Now();
        if (left <= absl::ZeroDuration() && !waits) return script_.exit_code;
        if (reading) fds[1] = For(stdin_, POLLIN);
        if (!out.empty()) fds[2] = For(stdout_, POLLOUT);
        if (!err.empty()) fds[3] = For(stderr_, POLLOUT);
        if (left > absl::ZeroDuration() && left < absl::Hours(1)) {
          timeout = static_cast<int>(absl::ToInt64Milliseconds(left + absl::Microseconds(999)));
        }
      }
    }
    if (::poll(fds, 4, timeout) < 0) continue;
    if (fds[0].revents != 0) {
      eventfd_t count = 0;
      (void)::eventfd_read(wake_, &count);
    }
    if (fds[1].revents != 0) {
      const ssize_t n = ::read(fds[1].fd, buffer, sizeof(buffer));
      if (n == 0) reading = false;
      if (n > 0) {
        const std::string_view got(buffer, static_cast<std::size_t>(n));
        if (script_.echoes) out += got;
        const base::MutexLock lock(mu_);
        read_ += got;
      }
    }
    if (fds[2].revents != 0) WriteSome(fds[2].fd, out);
    if (fds[3].revents != 0) WriteSome(fds[3].fd, err);
  }
}

void Process::End(std::uint32_t code) {
  std::vector<OnExit> on_exit;
  tasks::Process process;
  {
    const base::MutexLock lock(mu_);
    running_ = false;
    exit_ = true;
    process_.status = tasks::Status::kStopped;
    process_.exit_status = code;
    process_.exited_at = absl::Now();
    CloseStreams();
    on_exit.swap(on_exit_);
    process = process_;
  }
  for (const OnExit& fn : on_exit) fn(process);
}

void Process::Wake() const { (void)::eventfd_write(wake_, 1); }

void Process::CloseStreams() {
  for (int* fd : {&stdin_, &stdin_held_, &stdout_, &stderr_}) Close(*fd);
}

}  // namespace containerd::testing::fake
