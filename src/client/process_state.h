// SPDX-License-Identifier: Apache-2.0
//
// What the copies of a Process share, and how a process is waited for.
#ifndef CONTAINERD_SRC_CLIENT_PROCESS_STATE_H_
#define CONTAINERD_SRC_CLIENT_PROCESS_STATE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include <absl/status/status.h>
#include <absl/time/time.h>

#include "containerd/cio/cio.h"
#include "containerd/client.h"
#include "containerd/context/context.h"
#include "containerd/future/future.h"
#include "containerd/process.h"

namespace containerd::internal {

struct ProcessState {
  ProcessState(const Client& client_handle, std::string container, std::string exec,
               std::uint32_t process, std::shared_ptr<cio::IO> streams)
      : client(client_handle),
        container_id(std::move(container)),
        exec_id(std::move(exec)),
        pid(process),
        io(std::move(streams)) {}

  // Ends the streams of an exec that this process has added and nobody can start by these handles
  // any more. Whoever starts it by another handle finds its FIFOs gone.
  ~ProcessState();

  bool IsTask() const { return exec_id.empty(); }

  // "task \"web\"" or "process \"sh\" of task \"web\"".
  std::string Describe() const;

  // To be called once the daemon knows the process: its streams are copied to their end, whoever
  // holds a handle, and the end of its source becomes that of its stdin.
  void Exists(const Context& ctx) const;

  // CloseIO, asked again until the daemon answers. Keeps the client alive until then.
  Future<std::monostate> CloseIO(const Context& ctx, bool close_stdin) const;

  // Ends the streams of a process that will not run (any more).
  void CloseStreams() const;

  // IO::Cancel and IO::Drain, which the library need not be the author of.
  void Cancel() const;
  Future<cio::DrainResult> Drain(absl::Duration grace) const;

  // Part of Exists.
  void CloseInputAtItsEnd(const Context& ctx) const;

  // After an attempt that ended with the error `why`: CloseStreams, unless the daemon has made the
  // process nevertheless, or may have; then the FIFOs are left for whoever attaches to it.
  void CreationFailed(const Context& ctx, const absl::Status& why) const;

  // CloseStreams, unless the process runs, has run, or may be about to.
  void StartFailed(const Context& ctx, const absl::Status& why) const;

  // After the exit: waits until all output of the process itself has been delivered.
  absl::Status DrainOutput(const Context& ctx) const;

  // CloseStreams, of a process that the daemon has deleted.
  void Deleted(const Context& ctx) const;

  Client client;
  const std::string container_id;
  const std::string exec_id;  // empty: the task's first process
  std::atomic<std::uint32_t> pid;
  const std::shared_ptr<cio::IO> io;  // may be nullptr
  // An exec that was added and that nobody has tried to start.
  std::atomic<bool> to_be_started = false;
  // Whether the output has been waited for after the exit.
  const std::shared_ptr<std::atomic<bool>> drained = std::make_shared<std::atomic<bool>>(false);
};

// How long, after the exit, an output that somebody still holds open has to be silent before it
// counts as done. See cio::IO::Drain.
inline constexpr absl::Duration kDrainGrace = absl::Seconds(2);

// Waits for a process's exit over restarts of the daemon, then for its output. See Process::Wait.
Future<ExitStatus> WaitForExit(const Context& ctx, const ProcessState& process);

}  // namespace containerd::internal

#endif  // CONTAINERD_SRC_CLIENT_PROCESS_STATE_H_
