// SPDX-License-Identifier: Apache-2.0
#include "containerd/forward.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <functional>
#include <semaphore.h>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"

#include "src/threads/internal/start.h"

namespace containerd {
namespace {

// The realtime signals that glibc leaves to programs begin after its own two.
constexpr int kFirstRealtime = 34;
constexpr int kSignals = 65;

std::vector<int> AllButOwn() {
  std::vector<int> all;
  for (int signal = 1; signal < kSignals; ++signal) {
    switch (signal) {
      case SIGKILL:
      case SIGSTOP:
      case SIGSEGV:
      case SIGBUS:
      case SIGFPE:
      case SIGILL:
      case SIGTRAP:
      case SIGABRT:
      case SIGSYS:
      case SIGCHLD:
      case SIGPIPE:
      case SIGURG:
      case SIGWINCH:
      case SIGTTIN:
      case SIGTTOU:
      case SIGPROF:
      case SIGVTALRM:
        continue;
      default:
        if (signal <= SIGSYS || signal >= kFirstRealtime) all.push_back(signal);
    }
  }
  return all;
}

// Where a handler leaves what came, for a thread to take. They are there as long as the program: a
// handler may still run on some thread when its forwarder has gone.
struct Slot {
  sem_t came{};
  std::array<std::atomic<bool>, kSignals> signals{};
  std::atomic<bool> taken = false;
};
constexpr int kSlots = 16;
std::array<Slot, kSlots>& Slots() {
  static auto* const slots = new std::array<Slot, kSlots>();
  return *slots;
}

// Who gets a signal, as one more than the number of the slot: what a handler may read.
std::array<std::atomic<int>, kSignals> receivers{};

extern "C" void ContainerdForwardSignal(int signal) {
  const int errno_before = errno;
  const int receiver = receivers[static_cast<std::size_t>(signal)];
  if (receiver > 0) {
    Slot& slot = Slots()[static_cast<std::size_t>(receiver - 1)];
    slot.signals[static_cast<std::size_t>(signal)] = true;
    sem_post(&slot.came);
  }
  errno = errno_before;
}

// Calls `handle` for each signal of some, on a thread of its own.
class Catcher final : public Forwarder {
 public:
  using Handle = std::function<absl::Status(const Context& ctx, int signal)>;

  Catcher(const Context& ctx, std::vector<int> signals, Handle handle)
      : signals_(std::move(signals)), handle_(std::move(handle)) {
    std::tie(ctx_, cancel_) = WithCancel(ctx);
  }

  ~Catcher() override {
    for (auto before = before_.rbegin(); before != before_.rend(); ++before) {
      sigaction(before->signal, &before->action, nullptr);
      receivers[static_cast<std::size_t>(before->signal)] = before->receiver;
    }
    cancel_();
    if (slot_ == nullptr) return;
    stop_ = true;
    sem_post(&slot_->came);
    if (thread_.joinable()) thread_.join();
    slot_->taken = false;
  }

  absl::Status Start() {
    int number = 0;
    while (number < kSlots && Slots()[static_cast<std::size_t>(number)].taken.exchange(true)) {
      ++number;
    }
    if (number == kSlots) {
      return errdefs::ResourceExhausted(
          fmt::format("signals are passed on to {} processes already", kSlots));
    }
    slot_ = &Slots()[static_cast<std::size_t>(number)];
    sem_init(&slot_->came, 0, 0);
    for (std::atomic<bool>& signal : slot_->signals) signal = false;
    absl::StatusOr<std::thread> thread = threads::Start("pass signals on", [this] { Run(); });
    if (!thread.ok()) return thread.status();
    thread_ = *std::move(thread);
    struct sigaction action {};
    action.sa_handler = ContainerdForwardSignal;
    action.sa_flags = SA_RESTART;
    sigfillset(&action.sa_mask);
    for (const int signal : signals_) {
      Before before{.signal = signal, .receiver = receivers[static_cast<std::size_t>(signal)]};
      receivers[static_cast<std::size_t>(signal)] = number + 1;
      if (sigaction(signal, &action, &before.action) == 0) before_.push_back(before);
    }
    return absl::OkStatus();
  }

 private:
  // What was done with a signal.
  struct Before {
    int signal = 0;
    int receiver = 0;
    struct sigaction action {};
  };

  void Run() {
    for (;;) {
      while (sem_wait(&slot_->came) != 0) {
      }
      if (stop_) return;
      for (const int signal : signals_) {
        if (!slot_->signals[static_cast<std::size_t>(signal)].exchange(false)) continue;
        absl::Status s = handle_(ctx_, signal);
        // One that comes after the process's end is for nobody.
        if (!s.ok() && !errdefs::IsNotFound(s) && ctx_.Err().ok()) {
          log::Warn(errdefs::Message(s));
        }
      }
    }
  }

  const std::vector<int> signals_;
  const Handle handle_;
  Context ctx_;
  CancelFunc cancel_;
  Slot* slot_ = nullptr;
  std::vector<Before> before_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

absl::StatusOr<std::unique_ptr<Forwarder>> Catch(const Context& ctx, std::vector<int> signals,
                                                 Catcher::Handle handle) {
  auto catcher = std::make_unique<Catcher>(ctx, std::move(signals), std::move(handle));
  if (absl::Status s = catcher->Start(); !s.ok()) return s;
  return catcher;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Forwarder>> ForwardAllSignals(const Context& ctx,
                                                             const Process& process) {
  return Catch(ctx, AllButOwn(), [to = Process(process)](const Context& in, int signal) mutable {
    return errdefs::Annotate(to.Kill(in, signal), fmt::format("forwarding signal {}", signal));
  });
}

absl::StatusOr<std::unique_ptr<Forwarder>> HandleConsoleResize(const Context& ctx,
                                                               const Process& process,
                                                               const console::Console& terminal) {
  const auto resize = [&terminal](const Context& in, Process to) -> absl::Status {
    absl::StatusOr<console::WinSize> size = terminal.Size();
    return size.ok() ? to.Resize(in, size->width, size->height) : size.status();
  };
  auto catcher = Catch(ctx, {SIGWINCH},
                       [resize, process](const Context& in, int) { return resize(in, process); });
  // After that no change is missed.
  if (!catcher.ok()) return catcher;
  if (absl::Status s = resize(ctx, process); !s.ok()) {
    return errdefs::Annotate(
        s, fmt::format("resizing a process's terminal to that of {}", terminal.Name()));
  }
  return catcher;
}

}  // namespace containerd
