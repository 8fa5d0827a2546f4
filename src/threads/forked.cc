// SPDX-License-Identifier: Apache-2.0
#include "src/threads/internal/forked.h"

#include <atomic>
#include <pthread.h>
#include <unistd.h>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::threads {
namespace {

std::atomic<unsigned> forks{0};

// In place before anything of the library is made. A child has one thread when this runs.
const int registered = pthread_atfork(nullptr, nullptr, [] { ++forks; });

}  // namespace

unsigned Forks() {
  static_cast<void>(registered);
  return forks.load(std::memory_order_relaxed);
}

absl::Status Owner::Refuse(std::string_view what) {
  return errdefs::FailedPrecondition(
      fmt::format("{} belongs to a process that this one (pid {}) was forked from, and cannot be "
                  "used here: exec a program, or fork before the first client is made",
                  what, getpid()));
}

}  // namespace containerd::threads
