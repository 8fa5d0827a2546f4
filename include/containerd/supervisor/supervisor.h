// SPDX-License-Identifier: Apache-2.0
//
// Package supervisor: runs a private containerd as a child process and keeps it running.
//
//   auto daemon = supervisor::Start(ctx, "/var/lib/app/containerd", "/run/app/containerd",
//                                   {supervisor::WithCRIDisabled()});
//   if (!daemon.ok()) return daemon.status();
//   auto client = Client::New((*daemon)->Address(), {(*daemon)->KeepApart()});
//   ...
//   daemon->reset();   // ends containerd, as Stop() does
//
// The daemon has a root, state folder, socket, configuration, pid file and log of its own:
//
//   <root_dir>/daemon                 containerd's root
//   <state_dir>/daemon                containerd's state
//   <state_dir>/runc                  runc's state of containers that are kept apart
//   <state_dir>/containerd.sock       its socket (and containerd.sock.ttrpc)
//   <state_dir>/containerd.toml       its configuration, written at each start
//   <state_dir>/containerd.pid        its pid, while it runs
//   <state_dir>/containerd.log        what it prints, unless an option says otherwise
//   <state_dir>/supervisor.lock       locked by the process that supervises it
//
// Two things it shares with the other containerds of the machine, as long as their clients do not
// say otherwise: runc's state (/run/containerd/runc) and the cgroup hierarchy, where a container's
// place is made of its namespace and id. Where two daemons have the same of both, runc refuses the
// second task or puts both into one cgroup. Either each daemon has a namespace of its own, or their
// clients are made with Daemon::KeepApart.
//
// One thread for each Daemon waits for its process to end, because starting a process must be
// possible when nobody is in a call; it also is the thread whose death WithParentDeathSignal tells
// the child of. Needs Linux 5.3 (pidfd).
//
// Source: github.com/moby/moby, libcontainerd/supervisor.
#ifndef CONTAINERD_SUPERVISOR_SUPERVISOR_H_
#define CONTAINERD_SUPERVISOR_SUPERVISOR_H_

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include <absl/base/attributes.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/client_opts.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/option/option.h"
#include "containerd/option/pairs.h"

namespace containerd::supervisor {

struct Config;  // what the options below set

// Configures the daemon that Start starts. Source: supervisor.DaemonOpt.
using DaemonOpt = option::Option<Config&>;

// Looks for `containerd` in this folder, and puts the folder first on the daemon's PATH, so that
// its shims are found there too. Without it `containerd` is looked for on PATH.
CONTAINERD_EXPORT DaemonOpt WithBinDir(std::string dir);

// Listens on this socket instead of <state_dir>/containerd.sock.
CONTAINERD_EXPORT DaemonOpt WithAddress(std::string path);

// One variable of the daemon's environment, which otherwise is this process's own without
// NOTIFY_SOCKET. PATH given here still comes after WithBinDir's folder.
CONTAINERD_EXPORT DaemonOpt WithEnv(std::string name, std::string value);

// "trace", "debug", "info", "warn", "error", "fatal" or "panic".
CONTAINERD_EXPORT DaemonOpt WithLogLevel(std::string level);

// "text" or "json".
CONTAINERD_EXPORT DaemonOpt WithLogFormat(std::string format);

// Appends what the daemon prints to this file instead of <state_dir>/containerd.log.
CONTAINERD_EXPORT DaemonOpt WithLogFile(std::string path);

// Lets the daemon print to this process's stdout and stderr, as moby does.
CONTAINERD_EXPORT extern const option::Plain<DaemonOpt> WithInheritedLog;

// The daemon's oom_score_adj, -1000 to 1000. The daemon sets it itself; without CAP_SYS_RESOURCE it
// keeps the value that it has.
CONTAINERD_EXPORT DaemonOpt WithOOMScore(int score);

// Plugins not to load, by their URI: "io.containerd.snapshotter.v1.btrfs".
CONTAINERD_EXPORT DaemonOpt WithDisabledPlugins(std::vector<std::string> plugins);
template <std::size_t N, std::size_t M>
requires option::IsPair<M>
void WithDisabledPlugins(option::BracedTexts<N, M>) = delete;

// Does not load the CRI plugin.
CONTAINERD_EXPORT extern const option::Plain<DaemonOpt> WithCRIDisabled;

// TOML to append to the configuration, a whole table or several. Format version 2, which
// containerd 1.6 to 2.x read.
CONTAINERD_EXPORT DaemonOpt WithConfig(std::string toml);

// How long the daemon may take from its start until it answers (15 s), and from SIGTERM until it
// is gone (15 s); past either it is killed.
CONTAINERD_EXPORT DaemonOpt WithStartupTimeout(absl::Duration timeout);
CONTAINERD_EXPORT DaemonOpt WithShutdownTimeout(absl::Duration timeout);

// The pause before a daemon that died is started again: `initial` (100 ms), doubled each time it
// dies before it has served for 10 s, up to `max` (10 s).
CONTAINERD_EXPORT DaemonOpt WithRestartBackoff(absl::Duration initial, absl::Duration max);

// Leaves a daemon that died down until Restart is called.
CONTAINERD_EXPORT extern const option::Plain<DaemonOpt> WithRestartDisabled;

// What to do with a daemon that an earlier process left running on the same state folder. By
// default one that was started with the very configuration of this one is taken over, and any
// other is ended first; with this option it is ended in each case. A process is only taken for
// such a daemon when the pid file names it and its command line names the configuration file.
CONTAINERD_EXPORT extern const option::Plain<DaemonOpt> WithoutAdoption;

// The signal that the daemon gets when this process dies without having stopped it; SIGTERM and
// SIGKILL make sense. None by default: containerd and its tasks survive, and are adopted later.
CONTAINERD_EXPORT DaemonOpt WithParentDeathSignal(int signal);

// Makes the daemon a throw-away: when it is stopped, the tasks and shims that it leaves behind are
// ended, what is mounted under its folders is unmounted, and root_dir and state_dir are removed
// with everything in them, as are the empty folders of its namespaces in runc's state
// (/run/containerd/runc) and the cgroup hierarchy, and its own cgroup.
CONTAINERD_EXPORT extern const option::Plain<DaemonOpt> WithCleanup;

// A supervised daemon. Safe for use from several threads, but for the destructor.
class CONTAINERD_EXPORT Daemon {
 public:
  struct Impl;
  explicit Daemon(std::unique_ptr<Impl> impl);

