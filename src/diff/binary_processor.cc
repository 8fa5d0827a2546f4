// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <csignal>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <tuple>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "containerd/diff/stream.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/io/io.h"
#include "containerd/typeurl/proto.h"

#include "src/base/fd.h"
#include "src/base/spawn.h"
#include "src/errdefs/internal/guard.h"
#include "src/threads/internal/start.h"

namespace containerd::diff {
namespace {

// Most bytes of what a program says before it fails that become part of the error.
constexpr std::size_t kMaxStderr = 4096;

class BinaryProcessor final : public StreamProcessor, public RawProcessor {
 public:
  BinaryProcessor(std::string media_type, std::string name)
      : media_type_(std::move(media_type)), name_(std::move(name)) {}

  ~BinaryProcessor() override {
    on_cancel_ = {};
    Kill();
    if (cancel_) cancel_();
    if (feeder_.joinable()) feeder_.join();
    if (pid_ > 0 && !ended_) base::Reap(pid_);
  }

  absl::Status Start(const Context& ctx, std::string_view input_media_type,
                     std::unique_ptr<StreamProcessor> stream, const std::vector<std::string>& args,
                     const std::vector<std::string>& env, const typeurl::Any* payload) {
    stream_ = std::move(stream);
    base::Pipe in;
    const auto* raw = dynamic_cast<const RawProcessor*>(stream_.get());
    if (raw == nullptr) {
      absl::StatusOr<base::Pipe> pipe = base::MakePipe();
      if (!pipe.ok()) return pipe.status();
      in = *std::move(pipe);
    }
    absl::StatusOr<base::Pipe> out = base::MakePipe();
    if (!out.ok()) return out.status();
    output_ = std::move(out->read_end);
    absl::StatusOr<base::Fd> errors = base::MemoryFile("stderr", "");
    if (!errors.ok()) return errors.status();
    stderr_ = *std::move(errors);
    base::Fd payload_file;
    if (payload != nullptr) {
      absl::StatusOr<base::Fd> file =
          base::MemoryFile("payload", typeurl::ToProto(*payload).SerializeAsString());
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

    std::vector<std::pair<int, int>> descriptors = {
        {raw != nullptr ? raw->File() : in.read_end.get(), STDIN_FILENO},
        {out->write_end.get(), STDOUT_FILENO},
        {stderr_.get(), STDERR_FILENO}};
    if (payload_file) descriptors.emplace_back(payload_file.get(), 3);
    absl::StatusOr<pid_t> pid = base::Spawn({.args = std::move(argv),
                                             .env = std::move(environment),
                                             .descriptors = std::move(descriptors)},
                                            fmt::format("starting \"{}\"", name_));
    if (!pid.ok()) return pid.status();
    pid_ = *pid;
    pidfd_ = base::OpenPidfd(pid_);
    on_cancel_ = ctx.OnCancel([this] { Kill(); });
    out->write_end.Reset();
    in.read_end.Reset();
    reader_.emplace(output_.get());

    std::tie(feeding_, cancel_) = WithCancel(ctx);
    if (raw == nullptr) {
      absl::StatusOr<std::thread> feeder =
          threads::Start(fmt::format("feed \"{}\"", name_),
                         [this, to = std::move(in.write_end)]() mutable { Feed(std::move(to)); });
      if (!feeder.ok()) return feeder.status();
      feeder_ = *std::move(feeder);
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

  void Feed(base::Fd to) {
    // A program that wants no more closes its input; SIGPIPE is blocked here.
    io::FileWriter writer(to.get());
    std::vector<char> buf(std::size_t{64} << 10);
    for (;;) {
      absl::StatusOr<std::size_t> n =
          errdefs::Guard("a stream processor", [&] { return stream_->Read(feeding_, buf); });
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
      const int status = base::Reap(pid_).value_or(0);
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
  base::Fd output_;
  base::Fd stderr_;
  base::Fd pidfd_;
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
