// SPDX-License-Identifier: Apache-2.0
#include "interrupt.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

constexpr std::array kSignals{SIGINT, SIGTERM};

std::atomic<int> caught{0};
int wake = -1;  // what a handler may do is to write to it

void Wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = write(wake, &one, sizeof one);
}

void Handle(int signal) {
  const int before = errno;
  caught = signal;
  Wake();
  errno = before;
}

}  // namespace

Interrupt::Interrupt(CancelFunc cancel) {
  wake = eventfd(0, EFD_CLOEXEC);
  thread_ = std::thread([cancel = std::move(cancel)] {
    std::uint64_t count = 0;
    while (read(wake, &count, sizeof count) < 0 && errno == EINTR) {
    }
    if (caught != 0) cancel();
  });
  struct sigaction action {};
  action.sa_handler = Handle;
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], nullptr, &before_[i]);
    // Whoever has started it in the background wants it not to be interrupted.
    if (before_[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
  }
}

Interrupt::~Interrupt() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
  Wake();
  thread_.join();
  close(wake);
}

int Interrupt::Signal() { return caught; }

Context Afterwards(const Context& ctx) {
  return WithTimeout(WithoutCancel(ctx), absl::Seconds(10));
}

}  // namespace ctr
