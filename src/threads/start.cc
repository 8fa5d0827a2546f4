// SPDX-License-Identifier: Apache-2.0
#include "src/threads/internal/start.h"

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/threads/internal/abandon.h"

namespace containerd::threads {

SignalsBlocked::SignalsBlocked() {
  sigset_t most;
  sigfillset(&most);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF}) {
    sigdelset(&most, fault);
  }
  pthread_sigmask(SIG_BLOCK, &most, &before_);
}

SignalsBlocked::~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

absl::Status NoThread(std::string_view what, const std::system_error& why) {
  return errdefs::ResourceExhausted(fmt::format("no thread to {}: {}", what, why.what()));
}

void Abandon(std::thread thread) {
  // Reachable, so that it is no leak to those who look for one.
  static std::vector<std::thread>& abandoned = *new std::vector<std::thread>();
  abandoned.push_back(std::move(thread));
}

}  // namespace containerd::threads
