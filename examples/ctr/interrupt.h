// SPDX-License-Identifier: Apache-2.0
//
// Ctrl-C and SIGTERM end the context, so that what a command has begun is undone: leases are given
// back, mounts go, paused containers go on. A second one ends the program at once.
#ifndef CONTAINERD_EXAMPLES_CTR_INTERRUPT_H_
#define CONTAINERD_EXAMPLES_CTR_INTERRUPT_H_

#include <csignal>
#include <thread>

#include "containerd/context/context.h"

namespace ctr {

class Interrupt {
 public:
  // Calls `cancel` from a thread. There is one object at a time.
  explicit Interrupt(containerd::CancelFunc cancel);
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  ~Interrupt();

  // The signal that came; 0 if none did.
  static int Signal();

 private:
  struct sigaction before_[2]{};
  std::thread thread_;
};

// For what has to be undone: goes on for a while after `ctx` has ended.
containerd::Context Afterwards(const containerd::Context& ctx);

}  // namespace ctr

#endif  // CONTAINERD_EXAMPLES_CTR_INTERRUPT_H_
