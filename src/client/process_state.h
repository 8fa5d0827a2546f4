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

#include "containerd/cio/cio.h"
#include "containerd/client.h"
#include "containerd/context/context.h"
#include "containerd/future/future.h"
#include "containerd/process.h"

namespace containerd::internal {

struct ProcessState {
  ProcessState(Client client_handle, std::string container, std::string exec, std::uint32_t process,
               std::shared_ptr<cio::IO> streams)
      : client(std::move(client_handle)),
        container_id(std::move(container)),
        exec_id(std::move(exec)),
        pid(process),
        io(std::move(streams)) {}

  bool IsTask() const { return exec_id.empty(); }

  // "task \"web\"" or "process \"sh\" of task \"web\"".
  std::string Describe() const;

  // Ends the streams of a process that will not run (any more).
  void CloseStreams() const;

  Client client;
  const std::string container_id;
  const std::string exec_id;  // empty: the task's first process
  std::atomic<std::uint32_t> pid;
  const std::shared_ptr<cio::IO> io;  // may be nullptr
};

// Waits for a process's exit over restarts of the daemon, then for its output. See Process::Wait.
Future<ExitStatus> WaitForExit(const Context& ctx, const ProcessState& process);

}  // namespace containerd::internal

#endif  // CONTAINERD_SRC_CLIENT_PROCESS_STATE_H_
