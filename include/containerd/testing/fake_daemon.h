// SPDX-License-Identifier: Apache-2.0
//
// A daemon for the tests of programs that talk to one: containerd's API on a unix socket, served by
// this process from memory, without root, in milliseconds. Containers, images, content, snapshots,
// leases, sandboxes and namespaces are kept as a daemon keeps them (stores.h), tasks do what a
// script says, and calls fail when a test wants them to.
//
//   containerd::testing::FakeDaemon daemon;
//   daemon.Script("web", {.exit_code = 3, .out = "hello\n", .runs = absl::Milliseconds(5)});
//   absl::StatusOr<Client> client = Client::New(daemon.Address());
//   if (!client.ok()) return client.status();
//   Orchestrator orchestrator(*client);
//
//   daemon.Fail("Tasks/Start", 2, {.error = errdefs::Unavailable("no more memory")});
//   daemon.Restart({.forget_tasks = true});
//
// What it serves: containers, content, diff (Apply: layers are read and thrown away), events,
// health, images, introspection, leases, namespaces, sandboxes (with the sandboxer "shim"),
// snapshots, tasks (but for Checkpoint and Metrics), version. The rest is ErrNotImplemented, as on
// a daemon without the plugin.
//
// Other than a daemon's, its tasks are no processes: their pids are of none, and a signal ends them
// as it ends a program that has no handler. Its snapshots hold no files: the mounts of each are of
// an empty folder, so that an image's user has to be a number. A sandbox runs until it is stopped,
// nobody serves at its address, and its metrics hold nothing.
#ifndef CONTAINERD_TESTING_FAKE_DAEMON_H_
#define CONTAINERD_TESTING_FAKE_DAEMON_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"
#include "containerd/images/store.h"
#include "containerd/testing/image_builder.h"
#include "containerd/testing/stores.h"
#include "containerd/typeurl/any.h"

namespace containerd::testing {

// What a process does.
struct ProcessScript {
  std::uint32_t exit_code = 0;
  std::string out{};  // to its stdout, and to its stderr
  std::string err{};
  // From its start to its exit, which comes when all is written and read, too;
  // InfiniteDuration: until it is killed.
  absl::Duration runs = absl::ZeroDuration();
  bool reads_stdin = false;           // to its end, before it exits
  bool echoes = false;                // what it reads, it writes to its stdout
  std::set<std::uint32_t> ignores{};  // signals that do not end it; SIGKILL always does
  absl::Status create_error{};        // of Create or Exec: there never is such a process
  absl::Status start_error{};         // of Start
};

// Which process, and what it was made with.
struct ScriptedProcess {
  std::string ns{};
  std::string container_id{};
  std::string exec_id{};            // empty: the task's first
  std::vector<std::string> args{};  // of its spec, as far as that is one
};

// What goes wrong with a call.
struct Fault {
  absl::Status error{};                         // the answer
  absl::Duration delay = absl::ZeroDuration();  // before that; InfiniteDuration: it hangs
  bool disconnect = false;                      // all connections are cut, and made again
  bool served = false;  // what was asked is done, and then the answer is lost to the above
};

struct FakeDaemonOptions {
  std::string snapshotter = "overlayfs";
  std::string version = "v2.1.0";
};

// Safe from any thread. Ends with all connections, tasks and data when it is destroyed.
class FakeDaemon {
 public:
  // Listens in a temporary folder of its own. Ends the process if it can't.
  explicit FakeDaemon(const FakeDaemonOptions& options = {});
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;
  ~FakeDaemon();

  // The socket, for Client::New.
  const std::string& Address() const;
  // A folder that goes with the daemon, for FIFOs and logs: cio::WithFIFODir(daemon.Dir()).
  const std::string& Dir() const;
  // What it has. Changes made there publish nothing.
  const MemoryStores& stores() const;

  // An image in a namespace, as a pull that unpacks leaves it. Ends the process if there is one of
  // that name.
  images::Image AddImage(std::string_view ns, std::string_view name, const BuiltImage& image);

  // What the processes of that name do that are made from now on, in any namespace. A process
  // without a script runs until it is killed if it is a task's first, and exits with 0 at once if
  // it is not.
  void Script(std::string_view container_id, ProcessScript script);
  void ScriptExec(std::string_view container_id, std::string_view exec_id, ProcessScript script);
  // The same for those that neither names; runs on a thread of the server.
  void OnProcess(std::function<ProcessScript(const ScriptedProcess&)> script);

  // What a process has read from its stdin, and which signals it got; nothing for one that there is
  // not.
  std::string Stdin(std::string_view ns, std::string_view container_id,
                    std::string_view exec_id = {}) const;
  std::vector<std::uint32_t> Signals(std::string_view ns, std::string_view container_id,
                                     std::string_view exec_id = {}) const;
  // Ends a running process now, as if it had exited. ErrNotFound if it does not run.
  absl::Status Exit(std::string_view ns, std::string_view container_id, std::uint32_t exit_code,
                    std::string_view exec_id = {});
  // Ends a sandbox with the tasks in it, as a virtual machine that fails does. ErrNotFound if there
  // is none, or it has exited.
  absl::Status ExitSandbox(std::string_view ns, std::string_view sandbox_id,
                           std::uint32_t exit_status);

  // Publishes an event as the daemon does its own ("/tasks/oom", …).
  void Publish(std::string_view ns, std::string_view topic, const typeurl::Any& event);
  // While on, no event reaches a subscriber.
  void LoseEvents(bool on);

  // The nth call of a method from now on fails; each does if n is 0. Methods are named
  // "Tasks/Start", or in full, as the API's "containerd.services.tasks.v1.Tasks/Start"; the test
  // fails for one that is not served. The first fault that fits counts.
  void Fail(std::string_view method, int nth, Fault fault);
  void ClearFaults();
  // How often a method was called.
  int Calls(std::string_view method) const;

  struct RestartOptions {
    // And sandboxes, as a daemon does that finds no shims; else they are there again. Nothing is
    // published.
    bool forget_tasks = false;
    absl::Duration away = absl::ZeroDuration();  // how long nobody listens
  };
  // Ends all connections and calls, and serves again, with what is in the stores. Without `away`
  // whoever connects meanwhile finds somebody; a client that does not has a pause before it tries
  // again (WithMaxBackoff), as with any daemon.
  void Restart(RestartOptions options);
  void Restart();
  // The daemon is away until Restart.
  void Stop();

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTING_FAKE_DAEMON_H_
