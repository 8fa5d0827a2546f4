// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <optional>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/ioctl.h>
#include <utility>
#include <variant>
#include <vector>

#include "containerd/cio/cio.h"
#include "containerd/errdefs/errdefs.h"

#include "direct_stdin.h"
#include "fifo.h"
#include "src/base/fd.h"
#include "src/base/mutex.h"
#include "src/reactor/internal/reactor.h"

namespace containerd::cio {
namespace {

using reactor::Reactor;

// How often to look whether a reader has come to the end of an output; doubles from the first on.
constexpr absl::Duration kFirstLook = absl::Milliseconds(1);
constexpr absl::Duration kLastLook = absl::Milliseconds(50);

// What there is to read of an output, and whether more may come.
struct Left {
  bool bytes = false;
  bool writer = false;
};

Left LeftOf(int fd) {
  int waiting = 0;
  pollfd p{.fd = fd, .events = 0, .revents = 0};
  const bool bytes = ::ioctl(fd, FIONREAD, &waiting) == 0 && waiting > 0;
  return {bytes, ::poll(&p, 1, 0) == 0 || (p.revents & POLLHUP) == 0};
}

// Both outputs, which the program reads when it likes. Closed with the last of its owners.
class Outputs {
 public:
  absl::Status Open(const FIFOSet& fifos) {
    base::MutexLock lock(mu_);
    if (absl::Status s = Open(fifos, fifos.stdout, "stdout", stdout_); !s.ok()) return s;
    return Open(fifos, fifos.stderr, "stderr", stderr_);
  }

  int Stdout() const {
    base::MutexLock lock(mu_);
    return stdout_.get();
  }
  int Stderr() const {
    base::MutexLock lock(mu_);
    return stderr_.get();
  }

  void Close() {
    base::MutexLock lock(mu_);
    stdout_.Reset();
    stderr_.Reset();
    closed_ = true;
  }

  // nullopt when the outputs have been closed here.
  std::optional<Left> Look() const {
    base::MutexLock lock(mu_);
    if (closed_) return std::nullopt;
    Left left;
    for (const base::Fd* fd : {&stdout_, &stderr_}) {
      if (!*fd) continue;
      const Left one = LeftOf(fd->get());
      left.bytes |= one.bytes;
      left.writer |= one.writer;
    }
    return left;
  }

 private:
  static absl::Status Open(const FIFOSet& fifos, const std::string& path, std::string_view name,
                           base::Fd& fd) {
    if (path.empty()) return absl::OkStatus();
    absl::StatusOr<base::Fd> reader = internal::OpenOutput(path, fifos.owner, name);
    if (!reader.ok()) return reader.status();
    fd = *std::move(reader);
    return absl::OkStatus();
  }

  mutable base::Mutex mu_;
  base::Fd stdout_ ABSL_GUARDED_BY(mu_);
  base::Fd stderr_ ABSL_GUARDED_BY(mu_);
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

// One Drain: looks again and again, on the reactor's thread, until the readers are done.
class DrainWatch : public std::enable_shared_from_this<DrainWatch> {
 public:
  DrainWatch(std::shared_ptr<Reactor> reactor, std::shared_ptr<Outputs> outputs,
             absl::Duration grace)
      : reactor_(std::move(reactor)), outputs_(std::move(outputs)), grace_(grace) {}

  Future<DrainResult> Start() {
    reactor_->Post([self = shared_from_this()] { self->Look(); });
    return promise_.GetFuture();
  }

 private:
  void Look() {
    const std::optional<Left> left = outputs_->Look();
    if (!left.has_value()) return End(DrainResult::kCanceled);
    if (!left->bytes && !left->writer) return End(DrainResult::kEOF);
    // What waits for a reader has all the time that this takes.
    quiet_ = left->bytes ? absl::ZeroDuration() : quiet_ + delay_;
    if (!left->bytes && quiet_ >= grace_) return End(DrainResult::kQuiet);
    delay_ = std::min(std::max(delay_ * 2, kFirstLook), kLastLook);
    timer_ = reactor_->RunAfter(delay_, [self = shared_from_this()] { self->Look(); });
  }

  void End(DrainResult result) {
    promise_.Set(result);
    timer_ = {};
  }

  const std::shared_ptr<Reactor> reactor_;
  const std::shared_ptr<Outputs> outputs_;
  const absl::Duration grace_;
  const Promise<DrainResult> promise_;
  absl::Duration delay_;
  absl::Duration quiet_;
  reactor::Timer timer_;
};

class OpenFIFOs final : public DirectIO {
 public:
  OpenFIFOs(FIFOSet fifos, std::shared_ptr<Reactor> reactor)
      : fifos_(std::move(fifos)), reactor_(std::move(reactor)) {
    if (fifos_.terminal) fifos_.stderr.clear();
  }

  // Input that the program has ended goes on to its end.
  ~OpenFIFOs() override {
    if (stdin_ != nullptr) stdin_->LetGo();
  }

  absl::Status Open() {
    if (!fifos_.stdin.empty()) {
      auto input = internal::DirectStdin::Open(reactor_, fifos_);
      if (!input.ok()) return errdefs::Annotate(input.status(), "stdin");
      stdin_ = *std::move(input);
    }
    return outputs_->Open(fifos_);
  }

  const cio::Config& Config() const override { return fifos_; }
  int Stdin() const override { return stdin_ == nullptr ? -1 : stdin_->fd(); }
  int Stdout() const override { return outputs_->Stdout(); }
  int Stderr() const override { return outputs_->Stderr(); }

  void CloseStdin() override {
    if (stdin_ != nullptr) stdin_->End();
  }

  Future<std::monostate> InputEnded() override {
    return stdin_ == nullptr ? DirectIO::InputEnded() : stdin_->Ended();
  }

  void Cancel() override {
    if (stdin_ != nullptr) stdin_->Cancel();
    outputs_->Close();
  }

  Future<OutputResult> OutputDone() override { return Future<OutputResult>::Ready(OutputResult{}); }
  Future<uint64_t> InputDone() override { return Future<uint64_t>::Ready(uint64_t{0}); }
  Future<DrainResult> Drain(absl::Duration grace) override {
    return std::make_shared<DrainWatch>(reactor_, outputs_, grace)->Start();
  }

  absl::Status Close() override {
    Cancel();
    return closer_.Close(fifos_);
  }

 private:
  FIFOSet fifos_;
  const std::shared_ptr<Reactor> reactor_;
  std::shared_ptr<internal::DirectStdin> stdin_;
  const std::shared_ptr<Outputs> outputs_ = std::make_shared<Outputs>();
  internal::CloseOnce closer_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<DirectIO>> NewDirectIO(FIFOSet fifos) {
  absl::StatusOr<std::shared_ptr<Reactor>> reactor = Reactor::Shared();
  if (!reactor.ok()) {
    (void)fifos.Close();  // the first error tells more
    return reactor.status();
  }
  auto io = std::make_shared<OpenFIFOs>(std::move(fifos), *std::move(reactor));
  if (absl::Status s = io->Open(); !s.ok()) {
    (void)io->Close();  // the first error tells more
    return s;
  }
  return io;
}

}  // namespace containerd::cio
