// SPDX-License-Identifier: Apache-2.0
#include "src/rpc/internal/sleep.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <absl/time/clock.h>
#include <grpcpp/alarm.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/mutex.h"
#include "src/threads/internal/callback.h"
#include "src/threads/internal/start.h"

namespace containerd::rpc {
namespace {

struct Sleep {
  absl::Status Ended() const {
    if (absl::Status err = ctx.Err(); !err.ok()) return err;
    if (conn->closing().Done()) return errdefs::Canceled("the client connection is closing");
    return absl::OkStatus();
  }

  Context ctx;
  std::shared_ptr<Connection> conn;
  std::optional<Connection::Activity> activity;
  std::function<void(absl::Status)> done;
  base::Mutex mu;
  std::unique_ptr<grpc::Alarm> alarm ABSL_GUARDED_BY(mu);
  CancelRegistration on_cancel ABSL_GUARDED_BY(mu);
  CancelRegistration on_close ABSL_GUARDED_BY(mu);
};

}  // namespace

void SleepAsync(const Context& ctx, const std::shared_ptr<Connection>& conn, absl::Duration delay,
                std::function<void(absl::Status)> done) {
  auto sleep = std::make_shared<Sleep>();
  sleep->ctx = ctx;
  sleep->conn = conn;
  sleep->activity.emplace(conn);
  sleep->done = std::move(done);

  // The alarm keeps its function after it has run, so the function releases what it holds.
  auto held = std::make_shared<std::shared_ptr<Sleep>>(sleep);
  const auto cancel = [weak = std::weak_ptr<Sleep>(sleep)] {
    if (const auto live = weak.lock(); live != nullptr && !live->conn->Forked()) {
      const base::MutexLock lock(live->mu);
      if (live->alarm) live->alarm->Cancel();
    }
  };
  CancelRegistration on_cancel = ctx.OnCancel(cancel);
  CancelRegistration on_close = conn->closing().OnCancel(cancel);

  const base::MutexLock lock(sleep->mu);
  sleep->on_cancel = std::move(on_cancel);
  sleep->on_close = std::move(on_close);
  sleep->alarm = std::make_unique<grpc::Alarm>();
  // Cancelling does not look at deadlines, so the alarm goes off no later than that.
  const absl::Time end = std::min(absl::Now() + delay, ctx.Deadline());
  const threads::SignalsBlocked blocked;  // gRPC may start a thread for its timers
  sleep->alarm->Set(absl::ToChronoTime(end), [held](bool /*expired*/) {
    const threads::CallbackScope scope;
    const std::shared_ptr<Sleep> mine = std::move(*held);
    std::unique_ptr<grpc::Alarm> over;
    {
      const base::MutexLock inner(mine->mu);  // after Set has returned
      over = std::move(mine->alarm);
    }
    std::function<void(absl::Status)> done_fn = std::move(mine->done);
    done_fn(mine->Ended());
    done_fn = nullptr;  // with all that it captured, before Close may go on
    mine->activity.reset();
  });
  // The context may have ended before the alarm was set, so it is checked again here.
  if (!sleep->Ended().ok()) sleep->alarm->Cancel();
}

}  // namespace containerd::rpc
