// SPDX-License-Identifier: Apache-2.0
//
// Threads that leave the program's signals alone: a thread inherits what the one that starts it
// blocks, so signals are blocked while the library, or gRPC at its request, starts one.
//
//   absl::StatusOr<std::thread> feeder = threads::Start("feed a program", [this] { Feed(); });
#ifndef CONTAINERD_SRC_THREADS_INTERNAL_START_H_
#define CONTAINERD_SRC_THREADS_INTERNAL_START_H_

#include <csignal>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/export/export.h"

namespace containerd::threads {

// While it lives this thread blocks all signals but those that report a fault or that profilers
// use: a blocked fault would end the process without whoever reports crashes.
class CONTAINERD_SIBLING SignalsBlocked {
 public:
  SignalsBlocked();
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked();

 private:
  sigset_t before_;
};

// ErrResourceExhausted for what std::thread throws.
CONTAINERD_SIBLING absl::Status NoThread(std::string_view what, const std::system_error& why);

// Runs `fn` on a new thread that blocks signals. ErrResourceExhausted ("no thread to <what>") if
// there can be none; `fn` has been destroyed then.
template <typename F>
absl::StatusOr<std::thread> Start(std::string_view what, F fn) {
  const SignalsBlocked blocked;
  try {
    return std::thread(std::move(fn));
  } catch (const std::system_error& e) {
    return NoThread(what, e);
  }
}

}  // namespace containerd::threads

#endif  // CONTAINERD_SRC_THREADS_INTERNAL_START_H_
