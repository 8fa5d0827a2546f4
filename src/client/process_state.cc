// SPDX-License-Identifier: Apache-2.0
#include "process_state.h"

#include <unordered_set>
#include <variant>

#include <absl/time/time.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/future/executor.h"
#include "containerd/log/log.h"
#include "containerd/rpc/connection.h"
#include "containerd/tasks/tasks.h"

#include "src/base/cleanup.h"
#include "src/base/mutex.h"
#include "src/errdefs/internal/guard.h"
#include "src/rpc/internal/call.h"
#include "src/rpc/internal/outcome.h"
#include "src/rpc/internal/until_answered.h"
#include "src/threads/internal/callback.h"

namespace containerd::internal {
namespace {

// What exceptions are named by: the streams may be of a Creator of the user's.
constexpr char kStreams[] = "the IO of a process";

// How long to wait for the last output of a process that is gone from the daemon.
constexpr absl::Duration kLastGrace = absl::Milliseconds(100);

// The streams that are being copied, whoever else holds them.
class Copying {
 public:
  static Copying& Instance() {
    static Copying& instance = *new Copying;  // never destroyed: copies may outlive static objects
    return instance;
  }

  void KeepUntilDone(const std::shared_ptr<cio::IO>& io) {
    {
      const base::MutexLock lock(mu_);
      if (!ios_.insert(io).second) return;
    }
    // The process is there, whatever its streams throw.
    const absl::Status followed = errdefs::Guard(kStreams, [&] { Follow(io); });
    if (followed.ok()) return;
    threads::NoteException(followed);
    LetGo(io);
  }

 private:
  void Follow(const std::shared_ptr<cio::IO>& io) {
    io->OutputDone().Then(
        [this, weak = std::weak_ptr(io)](const auto&) {
          const auto output_done = weak.lock();
          if (output_done == nullptr) return;
          output_done->InputDone().Then([this, weak](const auto&) { LetGo(weak.lock()); },
                                        InlineExecutor());
        },
        InlineExecutor());
  }

  void LetGo(const std::shared_ptr<cio::IO>& io) {
    const base::MutexLock lock(mu_);
    ios_.erase(io);  // the caller's is not the last reference
  }

  base::Mutex mu_;
  std::unordered_set<std::shared_ptr<cio::IO>> ios_ ABSL_GUARDED_BY(mu_);
};

// A client for callbacks, on whose threads its end must not wait for anything.
class ClientForCallbacks {
 public:
  explicit ClientForCallbacks(const Client& client) : client_(client) {}
  ClientForCallbacks(const ClientForCallbacks&) = delete;
  ClientForCallbacks& operator=(const ClientForCallbacks&) = delete;
  ~ClientForCallbacks() {
    const threads::CallbackScope scope;
    client_.reset();
  }

  Client& operator*() { return *client_; }

