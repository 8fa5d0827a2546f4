// SPDX-License-Identifier: Apache-2.0
#include "watch.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>

#include <absl/time/clock.h>
#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"
#include "containerd/wire/health.grpc.pb.h"

#include "apart.h"
#include "cleanup.h"
#include "src/base/host.h"
#include "src/base/read_file.h"
#include "src/rpc/internal/process.h"

namespace containerd::supervisor {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kHealthTimeout = absl::Seconds(1);
constexpr absl::Duration kPollInterval = absl::Milliseconds(10);
constexpr absl::Duration kStable = absl::Seconds(10);
constexpr std::streamoff kLastWordsSize = 1024;

absl::Status WriteFile(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) return errdefs::FromErrno(errno != 0 ? errno : EIO, fmt::format("writing {}", path));
  return absl::OkStatus();
}

// Empty if it cannot be read.
std::string ReadFrom(const std::string& path, std::streamoff offset = 0) {
  std::string text;
  return base::ReadFile(path, text, offset) ? "" : text;
}

// Whether something listens on the unix socket.
bool Connects(const std::string& address) {
  const base::Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un to = {};
  to.sun_family = AF_UNIX;
  address.copy(to.sun_path, sizeof(to.sun_path) - 1);
  return connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0;
}

// Asks the daemon whether it serves. The connection is a fresh one each time: gRPC would hold off
// from an address that refused an earlier one.
absl::Status CheckHealth(const std::string& address) {
  if (!Connects(address)) return errdefs::Unavailable(fmt::format("nobody listens on {}", address));
  if (absl::Status s = rpc::ClaimGrpc(); !s.ok()) return s;
  grpc::ChannelArguments args;
  args.SetInt("grpc.use_local_subchannel_pool", 1);
  auto channel = grpc::CreateCustomChannel(base::UnixTarget(address),
                                           grpc::InsecureChannelCredentials(), args);
  auto stub = wire::Health::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kHealthTimeout));
  wire::HealthCheckResponse response;
  const grpc::Status status = stub->Check(&context, {}, &response);
  if (!status.ok()) {
    return errdefs::Annotate(
        errdefs::ToNative(static_cast<int>(status.error_code()), status.error_message()),
        fmt::format("health check of {}", address));
  }
  if (response.status() != wire::HealthCheckResponse::SERVING) {
    return errdefs::Unavailable(fmt::format("{} is not serving", address));
  }
  return absl::OkStatus();
}

}  // namespace

