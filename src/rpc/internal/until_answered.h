// SPDX-License-Identifier: Apache-2.0
//
// Calls that are asked again while nobody is there to answer, as a Wait is over a daemon's restart.
#ifndef CONTAINERD_SRC_RPC_INTERNAL_UNTIL_ANSWERED_H_
#define CONTAINERD_SRC_RPC_INTERNAL_UNTIL_ANSWERED_H_

#include <functional>
#include <memory>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"
#include "containerd/rpc/connection.h"

#include "src/rpc/internal/sleep.h"
#include "src/tracing/internal/observation.h"

namespace containerd::rpc {

// Whether an error of a call that nobody here has cancelled says that nobody was there to answer,
// rather than what the answer is: the daemon is away (ErrUnavailable) or stopping (it cancels its
// calls, and hangs up on its shims).
bool IsCutOff(const absl::Status& status);

// The wait after one of `last` (zero: the first): doubles from 50 ms to 2 s.
absl::Duration NextRetryDelay(absl::Duration last);

// Begins `call` with the context, which counts the attempts. It hands its outcome to the function
// that it gets, once and from any thread, and is begun again after a moment while that outcome is a
// cut-off. `done` gets the first other outcome; the context's error when that ends first; and the
// error as it is when the connection is closed. No thread waits, and what `call` and `done` hold is
// let go of when `done` has returned.
template <typename Response>
void CallAsyncUntilAnswered(
    const Context& ctx, const std::shared_ptr<Connection>& conn,
    std::function<void(const Context&, std::function<void(const absl::StatusOr<Response>&)>)> call,
    std::function<void(absl::StatusOr<Response>)> done) {
  struct Asking : std::enable_shared_from_this<Asking> {
    void Ask() {
      ++attempts;
      call(attempts > 1 ? tracing::WithAttempt(ctx, attempts) : ctx,
           [self = this->shared_from_this()](const absl::StatusOr<Response>& response) {
             self->Answered(response);
           });
    }
    void Answered(const absl::StatusOr<Response>& response) {
      if (response.ok()) return done(response);
      if (absl::Status ended = ctx.Err(); !ended.ok()) return done(std::move(ended));
      if (!IsCutOff(response.status()) || conn->closing().Done()) return done(response.status());
      delay = NextRetryDelay(delay);
      SleepAsync(ctx, conn, delay, [self = this->shared_from_this()](absl::Status status) {
        if (!status.ok()) return self->done(std::move(status));
        self->Ask();
      });
    }

    Context ctx;
    std::shared_ptr<Connection> conn;
    std::function<void(const Context&, std::function<void(const absl::StatusOr<Response>&)>)> call;
    std::function<void(absl::StatusOr<Response>)> done;
    // Only one attempt is under way at a time, so these need no lock.
    absl::Duration delay;
    int attempts = 0;
  };
  auto asking = std::make_shared<Asking>();
  asking->ctx = ctx;
  asking->conn = conn;
  asking->call = std::move(call);
  asking->done = std::move(done);
  asking->Ask();
}

}  // namespace containerd::rpc

#endif  // CONTAINERD_SRC_RPC_INTERNAL_UNTIL_ANSWERED_H_
