// SPDX-License-Identifier: Apache-2.0
#include "copy_io.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <list>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "containerd/errdefs/errdefs.h"

#include "fifo.h"
#include "pump.h"
#include "src/base/fd.h"
#include "src/reactor/internal/reactor.h"

namespace containerd::cio::internal {
namespace {

using reactor::Reactor;
using Clock = OutputPump::Clock;

// More than the pipes between a process and its sink hold: once this much has been delivered after
// the process's exit, all that it wrote itself has been.
constexpr uint64_t kMostUnderWay = uint64_t{2} << 20;

// How many times the quiet that Drain asks for an output may go on instead, while its sink keeps
// up.
constexpr int kPatience = 2;

// How long to wait for somebody to write to outputs that nobody has open.
constexpr absl::Duration kDesertedGrace = absl::Milliseconds(100);

// How long to wait until a FIFO that is being emptied is looked at again.
constexpr absl::Duration kLookAgain = absl::Milliseconds(50);

// The pumps of one task and who waits for them. All but the constructor and the promises is used on
// the reactor's thread only.
class Copies : public std::enable_shared_from_this<Copies> {
 public:
  Copies(std::shared_ptr<Reactor> reactor, bool terminal)
      : reactor_(std::move(reactor)), terminal_(terminal) {}

  Reactor& loop() const { return *reactor_; }
  Future<OutputResult> OutputDone() const { return output_done_.GetFuture(); }
  Future<uint64_t> InputDone() const { return input_done_.GetFuture(); }
  Future<std::monostate> InputEnded() const { return input_ended_.GetFuture(); }

  void AddOutput(std::shared_ptr<OutputPump>& slot, std::string path, base::Fd fifo,
                 const Sink& sink, std::optional<UserFd> user_fd) {
    OutputPump::Hooks hooks;
    hooks.on_bytes = [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->CheckWaits();
    };
    hooks.on_done = [weak = weak_from_this()](const absl::Status& status) {
      if (const auto self = weak.lock()) self->OutputEnded(status);
    };
    slot = std::make_shared<OutputPump>(reactor_, std::move(path), std::move(fifo), sink,
                                        std::move(user_fd), std::move(hooks));
    ++running_outputs_;
  }

  void AddInput(Fifo fifo, const Source& source, std::optional<UserFd> user_fd) {
    input_ = std::make_shared<InputPump>(reactor_, std::move(fifo), source, std::move(user_fd),
                                         [weak = weak_from_this()](const absl::Status& status) {
                                           if (const auto self = weak.lock()) {
                                             self->InputEnded(status);
                                           }
                                         });
  }

  absl::Status Start() {
    const auto self = shared_from_this();
    if (running_outputs_ == 0) output_done_.Set(OutputResult{});
    if (!input_) input_done_.Set(uint64_t{0});
    for (const auto& pump : {stdout_, stderr_}) {
      if (!pump) continue;
      if (absl::Status s = pump->Start(); !s.ok()) return s;
    }
    return input_ ? input_->Start() : absl::OkStatus();
  }

  void Cancel() {
    const auto self = shared_from_this();
    const absl::Status why = errdefs::Canceled("copying the streams of a task");
    canceled_ = true;
    for (const auto& pump : {stdout_, stderr_}) {
      if (pump) pump->Cancel(why);
    }
    if (input_) input_->Cancel(why);
    EndWaits(DrainResult::kCanceled);
  }

  void Drain(absl::Duration grace, const Promise<DrainResult>& promise) {
    if (running_outputs_ == 0) {
      promise.Set(canceled_ ? DrainResult::kCanceled : DrainResult::kEOF);
      return;
    }
    DrainWait wait{.since = Clock::now(), .grace = grace, .promise = promise};
    for (std::size_t i = 0; i < wait.marks.size(); ++i) {
      if (const OutputPump* pump = Outputs()[i])
        wait.marks[i] = {pump->delivered(), pump->Behind()};
    }
    waits_.push_back(std::move(wait));
    Arm(std::prev(waits_.end()), Deserted() ? std::min(grace, kDesertedGrace) : grace);
  }

  std::shared_ptr<OutputPump> stdout_;
  std::shared_ptr<OutputPump> stderr_;

