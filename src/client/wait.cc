// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include <absl/time/time.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/rpc/connection.h"
#include "containerd/tasks/tasks.h"

#include "process_state.h"
#include "src/reactor/internal/reactor.h"

namespace containerd::internal {
namespace {

// How long an output that somebody still holds open may be silent before it counts as done.
constexpr absl::Duration kDrainGrace = absl::Seconds(2);

constexpr absl::Duration kFirstRetry = absl::Milliseconds(50);
constexpr absl::Duration kLastRetry = absl::Seconds(2);

// Whether the error says that the daemon could not be asked, rather than what became of the
// process.
bool CutOff(const absl::Status& status) {
  return errdefs::IsUnavailable(status) || errdefs::IsCanceled(status) ||
         // A daemon that is stopping has hung up on its shims.
         (errdefs::IsUnknown(status) &&
          errdefs::Message(status).find("ttrpc: closed") != std::string_view::npos);
}

// One wait under way. It keeps itself alive by the callbacks that it hands out, one at a time, and
// does not keep the client alive: when that closes, the wait ends.
class Waiter : public std::enable_shared_from_this<Waiter> {
 public:
  Waiter(const Context& ctx, const ProcessState& process)
      : ctx_(ctx),
        service_(process.client.TaskService()),
        conn_(process.client.Connection()),
        container_id_(process.container_id),
        exec_id_(process.exec_id),
        what_(process.Describe()),
        io_(process.io) {}

  Future<ExitStatus> Start() {
    Future<ExitStatus> future = promise_.GetFuture();
    // The call under way ends by itself; these end the time between calls and the draining.
    const std::weak_ptr<Waiter> weak = weak_from_this();
    const auto end = [weak](const char* why) {
      return [weak, why] {
        if (auto live = weak.lock()) live->Finish(errdefs::Canceled(why));
      };
    };
    CancelRegistration on_cancel = ctx_.OnCancel(end("context canceled"));
    CancelRegistration on_close =
        conn_->closing().OnCancel(end("the client connection is closing"));
    {
      std::lock_guard lock(mu_);
      on_cancel_ = std::move(on_cancel);
      on_close_ = std::move(on_close);
    }
    Ask();
    return future;
  }

 private:
  void Ask() {
    service_->Wait(ctx_, container_id_, exec_id_)
        .Then([self = shared_from_this()](const absl::StatusOr<tasks::WaitResponse>& response) {
          self->Answered(response);
        });
  }

  void Answered(const absl::StatusOr<tasks::WaitResponse>& response) {
    if (response.ok()) return Exited({response->exit_status, response->exited_at});
    if (absl::Status ended = ctx_.Err(); !ended.ok()) return Finish(std::move(ended));
    if (!CutOff(response.status()) || conn_->closing().Done()) return Finish(response.status());

    if (reactor_ == nullptr) {
      auto reactor = reactor::Reactor::Shared();
      if (!reactor.ok()) return Finish(reactor.status());
      reactor_ = *std::move(reactor);
    }
    delay_ = std::clamp(delay_ * 2, kFirstRetry, kLastRetry);
    // The pause ends with the context at the latest; the next call then returns the context's
    // error.
    const absl::Duration left = ctx_.Deadline() - absl::Now();
    reactor::Timer timer =
        reactor_->RunAfter(std::min(delay_, left), [self = shared_from_this()] { self->Ask(); });
    std::lock_guard lock(mu_);
    retry_ = std::move(timer);
  }

  void Exited(const ExitStatus& status) {
    if (io_ == nullptr) return Finish(status);
    io_->Drain(kDrainGrace)
        .Then([self = shared_from_this(), status](const absl::StatusOr<cio::DrainResult>&) {
          self->Finish(status);
        });
  }

  void Finish(absl::StatusOr<ExitStatus> result) {
    if (!result.ok()) result = errdefs::Annotate(result.status(), "waiting for " + what_);
    promise_.Set(std::move(result));
  }

  const Context ctx_;
  const std::shared_ptr<tasks::Service> service_;
  const std::shared_ptr<rpc::Connection> conn_;
  const std::string container_id_;
  const std::string exec_id_;
  const std::string what_;
  const std::shared_ptr<cio::IO> io_;
  const Promise<ExitStatus> promise_;

  // Only one callback is outstanding at a time, so these need no lock.
  std::shared_ptr<reactor::Reactor> reactor_;
  absl::Duration delay_ = absl::ZeroDuration();

  std::mutex mu_;
  CancelRegistration on_cancel_;
  CancelRegistration on_close_;
  reactor::Timer retry_;
};

}  // namespace

Future<ExitStatus> WaitForExit(const Context& ctx, const ProcessState& process) {
  return std::make_shared<Waiter>(ctx, process)->Start();
}

}  // namespace containerd::internal
