// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/future/executor.h"
#include "containerd/rpc/connection.h"
#include "containerd/tasks/tasks.h"

#include "process_state.h"
#include "src/base/mutex.h"
#include "src/client/internal/state.h"
#include "src/errdefs/internal/guard.h"
#include "src/rpc/internal/until_answered.h"

namespace containerd::internal {
namespace {

// One wait under way. It keeps itself alive by the callbacks that it hands out, and
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
        io_(process.io),
        drained_(process.drained) {}

  Future<ExitStatus> Start() {
    Future<ExitStatus> future = promise_.GetFuture();
    if (absl::Status s = CheckOpen(*conn_); !s.ok()) {
      Finish(std::move(s));
      return future;
    }
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
      base::MutexLock lock(mu_);
      on_cancel_ = std::move(on_cancel);
      on_close_ = std::move(on_close);
    }
    Ask();
    return future;
  }

 private:
  void Ask() {
    using Response = absl::StatusOr<tasks::WaitResponse>;
    rpc::CallAsyncUntilAnswered<tasks::WaitResponse>(
        ctx_, conn_,
        [self = shared_from_this()](const Context& ctx,
                                    std::function<void(const Response&)> answered) {
          errdefs::Guard("a task service", &tasks::Service::Wait, *self->service_, ctx,
                         self->container_id_, self->exec_id_)
              .Then(std::move(answered), InlineExecutor());
        },
        [self = shared_from_this()](const Response& response) { self->Answered(response); });
  }

  void Answered(const absl::StatusOr<tasks::WaitResponse>& response) {
    if (response.ok()) return Exited({response->exit_status, response->exited_at});
    Finish(response.status());
  }

  void Exited(const ExitStatus& status) {
    if (io_ == nullptr) return Finish(status);
    exited_ = true;
    errdefs::Guard("the IO of a process", &cio::IO::Drain, *io_, kDrainGrace)
        .Then(
            [self = shared_from_this(), status](const absl::StatusOr<cio::DrainResult>&) {
              self->drained_->store(true);
              self->Finish(status);
            },
            InlineExecutor());
  }

  void Finish(absl::StatusOr<ExitStatus> result) {
    if (!result.ok()) {
      result = errdefs::Annotate(
          result.status(), exited_
                               ? fmt::format("{} has ended, but has output that is not delivered "
                                             "yet",
                                             what_)
                               : "waiting for " + what_);
    }
    promise_.Set(std::move(result));
  }

  const Context ctx_;
  const std::shared_ptr<tasks::Service> service_;
  const std::shared_ptr<rpc::Connection> conn_;
  const std::string container_id_;
  const std::string exec_id_;
  const std::string what_;
  const std::shared_ptr<cio::IO> io_;
  const std::shared_ptr<std::atomic<bool>> drained_;
  std::atomic<bool> exited_ = false;
  const Promise<ExitStatus> promise_;

  base::Mutex mu_;
  CancelRegistration on_cancel_ ABSL_GUARDED_BY(mu_);
  CancelRegistration on_close_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

Future<ExitStatus> WaitForExit(const Context& ctx, const ProcessState& process) {
  return std::make_shared<Waiter>(ctx, process)->Start();
}

}  // namespace containerd::internal