 private:
  struct Mark {  // of an output, when the wait began
    uint64_t delivered = 0;
    Clock::duration behind{};
  };
  struct DrainWait {
    Clock::time_point since;
    absl::Duration grace;
    Promise<DrainResult> promise;
    std::array<Mark, 2> marks{};
    reactor::Timer timer{};
  };
  using WaitHandle = std::list<DrainWait>::iterator;

  void Arm(WaitHandle wait, absl::Duration delay) {
    wait->timer = reactor_->RunAfter(delay, [weak = weak_from_this(), wait] {
      if (const auto self = weak.lock()) self->CheckQuiet(wait);
    });
  }

  std::array<const OutputPump*, 2> Outputs() const { return {stdout_.get(), stderr_.get()}; }

  // How long it will be at least until what the process wrote has come out of this output; zero
  // when it has.
  static absl::Duration Remaining(const DrainWait& wait, const OutputPump* pump, const Mark& mark) {
    if (pump == nullptr || pump->done()) return absl::ZeroDuration();
    if (pump->delivered() - mark.delivered >= kMostUnderWay) return absl::ZeroDuration();
    const Clock::time_point now = Clock::now();
    const absl::Duration quiet = absl::FromChrono(now - std::max(wait.since, pump->last_bytes()));
    const absl::Duration kept_up =
        absl::FromChrono((now - wait.since) - (pump->Behind() - mark.behind));
    const absl::Duration left = std::min(wait.grace - quiet, wait.grace * kPatience - kept_up);
    if (left > absl::ZeroDuration()) return left;
    if (pump->Empty()) return absl::ZeroDuration();
    return pump->paused() ? std::max(wait.grace, absl::Milliseconds(1)) : kLookAgain;
  }

  absl::Duration Remaining(const DrainWait& wait) const {
    absl::Duration longest;
    for (std::size_t i = 0; i < wait.marks.size(); ++i) {
      longest = std::max(longest, Remaining(wait, Outputs()[i], wait.marks[i]));
    }
    return longest;
  }

  // Nobody can write any more, although no end has been seen: there has been no writer.
  bool Deserted() const {
    return std::ranges::all_of(std::array{stdout_, stderr_},
                               [](const auto& pump) { return !pump || pump->Deserted(); });
  }

  void CheckQuiet(WaitHandle wait) {
    const absl::Duration remaining = Remaining(*wait);
    if (remaining > absl::ZeroDuration() && !Deserted()) return Arm(wait, remaining);
    const Promise<DrainResult> promise = wait->promise;
    waits_.erase(wait);
    promise.Set(DrainResult::kQuiet);
  }

  // Bytes have come, which may have been enough.
  void CheckWaits() {
    std::vector<Promise<DrainResult>> over;
    for (auto it = waits_.begin(); it != waits_.end();) {
      const auto wait = it++;
      if (Remaining(*wait) > absl::ZeroDuration()) continue;
      over.push_back(wait->promise);
      waits_.erase(wait);
    }
    if (over.empty()) return;
    // Not from within the pump, which who is told may cancel.
    reactor_->Post([over = std::move(over)] {
      for (const auto& promise : over) promise.Set(DrainResult::kQuiet);
    });
  }

  void EndWaits(DrainResult result) {
    std::list<DrainWait> waits;
    waits.swap(waits_);
    for (const DrainWait& wait : waits) wait.promise.Set(result);
  }

  void OutputEnded(const absl::Status& status) {
    if (output_status_.ok()) output_status_ = status;
    if (--running_outputs_ > 0) return;
    if (output_status_.ok()) {
      output_done_.Set(
          OutputResult{stdout_ ? stdout_->bytes() : 0, stderr_ ? stderr_->bytes() : 0});
    } else {
      output_done_.Set(output_status_);
    }
    EndWaits(canceled_ ? DrainResult::kCanceled : DrainResult::kEOF);
  }

  void InputEnded(const absl::Status& status) {
    if (status.ok()) {
      input_done_.Set(input_->bytes());
    } else {
      input_done_.Set(status);
    }
    if (input_->source_ended() && !terminal_) input_ended_.Set(std::monostate());
  }

  const std::shared_ptr<Reactor> reactor_;
  const bool terminal_;
  std::shared_ptr<InputPump> input_;
  int running_outputs_ = 0;
  bool canceled_ = false;
  absl::Status output_status_;  // the first failure
  std::list<DrainWait> waits_;
  const Promise<OutputResult> output_done_;
  const Promise<uint64_t> input_done_;
  const Promise<std::monostate> input_ended_;  // never, of some
};

class CopyingIO final : public IO {
 public:
  CopyingIO(FIFOSet fifos, std::shared_ptr<Copies> copies)
      : fifos_(std::move(fifos)), copies_(std::move(copies)) {}