  // Stops the daemon as Stop does, without a deadline; a failure is logged.
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // The path of the socket. The same over restarts.
  const std::string& Address() const ABSL_ATTRIBUTE_LIFETIME_BOUND;

  // For Client::New: the containers that this client makes cannot meet those of another daemon,
  // also if they have the same namespace and id. runc keeps its state of them in <state_dir>/runc,
  // unless their runtime options name a folder, and their cgroups are below one of the daemon's
  // own,
  // "/containerd-<hash of state_dir>". Containers that others make on the daemon are as they were.
  // NewContainer then fails with ErrNotImplemented for a runtime that is not runc's, and with
  // ErrInvalidArgument for runtime options or a spec that it cannot read.
  Opt KeepApart() const;

  // The daemon's process; -1 while it is down.
  pid_t Pid() const;

  // How many times a process was started (or adopted) so far.
  int64_t Starts() const;

  // Waits until the daemon answers health checks. ErrUnavailable when it is down and will not be
  // started by itself, with the reason why it went down.
  absl::Status WaitReady(const Context& ctx);

  // Kills the daemon with SIGKILL and waits until it is gone: what a crash looks like. It is then
  // started again after a pause, unless restarting is disabled. Does nothing when it is down.
  absl::Status Kill(const Context& ctx);

  // Ends the daemon (`signal`, and SIGKILL after the shutdown timeout), waits until it is gone and
  // leaves it down until Restart. Tasks go on.
  absl::Status Down(const Context& ctx, int signal = SIGTERM);

  // Down, if it is up; then starts the daemon and waits until it answers.
  absl::Status Restart(const Context& ctx);

  // Ends the daemon for good, and cleans up if WithCleanup was given. When `ctx` ends first its
  // error is returned, and the work goes on. Stopping twice is fine: the second call waits for the
  // outcome of the first.
  absl::Status Stop(const Context& ctx);

  // Waits until somebody has stopped the daemon. Source: Daemon.WaitTimeout.
  absl::Status Wait(const Context& ctx);

 private:
  std::unique_ptr<Impl> impl_;
};

// Starts containerd with its data under `root_dir` and `state_dir` (absolute paths; made if
// absent), and waits until it answers health checks. The context limits this call only, not the
// daemon's life.
//
// ErrInvalidArgument for a path or option that cannot be; ErrNotFound without a containerd binary;
// ErrAlreadyExists when the state folder is supervised already; ErrUnavailable with the last line
// that the daemon printed if it exits, or does not answer in time. Nothing is left running on an
// error. Source: supervisor.Start.
CONTAINERD_EXPORT absl::StatusOr<std::unique_ptr<Daemon>> Start(
    const Context& ctx, std::string_view root_dir, std::string_view state_dir,
    const std::vector<DaemonOpt>& opts = {});

}  // namespace containerd::supervisor

#endif  // CONTAINERD_SUPERVISOR_SUPERVISOR_H_
