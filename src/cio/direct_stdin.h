// SPDX-License-Identifier: Apache-2.0
//
// The input of a DirectIO: a descriptor that the program writes to.
#ifndef CONTAINERD_SRC_CIO_DIRECT_STDIN_H_
#define CONTAINERD_SRC_CIO_DIRECT_STDIN_H_

#include <memory>
#include <utility>
#include <variant>

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/cio/cio.h"
#include "containerd/future/future.h"

#include "fifo.h"
#include "opens.h"
#include "src/base/fd.h"
#include "src/base/mutex.h"
#include "src/reactor/internal/reactor.h"

namespace containerd::cio::internal {

// A reading handle of our own (`keeper_`) keeps early input from being lost. It goes when somebody
// else's reading end has been closed, so that the program gets EPIPE then; and at the end of the
// input, which only closes the writing end once the task's side has opened its own: what is in the
// FIFO would be lost else, and a shim that opens it later would wait for a writer for ever.
//
// All functions are safe from any thread.
class DirectStdin : public std::enable_shared_from_this<DirectStdin> {
 public:
  static absl::StatusOr<std::shared_ptr<DirectStdin>> Open(
      const std::shared_ptr<reactor::Reactor>& reactor, const FIFOSet& fifos);

  DirectStdin(std::shared_ptr<reactor::Reactor> reactor, base::Fd keeper, base::Fd writer)
      : reactor_(std::move(reactor)), keeper_(std::move(keeper)), writer_(std::move(writer)) {}

  // -1 once the input has been ended or cancelled.
  int fd() const;

  void End();
  Future<std::monostate> Ended() const { return ended_.GetFuture(); }

  // Gives up both ends, whatever is in the FIFO.
  void Cancel();

  // The same, unless the input is on its way to its end.
  void LetGo();

 private:
  void WatchReaders();
  void ReaderLeft();
  void AwaitReader();
  void TryFinish();

  const std::shared_ptr<reactor::Reactor> reactor_;
  const Promise<std::monostate> ended_;

  mutable base::Mutex mu_;
  base::Fd keeper_ ABSL_GUARDED_BY(mu_);
  base::Fd writer_ ABSL_GUARDED_BY(mu_);
  bool ending_ ABSL_GUARDED_BY(mu_) = false;

  // On the reactor's thread only.
  std::shared_ptr<Opens> opens_;
  Opens::Watch watch_;
  reactor::Timer timer_;
  absl::Duration delay_ = absl::Milliseconds(1);
  std::shared_ptr<DirectStdin> self_;  // while the end is under way
};

}  // namespace containerd::cio::internal

#endif  // CONTAINERD_SRC_CIO_DIRECT_STDIN_H_
