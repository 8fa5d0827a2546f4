// SPDX-License-Identifier: Apache-2.0
//
// A process in a container: the task's first one, or one added by Task::Exec.
//
//   Future<ExitStatus> exit = process.Wait(ctx);     // before Start, so that no exit is missed
//   absl::Status started = process.Start(ctx);
//   absl::StatusOr<ExitStatus> status = exit.Get(ctx);
//
// Source: client/process.go.
#ifndef CONTAINERD_PROCESS_H_
#define CONTAINERD_PROCESS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>
#include <vector>

#include <absl/base/attributes.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/cio/cio.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/future/future.h"
#include "containerd/option/option.h"
#include "containerd/tasks/tasks.h"

namespace containerd {

class Process;
namespace internal {
struct ProcessState;
}

// The exit code of a process whose exit could not be learned.
inline constexpr std::uint32_t kUnknownExitStatus = 255;

// How a process ended.
class ExitStatus {
 public:
  ExitStatus() = default;
  ExitStatus(std::uint32_t code, absl::Time exited_at, absl::Status error = absl::OkStatus())
      : code_(code), exited_at_(exited_at), error_(std::move(error)) {}

  // What the process gave to exit(2), or 128 + the number of the signal that killed it.
  std::uint32_t ExitCode() const { return code_; }
  absl::Time ExitTime() const { return exited_at_; }

  // Why the exit is unknown. Wait and Delete never return such a status, but an error.
  const absl::Status& Error() const ABSL_ATTRIBUTE_LIFETIME_BOUND { return error_; }

  std::tuple<std::uint32_t, absl::Time, absl::Status> Result() const {
    return {code_, exited_at_, error_};
  }

 private:
  std::uint32_t code_ = kUnknownExitStatus;
  absl::Time exited_at_ = absl::InfinitePast();
  absl::Status error_;
};

using ProcessStatus = tasks::Status;  // ProcessStatus::kRunning and so on

// A process's state, and how it ended. Source: client.Status.
struct Status {
  ProcessStatus status = ProcessStatus::kUnknown;
  std::uint32_t exit_status = 0;  // once stopped
  absl::Time exit_time = absl::InfinitePast();
};

// Which processes a signal goes to. Source: client.KillInfo.
struct KillInfo {
  bool all = false;     // every process of the container, not just this one
  std::string exec_id;  // of another process of the task
};

using KillOpt = option::Option<const Context&, KillInfo&>;
using KillOpts = KillOpt;  // as Go calls it

// WithKillAll is an option itself, WithKillExecID makes one.
CONTAINERD_EXPORT extern const option::Plain<KillOpt> WithKillAll;
CONTAINERD_EXPORT KillOpt WithKillExecID(std::string exec_id);

// Runs before a process is deleted.
using ProcessDeleteOpt = option::Option<const Context&, Process&>;
using ProcessDeleteOpts = ProcessDeleteOpt;  // as Go calls it

// Is an option: kills the process (and, of a task, all others in it) and waits for its exit.
CONTAINERD_EXPORT extern const option::Plain<ProcessDeleteOpt> WithProcessKill;

// Which streams CloseIO closes. Source: client.IOCloseInfo.
struct IOCloseInfo {
  bool stdin = false;
};

using IOCloserOpt = option::Option<IOCloseInfo&>;
using IOCloserOpts = IOCloserOpt;  // as Go calls it

// Is an option: closes stdin.
CONTAINERD_EXPORT extern const option::Plain<IOCloserOpt> WithStdinCloser;

// A handle: copies are the same process. All functions are safe from any thread. Errors name the
// task and process, and are ErrNotFound once it has been deleted.
//
// A process that goes out of scope goes on running, and its streams are copied to their end, also
// when the client's last handle has gone (the connection stays up for as long as input may end).
// See cio::IO for how to end the copying.
class CONTAINERD_EXPORT Process {
 public:
  // A move is a copy, so that there is no moved-from handle to trip over.
  Process(const Process&) = default;
  Process& operator=(const Process&) = default;

  // The exec id; the container's id for a task's first process.
  const std::string& ID() const ABSL_ATTRIBUTE_LIFETIME_BOUND;

  // In the daemon's PID namespace; 0 for an exec that has not been started.
  std::uint32_t Pid() const;

  // Runs the created process. If that fails, and the process has not been started before, its
  // streams are closed; they are left alone when it is not known what the daemon did
  // (ErrUnavailable, DeadlineExceeded, Canceled): it can be asked by Status, and started again.
  absl::Status Start(const Context& ctx);

  // Sends a signal, as of kill(2). ErrNotFound if the process has ended.
  absl::Status Kill(const Context& ctx, int signal, const std::vector<KillOpt>& opts = {});

  // Completes when the process has exited and all its output has been delivered to its streams (if
  // a process that was left behind still holds an output open, its output counts as delivered once
  // nothing has come for two seconds, or the sink has kept up with it for four: cio::IO::Drain).
  // Costs no thread, also by the thousand. May be called before
  // Start, and after the exit.
  //
  // The wait outlasts restarts of the daemon: one that is cut off is asked again until the daemon
  // answers. It ends with the context (Canceled, DeadlineExceeded), with the client, and with
  // ErrNotFound when the process is deleted, or when it ended while the daemon was down and the
  // daemon does not know it any more (1.6 does, later ones may not). Source: Process.Wait, whose
  // channel gets an error at a restart, and which costs a goroutine.
  Future<ExitStatus> Wait(const Context& ctx);

  // With WithStdinCloser: lets the process read the end of its input, once the streams here have
  // given up their end as well. When the source of the streams ends, the library does it by itself
  // (cio::IO::InputEnded), unlike Go's client, whose callers do it.
  absl::Status CloseIO(const Context& ctx, const std::vector<IOCloserOpt>& opts = {});

  // The same without waiting, also where nothing may block: complete when the daemon has answered,
  // which is asked again over a restart of it. Ends with the context and the client.
  Future<std::monostate> CloseIOAsync(const Context& ctx,
                                      const std::vector<IOCloserOpt>& opts = {});

  // Sets the size of the process's terminal, in characters.
  absl::Status Resize(const Context& ctx, std::uint32_t width, std::uint32_t height);

  // The streams; nullptr for a process that was loaded without attaching to them.
  std::shared_ptr<cio::IO> IO() const;

  // The process's state, asked from the daemon; the exit status once it has stopped. Source:
  // Process.Status.
  absl::StatusOr<containerd::Status> Status(const Context& ctx);

  // Waits until the output of the stopped process has been delivered, as Wait does, removes it from
  // the daemon, and closes its streams. The same of a created one that was never started.
  // ErrFailedPrecondition while it runs. When the context ends before the output has been
  // delivered, the error says so, and the process is still there: nothing is lost, and Delete can
  // be called again.
  absl::StatusOr<ExitStatus> Delete(const Context& ctx,
                                    const std::vector<ProcessDeleteOpt>& opts = {});

 protected:
  friend class Container;
  friend class Task;
  explicit Process(std::shared_ptr<internal::ProcessState> state) : state_(std::move(state)) {}

  std::shared_ptr<internal::ProcessState> state_;
};

}  // namespace containerd

#endif  // CONTAINERD_PROCESS_H_