  ~CopyingIO() override { Cancel(); }

  const cio::Config& Config() const override { return fifos_; }

  void Cancel() override {
    copies_->loop().RunSync([this] { copies_->Cancel(); });
  }

  Future<OutputResult> OutputDone() override { return copies_->OutputDone(); }
  Future<uint64_t> InputDone() override { return copies_->InputDone(); }
  Future<std::monostate> InputEnded() override { return copies_->InputEnded(); }

  Future<DrainResult> Drain(absl::Duration grace) override {
    const Promise<DrainResult> promise;
    copies_->loop().Post([copies = copies_, grace, promise] { copies->Drain(grace, promise); });
    return promise.GetFuture();
  }

  absl::Status Close() override {
    Cancel();
    return closer_.Close(fifos_);
  }

 private:
  const FIFOSet fifos_;
  const std::shared_ptr<Copies> copies_;
  CloseOnce closer_;
};

absl::StatusOr<std::optional<UserFd>> OpenUserFd(int fd, bool for_writing, std::string_view name) {
  if (fd < 0) return std::nullopt;
  absl::StatusOr<UserFd> user = UserFd::Open(fd, for_writing);
  if (!user.ok()) return errdefs::Annotate(user.status(), name);
  return std::optional<UserFd>(*std::move(user));
}

constexpr char kDevNull[] = "/dev/null";

}  // namespace

absl::StatusOr<std::shared_ptr<IO>> CopyIO(FIFOSet fifos, const Streams& streams) {
  fifos.terminal = fifos.terminal || streams.terminal;
  if (!streams.stdin) fifos.stdin.clear();
  if (!streams.stdout) fifos.stdout.clear();
  if (!streams.stderr || fifos.terminal) fifos.stderr.clear();
  // runc's shim takes either no stream at all or both outputs of a task without a terminal.
  const bool any = !fifos.stdin.empty() || !fifos.stdout.empty() || !fifos.stderr.empty();
  if (any && !fifos.terminal) {
    if (fifos.stdout.empty()) fifos.stdout = kDevNull;
    if (fifos.stderr.empty()) fifos.stderr = kDevNull;
  }

  absl::StatusOr<std::shared_ptr<Reactor>> reactor = Reactor::Shared();
  if (!reactor.ok()) return reactor.status();
  auto copies = std::make_shared<Copies>(*std::move(reactor), fifos.terminal);

  struct Output {
    const std::string& path;
    const Sink& sink;
    std::string_view name;
    std::shared_ptr<OutputPump>& slot;
  };
  for (const Output& output : {Output{fifos.stdout, streams.stdout, "stdout", copies->stdout_},
                               Output{fifos.stderr, streams.stderr, "stderr", copies->stderr_}}) {
    if (output.path.empty() || output.path == kDevNull) continue;
    absl::StatusOr<std::optional<UserFd>> user_fd = OpenUserFd(output.sink.fd(), true, output.name);
    if (!user_fd.ok()) return user_fd.status();
    absl::StatusOr<base::Fd> reader = OpenOutput(output.path, fifos.owner, output.name);
    if (!reader.ok()) return reader.status();
    copies->AddOutput(output.slot, output.path, *std::move(reader), output.sink,
                      *std::move(user_fd));
  }
  if (!fifos.stdin.empty()) {
    absl::StatusOr<std::optional<UserFd>> user_fd = OpenUserFd(streams.stdin.fd(), false, "stdin");
    if (!user_fd.ok()) return user_fd.status();
    absl::StatusOr<Fifo> fifo = Fifo::Open(fifos.stdin, fifos.owner);
    if (!fifo.ok()) return errdefs::Annotate(fifo.status(), "stdin");
    copies->AddInput(*std::move(fifo), streams.stdin, *std::move(user_fd));
  }

  absl::Status status;
  copies->loop().RunSync([&] { status = copies->Start(); });
  // From here on the object stops the copies, also those that have started when another could not.
  auto io = std::make_shared<CopyingIO>(std::move(fifos), std::move(copies));
  if (!status.ok()) return status;
  return io;
}

}  // namespace containerd::cio::internal