 private:
  std::optional<Client> client_;
};

}  // namespace

ProcessState::~ProcessState() {
  if (to_be_started.load()) CloseStreams();
}

std::string ProcessState::Describe() const {
  return IsTask() ? fmt::format("task \"{}\"", container_id)
                  : fmt::format("process \"{}\" of task \"{}\"", exec_id, container_id);
}

namespace {

Future<std::monostate> AskToCloseIO(const Context& ctx, std::shared_ptr<ClientForCallbacks> client,
                                    std::string container_id, std::string exec_id,
                                    bool close_stdin) {
  const Promise<std::monostate> promise;
  const std::shared_ptr<rpc::Connection> conn = (**client).Connection();
  rpc::CallAsyncUntilAnswered<std::monostate>(
      ctx, conn,
      [client, container_id = std::move(container_id), exec_id = std::move(exec_id), close_stdin](
          const Context& attempt,
          std::function<void(const absl::StatusOr<std::monostate>&)> answered) {
        errdefs::Guard("a task service", [&] {
          return (**client).TaskService()->CloseIOAsync(attempt, container_id, exec_id,
                                                        close_stdin);
        }).Then(std::move(answered), InlineExecutor());
      },
      [promise, client](const absl::StatusOr<std::monostate>& closed) { promise.Set(closed); });
  return promise.GetFuture();
}

}  // namespace

void ProcessState::Exists(const Context& ctx) const {
  if (io == nullptr) return;
  Copying::Instance().KeepUntilDone(io);
  threads::Notify(kStreams, [&] { CloseInputAtItsEnd(ctx); });
}

void ProcessState::CloseInputAtItsEnd(const Context& ctx) const {
  io->InputEnded().Then(
      [client = std::make_shared<ClientForCallbacks>(client), ctx = WithoutCancel(ctx),
       container_id = container_id, exec_id = exec_id,
       what = Describe()](const absl::StatusOr<std::monostate>&) {
        AskToCloseIO(ctx, client, container_id, exec_id, true)
            .Then(
                [what](const absl::StatusOr<std::monostate>& closed) {
                  // A process that has gone needs no end of its input.
                  if (closed.ok() || errdefs::IsNotFound(closed.status())) return;
                  log::Warn(fmt::format("closing the stdin of {} at the end of its source: {}",
                                        what, errdefs::Message(closed.status())));
                },
                InlineExecutor());
      },
      InlineExecutor());
}

Future<std::monostate> ProcessState::CloseIO(const Context& ctx, bool close_stdin) const {
  return AskToCloseIO(ctx, std::make_shared<ClientForCallbacks>(client), container_id, exec_id,
                      close_stdin);
}

void ProcessState::Cancel() const {
  threads::Notify(kStreams, [this] { io->Cancel(); });
}

void ProcessState::CloseStreams() const {
  // The streams of a process that this one was forked from are still in use there.
  if (io == nullptr || client.Connection()->Forked()) return;
  Cancel();
  absl::Status s = errdefs::Guard(kStreams, &cio::IO::Close, *io);
  if (!s.ok()) {
    log::Warn(fmt::format("closing the streams of {}: {}", Describe(), errdefs::Message(s)));
  }
}

void ProcessState::CreationFailed(const Context& ctx, const absl::Status& why) const {
  if (io == nullptr) return;
  if (!rpc::OutcomeOpen(why)) return CloseStreams();
  const auto found = client.TaskService()->Get(base::CleanUpContext(ctx), container_id, exec_id);
  const cio::Config& config = io->Config();
  const bool others =
      found.ok() && (found->stdin_path != config.stdin || found->stdout_path != config.stdout ||
                     found->stderr_path != config.stderr);
  if (errdefs::IsNotFound(found.status()) || others) return CloseStreams();
  log::Warn(
      fmt::format("{} may exist although creating it failed: its FIFOs are kept", Describe()));
  Cancel();
}

void ProcessState::StartFailed(const Context& ctx, const absl::Status& why) const {
  // It may run, or be about to.
  if (io == nullptr || (rpc::OutcomeOpen(why) && !errdefs::IsUnknown(why))) return;
  const auto found = client.TaskService()->Get(base::CleanUpContext(ctx), container_id, exec_id);
  if (errdefs::IsNotFound(found.status())) {
    // What it wrote before it went is still under way.
    static_cast<void>(Drain(kLastGrace).Get(base::CleanUpContext(ctx)));
    CloseStreams();
  } else if (found.ok() && found->status == tasks::Status::kCreated) {
    CloseStreams();
  }
}

Future<cio::DrainResult> ProcessState::Drain(absl::Duration grace) const {
  return errdefs::Guard(kStreams, &cio::IO::Drain, *io, grace);
}

absl::Status ProcessState::DrainOutput(const Context& ctx) const {
  if (io == nullptr || drained->load()) return absl::OkStatus();
  const auto result = Drain(kDrainGrace).Get(ctx);
  if (!result.ok()) {
    return errdefs::Annotate(result.status(),
                             fmt::format("{} has output that is not delivered yet", Describe()));
  }
  drained->store(true);
  return absl::OkStatus();
}

void ProcessState::Deleted(const Context& ctx) const {
  if (io == nullptr) return;
  // The shim has let go of its ends. What may still come is of others.
  static_cast<void>(Drain(kLastGrace).Get(WithTimeout(ctx, absl::Seconds(1))));
  CloseStreams();
}

}  // namespace containerd::internal
