// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <span>
#include <spawn.h>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <tuple>
#include <unistd.h>
#include <utility>
#include <vector>

#include <absl/cleanup/cleanup.h>
#include <fmt/format.h>

#include "containerd/diff/stream.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/io/io.h"
#include "containerd/typeurl/proto.h"

namespace containerd::diff {
namespace {

// Most bytes of what a program says before it fails that become part of the error.
constexpr std::size_t kMaxStderr = 4096;

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset() { Fd().swap(*this); }
  void swap(Fd& other) { std::swap(fd_, other.fd_); }

 private:
  int fd_ = -1;
};

absl::Status Pipe(Fd& read_end, Fd& write_end) {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return errdefs::FromErrno(errno, "making a pipe");
  read_end = Fd(fds[0]);
  write_end = Fd(fds[1]);
  return absl::OkStatus();
}

absl::StatusOr<Fd> MemoryFile(const char* name, std::string_view data) {
  Fd file(::memfd_create(name, MFD_CLOEXEC));
  if (!file) return errdefs::FromErrno(errno, "making a file in memory");
  while (!data.empty()) {
    const ssize_t n = ::write(file.get(), data.data(), data.size());
    if (n < 0) return errdefs::FromErrno(errno, "writing a file in memory");
    data.remove_prefix(static_cast<std::size_t>(n));
  }
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& s : strings) pointers.push_back(s.data());
  pointers.push_back(nullptr);
  return pointers;
}

class BinaryProcessor final : public StreamProcessor, public RawProcessor {
 public:
  BinaryProcessor(std::string media_type, std::string name)
      : media_type_(std::move(media_type)), name_(std::move(name)) {}

