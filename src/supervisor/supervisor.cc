// SPDX-License-Identifier: Apache-2.0
#include "containerd/supervisor/supervisor.h"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <optional>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <thread>
#include <utility>

#include <absl/cleanup/cleanup.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"

#include "apart.h"
#include "config.h"
#include "process.h"
#include "src/base/fd.h"
#include "src/base/mutex.h"
#include "src/base/options.h"
#include "src/threads/internal/start.h"
#include "watch.h"

namespace containerd::supervisor {
namespace {

namespace fs = std::filesystem;

std::string WithoutTrailingSlash(std::string_view path) {
  return std::string(path.substr(0, path.find_last_not_of('/') + 1));
}

absl::Status MakeDir(const std::string& dir) {
  std::error_code ec;
  fs::create_directories(fs::path(dir).parent_path(), ec);
  // Passable by everybody: a task in a user namespace reaches its root file system through it.
  if (!ec && mkdir(dir.c_str(), 0711) != 0 && errno != EEXIST) {
    return errdefs::FromErrno(errno, fmt::format("making {}", dir));
  }
  if (ec) return errdefs::FromErrno(ec.value(), fmt::format("making {}", dir));
  return absl::OkStatus();
}

}  // namespace

Daemon::Daemon(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Daemon::~Daemon() {
  if (impl_->owner.Forked()) {  // the daemon is the parent's
    static_cast<void>(impl_.release());
    return;
  }
  const absl::Status status = Stop(Context::Background());
  if (!status.ok()) log::Warn(fmt::format("stopping containerd: {}", errdefs::Message(status)));
}

const std::string& Daemon::Address() const { return impl_->config.address; }

Opt Daemon::KeepApart() const {
  const Config& config = impl_->config;
  return WithContainerOpts({[root = config.RuncPath(), parent = CgroupParent(config.state_dir)](
                                const Context& ctx, Client& client, containers::Container& c) {
    return supervisor::KeepApart(ctx, client, root, parent, c);
  }});
}

pid_t Daemon::Pid() const {
  base::MutexLock lock(impl_->mu);
  return impl_->process != nullptr ? impl_->process->pid() : -1;
}

int64_t Daemon::Starts() const {
  base::MutexLock lock(impl_->mu);
  return impl_->starts;
}

absl::Status Daemon::WaitReady(const Context& ctx) {
  return impl_->Await(ctx, "waiting for containerd",
                      [this]()
                          ABSL_EXCLUSIVE_LOCKS_REQUIRED(impl_->mu) -> std::optional<absl::Status> {
                            if (impl_->want == Want::kUp) {
                              if (impl_->ready) return absl::OkStatus();
                              return std::nullopt;
                            }
                            if (impl_->last_error.ok())
                              return errdefs::Unavailable("containerd is being stopped");
                            return impl_->last_error;
                          });
}

absl::Status Daemon::Kill(const Context& ctx) {
  if (absl::Status s = impl_->BeginOperation(ctx); !s.ok()) return s;
  const auto end = absl::MakeCleanup([this] { impl_->EndOperation(); });
  std::shared_ptr<Process> victim;
  {
    base::MutexLock lock(impl_->mu);
    victim = impl_->process;
  }
  if (victim == nullptr) return absl::OkStatus();
  if (absl::Status s = victim->Signal(SIGKILL); !s.ok() && !errdefs::IsNotFound(s)) return s;
  return impl_->Await(ctx, "killing containerd",
                      [&]()
                          ABSL_EXCLUSIVE_LOCKS_REQUIRED(impl_->mu) -> std::optional<absl::Status> {
                            if (impl_->process != victim) return absl::OkStatus();
                            return std::nullopt;
                          });
}

absl::Status Daemon::Down(const Context& ctx, int signal) {
  if (absl::Status s = impl_->BeginOperation(ctx); !s.ok()) return s;
  const auto end = absl::MakeCleanup([this] { impl_->EndOperation(); });
  return impl_->BringDown(ctx, signal);
}

absl::Status Daemon::Restart(const Context& ctx) {
  if (absl::Status s = impl_->BeginOperation(ctx); !s.ok()) return s;
  const auto end = absl::MakeCleanup([this] { impl_->EndOperation(); });
  if (absl::Status s = impl_->BringDown(ctx, SIGTERM); !s.ok()) return s;
  impl_->SetWant(Want::kUp);
  return WaitReady(ctx);
}

absl::Status Daemon::Stop(const Context& ctx) {
  {
    base::MutexLock lock(impl_->mu);
    impl_->stop_signal = SIGTERM;
  }
  impl_->SetWant(Want::kGone);
  absl::Status result = Wait(ctx);
  bool join = false;
  {
    base::MutexLock lock(impl_->mu);
    if (impl_->gone) join = !std::exchange(impl_->joined, true);
  }
  if (join) impl_->watcher.join();
  return result;
}

absl::Status Daemon::Wait(const Context& ctx) {
  return impl_->Await(ctx, "waiting for containerd to stop",
                      [this]()
                          ABSL_EXCLUSIVE_LOCKS_REQUIRED(impl_->mu) -> std::optional<absl::Status> {
                            if (impl_->gone) return impl_->stop_result;
                            return std::nullopt;
                          });
}

absl::StatusOr<std::unique_ptr<Daemon>> Start(const Context& ctx, std::string_view root_dir,
                                              std::string_view state_dir,
                                              const std::vector<DaemonOpt>& opts) {
  Config config;
  config.root_dir = WithoutTrailingSlash(root_dir);
  config.state_dir = WithoutTrailingSlash(state_dir);
  config.address = config.state_dir + "/containerd.sock";
  config.log_file = config.state_dir + "/containerd.log";
  if (absl::Status s = base::Apply(opts, config); !s.ok()) return s;
  if (absl::Status s = Validate(config); !s.ok()) return s;
  if (absl::Status s = FindBinary(config).status(); !s.ok()) return s;
  for (const std::string& dir : {config.root_dir, config.state_dir}) {
    if (absl::Status s = MakeDir(dir); !s.ok()) return s;
  }

  auto impl = std::make_unique<Daemon::Impl>(std::move(config));
  const std::string lock_path = impl->config.LockPath();
  impl->lock_file = base::Fd(open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (impl->lock_file.get() < 0) {
    return errdefs::FromErrno(errno, fmt::format("opening {}", lock_path));
  }
  if (flock(impl->lock_file.get(), LOCK_EX | LOCK_NB) != 0) {
    return errdefs::AlreadyExists(
        fmt::format("{} is supervised by somebody else", impl->config.state_dir));
  }
  impl->wake = base::Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (impl->wake.get() < 0) return errdefs::FromErrno(errno, "making an eventfd");

  absl::StatusOr<std::thread> watcher =
      threads::Start("watch containerd", [i = impl.get()] { i->Watch(); });
  if (!watcher.ok()) return watcher.status();
  impl->watcher = *std::move(watcher);

  auto daemon = std::make_unique<Daemon>(std::move(impl));
  if (absl::Status s = daemon->WaitReady(ctx); !s.ok()) return s;
  return daemon;
}

}  // namespace containerd::supervisor
