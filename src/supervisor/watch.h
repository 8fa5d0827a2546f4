// SPDX-License-Identifier: Apache-2.0
//
// The thread that watches over one daemon: starts it, again when it dies, and takes it down.
#ifndef CONTAINERD_SRC_SUPERVISOR_WATCH_H_
#define CONTAINERD_SRC_SUPERVISOR_WATCH_H_

#include <csignal>
#include <cstdint>
#include <ios>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <fmt/format.h>

#include "containerd/context/context.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/supervisor/supervisor.h"

#include "config.h"
#include "process.h"
#include "src/base/await.h"
#include "src/base/fd.h"
#include "src/base/mutex.h"
#include "src/threads/internal/forked.h"

namespace containerd::supervisor {

// What is to become of the daemon.
enum class Want { kUp, kDown, kGone };

struct Daemon::Impl {
  explicit Impl(Config c) : config(std::move(c)) {}

  const threads::Owner owner;

  // Called by any thread.
  void SetWant(Want w);
  template <typename Done>
  absl::Status Await(const Context& ctx, std::string_view what, Done done);

  // The watching thread's part.
  void Watch();
  void WatchUp();
  absl::Status Launch();
  absl::StatusOr<Process> SpawnDaemon(const std::string& toml);
  void RemoveSockets() const;
  std::optional<Process> Adopt(const std::string& toml);
  void CheckReady();
  void HandleExit(absl::Status why);
  void Terminate();
  absl::Status CleanUp();
  void Fail(absl::Status status);
  void Nap(absl::Duration timeout);
  std::string LastWords() const;

  // Down, Kill and Restart of several threads come one after the other.
  absl::Status BeginOperation(const Context& ctx);
  void EndOperation();
  absl::Status BringDown(const Context& ctx, int signal);

  const Config config;
  base::Fd lock_file;
  base::Fd wake;  // an eventfd, readable when `want` has changed
  std::thread watcher;

  mutable base::Mutex mu;
  base::CondVar changed;
  Want want ABSL_GUARDED_BY(mu) = Want::kUp;     // what was asked for
  Want settled ABSL_GUARDED_BY(mu) = Want::kUp;  // what the watching thread has last seen to
  bool busy ABSL_GUARDED_BY(mu) = false;         // an operation is under way
  int stop_signal ABSL_GUARDED_BY(mu) = SIGTERM;
  bool gone ABSL_GUARDED_BY(mu) = false;
  bool joined ABSL_GUARDED_BY(mu) = false;
  absl::Status last_error ABSL_GUARDED_BY(mu);  // why it is down, or not ready yet
  absl::Status stop_result ABSL_GUARDED_BY(mu);
  // Written by the watching thread with `mu` held, so that it may read them without.
  std::shared_ptr<Process> process;  // null while down
  bool ready = false;
  int64_t starts = 0;

  // Only touched by the watching thread.
  bool served = false;   // some process has answered a health check
  bool adopted = false;  // the present process is not a child
  absl::Time started;
  absl::Time next_start = absl::InfinitePast();
  absl::Duration backoff;
  std::streamoff log_offset = 0;
};

// Waits until `done`, called with the lock held, returns a status.
template <typename Done>
absl::Status Daemon::Impl::Await(const Context& ctx, std::string_view what, Done done) {
  if (absl::Status s = owner.Check("the supervised containerd"); !s.ok()) return s;
  const CancelRegistration wake_me = base::WakeOnCancel(ctx, mu, changed);
  base::MutexLock lock(mu);
  std::optional<absl::Status> result;
  absl::Status s = base::Await(ctx, mu, changed, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    result = base::CallLocked(done);
    return result.has_value();
  });
  if (s.ok()) return *result;
  s = errdefs::Annotate(s, what);
  if (last_error.ok()) return s;
  return errdefs::New(*errdefs::Resolve(s),
                      fmt::format("{} ({})", errdefs::Message(s), errdefs::Message(last_error)));
}

}  // namespace containerd::supervisor

#endif  // CONTAINERD_SRC_SUPERVISOR_WATCH_H_