  ~BinaryProcessor() override {
    on_cancel_ = {};
    Kill();
    if (cancel_) cancel_();
    if (feeder_.joinable()) feeder_.join();
    if (pid_ > 0 && !ended_) {
      while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
  }

  absl::Status Start(const Context& ctx, std::string_view input_media_type,
                     std::unique_ptr<StreamProcessor> stream, const std::vector<std::string>& args,
                     const std::vector<std::string>& env, const typeurl::Any* payload) {
    stream_ = std::move(stream);
    Fd in;
    Fd feed;
    const auto* raw = dynamic_cast<const RawProcessor*>(stream_.get());
    if (raw == nullptr) {
      if (absl::Status s = Pipe(in, feed); !s.ok()) return s;
    }
    Fd out;
    if (absl::Status s = Pipe(output_, out); !s.ok()) return s;
    absl::StatusOr<Fd> errors = MemoryFile("stderr", "");
    if (!errors.ok()) return errors.status();
    stderr_ = *std::move(errors);
    Fd payload_file;
    if (payload != nullptr) {
      absl::StatusOr<Fd> file =
          MemoryFile("payload", typeurl::ToProto(*payload).SerializeAsString());
      if (!file.ok()) return file.status();
      payload_file = *std::move(file);
    }

    std::vector<std::string> argv = {name_};
    argv.insert(argv.end(), args.begin(), args.end());
    std::vector<std::string> environment;
    for (char** variable = environ; *variable != nullptr; ++variable) {
      environment.emplace_back(*variable);
    }
    environment.insert(environment.end(), env.begin(), env.end());
    environment.push_back(fmt::format("STREAM_PROCESSOR_MEDIATYPE={}", input_media_type));

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const absl::Cleanup free_actions = [&] { posix_spawn_file_actions_destroy(&actions); };
    // The originals are all above 3, so that none is overwritten before it is used.
    const std::array<std::pair<int, int>, 4> targets = {{
        {raw != nullptr ? raw->File() : in.get(), STDIN_FILENO},
        {out.get(), STDOUT_FILENO},
        {stderr_.get(), STDERR_FILENO},
        {payload_file.get(), 3},
    }};
    std::vector<Fd> copies;
    for (const auto& [fd, target] : targets) {
      if (fd < 0) continue;
      copies.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 4));
      if (!copies.back()) return errdefs::FromErrno(errno, "copying a descriptor");
      posix_spawn_file_actions_adddup2(&actions, copies.back().get(), target);
    }
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    const absl::Cleanup free_attributes = [&] { posix_spawnattr_destroy(&attributes); };
    // Nothing that this process blocks or ignores is the program's business.
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes, &signals);
    sigaddset(&signals, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    const int error = ::posix_spawnp(&pid_, name_.c_str(), &actions, &attributes,
                                     Pointers(argv).data(), Pointers(environment).data());
    if (error != 0) {
      pid_ = -1;
      return errdefs::FromErrno(error, fmt::format("starting \"{}\"", name_));
    }
    pidfd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    on_cancel_ = ctx.OnCancel([this] { Kill(); });
    copies.clear();
    out.reset();
    in.reset();
    reader_.emplace(output_.get());

    std::tie(feeding_, cancel_) = WithCancel(ctx);
    if (raw == nullptr) {
      try {
        feeder_ = std::thread([this, to = std::move(feed)]() mutable { Feed(std::move(to)); });
      } catch (const std::system_error& e) {
        return errdefs::ResourceExhausted(
            fmt::format("no thread to feed \"{}\": {}", name_, e.what()));
      }
    }
    return absl::OkStatus();
  }

  std::string MediaType() const override { return media_type_; }
  int File() const override { return output_.get(); }

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    if (buf.empty()) return 0U;
    absl::StatusOr<std::size_t> n = reader_->Read(ctx, buf);
    if (!n.ok() || *n > 0) return n;
    if (absl::Status s = Wait(ctx); !s.ok()) return s;
    return 0U;
  }

 private:
  // A number may be another process's by now, a pidfd not.
  void Kill() const {
    if (pidfd_) ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
  }

  void Feed(Fd to) {
    // A program that wants no more closes its input: no reason to end this process.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    io::FileWriter writer(to.get());
    std::vector<char> buf(std::size_t{64} << 10);
    for (;;) {
      absl::StatusOr<std::size_t> n = stream_->Read(feeding_, buf);
      if (!n.ok()) {
        if (feeding_.Done()) return;
        // The program must not take what it has got for all.
        fed_ = n.status();
        Kill();
        return;
      }
      if (*n == 0 || !writer.Write(feeding_, std::string_view(buf.data(), *n)).ok()) return;
    }
  }

  // After the end of the output: how the program ended.
  absl::Status Wait(const Context& ctx) {
    if (!ended_) {
      if (pidfd_) {
        // It is readable when the process has ended, and then gives an error: there is nothing in
        // it.
        std::array<char, 1> nothing{};
        static_cast<void>(io::FileReader(pidfd_.get()).Read(ctx, nothing));
        if (absl::Status s = ctx.Err(); !s.ok()) return s;
      }
      int status = 0;
      while (::waitpid(pid_, &status, 0) < 0) {
        if (errno == EINTR) continue;
        status = 0;
        break;
      }
      ended_ = true;
      if (feeder_.joinable()) {
        cancel_();
        feeder_.join();
      }
      result_ = ResultOf(status);
    }
    return result_;
  }

  absl::Status ResultOf(int status) const {
    if (!fed_.ok()) return fed_;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
    std::string said(kMaxStderr, '\0');
    const ssize_t n = ::pread(stderr_.get(), said.data(), said.size(), 0);
    said.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    while (said.ends_with('\n')) said.pop_back();
    return errdefs::Unknown(
        WIFEXITED(status)
            ? fmt::format("\"{}\" failed with status {}: {}", name_, WEXITSTATUS(status), said)
            : fmt::format("\"{}\" was ended by signal {}: {}", name_, WTERMSIG(status), said));
  }

  const std::string media_type_;
  const std::string name_;
  std::unique_ptr<StreamProcessor> stream_;
  Fd output_;
  Fd stderr_;
  Fd pidfd_;
  pid_t pid_ = -1;
  CancelRegistration on_cancel_;
  std::optional<io::FileReader> reader_;
  Context feeding_;
  CancelFunc cancel_;
  std::thread feeder_;
  absl::Status fed_;  // Written by the feeder, read after it.
  bool ended_ = false;
  absl::Status result_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<StreamProcessor>> NewBinaryProcessor(
    const Context& ctx, std::string_view input_media_type, std::string returns_media_type,
    std::unique_ptr<StreamProcessor> stream, const std::string& name,
    const std::vector<std::string>& args, const std::vector<std::string>& env,
    const typeurl::Any* payload) {
  if (absl::Status s = ctx.Err(); !s.ok()) return s;
  auto processor = std::make_unique<BinaryProcessor>(std::move(returns_media_type), name);
  absl::Status s = processor->Start(ctx, input_media_type, std::move(stream), args, env, payload);
  if (!s.ok()) return s;
  return processor;
}

}  // namespace containerd::diff