void Daemon::Impl::SetWant(Want w) {
  {
    base::MutexLock lock(mu);
    if (want == Want::kGone) return;  // for good
    want = w;
    if (w == Want::kUp) last_error = absl::OkStatus();
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = write(wake.get(), &one, sizeof(one));
}

void Daemon::Impl::Nap(absl::Duration timeout) {
  const int child = process != nullptr ? process->pidfd() : -1;
  AwaitReadable(child, wake.get(), timeout);
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = read(wake.get(), &count, sizeof(count));
}

void Daemon::Impl::Watch() {
  while (true) {
    Want now;
    {
      base::MutexLock lock(mu);
      now = want;
      if (now == Want::kUp) settled = now;
    }
    if (now == Want::kUp) {
      WatchUp();
      continue;
    }
    if (process != nullptr) Terminate();
    next_start = absl::InfinitePast();
    backoff = absl::ZeroDuration();
    {
      base::MutexLock lock(mu);
      settled = now;
      changed.NotifyAll();
    }
    if (now == Want::kGone) break;
    Nap(absl::InfiniteDuration());
  }
  absl::Status result = CleanUp();
  base::MutexLock lock(mu);
  stop_result = std::move(result);
  gone = true;
  changed.NotifyAll();
}

// One step towards a daemon that serves, or a wait for something to happen.
void Daemon::Impl::WatchUp() {
  if (process == nullptr) {
    if (const absl::Duration pause = next_start - absl::Now(); pause > absl::ZeroDuration()) {
      Nap(pause);
    } else if (absl::Status s = Launch(); !s.ok()) {
      Fail(std::move(s));
    }
    return;
  }
  Nap(ready ? absl::InfiniteDuration() : kPollInterval);
  if (process->Wait(absl::ZeroDuration())) {
    HandleExit(errdefs::Unavailable(
        fmt::format("containerd (process {}) {}", process->pid(), process->Outcome())));
  } else if (!ready) {
    CheckReady();
  }
}

absl::Status Daemon::Impl::Launch() {
  const std::string toml = RenderToml(config);
  std::optional<Process> next = starts == 0 ? Adopt(toml) : std::nullopt;
  adopted = next.has_value();
  if (!adopted) {
    absl::StatusOr<Process> spawned = SpawnDaemon(toml);
    if (!spawned.ok()) return spawned.status();
    next = *std::move(spawned);
  }
  started = absl::Now();
  base::MutexLock lock(mu);
  process = std::make_shared<Process>(*std::move(next));
  ++starts;
  changed.NotifyAll();
  return absl::OkStatus();
}

absl::StatusOr<Process> Daemon::Impl::SpawnDaemon(const std::string& toml) {
  absl::StatusOr<std::string> binary = FindBinary(config);
  if (!binary.ok()) return binary.status();
  if (absl::Status s = WriteFile(config.ConfigPath(), toml); !s.ok()) return s;
  RemoveSockets();

  base::Fd log;
  if (!config.log_file.empty()) {
    log = base::Fd(open(config.log_file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    if (log.get() < 0) {
      return errdefs::FromErrno(errno, fmt::format("opening {}", config.log_file));
    }
    log_offset = std::max<off_t>(0, lseek(log.get(), 0, SEEK_END));
  }
  SpawnOptions options;
  options.binary = *binary;
  options.args = {*binary, "--config", config.ConfigPath()};
  options.env = Environment(config);
  options.output_fd = log.get();
  options.death_signal = config.death_signal;
  absl::StatusOr<Process> spawned = Process::Spawn(options);
  if (!spawned.ok()) return spawned.status();
  if (absl::Status s = WriteFile(config.PidPath(), fmt::format("{}", spawned->pid())); !s.ok()) {
    static_cast<void>(spawned->Signal(SIGKILL));
    spawned->Wait(absl::InfiniteDuration());
    return s;
  }
  return spawned;
}

// The daemon that the pid file names, if it is one of ours, runs with this configuration and is to
// be kept; one that is ours but is not to be kept is ended.
std::optional<Process> Daemon::Impl::Adopt(const std::string& toml) {
  pid_t pid = 0;
  if (!absl::SimpleAtoi(ReadFrom(config.PidPath()), &pid) || pid <= 1) {
    return std::nullopt;
  }
  absl::StatusOr<Process> found = Process::Open(pid);
  if (!found.ok()) return std::nullopt;
  // Asked after the process is held, and so about that very process.
  const std::vector<std::string> args = CommandLine(pid);
  if (args.size() != 3 || fs::path(args[0]).filename() != "containerd" || args[1] != "--config" ||
      args[2] != config.ConfigPath()) {
    return std::nullopt;
  }
  if (config.adopt && ReadFrom(config.ConfigPath()) == toml) {
    log::Info(fmt::format("containerd is still running as process {}", pid));
    return *std::move(found);
  }
  log::Info(fmt::format("ending containerd of an earlier run, process {}", pid));
  static_cast<void>(found->Signal(SIGTERM));
  if (!found->Wait(config.shutdown_timeout)) {
    static_cast<void>(found->Signal(SIGKILL));
    found->Wait(config.shutdown_timeout);
  }
  return std::nullopt;
}

void Daemon::Impl::CheckReady() {
  absl::Status health = CheckHealth(config.address);
  if (!health.ok() && absl::Now() - started > config.startup_timeout) {
    static_cast<void>(process->Signal(SIGKILL));
    process->Wait(absl::InfiniteDuration());
    HandleExit(errdefs::Unavailable(
        fmt::format("containerd (process {}) did not serve within {}: {}", process->pid(),
                    absl::FormatDuration(config.startup_timeout), errdefs::Message(health))));
    return;
  }
  base::MutexLock lock(mu);
  ready = health.ok();
  served = served || ready;
  last_error = std::move(health);
  changed.NotifyAll();
}

// The process has ended without being asked to.
void Daemon::Impl::HandleExit(absl::Status why) {
  if (const std::string words = LastWords(); !words.empty()) {
    why = errdefs::Unavailable(fmt::format("{}; its last words: {}", errdefs::Message(why), words));
  }
  if (served) log::Warn(errdefs::Message(why));
  unlink(config.PidPath().c_str());
  if (ready && absl::Now() - started > kStable) backoff = absl::ZeroDuration();
  {
    base::MutexLock lock(mu);
    process = nullptr;
    ready = false;
  }
  Fail(std::move(why));
}

// Notes that the daemon is down, why, and when it is started again, if at all.
void Daemon::Impl::Fail(absl::Status status) {
  base::MutexLock lock(mu);
  last_error = std::move(status);
  // The very first start is not tried again: its cause rarely goes away by itself, and Start
  // reports it.
  const bool again = served ? config.restart : adopted;
  if (!again && want == Want::kUp) want = Want::kDown;
  if (want == Want::kUp) {
    backoff = std::clamp(backoff * 2, config.min_backoff, config.max_backoff);
    next_start = absl::Now() + backoff;
  }
  changed.NotifyAll();
}

void Daemon::Impl::Terminate() {
  int signal;
  {
    base::MutexLock lock(mu);
    signal = stop_signal;
  }
  static_cast<void>(process->Signal(signal));
  if (!process->Wait(config.shutdown_timeout)) {
    log::Warn(fmt::format("containerd (process {}) did not end within {}, killing it",
                          process->pid(), absl::FormatDuration(config.shutdown_timeout)));
    static_cast<void>(process->Signal(SIGKILL));
    process->Wait(absl::InfiniteDuration());
  }
  unlink(config.PidPath().c_str());
  base::MutexLock lock(mu);
  last_error = errdefs::Unavailable("containerd was stopped");
  process = nullptr;
  ready = false;
  changed.NotifyAll();
}

absl::Status Daemon::Impl::CleanUp() {
  RemoveSockets();
  absl::Status result;
  if (config.cleanup) {
    result.Update(EndTasks(config.address, config.state_dir + "/daemon", Environment(config)));
    RemoveEmptyCgroups(CgroupParent(config.state_dir));
    for (const std::string& dir : {config.state_dir, config.root_dir}) {
      result.Update(UnmountUnder(dir));
      result.Update(RemoveTree(dir));
    }
  }
  lock_file.Reset();
  return result;
}

void Daemon::Impl::RemoveSockets() const {
  unlink(config.address.c_str());
  unlink((config.address + ".ttrpc").c_str());
}

// The last line that the daemon wrote to its log since it was started.
std::string Daemon::Impl::LastWords() const {
  if (config.log_file.empty()) return "";
  std::error_code ec;
  const auto size = static_cast<std::streamoff>(fs::file_size(config.log_file, ec));
  if (ec) return "";
  const std::string text = ReadFrom(config.log_file, std::max(log_offset, size - kLastWordsSize));
  std::string_view line = text;
  line = line.substr(0, line.find_last_not_of(" \r\n") + 1);
  if (const size_t newline = line.rfind('\n'); newline != std::string_view::npos) {
    line.remove_prefix(newline + 1);
  }
  return std::string(line);
}

absl::Status Daemon::Impl::BeginOperation(const Context& ctx) {
  return Await(ctx, "waiting for another operation",
               [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) -> std::optional<absl::Status> {
                 if (want == Want::kGone)
                   return errdefs::FailedPrecondition("containerd was stopped for good");
                 if (busy) return std::nullopt;
                 busy = true;
                 return absl::OkStatus();
               });
}

void Daemon::Impl::EndOperation() {
  base::MutexLock lock(mu);
  busy = false;
  changed.NotifyAll();
}

absl::Status Daemon::Impl::BringDown(const Context& ctx, int signal) {
  {
    base::MutexLock lock(mu);
    stop_signal = signal;
  }
  SetWant(Want::kDown);
  return Await(ctx, "stopping containerd",
               [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) -> std::optional<absl::Status> {
                 if (settled != Want::kUp) return absl::OkStatus();
                 return std::nullopt;
               });
}

}  // namespace containerd::supervisor
